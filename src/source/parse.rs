//! YAML text to a tree, with bounds on what a hostile file can cost.

use super::Diagnostics;
use super::node::{Key, Node, SourceFile, Span, Value};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;
use std::sync::Arc;

/// The largest file that is read: recipes are a few kilobytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 32;
/// The most values in one file, aliases expanded.
pub const MAX_NODES: usize = 50_000;
/// The most aliases in one file. An alias copies what it names, so few of them can mean very much.
pub const MAX_ALIASES: usize = 100;
/// The most text that all aliases of one file may copy, in bytes.
pub const MAX_COPIED_BYTES: usize = 4 * MAX_BYTES;

/// Reads one document. `None` where the text is not YAML or too large to be meant; the reason is reported.
pub fn parse(file: &Arc<SourceFile>, diagnostics: &mut Diagnostics) -> Option<Node> {
    if file.text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", file.text.len());
        diagnostics.report(&Span::start_of(file), message);
        return None;
    }
    let mut builder = Builder {
        file,
        diagnostics,
        stack: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        aliases: 0,
        copied: 0,
        root: None,
        documents: 0,
    };
    for event in Parser::new_from_str(&file.text) {
        let step = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(builder.syntax_error(&error)),
        };
        if let Err(refusal) = step {
            match refusal.help {
                Some(help) => builder.diagnostics.report_with_help(&refusal.span, refusal.message, help),
                None => builder.diagnostics.report(&refusal.span, refusal.message),
            }
            return None;
        }
    }
    let root = builder.root.take();
    if root.is_none() {
        diagnostics.report(&Span::start_of(file), "the file is empty");
    }
    root
}

enum Open {
    List { items: Vec<Node>, span: Span, anchor: usize },
    Map { entries: Vec<(Key, Node)>, key: Option<Key>, lines: HashMap<String, usize>, span: Span, anchor: usize },
}

struct Builder<'a, 'd> {
    file: &'a Arc<SourceFile>,
    diagnostics: &'d mut Diagnostics,
    stack: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    aliases: usize,
    copied: usize,
    root: Option<Node>,
    documents: usize,
}

/// A value that aliases may copy, and what a copy costs.
struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
}

/// Why the rest of a file is not read.
struct Refusal {
    span: Span,
    message: String,
    help: Option<&'static str>,
}

impl Refusal {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Refusal { span, message: message.into(), help: None }
    }

    fn with_help(span: Span, message: impl Into<String>, help: &'static str) -> Self {
        Refusal { span, message: message.into(), help: Some(help) }
    }
}

impl Builder<'_, '_> {
    fn place(&self, line: usize, column: usize, length: usize) -> Span {
        Span { file: self.file.clone(), line: line.max(1), column: column + 1, length: length.max(1) }
    }

    /// What the parser says, at a place that exists in the file: it reports an unexpected end behind the last line.
    fn syntax_error(&self, error: &saphyr_parser::ScanError) -> Refusal {
        let last = self.file.text.lines().count().max(1);
        let (line, column) = match error.marker().line() {
            line if line > last => (last, self.file.text.lines().last().map_or(0, |text| text.chars().count())),
            line => (line, error.marker().col()),
        };
        let help = self.file.text.lines().nth(line.max(1) - 1).and_then(|text| {
            let indent = &text[..text.len() - text.trim_start().len()];
            indent.contains('\t').then_some("YAML is indented with spaces; this line starts with a tab")
        });
        let message = format!("this is not valid YAML: {}", error.info());
        Refusal { span: self.place(line, column, 1), message, help }
    }

