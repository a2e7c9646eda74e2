//! The tree: values with their places, and the reading of maps field by field.

use super::diagnostic::printable;
use super::{Diagnostics, nearest};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A file that people wrote.
#[derive(PartialEq, Eq)]
pub struct SourceFile {
    /// Its path as people should see it: relative to the factory folder.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Length in characters on that line.
    pub length: usize,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.path, self.line, self.column)
    }
}

impl Span {
    /// The same place, in a file that has asterisks there: what stands there is told to nobody.
    pub fn hidden(&self) -> Span {
        let hide = |line: &str| -> String {
            let hidden = self.column - 1..self.column - 1 + self.length;
            line.chars().enumerate().map(|(at, c)| if hidden.contains(&at) { '*' } else { c }).collect()
        };
        let lines = self.file.text.split('\n').enumerate();
        let lines = lines.map(|(at, line)| if at + 1 == self.line { hide(line) } else { line.to_owned() });
        let file = SourceFile { path: self.file.path.clone(), text: lines.collect::<Vec<_>>().join("\n") };
        Span { file: Arc::new(file), ..self.clone() }
    }

    /// The start of a file, for mistakes that concern all of it.
    pub fn start_of(file: &Arc<SourceFile>) -> Span {
        Span { file: file.clone(), line: 1, column: 1, length: 1 }
    }

    /// The text of the line that the place is on.
    pub fn line_text(&self) -> &str {
        self.file.text.lines().nth(self.line.saturating_sub(1)).unwrap_or("")
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// What YAML can hold. Scalars stay text: whether `1.10` is a version or a number is for the reader to say.
#[derive(Clone, Debug)]
pub enum Value {
    /// `~`, `null` or nothing at all.
    Null,
    /// A scalar. `plain` where it was written without quotes.
    Scalar {
        /// The text, after unquoting.
        text: String,
        /// Written without quotes or block markers.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map, in the file's order, duplicate keys already reported and dropped.
    Map(Vec<(Key, Node)>),
}

/// A map's key and its place.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl Value {
    /// What it is, with an article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Node {
    /// Reads it as a map; `what` says what the map is ("a recipe").
    pub fn fields<'a>(&'a self, what: &'static str, diagnostics: &mut Diagnostics) -> Option<Fields<'a>> {
        match &self.value {
            Value::Map(entries) => Some(Fields { what, span: &self.span, entries, asked: Vec::new() }),
            other => {
                diagnostics.report(&self.span, format!("expected {what} (a map), found {}", other.kind()));
                None
            }
        }
    }

    /// Reads it as a list.
    pub fn list(&self, what: &str, diagnostics: &mut Diagnostics) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            other => {
                diagnostics.report(&self.span, format!("expected a list of {what}, found {}", other.kind()));
                None
            }
        }
    }

    /// Reads it as text. Numbers count as text here: `version: 1.4` is the text `1.4`.
    pub fn text(&self, diagnostics: &mut Diagnostics) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            other => {
                diagnostics.report(&self.span, format!("expected text, found {}", other.kind()));
                None
            }
        }
    }

    /// Reads it as something that parses from text: a name, a version, a number.
    pub fn parse<T>(&self, diagnostics: &mut Diagnostics) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let text = self.text(diagnostics)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                diagnostics.report(&self.span, printable_message(&T::Err::to_string(&error)));
                None
            }
        }
    }

    /// Reads it as one of a few words.
    pub fn one_of<'w>(&self, what: &str, words: &[&'w str], diagnostics: &mut Diagnostics) -> Option<&'w str> {
        let text = self.text(diagnostics)?;
        let found = words.iter().copied().find(|word| *word == text);
        if found.is_none() {
            diagnostics.report_unknown(&self.span, what, text, words.iter().copied());
        }
        found
    }

    /// Reads it as `true` or `false`, written without quotes.
    pub fn boolean(&self, diagnostics: &mut Diagnostics) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, plain: true } if text == "true" => Some(true),
            Value::Scalar { text, plain: true } if text == "false" => Some(false),
            Value::Scalar { text, .. } => {
                diagnostics.report(&self.span, format!("expected true or false, found `{}`", printable(text)));
                None
            }
            other => {
                diagnostics.report(&self.span, format!("expected true or false, found {}", other.kind()));
                None
            }
        }
    }

    /// Reads it as a whole number.
    pub fn integer(&self, diagnostics: &mut Diagnostics) -> Option<i64> {
        match &self.value {
            Value::Scalar { text, plain: true } => match text.parse() {
                Ok(number) => Some(number),
                Err(_) => {
                    diagnostics.report(&self.span, format!("expected a whole number, found `{}`", printable(text)));
                    None
                }
            },
            Value::Scalar { text, .. } => {
                diagnostics.report(
                    &self.span,
                    format!("expected a whole number, found the quoted text `{}`", printable(text)),
                );
                None
            }
            other => {
                diagnostics.report(&self.span, format!("expected a whole number, found {}", other.kind()));
                None
            }
        }
    }
}

/// Messages keep to one line whatever the file holds.
fn printable_message(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// A map being read: fields are asked for by name, and [`Fields::finish`] reports those that nobody asked for.
pub struct Fields<'a> {
    what: &'static str,
    span: &'a Span,
    entries: &'a [(Key, Node)],
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Where the map begins.
    pub fn span(&self) -> &'a Span {
        self.span
    }

    /// Declares all keys at once, so that a missing key is told from a misspelt one.
    pub fn declare(&mut self, names: impl IntoIterator<Item = &'static str>) {
        self.asked.extend(names);
    }

    /// A field that may be missing; an empty one counts as missing.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Node> {
        self.asked.push(name);
        self.entries
            .iter()
            .find(|(key, _)| key.text == name)
            .map(|(_, node)| node)
            .filter(|node| !matches!(node.value, Value::Null))
    }

    /// A field that must be there.
    pub fn required(&mut self, name: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a Node> {
        let found = self.optional(name);
        if found.is_none() {
            let present = self.entries.iter().find(|(key, _)| key.text == name);
            match present {
                Some((key, _)) => diagnostics.report(&key.span, format!("`{name}` is empty")),
                None => {
                    // A misspelt key is reported once, as unknown, with the spelling that is missing.
                    let misspelt = self.entries.iter().any(|(key, _)| {
                        !self.asked.contains(&key.text.as_str()) && nearest(&key.text, [name]).is_some()
                    });
                    if !misspelt {
                        diagnostics.report(self.span, format!("{} needs `{name}`", self.what));
                    }
                }
            }
        }
        found
    }

    /// There is a key that was neither declared nor asked for.
    pub fn has_unknown(&self) -> bool {
        self.entries.iter().any(|(key, _)| !self.asked.contains(&key.text.as_str()))
    }

    /// Ends the reading: every key that nobody asked for is a mistake.
    pub fn finish(self, diagnostics: &mut Diagnostics) {
        for (key, _) in self.entries {
            if !self.asked.contains(&key.text.as_str()) {
                let known = self.asked.iter().copied();
                diagnostics.report_unknown_in(&key.span, "key", &key.text, self.what, known);
            }
        }
    }
}
