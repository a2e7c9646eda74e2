//! What is sent to a builder through SSM Run Command, and what comes back: pure text, no SDK.
//!
//! A command is a script (`wrapper.sh`) with the bundles inside. The wrapper runs each bundle once, keeps its results
//! below `/var/lib/amifactory`, and answers with a header line and base64, within the limits of GetCommandInvocation.
//! What does not fit is fetched by further commands; the shipped recipes fit: what a step printed travels once, in the
//! log, and all logs in one stream.

mod answer;
mod live;
mod make;
mod payload;
mod user_data;

pub use answer::{Answer, AnswerError, Incoming, More, State, put};
pub use live::Live;
pub use make::{
    Command, CommandError, MAX_BYTES, Options, Parcel, fetch, inline, reading, result, run, run_in_parts, wrapped,
};
pub use user_data::user_data;

/// Standard output comes back up to 24,000 characters, standard error up to 8,000 (GetCommandInvocation in the SSM API
/// reference). Base64 makes four characters of three bytes; header lines take the rest.
const STDOUT_BYTES: usize = 17_100;
/// As above.
const STDERR_BYTES: usize = 5_550;
/// Logs travel woven: this much of each in turn. What two bundles print of the same controls must be nearer to each
/// other than the 32 KB that gzip looks back; measured on the shipped recipes, from 4 to 15 KB make no difference.
const LOG_BLOCK: usize = 8_192;