    fn event(&mut self, event: Event<'_>, at: saphyr_parser::Span) -> Result<(), Refusal> {
        let length = if at.start.line() == at.end.line() { at.end.col().saturating_sub(at.start.col()) } else { 1 };
        let span = self.place(at.start.line(), at.start.col(), length);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Refusal::new(span, "a second document in one file: expected one"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span)?;
                let plain = style == ScalarStyle::Plain;
                let value = if plain && matches!(text.as_ref(), "" | "~" | "null") {
                    Value::Null
                } else {
                    Value::Scalar { text: text.into_owned(), plain }
                };
                self.finish(Node { value, span }, anchor, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span)?;
                self.open(Open::List { items: Vec::new(), span, anchor })
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span)?;
                self.open(Open::Map { entries: Vec::new(), key: None, lines: HashMap::new(), span, anchor })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::List { items, span, anchor }) => {
                    self.finish(Node { value: Value::List(items), span }, anchor, 1)
                }
                Some(Open::Map { entries, span, anchor, .. }) => {
                    self.finish(Node { value: Value::Map(entries), span }, anchor, 1)
                }
                None => Err(Refusal::new(span, "this is not valid YAML: an end without a start")),
            },
            Event::Alias(id) => self.alias(id, span),
            _ => Ok(()),
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Refusal> {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            return Err(Refusal::new(span, format!("more than {MAX_ALIASES} aliases")));
        }
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(Refusal::new(span, "an alias inside the value that it names"));
        };
        // The cost is known before the copy is made.
        self.copied += anchored.bytes;
        if self.copied > MAX_COPIED_BYTES || self.nodes + anchored.nodes > MAX_NODES {
            return Err(Refusal::new(span, "aliases copy more than a recipe can need"));
        }
        let (nodes, node) = (anchored.nodes, Node { value: anchored.node.value.clone(), span });
        self.finish(node, 0, nodes)
    }

    fn refuse_tag(&self, tagged: bool, span: &Span) -> Result<(), Refusal> {
        if tagged { Err(Refusal::new(span.clone(), "YAML tags (`!…`) are not used here")) } else { Ok(()) }
    }

    fn open(&mut self, open: Open) -> Result<(), Refusal> {
        if self.stack.len() >= MAX_DEPTH {
            let span = match open {
                Open::List { span, .. } | Open::Map { span, .. } => span,
            };
            return Err(Refusal::new(span, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.stack.push(open);
        Ok(())
    }

    /// A value is complete: it goes into what is open, and under its anchor.
    fn finish(&mut self, node: Node, anchor: usize, nodes: usize) -> Result<(), Refusal> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(Refusal::new(node.span, format!("more than {MAX_NODES} values in one file, aliases expanded")));
        }
        if anchor != 0 {
            let (nodes, bytes) = cost(&node);
            self.copied += bytes;
            if self.copied > MAX_COPIED_BYTES {
                return Err(Refusal::new(node.span, "anchors name more than a recipe can need"));
            }
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, bytes });
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, lines, .. }) => match key.take() {
                None => *key = Some(map_key(node)?),
                Some(key) => match lines.get(&key.text) {
                    Some(first) => {
                        let help = format!("it was first set on line {first}");
                        let message = format!("the key `{}` is set twice", super::diagnostic::printable(&key.text));
                        self.diagnostics.report_with_help(&key.span, message, help);
                    }
                    None => {
                        let mut node = node;
                        if matches!(&node.value, Value::Scalar { text, plain: false } if text.trim().is_empty())
                            && node.span.line > key.span.line
                        {
                            // An empty block has no place of its own; the parser gives that of what follows.
                            node.span = key.span.clone();
                        }
                        lines.insert(key.text.clone(), key.span.line);
                        entries.push((key, node));
                    }
                },
            },
        }
        Ok(())
    }
}

fn map_key(node: Node) -> Result<Key, Refusal> {
    match node.value {
        Value::Scalar { text, .. } if text == "<<" => {
            let help = "write the keys out, or move what is shared into a package group";
            Err(Refusal::with_help(node.span, "YAML merge keys (`<<`) are not used here", help))
        }
        Value::Scalar { text, .. } => Ok(Key { text, span: node.span }),
        Value::Map(_) => {
            let help = "a template as a value needs quotes: \"{{name}}\"";
            Err(Refusal::with_help(node.span, "a key must be text, found a map", help))
        }
        other => Err(Refusal::new(node.span, format!("a key must be text, found {}", other.kind()))),
    }
}

/// How many values a value holds, itself and its keys included, and how many bytes of text.
fn cost(node: &Node) -> (usize, usize) {
    let sum = |(n, b): (usize, usize), (m, c): (usize, usize)| (n + m, b + c);
    match &node.value {
        Value::Null => (1, 0),
        Value::Scalar { text, .. } => (1, text.len()),
        Value::List(items) => items.iter().map(cost).fold((1, 0), sum),
        Value::Map(entries) => entries.iter().map(|(key, node)| sum((1, key.text.len()), cost(node))).fold((1, 0), sum),
    }
}
