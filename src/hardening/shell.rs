//! Text made safe for a shell. Everything that reaches a script from a recipe, a control or a parameter goes through
//! [`quote`].

/// Text that no shell can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value holds a NUL byte, which no shell can carry: remove it")]
pub struct NulError;

/// One word for a POSIX shell, whatever the text holds: single quotes, inside which nothing is special but the quote
/// itself.
pub fn quote(text: &str) -> Result<String, NulError> {
    if text.contains('\0') {
        return Err(NulError);
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// The same for text that was checked for NUL bytes when it was read; were there one, the word is empty.
pub fn word(text: &str) -> String {
    quote(text).unwrap_or_else(|NulError| "''".to_owned())
}

/// The same in a command that is shown to people: bare where every shell takes it as it is. For nothing that is run here.
pub fn shown(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    match !text.is_empty() && !text.starts_with(['-', '=']) && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => word(text),
    }
}

/// An option and its value, as `shown`: a value that begins like a flag would be taken for one behind a space.
pub fn option(name: &str, value: &str) -> String {
    let of = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{of}{}", shown(value))
}

/// A call of a shell function with quoted arguments.
pub(super) fn call<'a>(function: &str, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, NulError> {
    let mut line = function.to_owned();
    for argument in arguments {
        line.push(' ');
        line.push_str(&quote(argument)?);
    }
    Ok(line)
}

/// A script as it travels: without comments, empty lines and indentation, which are for who reads it. What stands in a
/// here-document is as it was.
pub fn plain(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    let mut document: Option<String> = None;
    for line in text.lines() {
        if document.is_some() {
            all.push_str(line);
            document = document.filter(|end| line != end);
        } else {
            let line = line.trim_start_matches(' ');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            all.push_str(line);
            document = here_document(line).map(str::to_owned);
        }
        all.push('\n');
    }
    all
}

/// The word that ends the here-document that begins on this line, where one does.
fn here_document(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("<<")?;
    let word = rest.trim_start_matches(['\'', '"']);
    let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
    (end > 0 && word.starts_with(|c: char| c.is_ascii_uppercase())).then(|| &word[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_begins_like_a_flag_is_taken_for_the_option_before_it() {
        assert_eq!(option("--group", "web"), "--group web");
        assert_eq!(option("--group", "web asg"), "--group 'web asg'");
        assert_eq!(option("--group", "--now"), "--group='--now'");
    }

    #[test]
    fn a_shell_takes_any_name_that_is_shown_as_one_word() {
        for plain in ["web-prod_1", "LaunchTemplateId=lt-1,Version=2"] {
            assert_eq!(shown(plain), plain);
        }
        assert_eq!(shown("a b; rm -rf $HOME"), "'a b; rm -rf $HOME'");
        assert_eq!(shown("it's"), r"'it'\''s'");
        // Some shells look for a program by the second.
        for odd in ["--all", "=web", "~", ""] {
            assert_eq!(shown(odd), format!("'{odd}'"));
        }
    }
    use std::process::Command;

    #[test]
    fn comments_and_indentation_stay_behind_and_documents_are_whole() {
        let text = "# a\n\nf() {\n    # b\n    cat <<'END'\n# kept\n\n  as it is\nEND\n    echo '#no' # yes\n}\n";
        assert_eq!(plain(text), "f() {\ncat <<'END'\n# kept\n\n  as it is\nEND\necho '#no' # yes\n}\n");
        assert_eq!(here_document("while read -r x; do"), None);
        assert_eq!(here_document("done <<LIST"), Some("LIST"));
        assert_eq!(here_document("n=$((1 << 2))"), None);
    }

    #[test]
    fn the_shell_gives_back_exactly_what_was_quoted() {
        let hostile =
            ["", "plain", "it's", "'; rm -rf / #", "$(id)`id`$HOME\\", "a\nb\n", "'''", "\t\u{1b}[31m", "-n", "ä🦀"];
        for text in hostile {
            let script = format!("printf '%s.' {}", quote(text).unwrap());
            let output = Command::new("sh").arg("-c").arg(&script).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{text}."), "{script}");
        }
    }

    #[test]
    fn a_nul_is_refused() {
        assert_eq!(quote("a\0b"), Err(NulError));
    }
}
