//! What the release verbs print.

use crate::hardening::Status;
use crate::identity::{Arch, Channel, ImageId, RecipeName, Slug, Version};
use crate::release::distribute::Row;
use crate::release::gate::Unmet;
use crate::release::promote::Promotion;
use crate::release::revoke::Revoked;
use crate::release::revoke_places::Reached;
use crate::release::rollback;
use crate::report::diff::{ControlChange, ImageDiff};
use crate::report::wrap::fold;
use crate::report::{Style, visible, wording};
use crate::target::{Pin, Underway};
use serde::Serialize;

/// The result of `promote`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Promoted {
    /// Its recipe.
    pub recipe: RecipeName,
    /// The channel.
    pub channel: Channel,
    /// For which architecture.
    pub arch: Arch,
    /// `promoted`, `planned`, `refused`, `up-to-date`.
    pub outcome: &'static str,
    /// What the channel names, or would.
    pub version: Version,
    /// Its image.
    pub image: ImageId,
    /// What it named before.
    pub from_version: Option<Version>,
    /// The image of that.
    pub from_image: Option<ImageId>,
    /// Gates that are not met.
    pub unmet: Vec<Unmet>,
    /// Why they did not count.
    #[serde(rename = "override")]
    pub overridden: Option<String>,
    /// What changes, where both records can be read.
    pub diff: Option<ImageDiff>,
    /// Controls that pass no more, or are new and don't.
    pub new_findings: Vec<Slug>,
    /// Controls that pass now, or are no longer asked.
    pub resolved_findings: Vec<Slug>,
    /// How it stands in each place, where the channel reaches several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Row>,
    /// The command that does what is missing.
    #[serde(skip)]
    pub again: String,
    /// The command that brings the image to all places.
    #[serde(skip)]
    pub bring: String,
}

impl Promoted {
    /// Puts a promotion together with how it ended.
    pub fn of(promotion: &Promotion, outcome: &'static str) -> Promoted {
        let new = (&promotion.image, &promotion.record);
        let old = promotion.current.as_ref().zip(promotion.current_record.as_ref());
        let diff = old.map(|(pointer, record)| ImageDiff::between((&pointer.image, record), new));
        let findings = |now: &dyn Fn(&ControlChange) -> bool| -> Vec<Slug> {
            let changes = diff.iter().flat_map(|diff| &diff.controls);
            changes.filter(|change| now(change)).map(|change| change.slug.clone()).collect()
        };
        let found = |status: Option<Status>| matches!(status, Some(Status::Fail | Status::Error));
        Promoted {
            recipe: promotion.name.recipe.clone(),
            channel: promotion.channel.clone(),
            arch: promotion.name.arch,
            outcome,
            version: promotion.version,
            image: promotion.image.clone(),
            from_version: promotion.current_version,
            from_image: promotion.current.as_ref().map(|pointer| pointer.image.clone()),
            unmet: promotion.unmet.clone(),
            overridden: promotion.note.overridden.clone(),
            new_findings: findings(&|change| found(change.to) && !found(change.from)),
            resolved_findings: findings(&|change| found(change.from) && !found(change.to)),
            places: Vec::new(),
            again: String::new(),
            bring: String::new(),
            diff,
        }
    }

    fn from(&self) -> String {
        match (&self.from_version, &self.from_image) {
            (Some(version), _) => version.to_string(),
            (None, Some(image)) => image.to_string(),
            (None, None) => "nothing".to_owned(),
        }
    }
}

/// What changes, what stands against it, and how it ended.
pub fn promotion(shown: &Promoted, style: Style) -> String {
    let mut text = String::new();
    if shown.outcome == "up-to-date" {
        return format!("{} names {} {} already\n", shown.channel, shown.recipe, shown.version);
    }
    let head = format!("{} {}: {} → {}", shown.recipe, shown.channel, shown.from(), shown.version);
    text.push_str(&format!("{} ({}, {})\n\n", style.bold(&head), shown.image, shown.arch));
    match &shown.diff {
        Some(diff) => text.push_str(&super::diff(diff, style)),
        None if shown.from_image.is_some() => {
            text.push_str("what it names now can't be read any more: there is nothing to compare with\n");
        }
        None => text.push_str("it is the first image of this channel\n"),
    }
    if shown.diff.is_some() {
        text.push_str(&format!(
            "\n{}, {}\n",
            wording::count(shown.new_findings.len(), "new finding"),
            wording::count(shown.resolved_findings.len(), "resolved finding")
        ));
    }
    if !shown.unmet.is_empty() {
        text.push_str(&unmet(shown, style));
    }
    text.push_str(&promoted(shown, style));
    text
}

