//! From disk to text: what can't be a file that a person wrote is refused before the YAML reader sees it.

use super::diagnostic::is_invisible;
use super::node::{SourceFile, Span};
use super::{Diagnostics, MAX_BYTES};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Reads a text file. `shown` is the path that people see. `None` where it can't be read as text; the reason is
/// reported. Line endings come out as `\n`; a byte order mark at the start is dropped.
pub fn read(path: &Path, shown: &str, diagnostics: &mut Diagnostics) -> Option<Arc<SourceFile>> {
    let refuse = |message: String, diagnostics: &mut Diagnostics| {
        let file = Arc::new(SourceFile { path: shown.to_owned(), text: String::new() });
        diagnostics.report(&Span::start_of(&file), message);
        None
    };
    // Looked at before it is opened: opening a pipe would wait for ever.
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return refuse(format!("can't read this file: {error}"), diagnostics),
    };
    if metadata.is_dir() {
        return refuse("expected a file, found a folder".into(), diagnostics);
    }
    if !metadata.is_file() {
        return refuse("expected a file, found a device, pipe or socket".into(), diagnostics);
    }
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    if let Err(error) = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
        return refuse(format!("can't read this file: {error}"), diagnostics);
    }
    if bytes.len() > MAX_BYTES {
        let size = metadata.len().max(limit);
        return refuse(format!("the file has {size} bytes; at most {MAX_BYTES} are read"), diagnostics);
    }
    from_bytes(bytes, shown, diagnostics)
}

/// The part of [`read`] that has nothing to do with disks.
pub(super) fn from_bytes(bytes: Vec<u8>, shown: &str, diagnostics: &mut Diagnostics) -> Option<Arc<SourceFile>> {
    let (text, broken) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(at))
        }
    };
    // The text before the first broken byte is the same in the lossy reading.
    let broken = broken.map(|at| place(&text, at));
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
    let file = Arc::new(SourceFile { path: shown.to_owned(), text });
    let at = |(line, column): (usize, usize)| Span { file: file.clone(), line, column, length: 1 };
    if let Some(place) = broken {
        diagnostics.report_with_help(&at(place), "the file is not UTF-8 text", "save it as UTF-8");
        return None;
    }
    let hidden = file.text.char_indices().find(|(_, c)| is_invisible(*c) && !matches!(c, '\n' | '\t'));
    if let Some((offset, c)) = hidden {
        let message = format!("an invisible character (U+{:04X})", u32::from(c));
        let help = match c {
            '\r' => "save the file with line endings of Unix or Windows",
            _ => "remove it; in a double-quoted value it can be written as an escape",
        };
        diagnostics.report_with_help(&at(place(&file.text, offset)), message, help);
        return None;
    }
    Some(file)
}

/// Line and column, from 1, of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.bytes().filter(|b| *b == b'\n').count() + 1, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<String, String> {
        let mut diagnostics = Diagnostics::new();
        match from_bytes(bytes.to_vec(), "x.yaml", &mut diagnostics) {
            Some(file) => Ok(file.text.clone()),
            None => Err(diagnostics.sorted().iter().map(|d| format!("{:?} {}", d.span, d.message)).collect()),
        }
    }

    #[test]
    fn windows_line_endings_and_a_byte_order_mark_are_taken_off() {
        assert_eq!(read_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").unwrap(), "a: 1\nb: 2\n");
    }

    #[test]
    fn bytes_that_are_not_text_are_named_by_their_place() {
        assert_eq!(read_bytes(b"a: 1\nb: \xff\n").unwrap_err(), "x.yaml:2:4 the file is not UTF-8 text");
        assert_eq!(read_bytes(b"a: 1\nb\0: 2").unwrap_err(), "x.yaml:2:2 an invisible character (U+0000)");
        assert_eq!(read_bytes("a\nxy\u{202e}".as_bytes()).unwrap_err(), "x.yaml:2:3 an invisible character (U+202E)");
        assert_eq!(read_bytes(b"a: 1\rb: 2").unwrap_err(), "x.yaml:1:5 an invisible character (U+000D)");
    }
}
