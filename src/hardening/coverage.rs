//! Which recommendations of which benchmark have a control, and what that control does: the table in
//! `hardening/COVERAGE.md`.

use super::benchmark::{CLASSES, Recommendation, family, id_order};
use super::control::Control;
use super::library::Library;
use super::primitive::Verb;
use crate::identity::OsFamily;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a control does about its recommendation on one OS family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// All of it is applied, and audited.
    Applied,
    /// Some of it is applied, all of it is audited.
    AppliedInPart,
    /// It is audited; mending it is for people.
    Audited,
    /// A person has to look; the control says at what.
    Manual,
    /// Written for other families only.
    OtherFamilies,
    /// There is no control.
    Missing,
}

impl Standing {
    /// All of them, the best first.
    pub const ALL: [Standing; 6] = [
        Standing::Applied,
        Standing::AppliedInPart,
        Standing::Audited,
        Standing::Manual,
        Standing::OtherFamilies,
        Standing::Missing,
    ];

    /// What a control does on a family; on any of its own where none is given.
    pub fn of(control: &Control, on: Option<OsFamily>) -> Standing {
        if on.is_some_and(|family| !control.families.contains(&family)) {
            return Standing::OtherFamilies;
        }
        if control.manual.is_some() {
            return Standing::Manual;
        }
        let here: Vec<bool> = control
            .ensure
            .iter()
            .filter(|ensure| on.is_none_or(|family| ensure.families.is_empty() || ensure.families.contains(&family)))
            // What only looks at the running system is a second look at what the others apply.
            .filter(|ensure| {
                control.ensure.len() == 1 || ensure.primitive.can(Verb::Apply) || ensure.primitive.can(Verb::Persisted)
            })
            .map(|ensure| !ensure.audit_only && ensure.primitive.can(Verb::Apply))
            .collect();
        match here.iter().filter(|applied| **applied).count() {
            _ if here.is_empty() => Standing::OtherFamilies,
            0 => Standing::Audited,
            applied if applied == here.len() => Standing::Applied,
            _ => Standing::AppliedInPart,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Applied => "applied, audited",
            Standing::AppliedInPart => "applied in part, audited",
            Standing::Audited => "audited",
            Standing::Manual => "manual",
            Standing::OtherFamilies => "other families",
            Standing::Missing => "missing",
        })
    }
}

/// One recommendation and its control.
#[derive(Debug, Clone)]
pub struct Covered<'a> {
    /// The benchmark's id.
    pub id: &'a str,
    /// The facts of it; none where only the control's own word for the id is known.
    pub recommendation: Option<&'a Recommendation>,
    /// Its control.
    pub control: Option<&'a Control>,
    /// What that does.
    pub standing: Standing,
}

/// Every recommendation of a benchmark that is known, by id; once for each of its controls where there are several.
pub fn coverage<'a>(library: &'a Library, benchmark: &str) -> Vec<Covered<'a>> {
    let on = family(benchmark);
    let mut controls: BTreeMap<&str, Vec<&Control>> = BTreeMap::new();
    for control in library.controls.values() {
        if let Some(id) = control.ids.get(benchmark) {
            controls.entry(id).or_default().push(control);
        }
    }
    let facts = library.benchmarks.get(benchmark).map(Vec::as_slice).unwrap_or_default();
    let ids: BTreeSet<&str> = facts.iter().map(|fact| fact.id.as_str()).chain(controls.keys().copied()).collect();
    let mut rows: Vec<Covered<'a>> = Vec::new();
    for id in ids {
        let recommendation = facts.iter().find(|fact| fact.id == id);
        let mut add = |control: Option<&'a Control>| {
            let standing = control.map_or(Standing::Missing, |control| Standing::of(control, on));
            rows.push(Covered { id, recommendation, control, standing });
        };
        match controls.get(id) {
            None => add(None),
            Some(several) => several.iter().for_each(|control| add(Some(control))),
        }
    }
    rows.sort_by_key(|row| id_order(row.id));
    rows
}

