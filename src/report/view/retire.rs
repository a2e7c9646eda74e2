//! What `retire` has found: each image, whether it stays and why.

use crate::fleet::retire::decide::goes;
use crate::fleet::retire::restore::Restored;
use crate::fleet::retire::{Item, Reason};
use crate::identity::{Arch, ImageId, RecipeName, Region, TargetKind, Version};
use crate::report::table::Table;
use crate::report::wrap::fold;
use crate::report::{Style, visible, wording};
use crate::target::Rung;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes, or became, of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "because", rename_all = "kebab-case")]
pub enum Outcome {
    /// It stays.
    Keep(Vec<Reason>),
    /// It would be deprecated, the first of its steps.
    Deprecate,
    /// It would be disabled.
    Disable,
    /// It would go.
    Remove,
    /// It is on its way out, and the time for its next step has not come.
    Wait,
    /// It is on its way out, and would be brought back.
    BringBack(Vec<Reason>),
    /// It is deprecated now.
    Deprecated,
    /// It is disabled now.
    Disabled,
    /// It is gone.
    Removed,
    /// It was brought back.
    BroughtBack(Vec<Reason>),
    /// Its step could not be taken.
    Failed(String),
}

/// The step after the one that it is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// Which.
    pub step: Rung,
    /// When it is due at the earliest, RFC 3339.
    pub at: String,
}

impl Outcome {
    /// Of a step that would be taken.
    pub fn due(rung: Rung) -> Outcome {
        match rung {
            Rung::Deprecate => Outcome::Deprecate,
            Rung::Disable => Outcome::Disable,
            Rung::Remove => Outcome::Remove,
        }
    }

    /// Of a step that was taken.
    pub fn took(rung: Rung) -> Outcome {
        match rung {
            Rung::Deprecate => Outcome::Deprecated,
            Rung::Disable => Outcome::Disabled,
            Rung::Remove => Outcome::Removed,
        }
    }

    /// Whether nothing keeps it, and it is still there.
    fn is_going(&self) -> bool {
        use Outcome::{Deprecate, Deprecated, Disable, Disabled, Remove, Wait};
        matches!(self, Deprecate | Disable | Remove | Wait | Deprecated | Disabled)
    }
}

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetiredRow {
    /// Where it is, where several regions were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
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
    /// Since when it is deprecated on its way out, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated_at: Option<String>,
    /// Since when it is disabled on its way out, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// Who loses the right to launch it as it is disabled, or has lost it; `--restore` gives it back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub launch_permissions: Vec<String>,
    /// What comes next, where it has to wait for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextStep>,
    /// Of one that goes: the numbers of retention, beside its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goes_by: Option<String>,
    /// What becomes of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl RetiredRow {
    /// Of an image that was looked at.
    pub fn of(
        item: &Item,
        (target, region): (TargetKind, Option<&Region>),
        outcome: Outcome,
        next: Option<NextStep>,
    ) -> RetiredRow {
        let price = item.retention.as_ref().map(|retention| retention.snapshot_price);
        let monthly = |(bytes, price): (u64, f64)| cents(bytes as f64 / (1_u64 << 30) as f64 * price);
        RetiredRow {
            region: region.cloned(),
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
            deprecated_at: item.retirement.as_ref().and_then(|found| found.deprecated_at.clone()),
            disabled_at: item.retirement.as_ref().and_then(|found| found.disabled_at.clone()),
            launch_permissions: match outcome.is_going() {
                true => permissions(item),
                false => Vec::new(),
            },
            goes_by: item.retention.as_ref().filter(|_| outcome.is_going()).map(|said| goes(&item.facts, said)),
            next,
            outcome,
        }
    }
}

/// What `--restore` gives back: what was written down, and what will be.
fn permissions(item: &Item) -> Vec<String> {
    let taken = item.retirement.iter().flat_map(|retirement| &retirement.permissions);
    let all: BTreeSet<&String> = taken.chain(&item.launchers).collect();
    all.into_iter().cloned().collect()
}

/// A region that could not be read: whatever is there stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadRegion {
    /// Which.
    pub region: Region,
    /// Why, and what to do.
    pub why: String,
}

