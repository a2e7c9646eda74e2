//! Template text to pieces. What is not in the small language is refused here, so that handlebars only ever sees text
//! whose meaning both agree on.

use super::Problem;
use std::ops::Range;

/// A template cut into pieces.
#[derive(Debug, Clone)]
pub struct Template<'t> {
    /// The whole text.
    pub text: &'t str,
    /// Text and tags, in order, without gaps but for tags that were refused.
    pub pieces: Vec<Piece<'t>>,
}

/// One piece and its place in the text.
#[derive(Debug, Clone)]
pub struct Piece<'t> {
    /// Bytes of the template's text.
    pub range: Range<usize>,
    /// What it is.
    pub kind: PieceKind<'t>,
}

/// What pieces there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PieceKind<'t> {
    /// Text that stays as it is.
    Text,
    /// `{{name}}`
    Value(&'t str),
    /// `{{#if …}}` or `{{#unless …}}`
    Open {
        /// `if` or `unless`.
        word: &'t str,
        /// What is asked.
        test: Test<'t>,
    },
    /// `{{else}}`
    Else,
    /// `{{/if}}` or `{{/unless}}`
    Close,
}

/// What a block asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test<'t> {
    /// `name`
    True(&'t str),
    /// `(eq name "word")` or `(eq name 5)`
    Equal(&'t str, Literal<'t>),
}

/// What a name is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal<'t> {
    /// `"word"`
    Text(&'t str),
    /// `5`
    Integer(i64),
}

impl<'t> Test<'t> {
    /// The name that is asked for.
    pub fn name(&self) -> &'t str {
        match self {
            Test::True(name) | Test::Equal(name, _) => name,
        }
    }
}

impl Piece<'_> {
    /// It is text.
    pub fn is_text(&self) -> bool {
        self.kind == PieceKind::Text
    }

    /// It is `{{name}}`.
    pub fn is_value(&self) -> bool {
        matches!(self.kind, PieceKind::Value(_))
    }
}

/// The deepest nesting of blocks.
pub const MAX_BLOCKS: usize = 8;

const LANGUAGE: &str = "templates know {{name}}, {{#if name}}, {{#unless name}}, {{#if (eq name \"word\")}}, {{else}}, \
                        {{/if}} and {{/unless}}";

impl<'t> Template<'t> {
    /// Cuts a text, with all mistakes.
    pub fn scan(text: &'t str) -> (Template<'t>, Vec<Problem>) {
        let mut pieces: Vec<Piece<'t>> = Vec::new();
        let mut problems = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{").map(|offset| at + offset) {
            if open > at {
                pieces.push(Piece { range: at..open, kind: PieceKind::Text });
            }
            let (end, tag) = tag(text, open);
            match tag {
                Ok(kind) => pieces.push(Piece { range: open..end, kind }),
                Err(problem) => problems.push(problem),
            }
            at = end;
        }
        if at < text.len() {
            pieces.push(Piece { range: at..text.len(), kind: PieceKind::Text });
        }
        let template = Template { text, pieces };
        template.check_blocks(&mut problems);
        (template, problems)
    }

