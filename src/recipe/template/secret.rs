//! Where a script fetches secrets: `af_secret /path/name`.

use super::shell::Comments;
use std::ops::Range;

/// The shell function that fetches a secret on the builder.
const FETCH: &str = "af_secret";

/// One use of `af_secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The word itself.
    pub word: Range<usize>,
    /// The name behind it, where it is written out; a variable or a parameter can only be known on the builder.
    pub name: Option<Range<usize>>,
}

/// Every use of `af_secret` in a script, but for comments. What stands in quotes and here-documents counts: there may be
/// a `$(…)` around it.
pub fn secret_uses(script: &str) -> Vec<SecretUse> {
    let mut comments = Comments::of(script);
    let uses = script.match_indices(FETCH).filter_map(|(at, word)| {
        let end = at + word.len();
        let part_of_word = script[..at].ends_with(|c: char| is_name(c) || c == '$' || c == '{')
            || script[end..].starts_with(|c: char| is_name(c) || c == '=');
        if part_of_word || comments.is_comment(at) {
            return None;
        }
        Some(SecretUse { word: at..end, name: name(script, end) })
    });
    uses.collect()
}

/// The name behind the word, bare or in quotes.
fn name(script: &str, word_end: usize) -> Option<Range<usize>> {
    let rest = &script[word_end..];
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let quoted = usize::from(rest[blanks..].starts_with(['\'', '"']));
    let start = word_end + blanks + quoted;
    let length = script[start..].find(|c: char| !is_name(c)).unwrap_or(script.len() - start);
    let end = start + length;
    // A name that goes on with a variable, a substitution or a parameter is not written out.
    let goes_on = script[end..].starts_with(['$', '`', '{', '\\']);
    (blanks > 0 && script[start..].starts_with('/') && !goes_on).then_some(start..end)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(script: &str) -> Vec<Option<&str>> {
        secret_uses(script).into_iter().map(|found| found.name.map(|range| &script[range])).collect()
    }

    #[test]
    fn names_are_found_wherever_a_script_may_fetch() {
        let script = "token=$(af_secret /app/token)\n\
                      curl -H \"Key: $(af_secret \"/app/key\")\" x\n\
                      a=`af_secret '/app/old'`; af_secret  /app/last";
        assert_eq!(names(script), [Some("/app/token"), Some("/app/key"), Some("/app/old"), Some("/app/last")]);
        assert_eq!(names("cat <<EOF\nkey=$(af_secret /app/key)\nEOF\naf_secret /b"), [Some("/app/key"), Some("/b")]);
    }

    #[test]
    fn what_is_only_known_on_the_builder_has_no_name() {
        assert_eq!(names("af_secret \"$name\"; af_secret /app/$env; af_secret {{name}}; af_secret"), [None; 4]);
        assert_eq!(names("af_secret /app/{{name}}"), [None]);
    }

    #[test]
    fn comments_and_other_words_are_no_uses() {
        assert!(
            names("# af_secret /a\ntrue # see af_secret /b\nmy_af_secret /c; af_secrets /d; af_secret=/e").is_empty()
        );
        assert_eq!(names("x=a#b; af_secret /a; echo '# '\"$(af_secret /b)\" # af_secret /c").len(), 2);
    }
}
