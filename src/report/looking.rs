//! While a verb looks at much: what it looks at, since when, and how many requests that took so far.
//!
//! On a terminal a line that moves and goes away; in JSON an object at intervals; else a line at intervals, none where it
//! does not take long.

use super::sink::Kind;
use super::{Style, duration, visible};
use console::truncate_str;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// How often a terminal's line is drawn.
const DRAWN: Duration = Duration::from_millis(100);
/// How often it is looked elsewhere whether there is something to say.
const HEARD: Duration = Duration::from_secs(1);
/// What takes less is not worth a line.
const SHORT: Duration = Duration::from_secs(5);
/// Between two lines.
const SILENCE: Duration = Duration::from_secs(15);

/// What is shown. Dropped, it is gone from the terminal.
pub struct Looking {
    what: String,
    form: Form,
    style: Style,
    said: Option<Duration>,
}

enum Form {
    Line(ProgressBar),
    Lines,
    Json,
    Silent,
}

#[derive(Serialize)]
struct Said<'a> {
    event: &'static str,
    what: &'a str,
    calls: u64,
    elapsed_s: u64,
}

impl Looking {
    /// `what` is what is done, for people: `verify: 500 recipes`. `style` is standard error's.
    pub fn new(what: String, kind: Kind, style: Style) -> Looking {
        let form = match kind {
            Kind::Bars => {
                // The template is a constant without mistakes; the spinner is what indicatif falls back to.
                let message = ProgressStyle::with_template("{wide_msg}");
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                Form::Line(bar.with_style(message.unwrap_or_else(|_| ProgressStyle::default_spinner())))
            }
            Kind::Lines => Form::Lines,
            Kind::Json => Form::Json,
            Kind::Silent => Form::Silent,
        };
        Looking { what: visible::line(&what).into_owned(), form, style, said: None }
    }

    /// How often [`Looking::tell`] is to be called.
    pub fn interval(&self) -> Duration {
        if matches!(self.form, Form::Line(_)) { DRAWN } else { HEARD }
    }

    /// Says how far it is.
    pub fn tell(&mut self, since: Duration, calls: u64) {
        let due = self.is_due(since);
        match &self.form {
            Form::Silent => {}
            Form::Line(bar) => {
                let line = line(&self.what, since, calls);
                bar.set_message(truncate_str(&line, self.style.width.saturating_sub(1), "…").into_owned());
                bar.tick();
            }
            Form::Lines if due => {
                // A reader that went away stops nothing.
                let _ = writeln!(std::io::stderr().lock(), "{}", line(&self.what, since, calls));
            }
            Form::Json if due => {
                let said = Said { event: "looking", what: &self.what, calls, elapsed_s: since.as_secs() };
                let _ = super::json::line(std::io::stdout().lock(), &said);
            }
            Form::Lines | Form::Json => {}
        }
    }

    fn is_due(&mut self, since: Duration) -> bool {
        let due = since >= self.said.map_or(SHORT, |said| said + SILENCE);
        if due {
            self.said = Some(since);
        }
        due
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        if let Form::Line(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

fn line(what: &str, since: Duration, calls: u64) -> String {
    let calls = match calls {
        0 => String::new(),
        1 => ", 1 call".to_owned(),
        calls => format!(", {calls} calls"),
    };
    format!("{:>7}  {what}{calls}", duration::ticking(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_says_what_since_when_and_how_many_calls() {
        assert_eq!(
            line("verify: 500 recipes", Duration::from_secs(12), 2104),
            "    12s  verify: 500 recipes, 2104 calls"
        );
        assert_eq!(line("verify: web", Duration::from_secs(187), 1), " 3m 07s  verify: web, 1 call");
        assert_eq!(line("verify: web", Duration::ZERO, 0), "     0s  verify: web");
    }

    #[test]
    fn a_short_look_says_nothing_and_a_long_one_never_falls_silent() {
        let mut looking = Looking::new("retire".into(), Kind::Silent, Style::PLAIN);
        let due: Vec<u64> = (0..60).filter(|second| looking.is_due(Duration::from_secs(*second))).collect();
        assert_eq!(due, [5, 20, 35, 50]);
    }
}