fn unmet(shown: &Promoted, style: Style) -> String {
    let mut text = format!("\n{}\n", style.bold("gates that are not met"));
    let (places, own): (Vec<&Unmet>, Vec<&Unmet>) = shown.unmet.iter().partition(|unmet| unmet.gate == "places");
    for gate in own.iter().chain(&places) {
        text.push_str(&format!("{} {}\n", style.red(&format!("{:<13}", gate.gate)), visible::line(&gate.is)));
        for line in [&gate.needed, &gate.mend] {
            for line in fold(&visible::line(line), style.width.saturating_sub(14)) {
                text.push_str(&format!("{:13} {}\n", "", style.dim(&line)));
            }
        }
    }
    if let Some(why) = &shown.overridden {
        let but = if places.is_empty() { "" } else { " (but for places, which always count)" };
        text.push_str(&style.yellow(&format!("they don't count{but}: {}\n", visible::line(why))));
    }
    text
}

/// How it ended, in a line or two.
pub fn promoted(shown: &Promoted, style: Style) -> String {
    let Promoted { recipe, channel, version, .. } = shown;
    let table = match shown.places.as_slice() {
        [] => String::new(),
        places => format!("\n{}", super::distribution::rows(places, style)),
    };
    let again = || super::next(&[format!("{}   (does only what is missing)", visible::line(&shown.again))], style);
    match shown.outcome {
        "partly" => {
            let head = style.red("partly done:");
            format!(
                "{table}\n{head} {channel} names {recipe} {version} at home, and not yet in all places\n{}",
                again()
            )
        }
        "not-distributed" => {
            let head = style.red("partly done:");
            format!(
                "{table}\n{head} {recipe} {version} is not ready in all places, and no channel was moved\n{}",
                again()
            )
        }
        "promoted" if !table.is_empty() => {
            let back = shown.from_image.as_ref().map(|_| format!("amifactory rollback {recipe} --channel {channel}"));
            let next = back.map_or_else(String::new, |back| super::next(&[back], style));
            format!("{table}\n{} {channel} names {recipe} {version} in all places now\n{next}", style.green("✓"))
        }
        "promoted" => {
            let back = shown.from_image.as_ref().map(|_| format!("amifactory rollback {recipe} --channel {channel}"));
            let next = back.map_or_else(String::new, |back| super::next(&[back], style));
            format!("\n{} {channel} names {recipe} {version} now\n{next}", style.green("✓"))
        }
        "refused" => {
            let is_missing = shown.unmet.iter().any(|unmet| unmet.gate == "places");
            let commands = is_missing.then_some(&shown.bring).into_iter().chain([&shown.again]);
            let next: Vec<String> = commands.map(|command| visible::line(command).into_owned()).collect();
            format!("\n{} nothing was moved\n{}", style.red("refused:"), super::next(&next, style))
        }
        _ => "\nnothing was moved yet\n".to_owned(),
    }
}

/// The result of `rollback`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolledBack {
    /// Its recipe.
    pub recipe: RecipeName,
    /// The channel.
    pub channel: Channel,
    /// For which architecture.
    pub arch: Arch,
    /// `rolled-back`, or `up-to-date` where it named that image already.
    pub outcome: &'static str,
    /// What it names now.
    pub version: Version,
    /// Whether it never named that before.
    pub forward: bool,
    /// Its image.
    pub image: ImageId,
    /// What it named before.
    pub from_version: Option<Version>,
    /// The image of that.
    pub from_image: ImageId,
    /// How it stands in each place, where the channel reaches several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Row>,
}

impl RolledBack {
    /// From what was done.
    pub fn of(done: &rollback::RolledBack) -> RolledBack {
        RolledBack {
            recipe: done.name.recipe.clone(),
            channel: done.channel.clone(),
            arch: done.name.arch,
            outcome: if done.moved { "rolled-back" } else { "up-to-date" },
            forward: done.forward,
            version: done.version,
            image: done.image.clone(),
            from_version: done.from_version,
            from_image: done.from.image.clone(),
            places: done.rows.clone(),
        }
    }
}

/// One line, and what shows more; where several places have gone back or not, how each stands.
pub fn rolled_back(shown: &RolledBack, style: Style) -> String {
    let RolledBack { recipe, channel, version, image, places, .. } = shown;
    let table = match places.as_slice() {
        [] => String::new(),
        places => format!("{}\n", super::distribution::rows(places, style)),
    };
    let from = shown.from_version.map_or_else(|| shown.from_image.to_string(), |version| version.to_string());
    let again = if shown.forward { " for the first time, past its gates" } else { " again" };
    let said = match shown.outcome {
        "up-to-date" => format!("{channel} names {recipe} {version} already"),
        _ => format!("{channel} names {recipe} {version} ({image}){again}, and no more {from}"),
    };
    let behind = || places.iter().filter(|row| row.why.is_some());
    if behind().next().is_none() {
        let next = match shown.outcome {
            "up-to-date" => return format!("{table}{said}\n"),
            _ => super::next(&[format!("amifactory history {recipe} --channel {channel}")], style),
        };
        return format!("{table}{} {said}\n{next}", style.green("✓"));
    }
    // Where the image is missing it has to be brought first.
    let bring = format!("amifactory distribute {recipe}@{version} --to {channel}");
    let back = format!("amifactory rollback {recipe} --channel {channel} --to {version}");
    let lacks = |row: &Row| row.why.as_deref().is_some_and(|why| why.contains("amifactory distribute"));
    let is_missing = behind().any(|row| row.image.is_none() || lacks(row));
    let next: Vec<String> = is_missing.then_some(bring).into_iter().chain([back]).collect();
    format!("{table}{} at home {said}; not all places do\n{}", style.red("partly done:"), super::next(&next, style))
}