/// The whole page, for `hardening/COVERAGE.md`.
pub fn page(library: &Library) -> String {
    let mut text = "# What the library covers\n\n\
        Generated from the controls and from `benchmarks/`; a test compares. To renew it:\n\n    \
        AMIFACTORY_RENEW=1 cargo test --no-default-features --test suite coverage\n\n\
        *made of* names primitives, or the control's own script. *applied* means that a build makes it so, *audited*\n\
        that each build looks whether it is; `+ boot` where the started image is looked at too. *manual*: the control\n\
        says what a person has to look at. *otherwise*: it ensures something else than the benchmark asks for; README.md\n\
        says what, and why. *can break* is what an image may lose by it: `amifactory controls CONTROL`\n\
        says how.\n"
        .to_owned();
    let named = library.controls.values().flat_map(|control| control.ids.keys());
    let benchmarks: BTreeSet<&String> = library.benchmarks.keys().chain(named).collect();
    for benchmark in benchmarks {
        let rows = coverage(library, benchmark);
        text.push_str(&format!("\n## {benchmark}\n\n"));
        text.push_str(&summary(&rows, library.benchmarks.contains_key(benchmark)));
        text.push_str("\n| id | level | class | control | made of | families | can break | status |\n|---|---|---|---|---|---|---|---|\n");
        for row in &rows {
            text.push_str(&line(row, family(benchmark)));
        }
    }
    let others: Vec<&Control> = library.controls.values().filter(|control| control.ids.is_empty()).collect();
    if !others.is_empty() {
        text.push_str("\n## In no benchmark\n\n| control | level | made of | families | can break | status |\n|---|---|---|---|---|---|\n");
        for control in others {
            let status = status(control, Standing::of(control, None), None);
            text.push_str(&format!(
                "| {} | L{} | {} | {} | {} | {status} |\n",
                control.slug,
                control.level,
                made_of(control, None),
                families(control),
                breaks(control)
            ));
        }
    }
    text
}

/// How many of which class stand how.
fn summary(rows: &[Covered<'_>], whole: bool) -> String {
    if !whole {
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
        return format!("{} ids are known here, from the controls themselves.\n", ids.len());
    }
    let standings: Vec<Standing> =
        Standing::ALL.into_iter().filter(|standing| rows.iter().any(|row| row.standing == *standing)).collect();
    let heads: Vec<String> = standings.iter().map(Standing::to_string).collect();
    let mut text = format!("| class | {} | all |\n|---|{}---:|\n", heads.join(" | "), "---:|".repeat(heads.len()));
    let mut add = |name: &str, class: Option<&str>| {
        let of =
            |row: &&Covered<'_>| class.is_none_or(|class| row.recommendation.is_some_and(|fact| fact.class == class));
        let counts: Vec<String> = standings
            .iter()
            .map(|standing| rows.iter().filter(of).filter(|row| row.standing == *standing).count().to_string())
            .collect();
        text.push_str(&format!("| {name} | {} | {} |\n", counts.join(" | "), rows.iter().filter(of).count()));
    };
    for class in CLASSES {
        add(class, Some(class));
    }
    add("**all**", None);
    text
}

fn line(row: &Covered<'_>, on: Option<OsFamily>) -> String {
    let level = match (row.recommendation, row.control) {
        (Some(fact), _) => format!("L{}{}", fact.level, if fact.manual { ", manual" } else { "" }),
        (None, Some(control)) => format!("L{}", control.level),
        (None, None) => String::new(),
    };
    let class = row.recommendation.map_or("", |fact| fact.class.as_str());
    let Some(control) = row.control else {
        return format!("| {} | {level} | {class} | | | | | {} |\n", row.id, row.standing);
    };
    format!(
        "| {} | {level} | {class} | {} | {} | {} | {} | {} |\n",
        row.id,
        control.slug,
        made_of(control, on),
        families(control),
        breaks(control),
        status(control, row.standing, on) + if class == "waive" { ", otherwise" } else { "" }
    )
}

/// The primitives that hold on a family, each once, and the parameters that they take.
fn made_of(control: &Control, on: Option<OsFamily>) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    let mut parameters = BTreeSet::new();
    for ensure in &control.ensure {
        if on.is_none_or(|family| ensure.families.is_empty() || ensure.families.contains(&family)) {
            if !kinds.contains(&ensure.primitive.kind()) {
                kinds.push(ensure.primitive.kind());
            }
            parameters.extend(ensure.primitive.parameters());
        }
    }
    let values: String = parameters.iter().map(|name| format!(" `{{{name}}}`")).collect();
    format!("{}{values}", kinds.join(", "))
}

fn families(control: &Control) -> String {
    if control.families.len() == OsFamily::ALL.len() {
        return "all".to_owned();
    }
    control.families.iter().map(|family| family.as_str()).collect::<Vec<_>>().join(", ")
}

fn breaks(control: &Control) -> String {
    control.breaks.iter().map(|breaks| breaks.what.as_str()).collect::<Vec<_>>().join(", ")
}

fn status(control: &Control, standing: Standing, on: Option<OsFamily>) -> String {
    let runtime = control.ensure.iter().any(|ensure| {
        ensure.primitive.can(Verb::Runtime)
            && on.is_none_or(|family| ensure.families.is_empty() || ensure.families.contains(&family))
    });
    if runtime { format!("{standing} + boot") } else { standing.to_string() }
}
