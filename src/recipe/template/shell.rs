//! Where a value stands in a script. A value arrives as one single-quoted word; that is right between words and beside
//! other parts of a word, and wrong inside quotes, in here-documents and everywhere else where a quote is no quote.
//!
//! This is not a parser of sh. It follows quotes, substitutions, comments and here-documents, and where it is unsure it
//! refuses: a script can always put the value into a variable of its own first.

use super::Problem;
use super::scan::{PieceKind, Template};

const VARIABLE: &str = "put it in a variable on a line of its own, `name={{name}}`, and use \"$name\" here";

/// What the text at some point is inside of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Frame {
    Single,
    Double,
    /// `$(…)`, with the parentheses open inside it.
    Command(usize),
    Backquote,
    /// `${…}`
    Variable,
    /// `$((…))`, with the parentheses open.
    Arithmetic(usize),
    Comment,
    Heredoc(Heredoc),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Heredoc {
    delimiter: String,
    strip_tabs: bool,
}

/// All that decides what the next character means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct State {
    /// Each with the offset at which it was opened.
    frames: Vec<(Frame, usize)>,
    /// Here-documents whose body starts on the next line.
    pending: Vec<Heredoc>,
    /// The characters of the current word, as far as they are plain letters; `case` is looked for.
    word: String,
    /// The next character starts a word.
    at_start: bool,
    /// The last character was an unquoted `$`.
    after_dollar: bool,
    /// The delimiter of a here-document ended where the text ended.
    in_delimiter: bool,
    /// Something was seen after which quotes can't be followed, and what to do about it.
    lost: Option<(&'static str, &'static str)>,
}

/// The values that stand where a quoted word can't, and quotes that are never closed.
pub(super) fn check(template: &Template<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut state = State { at_start: true, ..State::default() };
    let mut blocks: Vec<State> = Vec::new();
    let has_values = template.pieces.iter().any(|piece| !piece.is_text());
    for (index, piece) in template.pieces.iter().enumerate() {
        let neighbour_is_block = |index: Option<usize>| {
            index.and_then(|index| template.pieces.get(index)).is_some_and(|p| !p.is_text() && !p.is_value())
        };
        match &piece.kind {
            PieceKind::Text => {
                let mut range = piece.range.clone();
                // The line of a block's tag leaves nothing behind.
                if neighbour_is_block(index.checked_sub(1)) {
                    let text = &template.text[range.clone()];
                    range.start += text.find('\n').map_or(text.len(), |at| at + 1);
                }
                if neighbour_is_block(Some(index + 1)) {
                    let text = &template.text[range.clone()];
                    range.end = range.start + text.trim_end_matches([' ', '\t']).len();
                }
                state.read(template.text, range);
            }
            PieceKind::Value(_) => {
                if let Some((message, help)) = state.refusal() {
                    problems.push(Problem::new(piece.range.clone(), message, help));
                }
                state.value();
            }
            PieceKind::Open { .. } => blocks.push(state.clone()),
            PieceKind::Else | PieceKind::Close => {
                let before = if piece.kind == PieceKind::Close { blocks.pop() } else { blocks.last().cloned() };
                if before.is_some_and(|before| before != state) {
                    let message = "quotes, substitutions and here-documents must not cross a block's borders";
                    problems.push(Problem::new(piece.range.clone(), message, "close them before this line"));
                }
            }
        }
    }
    if let (true, Some((frame, at))) = (problems.is_empty() && state.lost.is_none(), state.frames.last()) {
        let what = match frame {
            Frame::Comment => return problems,
            Frame::Single => "this single quote is never closed",
            Frame::Double => "this double quote is never closed",
            Frame::Command(_) => "this `$(` is never closed",
            Frame::Backquote => "this backquote is never closed",
            Frame::Variable => "this `${` is never closed",
            Frame::Arithmetic(_) => "this `$((` is never closed",
            Frame::Heredoc(_) => "the here-document that starts on this line never ends",
        };
        let end = template.text[*at..].char_indices().nth(1).map_or(template.text.len(), |(length, _)| at + length);
        problems.push(Problem { range: *at..end, message: what.into(), help: None });
    }
    if let (true, true, Some((message, help))) = (has_values, problems.is_empty(), state.lost) {
        problems.push(Problem::new(0..1, message, help));
    }
    problems
}