/// The result of `pin` and `unpin`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pinned {
    /// Its recipe.
    pub recipe: RecipeName,
    /// The channel.
    pub channel: String,
    /// For which architecture.
    pub arch: Arch,
    /// Whether it is held now.
    pub pinned: bool,
    /// The pin; after `unpin` the one that held it.
    pub pin: Pin,
}

/// One line.
pub fn pinned(shown: &Pinned, style: Style) -> String {
    let Pinned { recipe, channel, pin, .. } = shown;
    let why = visible::line(&pin.why);
    match shown.pinned {
        true => {
            let next = super::next(&[format!("amifactory unpin {recipe} --channel {channel}")], style);
            format!("{channel} of {recipe} is held {}: {why}\n{next}", pin.end())
        }
        false => format!("{channel} of {recipe} can move again; {} had held it: {why}\n", visible::line(&pin.by)),
    }
}

/// The result of `revoke`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Revocation {
    /// The image first, then all that were built on it.
    pub revoked: Vec<Revoked>,
    /// Copies, and what uses all of them.
    #[serde(flatten)]
    pub reached: Reached,
    /// What to type, where channels name one of them.
    pub next: Vec<String>,
}

impl Revocation {
    /// With what to type next.
    pub fn of(revoked: Vec<Revoked>, reached: Reached) -> Revocation {
        let at_home =
            revoked.iter().flat_map(|revoked| revoked.channels.iter().map(|channel| (&revoked.recipe, channel)));
        let there = reached.channels.iter().map(|named| (&named.recipe, &named.channel));
        let mut next: Vec<String> = Vec::new();
        for (recipe, channel) in at_home.chain(there) {
            let command = format!("amifactory rollback {recipe} --channel {channel}");
            if !next.contains(&command) {
                next.push(command);
            }
        }
        if let (true, Some(first)) = (reached.copies.iter().any(|copy| copy.failed.is_some()), revoked.first()) {
            next.insert(0, format!("amifactory revoke {}@{} --reason …", first.recipe, first.version));
        }
        Revocation { next, revoked, reached }
    }
}

/// One line per image, and what to type next.
pub fn revocation(shown: &Revocation, style: Style) -> String {
    let mut text = String::new();
    for revoked in &shown.revoked {
        let channels: Vec<&str> = revoked.channels.iter().map(Channel::as_str).collect();
        let named = match channels.as_slice() {
            [] => "no channel names it".to_owned(),
            channels => style.red(&format!("named by {}", channels.join(", "))),
        };
        let name = style.bold(&format!("{} {}", revoked.recipe, revoked.version));
        text.push_str(&format!("{name} ({}) is revoked: {}; {named}\n", revoked.image, visible::line(&revoked.reason)));
        for underway in &revoked.moving {
            let Underway { name, by, since, until, .. } = underway;
            let may = format!(
                "{name} may still come to name it: {} began that move at {since} and has not ended; it may until {until}",
                visible::line(by)
            );
            text.push_str(&format!(
                "{}\n  amifactory history {} shows what came of it\n",
                style.red(&may),
                name.recipe
            ));
        }
    }
    for copy in &shown.reached.copies {
        let marked = match &copy.failed {
            None => "marked too".to_owned(),
            Some(why) => style.red(&format!("NOT MARKED: {}", visible::block(why))),
        };
        text.push_str(&format!("its copy {} in {}: {marked}\n", copy.image, copy.place));
    }
    for named in &shown.reached.channels {
        let what = format!("{} of {} in {} names {}", named.channel, named.recipe, named.place, named.image);
        text.push_str(&format!("{}\n", style.red(&what)));
    }
    for used in &shown.reached.uses {
        let (kind, id) = (used.kind, visible::line(&used.id));
        text.push_str(&format!("{} in {} is used by: {kind} {id}\n", used.image, used.place));
    }
    for unknown in &shown.reached.unknown {
        let places =
            if unknown.places.is_empty() { String::new() } else { format!(" in {}", unknown.places.join(", ")) };
        let what = format!("not known: {}{places}", visible::line(&unknown.what));
        text.push_str(&format!("{}\n  {}\n", style.yellow(&what), visible::block(&unknown.why)));
    }
    if !shown.next.is_empty() {
        text.push_str(&super::next(&shown.next, style));
    }
    text
}
