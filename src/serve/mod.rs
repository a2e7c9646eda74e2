//! A small web server that shows the factory: read-only, and never a question to the target from a request.
//!
//! [`refresh`] looks from time to time and puts what it saw on the [`board`]; [`routes`] answer from the board alone;
//! [`server`] takes connections, few at once and none for long; [`guard`] says which requests are answered at all.

pub mod board;
pub mod elsewhere;
pub mod guard;
pub mod history;
pub mod look;
pub mod refresh;
pub mod routes;
pub mod server;