/// The result of `retire`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retired {
    /// Every image, by recipe, the newest version first.
    pub images: Vec<RetiredRow>,
    /// Regions that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadRegion>,
    /// Pointers and histories that someone has damaged, edited or deleted: they keep all images of their recipes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
    /// The recipe that was asked for, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<RecipeName>,
    /// Whether anything was to be changed.
    pub applied: bool,
    /// How many stay.
    pub kept: usize,
    /// How many would go, or are on their way out.
    pub removable: usize,
    /// How many steps on the way out were taken; the last is that an image is gone.
    pub steps: usize,
    /// How many are gone.
    pub removed: usize,
    /// How many were brought back from their way out.
    pub brought_back: usize,
    /// Of how many the step could not be taken.
    pub failed: usize,
    /// What those that go or are gone give back, in bytes, as far as that can be said.
    pub bytes: u64,
    /// The same in US dollars a month, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_usd: Option<f64>,
    /// `not-asked` where images go for good unless a Recycle Bin rule of the account keeps them: nobody has looked for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recycle_bin: Option<&'static str>,
    #[serde(skip)]
    has_retention: bool,
}

impl Retired {
    /// With its sums. `has_retention`: whether the factory file has one.
    pub fn of(mut images: Vec<RetiredRow>, applied: bool, has_retention: bool) -> Retired {
        images.sort_by(|a, b| (&a.recipe, a.arch, b.version).cmp(&(&b.recipe, b.arch, a.version)));
        let count = |which: fn(&Outcome) -> bool| images.iter().filter(|row| which(&row.outcome)).count();
        let goes = |outcome: &Outcome| outcome.is_going() || *outcome == Outcome::Removed;
        Retired {
            kept: count(|outcome| matches!(outcome, Outcome::Keep(_))),
            removable: count(Outcome::is_going),
            steps: count(|outcome| matches!(outcome, Outcome::Deprecated | Outcome::Disabled | Outcome::Removed)),
            removed: count(|outcome| *outcome == Outcome::Removed),
            brought_back: count(|outcome| matches!(outcome, Outcome::BroughtBack(_))),
            failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
            bytes: images.iter().filter(|row| goes(&row.outcome)).filter_map(|row| row.bytes).sum(),
            monthly_usd: images
                .iter()
                .filter(|row| goes(&row.outcome))
                .filter_map(|row| row.monthly_usd)
                .reduce(|sum, each| cents(sum + each)),
            unread: Vec::new(),
            damaged: Vec::new(),
            recycle_bin: None,
            only: None,
            applied,
            has_retention,
            images,
        }
    }

    /// The same, with the regions that could not be read.
    pub fn with_unread(self, unread: Vec<UnreadRegion>) -> Retired {
        Retired { unread, ..self }
    }

    /// The same, with what was damaged of pointers and histories.
    pub fn with_damaged(self, damaged: BTreeSet<String>) -> Retired {
        Retired { damaged: damaged.into_iter().collect(), ..self }
    }

    /// The same, where one recipe alone was asked for.
    pub fn with_only(self, only: Option<RecipeName>) -> Retired {
        Retired { only, ..self }
    }

    /// The same, of a target that has a Recycle Bin: whether a rule keeps what is removed is not asked.
    pub fn with_recycle_bin(self, has_one: bool) -> Retired {
        let is_asked_for = has_one && self.removable + self.removed > 0;
        Retired { recycle_bin: is_asked_for.then_some("not-asked"), ..self }
    }
}

