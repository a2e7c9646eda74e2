//! Names of groups in one word, as `--wave` takes them: a name may have a comma in it, before which a backslash stands then. Pure.

/// The word.
pub fn join<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let escaped = |name: &str| name.replace('\\', "\\\\").replace(',', "\\,");
    names.map(escaped).collect::<Vec<_>>().join(",")
}

/// The names in it.
pub fn split(word: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        let more = match (letter, letters.clone().next()) {
            (',', _) => {
                names.push(String::new());
                continue;
            }
            ('\\', Some(next @ ('\\' | ','))) => {
                letters.next();
                next
            }
            (letter, _) => letter,
        };
        if let Some(name) = names.last_mut() {
            name.push(more);
        }
    }
    names.into_iter().map(|name| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_is_split_into_the_same() {
        for names in [vec!["a"], vec!["a", "b"], vec!["a,b", "c\\", "\\,"], vec!["web \\1"]] {
            assert_eq!(split(&join(names.iter().copied())), names);
        }
        assert_eq!(split("a, b"), ["a", "b"]);
        assert_eq!(split("a\\b,,"), ["a\\b", "", ""]);
    }
}