/// Follows a script and says what of it is a comment.
pub(super) struct Comments<'t> {
    text: &'t str,
    read: usize,
    state: State,
}

impl<'t> Comments<'t> {
    pub(super) fn of(text: &'t str) -> Comments<'t> {
        Comments { text, read: 0, state: State { at_start: true, ..State::default() } }
    }

    /// Whether this place, which is behind all that were asked for before, is in a comment.
    pub(super) fn is_comment(&mut self, at: usize) -> bool {
        self.state.read(self.text, self.read..at);
        self.read = at;
        matches!(self.state.frames.last(), Some((Frame::Comment, _)))
    }
}

impl State {
    /// Why a value can't stand here.
    fn refusal(&self) -> Option<(&'static str, &'static str)> {
        if self.in_delimiter {
            return Some(("a value can't be the end mark of a here-document", "write a fixed word"));
        }
        if self.after_dollar {
            return Some(("a `$` right before a value changes what its quotes mean", "leave the `$` out"));
        }
        match self.frames.last().map(|(frame, _)| frame) {
            None | Some(Frame::Command(_) | Frame::Comment) => None,
            Some(Frame::Single) => Some((
                "a value inside single quotes: it arrives with quotes of its own",
                "leave the quotes around it out, or end them before it: 'a '{{name}}' b'",
            )),
            Some(Frame::Double) => Some((
                "a value inside double quotes: it arrives with quotes of its own",
                "leave the quotes around it out, or end them before it: \"a \"{{name}}\" b\"",
            )),
            Some(Frame::Heredoc(_)) => Some((
                "a value inside a here-document would keep its quotes",
                "use a `file:` step for a file with values, or a variable that the here-document expands",
            )),
            Some(Frame::Backquote) => Some(("a value inside backquotes can end them", "write $(…) instead of `…`")),
            Some(Frame::Variable) => Some(("a value inside `${…}` is not one word", VARIABLE)),
            Some(Frame::Arithmetic(_)) => {
                Some(("a value inside `$((…))` arrives with quotes, which it can't read", VARIABLE))
            }
        }
    }

    /// A value was here: a quoted word.
    fn value(&mut self) {
        self.word.push('\'');
        self.at_start = false;
        self.after_dollar = false;
        self.in_delimiter = false;
    }

