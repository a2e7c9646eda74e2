//! The catalogue of controls.

use crate::identity::{OsFamily, Slug};
use crate::report::table::Table;
use crate::report::{Style, visible, wording};
use serde::Serialize;
use std::collections::BTreeMap;

/// One control of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlRow {
    /// Which.
    pub slug: Slug,
    /// Its title.
    pub title: String,
    /// Benchmark ids.
    pub ids: BTreeMap<String, String>,
    /// Benchmark level.
    pub level: u8,
    /// Section of the benchmark.
    pub section: u8,
    /// The OS families that it is written for.
    pub families: Vec<OsFamily>,
    /// What applying it can break, each as `network: how`.
    pub breaks: Vec<String>,
}

/// The result of `controls`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Controls {
    /// All of them, in the order in which they are listed.
    pub controls: Vec<ControlRow>,
}

/// One row per control, under its section's heading.
pub fn controls(list: &Controls, style: Style) -> String {
    let mut sections: BTreeMap<u8, Table> = BTreeMap::new();
    for control in &list.controls {
        let table = sections
            .entry(control.section)
            .or_insert_with(|| Table::new(&["CONTROL", "!", "LEVEL", "IDS", "FAMILIES", "TITLE"]).gives_way(5));
        let ids: Vec<String> = control.ids.iter().map(|(benchmark, id)| format!("{benchmark} {id}")).collect();
        let families: Vec<&str> = control.families.iter().map(|family| family.as_str()).collect();
        table.row(vec![
            control.slug.to_string(),
            if control.breaks.is_empty() { String::new() } else { style.yellow("!") },
            format!("L{}", control.level),
            visible::line(&ids.join(", ")).into_owned(),
            families.join(", "),
            visible::line(&control.title).into_owned(),
        ]);
    }
    let mut text: String = sections
        .iter()
        .map(|(section, table)| format!("{}\n{}\n", style.bold(&wording::section(*section)), table.render(style)))
        .collect();
    text.push_str(&format!("{}\n", wording::count(list.controls.len(), "control")));
    let breaking = list.controls.iter().filter(|control| !control.breaks.is_empty()).count();
    if breaking > 0 {
        let mark = style.yellow("!");
        text.push_str(&format!("{mark} {breaking} can break something: `amifactory controls NAME` says what\n"));
    }
    text
}
