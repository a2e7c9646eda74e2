//! What a benchmark recommends, as facts: `hardening/benchmarks/<name>.tsv` holds ids, levels, how each is assessed and
//! whose business it is. Titles and text are not in it: those are the benchmark's own.

use crate::identity::OsFamily;
use crate::source::{Diagnostics, SourceFile, Span};
use std::sync::Arc;

/// One recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// `1.1.1.3`.
    pub id: String,
    /// 1 or 2.
    pub level: u8,
    /// The benchmark leaves it to a person.
    pub manual: bool,
    /// Whose business it is: `image`, `image+boot`, `role`, `site`, `volume`, `review`, `runtime`, `firstboot`, `waive`.
    pub class: String,
}

/// The classes, in the order in which they are told.
pub const CLASSES: [&str; 9] =
    ["image", "image+boot", "role", "site", "volume", "review", "runtime", "firstboot", "waive"];

/// The OS family that a benchmark is written for, by its name; none where the name does not say.
pub fn family(benchmark: &str) -> Option<OsFamily> {
    [
        ("cis-al2023-", OsFamily::AmazonLinux2023),
        ("cis-debian12-", OsFamily::Debian12),
        ("cis-ubuntu", OsFamily::Ubuntu),
    ]
    .into_iter()
    .find_map(|(prefix, family)| benchmark.starts_with(prefix).then_some(family))
}

/// An id as numbers, so that `5.2.10` comes after `5.2.9`.
pub fn id_order(id: &str) -> Vec<u32> {
    id.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

/// Reads the facts of one benchmark.
pub(super) fn read(path: &str, text: &str, diagnostics: &mut Diagnostics) -> Vec<Recommendation> {
    let file = Arc::new(SourceFile { path: format!("hardening/{path}"), text: text.to_owned() });
    let mut found: Vec<Recommendation> = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let mut wrong = |why: String| {
            diagnostics
                .report(&Span { file: file.clone(), line: number + 1, column: 1, length: line.len().max(1) }, why);
        };
        let fields: Vec<&str> = line.split('\t').collect();
        let (id, level, assessment, class) = match fields[..] {
            [id, level, assessment, class] => (id, level, assessment, class),
            _ => {
                wrong(format!(
                    "expected id, level, assessment and class with tabs between, found {} fields",
                    fields.len()
                ));
                continue;
            }
        };
        let level = match level {
            "L1" => 1,
            "L2" => 2,
            other => {
                wrong(format!("expected level L1 or L2, found `{other}`"));
                continue;
            }
        };
        if !matches!(assessment, "automated" | "manual") {
            wrong(format!("expected automated or manual, found `{assessment}`"));
        } else if !CLASSES.contains(&class) {
            wrong(format!("`{class}` is no class: there are {}", CLASSES.join(", ")));
        } else if found.iter().any(|other| other.id == id) {
            wrong(format!("{id} stands here twice"));
        } else {
            let manual = assessment == "manual";
            found.push(Recommendation { id: id.to_owned(), level, manual, class: class.to_owned() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_shown_on_their_line() {
        let mut diagnostics = Diagnostics::new();
        let text = "id\tlevel\tassessment\tclass\n1.1\tL1\tautomated\timage\n1.1\tL1\tmanual\trole\n1.2\tL3\tmanual\trole\n\
                    1.3\tL1\tsometimes\trole\n1.4\tL2\tmanual\tother\n1.5\tL2\n";
        let found = read("benchmarks/x.tsv", text, &mut diagnostics);
        assert_eq!(found.len(), 1);
        let shown: String = diagnostics.sorted().iter().map(|mistake| format!("{mistake}\n")).collect();
        for part in
            ["x.tsv:3:1", "stands here twice", "found `L3`", "found `sometimes`", "`other` is no class", "2 fields"]
        {
            assert!(shown.contains(part), "{part} is missing:\n{shown}");
        }
    }

    #[test]
    fn ids_are_ordered_as_numbers() {
        assert!(id_order("5.2.9") < id_order("5.2.10"));
        assert!(id_order("1.9") < id_order("1.10.1"));
    }
}
