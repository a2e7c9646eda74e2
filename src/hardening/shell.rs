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

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

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