/// One row per image, and under it each reason why it stays.
pub fn retired(shown: &Retired, style: Style) -> String {
    let unread = unread(shown, style);
    if shown.images.is_empty() {
        return format!("no images\n{unread}");
    }
    let mut header = vec!["RECIPE", "VERSION", "IMAGE", "ARCH", "CREATED", "SIZE"];
    let has_price = shown.images.iter().any(|row| row.monthly_usd.is_some());
    if has_price {
        header.push("A MONTH");
    }
    header.push("OUTCOME");
    let has_regions = shown.images.iter().any(|row| row.region.is_some());
    if has_regions {
        header.push("REGION");
    }
    let mut table = Table::new(&header).right(if has_price { &[5, 6] } else { &[5] });
    let everywhere = everywhere(shown);
    for row in &shown.images {
        let mut cells = vec![
            style.bold(row.recipe.as_str()),
            row.version.to_string(),
            style.cyan(row.image.as_str()),
            row.arch.to_string(),
            if row.created_at.is_empty() { "-".to_owned() } else { super::minute(&row.created_at) },
            row.bytes.map_or_else(|| "-".to_owned(), size),
        ];
        if has_price {
            cells.push(row.monthly_usd.map_or_else(|| "-".to_owned(), |dollars| format!("≤ ${dollars:.2}")));
        }
        cells.push(match row.outcome {
            Outcome::Keep(_) => "stays".to_owned(),
            Outcome::Deprecate => style.yellow("would be deprecated"),
            Outcome::Disable => style.yellow("would be disabled"),
            Outcome::Remove => style.yellow("would go"),
            Outcome::Wait => "waits".to_owned(),
            Outcome::BringBack(_) => style.yellow("would be back"),
            Outcome::Deprecated => style.green("deprecated"),
            Outcome::Disabled => style.green("disabled"),
            Outcome::Removed => style.green("gone"),
            Outcome::BroughtBack(_) => style.green("is back"),
            Outcome::Failed(_) => style.red("failed"),
        });
        if has_regions {
            cells.push(row.region.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string));
        }
        table.row(cells);
        let goes = row.goes_by.as_ref().map(|why| visible::line(why).into_owned());
        for line in goes.into_iter().chain(because(&row.outcome, &everywhere)).chain(on_its_way(row)) {
            for line in fold(&line, style.width.saturating_sub(4)) {
                table.under(style.dim(&format!("    {line}")));
            }
        }
    }
    let mut text = table.render(style) + "\n" + &told_once(&everywhere, style) + &unread;
    text.push_str(&sums(shown));
    text.push('\n');
    if shown.recycle_bin.is_some() {
        let said = "what is removed is gone for good: only a Recycle Bin rule of the account would keep it for a while, and \
                    whether there is one was not asked";
        for line in fold(said, style.width) {
            text.push_str(&style.dim(&line));
            text.push('\n');
        }
    }
    if !shown.damaged.is_empty() {
        let said = format!(
            "can't be trusted, which keeps all images of the recipe: {}; amifactory verify says how that is put right",
            shown.damaged.join(", ")
        );
        for line in fold(&visible::line(&said), style.width) {
            text.push_str(&format!("{}\n", style.yellow(&line)));
        }
    }
    let no_retention = |row: &RetiredRow| match &row.outcome {
        Outcome::Keep(reasons) => reasons.iter().any(|reason| reason.kind == "no-retention"),
        _ => false,
    };
    if !shown.has_retention && shown.images.iter().any(no_retention) {
        text.push_str("no retention is set, so nothing is ever retired: retention: {keep: 10, maximum_age: 90d} in amifactory.yaml sets one\n");
    }
    let is_due = |row: &RetiredRow| match &row.outcome {
        Outcome::BringBack(_) => true,
        outcome => outcome.is_going() && *outcome != Outcome::Wait,
    };
    if !shown.applied && shown.images.iter().any(is_due) {
        let of = shown.only.as_ref().map(|recipe| format!(" {recipe}")).unwrap_or_default();
        text.push_str(&super::next(&[format!("amifactory retire{of} --apply")], style));
    }
    text
}

