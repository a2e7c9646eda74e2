//! Shell quoting.

/// The text as one POSIX sh word, whatever it holds. A NUL can't be in a word; it is refused long before.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_quoted_text_is_one_word_that_sh_reads_back_unchanged() {
        for text in ["", "a b", "it's", "''", "$(id) `id` \\ \" ; & | > * ~ #", "-n", "line\nline", "ünïcode"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf '%s.' {}", quote(text))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{text}."));
        }
    }
}
