//! Which sink fits, by what was asked for and where the output goes.

use super::json::Json;
use super::lines::Lines;
use super::progress::Progress;
use super::style::Style;
use crate::pipeline::{Event, Sink};
use std::io::IsTerminal;
use std::sync::Arc;

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One object per line on standard output, the last line is the result.
    Json,
    /// A table for spreadsheets: `fleet` alone.
    Csv,
    /// Metrics: `fleet` alone.
    Prometheus,
    /// A page: `fleet` alone.
    Html,
}

impl Format {
    /// Whether every verb has it.
    pub fn is_common(self) -> bool {
        matches!(self, Format::Human | Format::Json)
    }
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On terminals, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the command line asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// `--format`.
    pub format: Format,
    /// `--color`.
    pub color: Color,
    /// `--no-progress`.
    pub no_progress: bool,
    /// `-q`: nothing while it works; results and failures only.
    pub quiet: bool,
    /// `-v`: every part of every step.
    pub verbose: bool,
}

/// Where the output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Columns of the terminal on standard output; none where it is none.
    pub stdout_columns: Option<usize>,
    /// Columns of the terminal on standard error; none where it is none.
    pub stderr_columns: Option<usize>,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `TERM` is unset or `dumb`: no colours and nothing that moves the cursor.
    pub dumb: bool,
    /// `CI` is set: some give a terminal whose bars end up in a file.
    pub ci: bool,
}

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bars on a terminal.
    Bars,
    /// Plain lines.
    Lines,
    /// JSON lines.
    Json,
    /// Not at all.
    Silent,
}

impl Surroundings {
    /// Those of this process.
    pub fn now() -> Surroundings {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "false");
        let columns = |terminal: bool, size: fn() -> (u16, u16)| terminal.then(|| usize::from(size().1).max(20));
        Surroundings {
            stdout_columns: columns(std::io::stdout().is_terminal(), || console::Term::stdout().size()),
            stderr_columns: columns(std::io::stderr().is_terminal(), || console::Term::stderr().size()),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            dumb: std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb"),
            ci: set("CI"),
        }
    }

    /// How results on standard output look.
    pub fn stdout_style(&self, color: Color) -> Style {
        self.style(color, self.stdout_columns)
    }

    /// How bars and failures on standard error look.
    pub fn stderr_style(&self, color: Color) -> Style {
        self.style(color, self.stderr_columns)
    }

    fn style(&self, color: Color, columns: Option<usize>) -> Style {
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => columns.is_some() && !self.no_color && !self.dumb,
        };
        // What goes to a file or a pipe is not cut.
        Style { color, width: columns.unwrap_or(10_000) }
    }
}

/// Two sinks that are told the same.
pub struct Both(pub Arc<dyn Sink>, pub Arc<dyn Sink>);

impl Sink for Both {
    fn event(&self, event: &Event) {
        self.0.event(event);
        self.1.event(event);
    }

    fn close(&self) {
        self.0.close();
        self.1.close();
    }
}

/// How events are to be shown.
pub fn kind(wish: &Wish, here: &Surroundings) -> Kind {
    match wish.format {
        Format::Json => Kind::Json,
        _ if wish.quiet => Kind::Silent,
        _ if here.stderr_columns.is_none() || wish.no_progress || here.ci || here.dumb => Kind::Lines,
        _ => Kind::Bars,
    }
}

/// The sink that fits: bars and lines on standard error, JSON on standard output.
pub fn open(wish: &Wish, here: &Surroundings) -> Arc<dyn Sink> {
    match kind(wish, here) {
        Kind::Bars => Arc::new(Progress::new(here.stderr_style(wish.color))),
        Kind::Lines => Arc::new(Lines::new(std::io::stderr(), wish.verbose)),
        Kind::Json => Arc::new(Json::new(std::io::stdout())),
        Kind::Silent => Arc::new(Silent),
    }
}

struct Silent;

impl Sink for Silent {
    fn event(&self, _: &Event) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_only_where_a_person_looks_on() {
        let terminal = Surroundings { stderr_columns: Some(80), ..Surroundings::default() };
        let wish = Wish::default();
        assert_eq!(kind(&wish, &terminal), Kind::Bars);
        assert_eq!(kind(&wish, &Surroundings::default()), Kind::Lines);
        assert_eq!(kind(&wish, &Surroundings { ci: true, ..terminal }), Kind::Lines);
        assert_eq!(kind(&wish, &Surroundings { dumb: true, ..terminal }), Kind::Lines);
        assert_eq!(kind(&Wish { no_progress: true, ..wish }, &terminal), Kind::Lines);
        assert_eq!(kind(&Wish { quiet: true, ..wish }, &terminal), Kind::Silent);
        assert_eq!(kind(&Wish { format: Format::Json, quiet: true, ..wish }, &terminal), Kind::Json);
    }

    #[test]
    fn colours_on_terminals_unless_told_otherwise() {
        let terminal = Surroundings { stdout_columns: Some(80), ..Surroundings::default() };
        assert!(terminal.stdout_style(Color::Auto).color);
        assert!(!Surroundings { no_color: true, ..terminal }.stdout_style(Color::Auto).color);
        assert!(Surroundings { no_color: true, ..terminal }.stdout_style(Color::Always).color);
        assert!(!terminal.stdout_style(Color::Never).color);
        assert!(!terminal.stderr_style(Color::Auto).color, "standard error is a file here");
    }
}
