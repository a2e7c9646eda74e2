//! The shell functions of the library, one by one: a bundle carries those that its steps reach, and no others. Every byte
//! travels to every builder.

use super::shell;
use std::collections::{BTreeMap, BTreeSet};

/// A function, or a variable that functions read.
#[derive(Debug, Clone)]
struct Definition {
    name: String,
    /// As it travels, to the line before the next one.
    text: String,
}

/// All of the library's, in the order in which they are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Functions(Vec<Definition>);

impl Functions {
    /// Takes the files apart. Each begins with a definition; that nothing but definitions stands at the beginning of a
    /// line is a rule of the library, and tested.
    pub(super) fn of(files: impl IntoIterator<Item = String>) -> Functions {
        let mut all: Vec<(String, String)> = Vec::new();
        for file in files {
            let mut began = false;
            for line in file.lines() {
                if let Some(name) = defined(line) {
                    all.push((name.to_owned(), String::new()));
                    began = true;
                }
                // What stands before a file's first definition are comments.
                if let (true, Some((_, text))) = (began, all.last_mut()) {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        Functions(all.into_iter().map(|(name, text)| Definition { name, text: shell::plain(&text) }).collect())
    }

    /// All of them.
    pub(super) fn all(&self) -> String {
        self.0.iter().map(|definition| definition.text.as_str()).collect()
    }

    /// Those whose names stand in one of these texts, and those that they need themselves.
    pub(super) fn reached_by<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> String {
        let known: BTreeMap<&str, &str> =
            self.0.iter().map(|definition| (definition.name.as_str(), definition.text.as_str())).collect();
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = texts.into_iter().flat_map(words).collect();
        while let Some(word) = open.pop() {
            if let Some(text) = known.get(word)
                && reached.insert(word)
            {
                open.extend(words(text));
            }
        }
        let kept = self.0.iter().filter(|definition| reached.contains(definition.name.as_str()));
        kept.map(|definition| definition.text.as_str()).collect()
    }
}

/// The name that a line at its beginning defines.
fn defined(line: &str) -> Option<&str> {
    let (name, rest) = line.split_at(line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?);
    let function = name.starts_with("af_") && rest.starts_with("() ");
    (function || (name.starts_with("AF_") && rest.starts_with('='))).then_some(name)
}

/// What may be a name.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("af_") || word.starts_with("AF_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardening::Library;
    use std::process::Command;

    #[test]
    fn what_is_reached_travels_with_what_that_needs_and_in_its_order() {
        let files = [
            "# Head.\nAF_X='a\nb'\naf_one() {\n    af_two \"$AF_X\"\n}\n\n# Of two.\naf_two() {\n    :\n}\n".to_owned(),
            "af_three() {\n    af_one\n}\naf_four() {\n    echo af_threefold\n}\n".to_owned(),
        ];
        let functions = Functions::of(files);
        assert_eq!(functions.reached_by(["af_two"]), "af_two() {\n:\n}\n");
        let three = functions.reached_by(["x;af_three|y"]);
        assert_eq!(three, "AF_X='a\nb'\naf_one() {\naf_two \"$AF_X\"\n}\naf_two() {\n:\n}\naf_three() {\naf_one\n}\n");
        assert_eq!(functions.reached_by(["af_four"]), "af_four() {\necho af_threefold\n}\n");
        assert_eq!(functions.reached_by(["nothing", "my_af_one"]), "");
    }

    #[test]
    fn the_library_is_made_of_definitions_that_do_nothing_by_themselves() {
        let library = Library::embedded().unwrap();
        assert!(library.functions().0.len() > 150);
        let mut names = BTreeSet::new();
        for Definition { name, text } in &library.functions().0 {
            assert!(names.insert(name), "{name} is defined twice");
            for shell in ["dash", "bash"] {
                // Without any program.
                let script = format!("PATH=/nowhere\nset -eu\n{text}\n:");
                let output = Command::new(shell).args(["-c", &script]).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(
                    output.status.success() && output.stdout.is_empty() && said.is_empty(),
                    "{shell} {name}: {said}"
                );
            }
        }
    }

    #[test]
    fn no_name_is_put_together_while_a_script_runs() {
        let library = Library::embedded().unwrap();
        for Definition { name, text } in &library.functions().0 {
            let put_together = ["af_$", "af_\"$", "af_\\"].iter().find(|sign| text.contains(**sign));
            assert_eq!(put_together, None, "{name}");
        }
    }
}
