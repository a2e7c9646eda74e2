//! From a place in a value to the place in the file: a value may be a block of many lines, folded or quoted.

use super::node::{Node, Span, Value};
use super::read::place;
use std::ops::Range;

impl Node {
    /// The place in the file of a part of this value's text. Where escapes or folding hide the part, the place of the
    /// whole value.
    pub fn locate(&self, part: Range<usize>) -> Span {
        self.find(part).unwrap_or_else(|| self.span.clone())
    }

    /// The file holds the same characters behind the value's start as the value does, but for indentation: the k-th
    /// occurrence here is the k-th occurrence there.
    fn find(&self, part: Range<usize>) -> Option<Span> {
        let Value::Scalar { text, .. } = &self.value else { return None };
        let snippet = text.get(part.clone())?.lines().next().filter(|line| !line.is_empty())?;
        let occurrence = text.get(..part.start + snippet.len())?.matches(snippet).count().checked_sub(1)?;
        let source = &self.span.file.text;
        let start = offset(source, self.span.line, self.span.column)?;
        let found = start + source.get(start..)?.match_indices(snippet).nth(occurrence)?.0;
        let (line, column) = place(source, found);
        Some(Span { file: self.span.file.clone(), line, column, length: snippet.chars().count() })
    }
}

/// The byte offset of a line and column.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let start = match line {
        0 | 1 => 0,
        _ => text.match_indices('\n').nth(line - 2)?.0 + 1,
    };
    let rest = &text[start..];
    Some(start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at))
}

#[cfg(test)]
mod tests {
    use super::super::{Diagnostics, SourceFile, parse};
    use super::*;
    use std::sync::Arc;

    fn value_of_first_key(yaml: &str) -> Node {
        let file = Arc::new(SourceFile { path: "x.yaml".into(), text: yaml.into() });
        let node = parse(&file, &mut Diagnostics::new()).unwrap();
        match node.value {
            Value::Map(mut entries) => entries.remove(0).1,
            _ => panic!("not a map"),
        }
    }

    fn locate(yaml: &str, snippet: &str, occurrence: usize) -> (usize, usize) {
        let node = value_of_first_key(yaml);
        let Value::Scalar { text, .. } = &node.value else { panic!("not text") };
        let at = text.match_indices(snippet).nth(occurrence).unwrap().0;
        let span = node.locate(at..at + snippet.len());
        (span.line, span.column)
    }

    #[test]
    fn a_part_of_any_kind_of_text_is_found_in_the_file() {
        assert_eq!(locate("run: |\n  echo {{a}}\n  echo {{b}} {{a}}\n", "{{a}}", 1), (3, 14));
        assert_eq!(locate("run: |-\n\n      echo\n       {{a}}\n", "{{a}}", 0), (4, 8));
        assert_eq!(locate("run: >\n  echo\n  {{a}}\n", "{{a}}", 0), (3, 3));
        assert_eq!(locate("run: \"x {{a}}\"\n", "{{a}}", 0), (1, 9));
        assert_eq!(locate("run: 'ä {{a}}'\n", "{{a}}", 0), (1, 9));
        assert_eq!(locate("run: x {{a}} {{a}}\n", "{{a}}", 1), (1, 14));
    }

    #[test]
    fn text_that_only_escapes_spell_is_placed_at_its_value() {
        assert_eq!(locate("run: \"\\x7b{a}}\"\n", "{{a}}", 0), (1, 6));
    }
}
