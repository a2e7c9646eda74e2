//! Errors as the JSON and REST services write them.

use super::reply::Failure;
use serde_json::Value;

/// `{"__type": "ThrottlingException", "message": "…"}`.
pub fn body(failure: &Failure) -> Vec<u8> {
    let mut object = failure.fields.clone();
    object.insert("__type".to_owned(), Value::from(failure.code.as_str()));
    if !failure.message.is_empty() {
        object.insert("message".to_owned(), Value::from(failure.message.as_str()));
    }
    Value::Object(object).to_string().into_bytes()
}