    /// The names that are used, with the places of their tags.
    pub fn names(&self) -> impl Iterator<Item = (&'t str, Range<usize>)> + '_ {
        self.pieces.iter().filter_map(|piece| match &piece.kind {
            PieceKind::Value(name) => Some((*name, piece.range.clone())),
            PieceKind::Open { test, .. } => Some((test.name(), piece.range.clone())),
            PieceKind::Text | PieceKind::Else | PieceKind::Close => None,
        })
    }

    /// Blocks are closed by their own tag, in order, and their tags have lines of their own: such a line leaves nothing
    /// behind, so that what is on the lines around it is all there is to check.
    fn check_blocks(&self, problems: &mut Vec<Problem>) {
        let mut open: Vec<(&str, Range<usize>, bool)> = Vec::new();
        for piece in &self.pieces {
            let range = piece.range.clone();
            match &piece.kind {
                PieceKind::Text | PieceKind::Value(_) => continue,
                PieceKind::Open { word, .. } => {
                    if open.len() == MAX_BLOCKS {
                        let message = format!("blocks are nested more than {MAX_BLOCKS} deep");
                        problems.push(Problem { range: range.clone(), message, help: None });
                    }
                    open.push((word, range.clone(), false));
                }
                PieceKind::Else => match open.last_mut() {
                    Some((_, _, seen @ false)) => *seen = true,
                    Some(_) => {
                        problems.push(Problem::new(range.clone(), "a second `{{else}}` in one block", "remove it"))
                    }
                    None => problems.push(Problem::new(range.clone(), "`{{else}}` outside a block", "remove it")),
                },
                PieceKind::Close => {
                    let word = if self.text[range.clone()].contains("unless") { "unless" } else { "if" };
                    match open.pop() {
                        Some((opened, _, _)) if opened == word => {}
                        Some((opened, _, _)) => problems.push(Problem::new(
                            range.clone(),
                            format!("`{{{{/{word}}}}}` closes a block that `{{{{#{opened} …}}}}` opened"),
                            format!("write {{{{/{opened}}}}}"),
                        )),
                        None => problems.push(Problem::new(
                            range.clone(),
                            format!("`{{{{/{word}}}}}` closes a block that was never opened"),
                            "remove it",
                        )),
                    }
                }
            }
            if !self.alone_on_line(&range) {
                let message = "a block's tags stand on lines of their own";
                problems.push(Problem::new(range, message, "put a line break before and after the tag"));
            }
        }
        for (word, range, _) in open {
            let message = format!("this `{{{{#{word} …}}}}` is never closed");
            problems.push(Problem::new(range, message, format!("close it with {{{{/{word}}}}}")));
        }
    }

    /// Blanks may stand around the tag, but for blanks that end the text: the engine would keep those.
    fn alone_on_line(&self, range: &Range<usize>) -> bool {
        let before = &self.text[..range.start];
        let indent = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let after = self.text[range.end..].trim_start_matches([' ', '\t']);
        let ended = after.starts_with('\n') || range.end == self.text.len();
        ended && indent.bytes().all(|b| b == b' ' || b == b'\t')
    }
}

/// Reads the tag that starts at `open`: where it ends, and what it is.
fn tag(text: &str, open: usize) -> (usize, Result<PieceKind<'_>, Problem>) {
    let rest = &text[open..];
    let braces = rest.bytes().take_while(|b| *b == b'{').count();
    let Some(length) = rest.find("}}") else {
        let end = open + rest.find('\n').unwrap_or(rest.len());
        let help = "close it with }}; braces can't be written any other way";
        return (end, Err(Problem::new(open..end, "`{{` is never closed", help)));
    };
    let mut end = open + length + 2;
    if braces > 2 {
        end += text[end..].bytes().take_while(|b| *b == b'}').count();
        let help = "write {{name}}: values arrive quoted where they must be";
        return (end, Err(Problem::new(open..end, "values without quoting (`{{{…}}}`) are refused", help)));
    }
    let problem = |message: &str, help: &str| Err(Problem::new(open..end, message, help));
    if text[..open].ends_with('\\') {
        return (end, problem("a backslash right before `{{`", "leave the backslash out"));
    }
    let inner = &text[open + 2..open + length];
    if inner.contains('\n') {
        let end = open + rest.find('\n').unwrap_or(rest.len());
        let help = "close it with }} on the same line";
        return (end, Err(Problem::new(open..end, "`{{` is not closed on its line", help)));
    }
    let inner = inner.trim_matches([' ', '\t']);
    let first = inner.chars().next();
    let kind = match first {
        Some('&') => problem("values without quoting (`{{&…}}`) are refused", "write {{name}}"),
        Some('>') => problem("partials (`{{>…}}`) are refused", LANGUAGE),
        Some('*') => problem("decorators (`{{*…}}`) are refused", LANGUAGE),
        Some('!') => problem("template comments are refused", "write a comment of the script's or file's own language"),
        Some('#') => match block(&inner[1..]) {
            Ok(kind) => Ok(kind),
            Err(message) => problem(&message, LANGUAGE),
        },
        _ => match inner {
            "else" => Ok(PieceKind::Else),
            "/if" | "/unless" => Ok(PieceKind::Close),
            name if is_name(name) => Ok(PieceKind::Value(name)),
            "" => problem("an empty `{{}}`", "write {{name}}"),
            other => problem(&format!("`{{{{{other}}}}}` is not understood"), LANGUAGE),
        },
    };
    (end, kind)
}

/// Reads `if name`, `unless name`, `if (eq name "word")`.
fn block(inner: &str) -> Result<PieceKind<'_>, String> {
    let (word, asked) = inner.split_once([' ', '\t']).unwrap_or((inner, ""));
    if word != "if" && word != "unless" {
        return Err(format!("`{{{{#{word} …}}}}` is not understood"));
    }
    let asked = asked.trim_matches([' ', '\t']);
    let not_understood = || format!("`{asked}` is not a test that `{{{{#{word} …}}}}` understands");
    if is_name(asked) {
        return Ok(PieceKind::Open { word, test: Test::True(asked) });
    }
    let inside = asked.strip_prefix("(eq ").and_then(|rest| rest.strip_suffix(')')).ok_or_else(not_understood)?;
    let (name, literal) = inside.trim().split_once(' ').ok_or_else(not_understood)?;
    let literal = literal.trim();
    let text = literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let literal = match (text, literal.parse::<i64>()) {
        (Some(text), _) if !text.contains(['"', '\\']) => Literal::Text(text),
        (None, Ok(number)) if number.to_string() == literal => Literal::Integer(number),
        _ => return Err(not_understood()),
    };
    if is_name(name) { Ok(PieceKind::Open { word, test: Test::Equal(name, literal) }) } else { Err(not_understood()) }
}

