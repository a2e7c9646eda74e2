//! What a service's handler gets and gives; the pipeline turns it into HTTP.

use super::Request;
use super::credentials::Caller;
use super::params::Params;
use super::xml::Xml;
use serde_json::{Map, Value};
use tokio::time::Instant;

/// A call on its way to its service's handler.
pub struct Incoming<'a> {
    pub request: &'a Request,
    pub action: &'a str,
    pub caller: &'a Caller,
    pub now: Instant,
    /// For the answer's `requestId`.
    pub request_id: &'a str,
    /// The parameters of a query call; empty otherwise.
    pub params: &'a Params,
    /// The body of a JSON call, or of a REST call with a JSON body; null otherwise.
    pub json: &'a Value,
}

/// A handler's answer.
pub type Reply = Result<Done, Failure>;

/// Success.
#[derive(Debug, Clone)]
pub struct Done {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    /// Ids of what was made or changed.
    pub resources: Vec<String>,
    /// IAM actions that it needed beside `<service>:<action>`.
    pub permissions: Vec<String>,
}

/// What is in the answer.
#[derive(Debug, Clone)]
pub enum Body {
    /// The children of `<ActionResponse>`.
    Xml(Vec<Xml>),
    Json(Value),
    Bytes(Vec<u8>),
}

impl Done {
    pub fn xml(children: Vec<Xml>) -> Done {
        Done::of(Body::Xml(children))
    }

    pub fn json(value: Value) -> Done {
        Done::of(Body::Json(value))
    }

    pub fn of(body: Body) -> Done {
        Done { status: 200, headers: Vec::new(), body, resources: Vec::new(), permissions: Vec::new() }
    }

    pub fn made(mut self, resources: impl IntoIterator<Item = impl Into<String>>) -> Done {
        self.resources.extend(resources.into_iter().map(Into::into));
        self
    }

    pub fn needs(mut self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Done {
        self.permissions.extend(permissions.into_iter().map(Into::into));
        self
    }
}

/// An error as a service tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// Further members of a JSON error.
    pub fields: Map<String, Value>,
    /// The action is not one that the fake knows.
    pub unknown: bool,
}

impl Failure {
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure { status, code: code.into(), message: message.into(), fields: Map::new(), unknown: false }
    }

    /// A client error: status 400.
    pub fn bad(code: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure::new(400, code, message)
    }

    /// The fake does not implement this; recorded in `world.unknown_calls`.
    pub fn unknown(code: &str, action: &str) -> Failure {
        let message = format!("The action {action} is not valid for this web service.");
        Failure { unknown: true, ..Failure::bad(code, message) }
    }

    /// Adds a member to a JSON error.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Failure {
        self.fields.insert(name.to_owned(), value.into());
        self
    }
}
