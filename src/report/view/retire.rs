//! What `retire` has found: each image, whether it stays and why.

use crate::fleet::retire::{Item, Reason};
use crate::identity::{Arch, ImageId, RecipeName, TargetKind, Version};
use crate::report::table::Table;
use crate::report::wrap::fold;
use crate::report::{Style, visible, wording};
use serde::Serialize;

/// What becomes, or became, of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "because", rename_all = "kebab-case")]
pub enum Outcome {
    /// It stays.
    Keep(Vec<Reason>),
    /// It would go.
    Remove,
    /// It is gone.
    Removed,
    /// It could not be removed.
    Failed(String),
}

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetiredRow {
    /// Its id.
    pub image: ImageId,
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its version.
    pub version: Version,
    /// Its architecture.
    pub arch: Arch,
    /// When it was made, RFC 3339; empty where that is not known.
    pub created_at: String,
    /// How many bytes it gives back; none where that can't be said.
    pub bytes: Option<u64>,
    /// What its snapshots cost at most, in US dollars a month; none where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_usd: Option<f64>,
    /// What becomes of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl RetiredRow {
    /// Of an image that was looked at.
    pub fn of(item: &Item, target: TargetKind, outcome: Outcome) -> RetiredRow {
        let price = item.retention.as_ref().map(|retention| retention.snapshot_price);
        let monthly = |(bytes, price): (u64, f64)| cents(bytes as f64 / (1_u64 << 30) as f64 * price);
        RetiredRow {
            image: item.image.clone(),
            recipe: item.name.recipe.clone(),
            version: item.version,
            arch: item.name.arch,
            created_at: item.created_at.clone(),
            bytes: item.facts.bytes,
            monthly_usd: match target {
                TargetKind::Local => None,
                _ => item.facts.bytes.zip(price).map(monthly),
            },
            outcome,
        }
    }
}

/// The result of `retire`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retired {
    /// Every image, by recipe, the newest version first.
    pub images: Vec<RetiredRow>,
    /// Whether anything was to be changed.
    pub applied: bool,
    /// How many stay.
    pub kept: usize,
    /// How many would go.
    pub removable: usize,
    /// How many are gone.
    pub removed: usize,
    /// How many could not be removed.
    pub failed: usize,
    /// What those that go or are gone give back, in bytes, as far as that can be said.
    pub bytes: u64,
    /// The same in US dollars a month, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_usd: Option<f64>,
    #[serde(skip)]
    has_retention: bool,
}

impl Retired {
    /// With its sums. `has_retention`: whether the factory file has one.
    pub fn of(images: Vec<RetiredRow>, applied: bool, has_retention: bool) -> Retired {
        let count = |which: fn(&Outcome) -> bool| images.iter().filter(|row| which(&row.outcome)).count();
        let goes = |outcome: &Outcome| matches!(outcome, Outcome::Remove | Outcome::Removed);
        Retired {
            kept: count(|outcome| matches!(outcome, Outcome::Keep(_))),
            removable: count(|outcome| *outcome == Outcome::Remove),
            removed: count(|outcome| *outcome == Outcome::Removed),
            failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
            bytes: images.iter().filter(|row| goes(&row.outcome)).filter_map(|row| row.bytes).sum(),
            monthly_usd: images
                .iter()
                .filter(|row| goes(&row.outcome))
                .filter_map(|row| row.monthly_usd)
                .reduce(|sum, each| cents(sum + each)),
            applied,
            has_retention,
            images,
        }
    }
}

/// One row per image, and under it each reason why it stays.
pub fn retired(shown: &Retired, style: Style) -> String {
    if shown.images.is_empty() {
        return "no images\n".to_owned();
    }
    let mut table = Table::new(&["RECIPE", "VERSION", "IMAGE", "ARCH", "CREATED", "SIZE", "OUTCOME"]).right(&[5]);
    for row in &shown.images {
        table.row(vec![
            style.bold(row.recipe.as_str()),
            row.version.to_string(),
            style.cyan(row.image.as_str()),
            row.arch.to_string(),
            if row.created_at.is_empty() { "-".to_owned() } else { super::minute(&row.created_at) },
            row.bytes.map_or_else(|| "-".to_owned(), size),
            match row.outcome {
                Outcome::Keep(_) => "stays".to_owned(),
                Outcome::Remove => style.yellow("would go"),
                Outcome::Removed => style.green("gone"),
                Outcome::Failed(_) => style.red("failed"),
            },
        ]);
        for line in because(&row.outcome) {
            for line in fold(&line, style.width.saturating_sub(4)) {
                table.under(style.dim(&format!("    {line}")));
            }
        }
    }
    let mut text = table.render(style) + "\n";
    let mut size = size(shown.bytes);
    if let Some(dollars) = shown.monthly_usd {
        size = format!("{size} (at most ${dollars:.2} a month)");
    }
    let (removed, removable) = (wording::count(shown.removed, "image"), wording::count(shown.removable, "image"));
    text.push_str(&match (shown.applied, shown.removable) {
        (true, _) => format!("{removed} removed, {size} given back; {} kept", shown.kept),
        (false, 0) => format!("every image is kept: {}", shown.kept),
        (false, _) => {
            format!("{removable} would be removed, {size} given back; {} kept; nothing was changed", shown.kept)
        }
    });
    text.push('\n');
    let no_retention = |row: &RetiredRow| match &row.outcome {
        Outcome::Keep(reasons) => reasons.iter().any(|reason| reason.kind == "no-retention"),
        _ => false,
    };
    if !shown.has_retention && shown.images.iter().any(no_retention) {
        text.push_str("no retention is set, so nothing is ever retired: retention: {keep: 10, maximum_age: 90d} in amifactory.yaml sets one\n");
    }
    if !shown.applied && shown.removable > 0 {
        text.push_str(&super::next(&["amifactory retire --apply".to_owned()], style));
    }
    text
}

fn because(outcome: &Outcome) -> Vec<String> {
    let line = |reason: &Reason| match &reason.by {
        Some(by) => format!("{}: {}", visible::line(by), visible::line(&reason.why)),
        None => visible::line(&reason.why).into_owned(),
    };
    match outcome {
        Outcome::Keep(reasons) => reasons.iter().map(line).collect(),
        Outcome::Failed(error) => visible::block(error).lines().map(str::to_owned).collect(),
        Outcome::Remove | Outcome::Removed => Vec::new(),
    }
}

/// Dollars, to a hundredth of a cent.
fn cents(dollars: f64) -> f64 {
    (dollars * 10_000.0).round() / 10_000.0
}

/// Bytes, for people.
fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, shift)| bytes >= 1 << shift) {
        Some((unit, shift)) => format!("{:.1} {unit}", bytes as f64 / (1_u64 << shift) as f64),
        None => format!("{bytes} B"),
    }
}
