//! The shape of what people write: which keys a map has, what they hold, what they are for. One table serves the decoder
//! (unknown and missing keys) and the JSON Schema (what editors know), so that the two can't drift apart.

use crate::source::{Diagnostics, Fields, Node};

/// A map with known keys.
pub struct Shape {
    /// What the map is, with an article: "a recipe".
    pub what: &'static str,
    /// Its keys, in the order in which people write them.
    pub keys: &'static [Key],
    /// Alternatives: keys of exactly one are there, and of it at least one. Empty where there is no such rule.
    pub one_of: &'static [&'static [&'static str]],
    /// `(a, b)`: where `a` is, `b` must be too.
    pub pairs: &'static [(&'static str, &'static str)],
}

/// A key of a map.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it holds.
    pub kind: Kind,
    /// What it is for, in a sentence or two.
    pub doc: &'static str,
}

/// What a value can be. The decoder checks more than a schema can say; never less.
pub enum Kind {
    /// Text that a pattern describes.
    Pattern(&'static str),
    /// Text that a pattern describes and that YAML may take for a number: `1.0`, `0644`.
    NumberLike(&'static str),
    /// One line of text.
    Line,
    /// Text of several lines.
    Block,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number within bounds.
    Number(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// A parameter's value: text, a whole number, true or false.
    Value,
    /// A list.
    List(&'static Kind),
    /// A list of at most so many.
    Few(usize, &'static Kind),
    /// A map with known keys.
    Map(&'static Shape),
    /// A map whose keys a pattern describes.
    MapOf(&'static str, &'static Kind),
    /// A map whose keys are some of these words.
    MapOfWords(&'static [&'static str], &'static Kind),
    /// Any of these.
    Either(&'static [Kind]),
}

/// A key that must be there.
pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, required: true, kind, doc }
}

/// A key that may be left out.
pub const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, required: false, kind, doc }
}

impl Shape {
    /// Reads a map of this shape: reports what is no such map, unknown keys, missing keys and keys that exclude each
    /// other. What the values hold is for the caller to read.
    pub fn read<'a>(&'static self, node: &'a Node, diagnostics: &mut Diagnostics) -> Option<Reader<'a>> {
        let mut fields = node.fields(self.what, diagnostics)?;
        fields.declare(self.keys.iter().map(|key| key.name));
        let mut values = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            values.push(match key.required {
                true => fields.required(key.name, diagnostics),
                false => fields.optional(key.name),
            });
        }
        let reader = Reader { shape: self, values, taken: 0 };
        reader.check_rules(&fields, diagnostics);
        fields.finish(diagnostics);
        Some(reader)
    }
}

/// The values of a map, by key.
pub struct Reader<'a> {
    shape: &'static Shape,
    values: Vec<Option<&'a Node>>,
    taken: u64,
}

impl<'a> Reader<'a> {
    /// The value of a key, where there is one.
    pub fn take(&mut self, name: &str) -> Option<&'a Node> {
        let index = self.shape.keys.iter().position(|key| key.name == name);
        debug_assert!(index.is_some(), "{} has no key `{name}` in its table", self.shape.what);
        let index = index?;
        self.taken |= 1 << index;
        self.values[index]
    }

    /// Ends the reading. A key of the table that the decoder forgot is a mistake of the program.
    pub fn finish(self) {
        let all = (1u64 << self.shape.keys.len()) - 1;
        debug_assert!(self.taken == all, "not all keys of {} were read", self.shape.what);
    }

    fn has(&self, name: &str) -> Option<&'a Node> {
        self.shape.keys.iter().position(|key| key.name == name).and_then(|index| self.values[index])
    }

    fn check_rules(&self, fields: &Fields<'_>, diagnostics: &mut Diagnostics) {
        let listed = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let alternatives = self.shape.one_of.iter().map(|keys| {
            let present = keys.iter().copied().filter(|name| self.has(name).is_some());
            present.collect::<Vec<_>>()
        });
        let present: Vec<Vec<&str>> = alternatives.filter(|keys| !keys.is_empty()).collect();
        match present.as_slice() {
            [] if self.shape.one_of.is_empty() => {}
            [] => {
                // A misspelt key is reported once, as unknown.
                if !fields.has_unknown() {
                    let message = format!("{} needs one of {}", self.shape.what, listed(&self.shape.one_of.concat()));
                    diagnostics.report(fields.span(), message);
                }
            }
            [_] => {}
            several => {
                let message = format!("{} has {} at once: expected one", self.shape.what, listed(&several.concat()));
                diagnostics.report(fields.span(), message);
            }
        }
        for (name, other) in self.shape.pairs {
            if let (Some(node), None) = (self.has(name), self.has(other)) {
                diagnostics.report(&node.span, format!("`{name}` needs `{other}` beside it"));
            }
        }
    }
}
