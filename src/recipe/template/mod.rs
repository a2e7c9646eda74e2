//! Templates: scripts, files and values with `{{name}}` in them.
//!
//! The language is a small part of handlebars: `{{name}}`, `{{#if name}}`, `{{#unless name}}`, `{{#if (eq name "word")}}`,
//! `{{else}}` and the closing tags. [`scan`] reads exactly this and refuses the rest with its place; [`shell`] checks
//! that a value in a script stands where a shell-quoted word can stand; [`render`] hands what passed to handlebars, in
//! strict mode, with shell quoting as the engine's own escape.

mod render;
mod scan;
mod secret;
mod shell;

pub use render::{TemplateError, render_content, render_script};
pub(in crate::recipe) use scan::is_name;
pub use scan::{Literal, MAX_BLOCKS, Piece, PieceKind, Template, Test};
pub(in crate::recipe) use secret::secret_uses;

use super::{ParameterKind, ParameterValue};
use crate::source::unknown;
use std::collections::BTreeMap;
use std::ops::Range;

/// A mistake in a template, with its place in the template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the template's text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Problem {
    fn new(range: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Problem { range, message: message.into(), help: Some(help.into()) }
    }
}

/// What a template is for, which decides what it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A POSIX sh script: values arrive quoted.
    Script,
    /// A file's content: values arrive as they are.
    Content,
    /// A single value of a recipe: names only, no blocks.
    Value,
}

/// Every mistake in a template, given the names that it may use.
pub fn lint(text: &str, what: Use, names: &BTreeMap<String, ParameterKind>) -> Vec<Problem> {
    if !text.contains("{{") && what != Use::Script {
        return Vec::new();
    }
    let (template, mut problems) = Template::scan(text);
    if what == Use::Value {
        let blocks = template.pieces.iter().filter(|piece| !piece.is_text() && !piece.is_value());
        problems.extend(blocks.map(|piece| {
            Problem::new(piece.range.clone(), "only `{{name}}` can stand in a value", "decide it in the package group")
        }));
    }
    problems.extend(wrong_names(&template, names));
    if what == Use::Script && problems.is_empty() {
        problems.extend(shell::check(&template));
    }
    problems
}

/// The names that a template uses and that are not among those it may use.
pub fn undefined_names(text: &str, names: &BTreeMap<String, ParameterKind>) -> Vec<(String, Range<usize>)> {
    let (template, _) = Template::scan(text);
    let used = template.names().filter(|(name, _)| !names.contains_key(*name));
    used.map(|(name, range)| (name.to_owned(), range)).collect()
}

fn wrong_names(template: &Template<'_>, names: &BTreeMap<String, ParameterKind>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for piece in &template.pieces {
        let (name, test) = match &piece.kind {
            PieceKind::Value(name) => (*name, None),
            PieceKind::Open { test, .. } => (test.name(), Some(test)),
            PieceKind::Text | PieceKind::Else | PieceKind::Close => continue,
        };
        let Some(kind) = names.get(name) else {
            let (message, near) = unknown("parameter", name, names.keys().map(String::as_str));
            let help = near.or_else(|| Some("declare it under `parameters:`".to_owned()));
            problems.push(Problem { range: piece.range.clone(), message, help });
            continue;
        };
        if let Some(problem) = test.and_then(|test| wrong_test(test, kind)) {
            problems.push(Problem::new(piece.range.clone(), problem.0, problem.1));
        }
    }
    problems
}

/// A test that can't mean anything for a parameter of this kind.
fn wrong_test(test: &Test<'_>, kind: &ParameterKind) -> Option<(String, String)> {
    match (test, kind) {
        (Test::True(name), ParameterKind::Integer | ParameterKind::Port | ParameterKind::Choice(_)) => Some((
            format!("`{name}` is neither true nor false"),
            format!("compare it with a value: {{{{#if (eq {name} …)}}}}"),
        )),
        (Test::Equal(name, _), ParameterKind::Boolean) => {
            Some((format!("`{name}` is true or false"), format!("ask for it alone: {{{{#if {name}}}}}")))
        }
        (Test::Equal(name, Literal::Text(_)), ParameterKind::Integer | ParameterKind::Port) => {
            Some((format!("`{name}` is a number and never equals a text"), "write the number without quotes".into()))
        }
        (Test::Equal(name, Literal::Integer(_)), ParameterKind::String | ParameterKind::Choice(_)) => {
            Some((format!("`{name}` is text and never equals a number"), "write it in double quotes".into()))
        }
        (Test::Equal(name, Literal::Text(word)), ParameterKind::Choice(choices)) => {
            if choices.iter().any(|choice| choice == word) {
                return None;
            }
            let (message, help) = unknown(&format!("choice of `{name}`"), word, choices.iter().map(String::as_str));
            Some((message, help.unwrap_or_else(|| "use one of its choices".into())))
        }
        _ => None,
    }
}

/// The names of these values with the kinds that they have.
pub fn kinds_of(values: &BTreeMap<String, ParameterValue>) -> BTreeMap<String, ParameterKind> {
    let kind = |value: &ParameterValue| match value {
        ParameterValue::Boolean(_) => ParameterKind::Boolean,
        ParameterValue::Integer(_) => ParameterKind::Integer,
        ParameterValue::Text(_) => ParameterKind::String,
    };
    values.iter().map(|(name, value)| (name.clone(), kind(value))).collect()
}

/// The value of a template that is one `{{name}}` and nothing else, with its type kept; otherwise its text.
pub fn fill_value(text: &str, values: &BTreeMap<String, ParameterValue>) -> Result<ParameterValue, TemplateError> {
    let (template, _) = Template::scan(text);
    if let [Piece { kind: PieceKind::Value(name), .. }] = template.pieces.as_slice()
        && let Some(value) = values.get(*name)
    {
        return Ok(value.clone());
    }
    render_content(text, values).map(ParameterValue::Text)
}
