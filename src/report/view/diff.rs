//! A comparison of two images.

use crate::hardening::Status;
use crate::report::diff::{ImageDiff, NamedChange, Side};
use crate::report::table::Table;
use crate::report::{Style, visible, wording};

/// The comparison for people: `+` came, `-` went, `~` changed.
pub fn diff(diff: &ImageDiff, style: Style) -> String {
    compared(diff, style, inputs(&diff.inputs, style))
}

/// The same, with the inputs of the plan as a number: what they made of it stands above them.
pub fn folded(diff: &ImageDiff, style: Style) -> String {
    let inputs = match diff.inputs.len() {
        0 => String::new(),
        inputs => format!(
            "\n{} of the plan changed: amifactory diff {} {} lists them\n",
            wording::count(inputs, "input"),
            diff.a.image,
            diff.b.image
        ),
    };
    compared(diff, style, inputs)
}

fn compared(diff: &ImageDiff, style: Style, inputs: String) -> String {
    let side = |side: &Side| format!("{} {} ({})", side.recipe, side.version, side.image);
    let mut text = format!("{} → {}\n", style.bold(&side(&diff.a)), style.bold(&side(&diff.b)));
    let mut field = |name: &str, value: String| {
        text.push_str(&format!("  {}{value}\n", style.dim(&format!("{name:<11}"))));
    };
    field("digest", arrow(diff.a.digest.short(), diff.b.digest.short()));
    field("score", arrow(&wording::score(diff.a.score), &wording::score(diff.b.score)));
    if let Some(base) = &diff.base {
        field("base", arrow(&visible::line(&base.from), &visible::line(&base.to)));
    }
    if let Some(profile) = &diff.profile {
        let name = |profile: &Option<String>| visible::line(profile.as_deref().unwrap_or("none")).into_owned();
        field("profile", arrow(&name(&profile.from), &name(&profile.to)));
    }
    if diff.is_empty() {
        text.push_str("\n  no difference in base, profile, groups, packages, controls and inputs\n");
        return text;
    }
    text.push_str(&named("package groups", &diff.groups, style));
    text.push_str(&named("packages", &diff.packages, style));
    text.push_str(&controls(diff, style));
    text.push_str(&inputs);
    text
}

fn arrow(from: &str, to: &str) -> String {
    if from == to { format!("{from} (the same)") } else { format!("{from} → {to}") }
}

fn mark<T>(from: Option<T>, to: Option<T>, style: Style) -> String {
    match (from, to) {
        (None, _) => style.green("+"),
        (_, None) => style.red("-"),
        _ => style.yellow("~"),
    }
}

fn named(title: &str, changes: &[NamedChange], style: Style) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let value = |value: &Option<String>| visible::line(value.as_deref().unwrap_or("-")).into_owned();
    let mut table = Table::new(&["", "NAME", "FROM", "TO"]).gives_way(3);
    for change in changes {
        let mark = mark(change.from.as_ref(), change.to.as_ref(), style);
        table.row(vec![mark, visible::line(&change.name).into_owned(), value(&change.from), value(&change.to)]);
    }
    let came = changes.iter().filter(|change| change.from.is_none()).count();
    let went = changes.iter().filter(|change| change.to.is_none()).count();
    let tally = format!("  {came} added, {went} removed, {} changed", changes.len() - came - went);
    format!("\n{}{}\n{}", style.bold(title), style.dim(&tally), table.render(style))
}

fn controls(diff: &ImageDiff, style: Style) -> String {
    if diff.controls.is_empty() {
        return String::new();
    }
    let status =
        |status: Option<Status>| status.map_or_else(|| "-".to_owned(), |status| wording::painted(status, style));
    let mut table = Table::new(&["", "CONTROL", "FROM", "TO", "TITLE"]).gives_way(4);
    for change in &diff.controls {
        table.row(vec![
            mark(change.from, change.to, style),
            change.slug.to_string(),
            status(change.from),
            status(change.to),
            visible::line(&change.title).into_owned(),
        ]);
    }
    format!("\n{}\n{}", style.bold("controls"), table.render(style))
}

/// Inputs by name only: their digests say nothing to people.
fn inputs(changes: &[NamedChange], style: Style) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let lines: String = changes
        .iter()
        .map(|change| {
            format!("{}  {}\n", mark(change.from.as_ref(), change.to.as_ref(), style), visible::line(&change.name))
        })
        .collect();
    format!("\n{}\n{lines}", style.bold("inputs of the plan"))
}