/// Words that mean something to the template engine.
pub(in crate::recipe) const RESERVED: [&str; 22] = [
    "and", "as", "each", "else", "eq", "false", "gt", "gte", "if", "len", "log", "lookup", "lt", "lte", "ne", "not",
    "null", "or", "raw", "this", "true", "unless",
];

/// Names that parameters can have: lower-case letters, digits and underscores, starting with a letter.
pub(in crate::recipe) fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !RESERVED.contains(&text)
        && text != "with"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        Template::scan(text).1.into_iter().map(|p| format!("{}: {}", &text[p.range], p.message)).collect()
    }

    #[test]
    fn the_whole_language_is_read() {
        let text =
            "a {{name}}\n{{#if tls}}\n  {{#unless (eq mode \"off\")}}\n{{ b }}\n  {{else}}\n{{/unless}}\n{{/if}}\n";
        let (template, problems) = Template::scan(text);
        assert_eq!(problems, []);
        let names: Vec<&str> = template.names().map(|(name, _)| name).collect();
        assert_eq!(names, ["name", "tls", "mode", "b"]);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "{{{a}}}",
            "{{{{raw}}}}x{{{{/raw}}}}",
            "{{&a}}",
            "{{> a}}",
            "{{* a}}",
            "{{! a}}",
            "{{!-- }} --}}",
            "{{}}",
            "{{a.b}}",
            "{{this}}",
            "{{../a}}",
            "{{@root.a}}",
            "{{lookup a b}}",
            "{{a b}}",
            "{{a b=1}}",
            "{{~a~}}",
            "{{(eq a 1)}}",
            "{{\"a\"}}",
            "{{1}}",
            "{{true}}",
            "{{#each a}}\n{{/each}}",
            "{{#with a}}\n{{/with}}",
            "{{#*inline \"a\"}}\n{{/inline}}",
            "{{#if (or a b)}}\n{{/if}}",
            "{{#if (eq a 'b')}}\n{{/if}}",
            "{{#if a as |b|}}\n{{/if}}",
            "{{^}}",
            "{{else if a}}",
            "\\{{a}}",
            "\\\\{{a}}",
            "{{a",
            "{{a\n}}",
            "{{[a]}}",
            "{{A}}",
            "{{ä}}",
            "{{#if a}}x{{/if}}",
            "{{#if a}}\n",
            "{{/if}}",
            "{{else}}",
            "{{#if a}}\n{{/unless}}",
            "{{#if a}}\n{{else}}\n{{else}}\n{{/if}}",
            "{{with}}",
            "{{#if}}\n{{/if}}",
            "{{#if (eq a 01)}}\n{{/if}}",
        ] {
            assert!(!problems(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_refused_tag_does_not_hide_the_next() {
        assert_eq!(
            problems("{{{a}}} {{b.c}}"),
            ["{{{a}}}: values without quoting (`{{{…}}}`) are refused", "{{b.c}}: `{{b.c}}` is not understood"]
        );
    }
}
