//! Text in lines no wider than a terminal.

use console::measure_text_width;

/// Breaks text at spaces, and words that are wider than a line anywhere.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(pieces(word, width)),
        }
    }
    lines
}

/// Breaks text at spaces only: a path or a digest stays whole, however long.
pub fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut filled = 0;
    for c in word.chars() {
        let wide = measure_text_width(c.encode_utf8(&mut [0; 4]));
        if filled + wide > width && filled > 0 {
            pieces.push(String::new());
            filled = 0;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
        filled += wide;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_text_keeps_its_words_whole() {
        assert_eq!(fold("/a/long/path of things", 6), ["/a/long/path", "of", "things"]);
        assert_eq!(fold("  a b", 80), ["  a b"]);
    }

    #[test]
    fn lines_are_no_wider_than_asked_and_nothing_is_lost() {
        let text = "a few words and-one-that-is-much-longer-than-a-line 日本語の文";
        for width in [2, 5, 10, 80] {
            let lines = wrap(text, width);
            assert!(lines.iter().all(|line| measure_text_width(line) <= width), "{width}: {lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
        assert_eq!(wrap("a few words", 6), ["a few", "words"]);
    }
}
