//! For machines: one JSON object per line, the last one the result.

use crate::pipeline::{BuildResult, Event, Outcome, Sink};
use serde::Serialize;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The sink. Each event gets `at`, the time in RFC 3339, UTC.
pub struct Json<W: Write + Send> {
    out: Mutex<W>,
}

#[derive(Serialize)]
struct Stamped<'a> {
    #[serde(flatten)]
    event: &'a Event,
    at: String,
}

#[derive(Serialize)]
struct Last<'a, T> {
    event: &'static str,
    #[serde(flatten)]
    result: &'a T,
}

impl<W: Write + Send> Json<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Json<W> {
        Json { out: Mutex::new(out) }
    }
}

impl<W: Write + Send> Sink for Json<W> {
    fn event(&self, event: &Event) {
        // RFC 3339 can't write years beyond 9999; an empty time would still be a valid line.
        let at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that went away stops no build.
        let _ = line(&mut *out, &Stamped { event, at });
    }
}

/// Writes the last line, `{"event":"result",…}`. `result` is one that serialises to an object: a [`BuildResult`],
/// [`Builds`], or one of those in [`super::view`].
pub fn result<T: Serialize>(out: impl Write, result: &T) -> io::Result<()> {
    line(out, &Last { event: "result", result })
}

/// JSON and the end of its line. What some readers take for the end of a line, and what turns the direction of writing round,
/// stands in strings alone, and is written in its escaped form.
fn one_line(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text.push('\n');
    text
}

/// Writes an object and the end of its line.
pub fn line<T: Serialize>(mut out: impl Write, object: &T) -> io::Result<()> {
    let text = one_line(&serde_json::to_string(object).map_err(io::Error::other)?);
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// The result of a `build` of several recipes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Builds {
    /// Failed where any failed, else refused where any was, else built where any was, else up to date.
    pub outcome: Outcome,
    /// Each recipe's own result.
    pub builds: Vec<BuildResult>,
    /// Wall time of the whole, in seconds.
    pub duration_s: f64,
    /// Calls made to the target by all of them.
    pub calls: u64,
}

impl Builds {
    /// Puts the results of several recipes together.
    pub fn of(builds: Vec<BuildResult>, duration_s: f64) -> Builds {
        let outcome = [Outcome::Failed, Outcome::Refused, Outcome::Built]
            .into_iter()
            .find(|outcome| builds.iter().any(|build| build.outcome == *outcome))
            .unwrap_or(Outcome::UpToDate);
        let calls = builds.iter().map(|build| build.calls).sum();
        Builds { outcome, builds, duration_s, calls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_one_line_for_every_reader_and_the_same_object() {
        let hostile = "one\u{2028}two\u{85}three\u{202e}four\u{2066}five";
        let mut out = Vec::new();
        line(&mut out, &[hostile]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.is_ascii() && text.ends_with("]\n"), "{text:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&text).unwrap(), [hostile]);
    }
}
