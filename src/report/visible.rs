//! Makes text fit to be seen: characters that move the cursor, reorder the line or show nothing are written out, so
//! that what is read is what is there.

use std::borrow::Cow;

/// True for characters that a reader would not see, or that change how others are seen.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'                                    // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}'       // direction marks
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction overrides and isolates
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' // no width
            | '\u{180e}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // blank fillers
            | '\u{2028}' | '\u{2029}'                   // line and paragraph separators
            | '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}'                   // not characters; XML forbids them
            | '\u{e0000}'..='\u{e007f}')
}

fn write_out(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hidden = |c: char| is_deceptive(c) && !keep(c);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 16), |mut out, c| {
        if hidden(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    }))
}

/// Text that stays on one line: every line break, tab and control character is written out.
pub fn line(text: &str) -> Cow<'_, str> {
    write_out(text, |_| false)
}

/// The first line of a text of several, as [`line`].
pub fn first_line(text: &str) -> Cow<'_, str> {
    line(text.trim_start().lines().next().unwrap_or("").trim_end())
}

/// A text of several lines on one: what went wrong, and what to do, with a colon between them where a line ends without a
/// stop of its own.
pub fn joined(text: &str) -> String {
    let parts: Vec<Cow<'_, str>> = text.lines().map(str::trim).filter(|part| !part.is_empty()).map(line).collect();
    parts.into_iter().fold(String::new(), |mut all, part| {
        if !all.is_empty() {
            all.push_str(if all.ends_with(['.', ',', ':', ';', '!', '?', '…']) { " " } else { ": " });
        }
        all + &part
    })
}

/// Text of several lines: line breaks and tabs stay, all else that hides is written out.
pub fn block(text: &str) -> Cow<'_, str> {
    // `\r\n` is a line break too; a lone `\r` overwrites what stands before it.
    match text.contains("\r\n") {
        true => Cow::Owned(write_out(&text.replace("\r\n", "\n"), |c| matches!(c, '\n' | '\t')).into_owned()),
        false => write_out(text, |c| matches!(c, '\n' | '\t')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_hides_or_reorders_is_written_out() {
        assert_eq!(line("a\u{1b}[2Jb\r\n\tc"), "a\\u{1b}[2Jb\\r\\n\\tc");
        assert_eq!(line("txt.\u{202e}exe"), "txt.\\u{202e}exe");
        assert_eq!(line("pay\u{200b}pal\u{feff}"), "pay\\u{200b}pal\\u{feff}");
        assert_eq!(block("one\r\ntwo\rthree\n\tfour\u{7}"), "one\ntwo\\rthree\n\tfour\\u{7}");
    }

    #[test]
    fn a_text_of_several_lines_is_cut_to_its_first_or_joined() {
        assert_eq!(first_line("one\r\ntwo\u{1b}[2J"), "one");
        assert_eq!(first_line(""), "");
        assert_eq!(joined("one:\n  two\u{7}\r\n\nthree"), "one: two\\u{7}: three");
        assert_eq!(
            joined("there is none\n  set it where the program runs\n"),
            "there is none: set it where the program runs"
        );
        assert_eq!((joined("it is so.\nlook there"), joined("one")), ("it is so. look there".into(), "one".into()));
    }

    #[test]
    fn ordinary_text_in_any_script_stays() {
        for text in ["plain", "Grüße → 日本語 العربية 🙂", ""] {
            assert!(matches!(line(text), Cow::Borrowed(t) if t == text));
        }
    }
}
