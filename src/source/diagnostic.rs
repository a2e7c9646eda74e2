//! What is wrong, where, and what was expected.

use super::Span;
use std::fmt;

/// One mistake in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub span: Span,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What would have been right, or what to do.
    pub help: Option<String>,
}

/// All mistakes found so far.
#[derive(Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No mistakes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a mistake.
    pub fn report(&mut self, span: &Span, message: impl Into<String>) {
        self.0.push(Diagnostic { span: span.clone(), message: message.into(), help: None });
    }

    /// Notes a mistake and what would be right.
    pub fn report_with_help(&mut self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Diagnostic { span: span.clone(), message: message.into(), help: Some(help.into()) });
    }

    /// Notes a name that nothing has, with the nearest that something has.
    pub fn report_unknown<'a>(
        &mut self,
        span: &Span,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        self.report_unknown_in(span, what, name, "", known);
    }

    /// The same, where only one place does not have the name: "unknown key `nmae` in a recipe".
    pub fn report_unknown_in<'a>(
        &mut self,
        span: &Span,
        what: &str,
        name: &str,
        place: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        // Looking for the nearest name takes its time; in a flood of mistakes nobody reads it.
        let (mut message, help) = match self.0.len() < MAX_PER_FILE {
            true => unknown(what, name, known),
            false => unknown(what, name, []),
        };
        if !place.is_empty() {
            message = format!("{message} in {place}");
        }
        self.0.push(Diagnostic { span: span.clone(), message, help });
    }

    /// True where nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many mistakes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes over what another reader found.
    pub fn append(&mut self, mut others: Diagnostics) {
        self.0.append(&mut others.0);
    }

    /// Keeps only the mistakes in some files.
    pub fn retain(&mut self, mut keep: impl FnMut(&Diagnostic) -> bool) {
        self.0.retain(|diagnostic| keep(diagnostic));
    }

    /// All mistakes, by file, line and column, without repeats. A file that is nothing but mistakes is cut off after
    /// [`MAX_PER_FILE`].
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.0.sort_by(|a, b| {
            (&a.span.file.path, a.span.line, a.span.column, &a.message).cmp(&(
                &b.span.file.path,
                b.span.line,
                b.span.column,
                &b.message,
            ))
        });
        self.0.dedup();
        let mut path = String::new();
        let mut count = 0;
        self.0.retain_mut(|diagnostic| {
            if diagnostic.span.file.path != path {
                path.clone_from(&diagnostic.span.file.path);
                count = 0;
            }
            count += 1;
            if count == MAX_PER_FILE {
                diagnostic.help = Some("there are more mistakes in this file; they are not shown".into());
            }
            count <= MAX_PER_FILE
        });
        self.0
    }
}

/// The most mistakes of one file that are shown.
pub const MAX_PER_FILE: usize = 1000;

/// The message and the help for a name that nothing has.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> (String, Option<String>) {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => None,
        None if known.len() <= 16 => Some(format!("expected one of: {}", known.join(", "))),
        None if what == "control" => {
            Some("`amifactory controls TEXT` finds them by name, title or benchmark id".into())
        }
        None => None,
    };
    (format!("unknown {what} `{}`", printable(name)), help)
}

/// The known name that a wrong one was most likely meant to be, if any is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let allowed = (length / 3).clamp(1, 4);
    known
        .into_iter()
        // The distance is at least the difference in length; a hostile name must not cost its square.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Text from a file made fit for a terminal: control characters are shown, long text is cut.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(80) {
        if is_invisible(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    if text.chars().count() > 80 {
        out.push('…');
    }
    out
}

/// Characters that a person can't see, or that change what they see: controls and direction overrides.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write("error", f)
    }
}

/// A diagnostic of what is right and most likely not meant.
pub struct Warning<'a>(pub &'a Diagnostic);

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write("warning", f)
    }
}

impl Diagnostic {
    /// The form compilers use: `error: …`, `--> file:line:column`, the line, a caret.
    fn write(&self, word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.span.file.text.is_empty() {
            // A file that could not be read, or has nothing in it, has no line to show.
            write!(f, "{word}: {}\n --> {}", self.message, self.span.file.path)?;
            if let Some(help) = &self.help {
                write!(f, "\n  = help: {help}")?;
            }
            return Ok(());
        }
        let line = self.span.line_text();
        let number = self.span.line.to_string();
        let gutter = " ".repeat(number.len());
        // Long lines are shown around the mistake, so that the caret stays under it.
        let skip = self.span.column.saturating_sub(1).saturating_sub(100);
        let shown: String = line.chars().skip(skip).take(160).map(|c| if is_invisible(c) { ' ' } else { c }).collect();
        let before = " ".repeat(self.span.column.saturating_sub(1) - skip);
        let left = shown.chars().count().saturating_sub(before.len()).max(1);
        let carets = "^".repeat(self.span.length.clamp(1, left));
        writeln!(f, "{word}: {}", self.message)?;
        writeln!(f, "{gutter}--> {}:{}:{}", self.span.file.path, self.span.line, self.span.column)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {shown}")?;
        write!(f, "{gutter} | {before}{carets}")?;
        if let Some(help) = &self.help {
            write!(f, "\n{gutter} = help: {help}")?;
        }
        Ok(())
    }
}
