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
        root: None,
        documents: 0,
    };
    for event in Parser::new_from_str(&file.text) {
        let step = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => {
                let span = builder.place(error.marker().line(), error.marker().col(), 1);
                Err((span, format!("this is not valid YAML: {}", error.info())))
            }
        };
        if let Err((span, message)) = step {
            builder.diagnostics.report(&span, message);
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
    Map { entries: Vec<(Key, Node)>, key: Option<Key>, span: Span, anchor: usize },
}

struct Builder<'a, 'd> {
    file: &'a Arc<SourceFile>,
    diagnostics: &'d mut Diagnostics,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    aliases: usize,
    root: Option<Node>,
    documents: usize,
}

type Refusal = (Span, String);

impl Builder<'_, '_> {
    fn place(&self, line: usize, column: usize, length: usize) -> Span {
        Span { file: self.file.clone(), line: line.max(1), column: column + 1, length: length.max(1) }
    }

    fn event(&mut self, event: Event<'_>, at: saphyr_parser::Span) -> Result<(), Refusal> {
        let length = if at.start.line() == at.end.line() { at.end.col().saturating_sub(at.start.col()) } else { 1 };
        let span = self.place(at.start.line(), at.start.col(), length);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err((span, "a second document in one file: expected one".into()));
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
                self.open(Open::Map { entries: Vec::new(), key: None, span, anchor })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::List { items, span, anchor }) => {
                    self.finish(Node { value: Value::List(items), span }, anchor, 1)
                }
                Some(Open::Map { entries, span, anchor, .. }) => {
                    self.finish(Node { value: Value::Map(entries), span }, anchor, 1)
                }
                None => Err((span, "this is not valid YAML: an end without a start".into())),
            },
            Event::Alias(id) => {
                self.aliases += 1;
                if self.aliases > MAX_ALIASES {
                    return Err((span, format!("more than {MAX_ALIASES} aliases")));
                }
                match self.anchors.get(&id) {
                    Some((node, size)) => {
                        let (node, size) = (Node { value: node.value.clone(), span }, *size);
                        self.finish(node, 0, size)
                    }
                    None => Err((span, "an alias inside the value that it names".into())),
                }
            }
            _ => Ok(()),
        }
    }

    fn refuse_tag(&self, tagged: bool, span: &Span) -> Result<(), Refusal> {
        if tagged { Err((span.clone(), "YAML tags (`!…`) are not used here".into())) } else { Ok(()) }
    }

    fn open(&mut self, open: Open) -> Result<(), Refusal> {
        if self.stack.len() >= MAX_DEPTH {
            let span = match open {
                Open::List { span, .. } | Open::Map { span, .. } => span,
            };
            return Err((span, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.stack.push(open);
        Ok(())
    }

    /// A value is complete: it goes into what is open, and under its anchor.
    fn finish(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Refusal> {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return Err((node.span, format!("more than {MAX_NODES} values in one file, aliases expanded")));
        }
        if anchor != 0 {
            let size = count(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                None => match node.value {
                    Value::Scalar { text, .. } => {
                        if text == "<<" {
                            return Err((node.span, "YAML merge keys (`<<`) are not used here".into()));
                        }
                        *key = Some(Key { text, span: node.span });
                    }
                    other => return Err((node.span, format!("a key must be text, found {}", other.kind()))),
                },
                Some(key) => match entries.iter().find(|(other, _)| other.text == key.text) {
                    Some((first, _)) => {
                        let help = format!("it was first set on line {}", first.span.line);
                        let message = format!("the key `{}` is set twice", super::diagnostic::printable(&key.text));
                        self.diagnostics.report_with_help(&key.span, message, help);
                    }
                    None => entries.push((key, node)),
                },
            },
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar { .. } => 1,
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, node)| 1 + count(node)).sum::<usize>(),
    }
}