/// Regions that could not be read, a paragraph each.
fn unread(shown: &Retired, style: Style) -> String {
    let mut text = String::new();
    for unread in &shown.unread {
        let head = format!(
            "{} could not be read: every image there stays, and those at home that may have copies there",
            unread.region
        );
        text.push_str(&style.red(&head));
        text.push('\n');
        for line in visible::block(&unread.why).lines().flat_map(|line| fold(line, style.width.saturating_sub(4))) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

/// What was done or would be, in numbers.
fn sums(shown: &Retired) -> String {
    let of = |which: &dyn Fn(&Outcome) -> bool| -> Vec<&RetiredRow> {
        shown.images.iter().filter(|row| which(&row.outcome)).collect()
    };
    let number = |which: Outcome| of(&|outcome| *outcome == which).len();
    let say = |count: usize, what: &str| (count > 0).then(|| format!("{} {what}", wording::count(count, "image")));
    let mut parts: Vec<String> = [
        say(number(Outcome::Deprecate), "would be deprecated"),
        say(number(Outcome::Disable), "would be disabled"),
        say(number(Outcome::Deprecated), "deprecated"),
        say(number(Outcome::Disabled), "disabled"),
        say(of(&|outcome| matches!(outcome, Outcome::BringBack(_))).len(), "would be brought back"),
        say(shown.brought_back, "brought back"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let gone = of(&|outcome| matches!(outcome, Outcome::Remove | Outcome::Removed));
    let going = of(&|outcome| outcome.is_going() && *outcome != Outcome::Remove);
    if !gone.is_empty() || (shown.applied && parts.is_empty()) {
        let what = if shown.applied { "removed" } else { "would be removed" };
        parts.push(format!("{} {what}, {} given back", wording::count(gone.len(), "image"), worth(&gone)));
    }
    let waiting = number(Outcome::Wait);
    if waiting > 0 {
        parts.push(format!("{} on the way out, each waiting for its next step", wording::count(waiting, "image")));
    }
    if !going.is_empty() {
        parts.push(format!("{} to come back at the end", worth(&going)));
    }
    if parts.is_empty() {
        return format!("every image is kept: {}", shown.kept);
    }
    parts.push(format!("{} kept", shown.kept));
    if !shown.applied {
        parts.push("nothing was changed".to_owned());
    }
    parts.join("; ")
}

/// What images give back, in bytes and in dollars.
fn worth(rows: &[&RetiredRow]) -> String {
    let bytes = size(rows.iter().filter_map(|row| row.bytes).sum());
    match rows.iter().filter_map(|row| row.monthly_usd).reduce(|sum, each| sum + each) {
        Some(dollars) => format!("{bytes} (at most ${dollars:.2} a month)"),
        None => bytes,
    }
}

/// How far it is on its way out, and when that goes on.
fn on_its_way(row: &RetiredRow) -> Vec<String> {
    let mut lines = Vec::new();
    let still = row.outcome.is_going() || matches!(row.outcome, Outcome::Keep(_) | Outcome::BringBack(_));
    for (what, at) in [("deprecated", &row.deprecated_at), ("disabled", &row.disabled_at)] {
        if let Some(at) = at.as_ref().filter(|_| still) {
            lines.push(format!("{what} since {}", super::minute(at)));
        }
    }
    if let Some(next) = &row.next {
        let verb = match next.step {
            Rung::Deprecate => "deprecated",
            Rung::Disable => "disabled",
            Rung::Remove => "removed",
        };
        lines.push(format!("{verb} by the first run after {}", super::minute(&next.at)));
    }
    let mut told = if lines.is_empty() { lines } else { vec![lines.join("; ")] };
    if !row.launch_permissions.is_empty() {
        let is_taken = row.disabled_at.is_some() || row.outcome == Outcome::Disabled;
        let what = match (is_taken, &row.outcome) {
            (true, _) => "its launch permissions were taken",
            (false, Outcome::Disable) => "as it is disabled, its launch permissions are taken",
            // Whoever may launch it still may; that ends with a later step.
            _ => "its launch permissions stay until it is disabled",
        };
        let whom: Vec<_> = row.launch_permissions.iter().map(|whom| visible::line(whom)).collect();
        told.push(format!("{what}: {}; --restore gives them back", whom.join(", ")));
    }
    told
}

/// What could not be read and keeps more than one image.
type Everywhere<'a> = BTreeMap<(&'a str, &'a str), usize>;

fn everywhere(shown: &Retired) -> Everywhere<'_> {
    let mut found = Everywhere::new();
    for row in &shown.images {
        for reason in reasons(&row.outcome).iter().filter(|reason| reason.kind == "unknown") {
            if let Some(by) = &reason.by {
                *found.entry((by, &reason.why)).or_default() += 1;
            }
        }
    }
    found.retain(|_, images| *images > 1);
    found
}

/// What the reasons of the images call it, once for all of them; services that nobody uses are said in one word together.
fn told_once(everywhere: &Everywhere<'_>, style: Style) -> String {
    const BEGIN: &str = "not_used_here: [";
    let mut text = String::new();
    let mut services: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    let mut say = |line: String| {
        for line in fold(&line, style.width) {
            text.push_str(&style.dim(&line));
            text.push('\n');
        }
    };
    for ((by, why), images) in everywhere {
        match why.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(']')) {
            Some((service, _)) => drop(services.insert(service, (by, *images))),
            None => say(format!(
                "{} keeps {}: {}",
                visible::line(by),
                wording::count(*images, "image"),
                visible::joined(why)
            )),
        }
    }
    if let Some(most) = services.values().map(|(_, images)| *images).max() {
        let titles: Vec<_> = services.values().map(|(title, _)| visible::line(title)).collect();
        let words: Vec<_> = services.keys().map(|word| visible::line(word)).collect();
        say(format!(
            "{} that amifactory does not read yet may use images, and keep up to {}: {}; where this account uses none of \
             them, say so: retention: {{{BEGIN}{}]}}",
            wording::count(services.len(), "service"),
            wording::count(most, "image"),
            titles.join(", "),
            words.join(", ")
        ));
    }
    if text.is_empty() { text } else { text + "\n" }
}

fn reasons(outcome: &Outcome) -> &[Reason] {
    match outcome {
        Outcome::Keep(reasons) | Outcome::BringBack(reasons) | Outcome::BroughtBack(reasons) => reasons,
        _ => &[],
    }
}

fn because(outcome: &Outcome, everywhere: &Everywhere<'_>) -> Vec<String> {
    let is_below =
        |reason: &&Reason| reason.by.as_deref().is_some_and(|by| everywhere.contains_key(&(by, reason.why.as_str())));
    let line = |reason: &Reason| match &reason.by {
        Some(by) => format!("{}: {}", visible::line(by), visible::joined(&reason.why)),
        None => visible::joined(&reason.why),
    };
    match outcome {
        Outcome::Keep(reasons) | Outcome::BringBack(reasons) | Outcome::BroughtBack(reasons) => {
            let own = reasons.iter().filter(|reason| !is_below(reason)).map(line);
            let below = match reasons.iter().filter(is_below).count() {
                0 => None,
                1 => Some("1 thing that could not be read may use it: see below".to_owned()),
                number => Some(format!("{number} things that could not be read may use it: see below")),
            };
            own.chain(below).collect()
        }
        Outcome::Failed(error) => visible::block(error).lines().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The result of `retire --restore`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restoration {
    /// What is back.
    pub restored: Vec<Restored>,
}

/// What is back, and for whom.
pub fn restoration(shown: &Restoration, style: Style) -> String {
    let mut text = String::new();
    for back in &shown.restored {
        let name = format!("{} ({} {})", style.cyan(back.image.as_str()), back.recipe, back.version);
        text.push_str(&format!(
            "{name} is back: {}\n",
            match (back.was_disabled, back.permissions.as_slice()) {
                (false, _) => "it is not deprecated any more".to_owned(),
                (true, []) => "it can be launched in its own account".to_owned(),
                (true, whom) => format!("it can be launched in its own account, and by {}", whom.join(", ")),
            }
        ));
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: &str, outcome: Outcome, next: Option<(Rung, &str)>) -> RetiredRow {
        RetiredRow {
            region: None,
            image: "ami-0123456789abcdef0".parse().unwrap(),
            recipe: "web".parse().unwrap(),
            version: version.parse().unwrap(),
            arch: Arch::X86_64,
            created_at: "2026-08-01T10:00:00Z".into(),
            bytes: Some(8 << 30),
            monthly_usd: Some(0.4),
            deprecated_at: None,
            disabled_at: None,
            launch_permissions: Vec::new(),
            next: next.map(|(step, at)| NextStep { step, at: at.into() }),
            goes_by: outcome.is_going().then(|| "12 newer than it, and the newest 10 are kept".into()),
            outcome,
        }
    }

    fn used() -> Vec<Reason> {
        vec![Reason { kind: "in-use", by: Some("lt-1:2".into()), why: "a launch template uses it".into() }]
    }

    #[test]
    fn what_could_not_be_read_is_told_once_for_all_images() {
        let unread = |service: &str| {
            let hint = format!("say so: retention: {{not_used_here: [{service}]}}");
            let why = format!("{service} could not be read: amifactory does not read it yet; {hint}");
            Reason { kind: "unknown", by: Some(format!("the service {service}")), why }
        };
        let own = Reason { kind: "unknown", by: Some("copies in eu-west-1".into()), why: "no answer".into() };
        let both = vec![unread("emr"), unread("batch")];
        let three = [&both[..], &[own]].concat();
        let rows = vec![
            row("1.0.5", Outcome::Keep(both.clone()), None),
            row("1.0.4", Outcome::Keep(three), None),
            row("1.0.3", Outcome::Keep(used()), None),
        ];
        insta::assert_snapshot!("told_once", retired(&Retired::of(rows, false, true), Style::PLAIN));
        // Of a single image it stands where it is.
        let one = Retired::of(vec![row("1.0.5", Outcome::Keep(both), None)], false, true);
        assert!(!retired(&one, Style::PLAIN).contains("below"));
    }

    #[test]
    fn each_step_is_told_with_what_it_gives_back_and_when_the_next_one_is_due() {
        let waits = RetiredRow {
            deprecated_at: Some("2026-11-20T08:00:00Z".into()),
            launch_permissions: vec!["111122223333".into(), "arn:aws:organizations::1:ou/o-1/ou-1".into()],
            ..row("1.0.3", Outcome::Wait, Some((Rung::Disable, "2026-11-27T08:00:00Z")))
        };
        let back = RetiredRow {
            deprecated_at: Some("2026-11-13T08:00:00Z".into()),
            disabled_at: Some("2026-11-20T08:00:00Z".into()),
            ..row("1.0.2", Outcome::BringBack(used()), None)
        };
        let planned = vec![
            row("1.0.5", Outcome::Keep(used()), None),
            row("1.0.4", Outcome::Deprecate, None),
            waits.clone(),
            back,
            row("1.0.1", Outcome::Disable, None),
            row("1.0.0", Outcome::Remove, None),
        ];
        let planned = Retired::of(planned, false, true).with_recycle_bin(true);
        insta::assert_snapshot!("planned", retired(&planned, Style::PLAIN));
        assert_eq!(serde_json::to_value(&planned).unwrap()["recycle_bin"], "not-asked");
        let all_stay = || Retired::of(vec![row("1.0.5", Outcome::Keep(used()), None)], false, true);
        assert_eq!(all_stay().with_recycle_bin(true).recycle_bin, None);
        let damaged = all_stay().with_damaged(["/amifactory/web/x86_64/channels/prod".to_owned()].into());
        insta::assert_snapshot!("with_a_damaged_record", retired(&damaged, Style::PLAIN));
        let applied = vec![
            row("1.0.5", Outcome::Keep(used()), None),
            row("1.0.4", Outcome::Deprecated, Some((Rung::Disable, "2026-11-28T08:00:00Z"))),
            waits,
            row("1.0.2", Outcome::BroughtBack(used()), None),
            row("1.0.1", Outcome::Disabled, Some((Rung::Remove, "2026-11-28T08:00:00Z"))),
            row("1.0.0", Outcome::Removed, None),
        ];
        let applied = Retired::of(applied, true, true);
        assert_eq!((applied.removable, applied.steps, applied.removed, applied.brought_back), (3, 3, 1, 1));
        insta::assert_snapshot!("applied", retired(&applied, Style::PLAIN));
        insta::assert_snapshot!("one", serde_json::to_string_pretty(&applied.images[1]).unwrap());
    }
}
