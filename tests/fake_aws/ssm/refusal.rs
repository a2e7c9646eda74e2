//! Why the service does not do what it was asked: an error's name and its text.

/// An error of a JSON protocol service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error's name, such as `ParameterNotFound`.
    pub code: &'static str,
    /// The text for people. Some errors of the real service have none.
    pub message: String,
}

impl Refusal {
    pub fn new(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    /// The shape that most rules of this service answer with.
    pub fn validation(message: impl Into<String>) -> Refusal {
        Refusal::new("ValidationException", message)
    }
}

pub type Answer = Result<serde_json::Value, Refusal>;