    fn read(&mut self, all: &str, range: std::ops::Range<usize>) {
        let text = &all[range.clone()];
        let mut chars = text.char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            let at = range.start + offset;
            let rest = &text[offset..];
            let mut skip = |bytes: usize| {
                while chars.next_if(|(next, _)| *next < offset + bytes).is_some() {}
            };
            self.in_delimiter = false;
            match self.frames.last_mut().map(|(frame, _)| frame) {
                Some(Frame::Heredoc(heredoc)) => {
                    // A whole line at a time; lines start here because a newline opened the frame.
                    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
                    let stripped = if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line };
                    let starts_line = at == 0 || all[..at].ends_with('\n');
                    let ended = starts_line && stripped == heredoc.delimiter;
                    skip(line.len() + usize::from(line.len() < rest.len()));
                    if ended {
                        self.frames.pop();
                        self.start_line(at);
                    }
                }
                Some(Frame::Single) => {
                    if c == '\'' {
                        self.frames.pop();
                    }
                }
                Some(Frame::Comment) => {
                    if c == '\n' {
                        self.frames.pop();
                        self.start_line(at);
                    }
                }
                Some(Frame::Backquote) => match c {
                    '\\' => skip(1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
                    '`' => drop(self.frames.pop()),
                    _ => {}
                },
                Some(Frame::Double) => match c {
                    '\\' => skip(1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
                    '"' => drop(self.frames.pop()),
                    '`' => self.frames.push((Frame::Backquote, at)),
                    '$' => skip(self.dollar(rest, at)),
                    _ => {}
                },
                Some(Frame::Variable) => match c {
                    '\\' => skip(1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
                    '}' => drop(self.frames.pop()),
                    '"' => self.frames.push((Frame::Double, at)),
                    '\'' if !self.frames.iter().any(|(frame, _)| *frame == Frame::Double) => {
                        self.frames.push((Frame::Single, at));
                    }
                    '`' => self.frames.push((Frame::Backquote, at)),
                    '$' => skip(self.dollar(rest, at)),
                    _ => {}
                },
                Some(Frame::Arithmetic(open)) => match c {
                    '(' => *open += 1,
                    ')' if *open > 1 => *open -= 1,
                    ')' => drop(self.frames.pop()),
                    '$' => skip(self.dollar(rest, at)),
                    _ => {}
                },
                None | Some(Frame::Command(_)) => skip(self.plain(c, rest, at)),
            }
        }
    }

    /// A character of plain script. Answers how many bytes it took.
    fn plain(&mut self, c: char, rest: &str, at: usize) -> usize {
        let after_dollar = std::mem::take(&mut self.after_dollar);
        let at_start = std::mem::take(&mut self.at_start);
        match c {
            '\\' => {
                let escaped = rest[1..].chars().next();
                if escaped == Some('\n') {
                    // A continued line: both are gone.
                    (self.at_start, self.after_dollar) = (at_start, after_dollar);
                } else {
                    self.word.push('\\');
                }
                return 1 + escaped.map_or(0, char::len_utf8);
            }
            '\'' => {
                if after_dollar {
                    let message = "`$'…'` means different things to different shells";
                    self.lost = Some((message, "use printf, or plain single quotes"));
                }
                self.word.push('\'');
                self.frames.push((Frame::Single, at));
            }
            '"' => {
                self.word.push('"');
                self.frames.push((Frame::Double, at));
            }
            '`' => {
                self.word.push('`');
                self.frames.push((Frame::Backquote, at));
            }
            '$' => {
                self.word.push('$');
                let taken = self.dollar(rest, at);
                self.after_dollar = taken == 1;
                // The text of a substitution starts words of its own.
                self.at_start = matches!(self.frames.last(), Some((Frame::Command(0), start)) if *start == at);
                return taken;
            }
            '#' if at_start => self.frames.push((Frame::Comment, at)),
            '\n' => {
                self.end_word();
                self.start_line(at);
            }
            '<' if rest.starts_with("<<") && !rest.starts_with("<<<") => {
                self.end_word();
                return self.heredoc(rest);
            }
            '(' | ')' => {
                self.end_word();
                match (self.frames.last_mut(), c) {
                    (Some((Frame::Command(open), _)), '(') => *open += 1,
                    (Some((Frame::Command(0), _)), _) => {
                        self.frames.pop();
                        self.at_start = false;
                        return 1;
                    }
                    (Some((Frame::Command(open), _)), _) => *open -= 1,
                    _ => {}
                }
                self.at_start = true;
            }
            ' ' | '\t' | ';' | '&' | '|' | '<' | '>' => {
                self.end_word();
                self.at_start = true;
                return if rest.starts_with("<<<") { 3 } else { 1 };
            }
            other => {
                if self.word.len() < 8 {
                    self.word.push(other);
                }
            }
        }
        1
    }

    fn end_word(&mut self) {
        if self.word == "case" && matches!(self.frames.last(), Some((Frame::Command(_), _))) {
            // Its patterns' parentheses can't be told from the closing one.
            let help = "move the `case` out of the `$(…)`, into a function";
            self.lost = Some(("`case` inside `$(…)` hides where the substitution ends", help));
        }
        self.word.clear();
    }

    /// What a `$` begins. Answers how many bytes that took.
    fn dollar(&mut self, rest: &str, at: usize) -> usize {
        let (frame, taken) = if rest.starts_with("$((") {
            (Frame::Arithmetic(2), 3)
        } else if rest.starts_with("$(") {
            (Frame::Command(0), 2)
        } else if rest.starts_with("${") {
            (Frame::Variable, 2)
        } else {
            return 1;
        };
        self.frames.push((frame, at));
        self.at_start = true;
        self.word.clear();
        taken
    }

    /// Reads `<<-'WORD'`. Answers how many bytes it took.
    fn heredoc(&mut self, rest: &str) -> usize {
        let strip_tabs = rest[2..].starts_with('-');
        let start = 2 + usize::from(strip_tabs);
        let blanks = rest[start..].bytes().take_while(|b| *b == b' ' || *b == b'\t').count();
        let word = &rest[start + blanks..];
        let length = word.find([' ', '\t', '\n', ';', '&', '|', '<', '>', '(', ')']).unwrap_or(word.len());
        self.in_delimiter = length == word.len();
        let delimiter: String = word[..length].chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
        self.pending.push(Heredoc { delimiter, strip_tabs });
        start + blanks + length
    }

    /// A new line begins: the body of a here-document, or plain script.
    fn start_line(&mut self, at: usize) {
        self.at_start = true;
        if !self.pending.is_empty() {
            let heredoc = self.pending.remove(0);
            self.frames.push((Frame::Heredoc(heredoc), at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(script: &str) -> Vec<String> {
        let (template, problems) = Template::scan(script);
        assert_eq!(problems, [], "{script}");
        check(&template).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_value_may_be_a_word_or_a_part_of_one() {
        for script in [
            "{{a}}",
            "echo {{a}}",
            "echo --x={{a}}",
            "echo 'x'{{a}}'y'",
            "echo \"x\"{{a}}\"y\"",
            "x=$(echo {{a}})",
            "x=\"$(echo {{a}})\"",
            "x=\"$(echo \"$(echo {{a}})\")\"",
            "(echo {{a}})",
            "case {{a}} in x) echo {{b}} ;; *) true ;; esac",
            "f() { echo {{a}}; }",
            "# it's a comment\necho {{a}}",
            "x=y # \"\necho {{a}}",
            "echo \"it's\" {{a}}",
            "echo 'say \"' {{a}}",
            "echo it\\'s {{a}}",
            "echo $# {{a}}",
            "echo ${x#y} {{a}}",
            "echo \"${x:-'}\" {{a}}",
            "echo $((1 << 2)) {{a}}",
            "echo $(( (1 + 2) * 3 )) {{a}}",
            "cat <<EOF\nit's\nEOF\necho {{a}}",
            "cat <<'EOF' | sort > {{a}}\nit's\nEOF\n",
            "cat <<-EOF\n\t\"\n\tEOF\necho {{a}}",
            "cat <<A <<B\n'\nA\n\"\nB\necho {{a}}",
            "x=$(cat <<EOF\n'\nEOF\n)\necho {{a}}",
            "echo a#b' {{' {{a}}".replace("{{'", "'").as_str(),
            "echo x \\\n  {{a}}",
            "{{#if a}}\necho 'x'\n{{else}}\necho {{b}}\n{{/if}}\necho {{a}}",
            "echo `date` {{a}}",
        ] {
            assert_eq!(refused(script), Vec::<String>::new(), "{script}");
        }
    }

    #[test]
    fn a_value_may_not_stand_where_its_quotes_are_not_quotes() {
        for (script, reason) in [
            ("echo '{{a}}'", "single quotes"),
            ("echo \"{{a}}\"", "double quotes"),
            ("echo \"x {{a}} y\"", "double quotes"),
            ("x=\"$(echo \"{{a}}\")\"", "double quotes"),
            ("echo `echo {{a}}`", "backquotes"),
            ("echo ${x:-{{a}} }", "`${…}`"),
            ("echo $(( {{a}} + 1 ))", "`$((…))`"),
            ("cat <<EOF\n{{a}}\nEOF", "here-document"),
            ("cat <<'EOF'\nx {{a}}\nEOF", "here-document"),
            ("cat <<-EOF\n\tx\n\t{{a}}\n\tEOF", "here-document"),
            ("cat <<{{a}}\n", "end mark"),
            ("cat <<E{{a}}\n", "end mark"),
            ("echo ${{a}}", "`$` right before"),
            ("echo \"it's {{a}}\"", "double quotes"),
            ("# it's\necho '{{a}}'", "single quotes"),
            ("echo a#'{{a}}'", "single quotes"),
            ("echo \\\" \"{{a}}\"", "double quotes"),
            ("x=\"$(case x in a) echo \"{{a}}\" ;; esac)\"", "`case` inside"),
            ("{{#if a}}\necho 'x\n{{/if}}\n{{b}}'", "must not cross"),
            ("{{#if a}}\ncat <<EOF\n{{/if}}\n{{b}}\nEOF", "must not cross"),
            ("echo 'x", "never closed"),
            ("echo \"x", "never closed"),
            ("cat <<EOF\nx\n", "never ends"),
            ("x=$(echo", "never closed"),
            ("x=$'a' y={{a}}", "different shells"),
        ] {
            let messages = refused(script);
            assert!(messages.iter().any(|message| message.contains(reason)), "{script}: {messages:?}");
        }
    }

    #[test]
    fn scripts_without_values_are_left_to_the_shell() {
        assert_eq!(refused("x=$(case y in a) echo b ;; esac)\n"), Vec::<String>::new());
    }
}
