//! What `promote` would change, and what it did.

use crate::hardening::{ControlEvidence, Status};
use crate::identity::{Arch, Channel, ImageId, RecipeName, Slug, Version};
use crate::release::distribute::Row;
use crate::release::gate::Unmet;
use crate::release::promote::Promotion;
use crate::release::verify::places::Differs;
use crate::report::diff::{ControlChange, ImageDiff};
use crate::report::wrap::fold;
use crate::report::{Style, visible, wording};
use crate::target::Pin;
use serde::Serialize;
use time::Date;

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
    /// Controls that failed and are met, waived or not applicable now.
    pub resolved_findings: Vec<Slug>,
    /// Controls that nobody looks at any more: what became of them is not known.
    pub no_longer_checked: Vec<Slug>,
    /// How many of those passed before.
    pub passed_before: usize,
    /// Whether it goes to an older version than the channel names.
    pub older: bool,
    /// Whether the channel was last written by something other than this program, which passed no gate.
    pub by_hand: bool,
    /// The score of its image.
    pub score: Option<f64>,
    /// Controls that fail in its image.
    pub failing: Vec<Slug>,
    /// Waivers of its image, and their last days.
    pub waived: Vec<Waived>,
    /// Whether a reason for not minding gates was given, and none was in the way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub override_unused: bool,
    /// Who holds the channel, where nothing is to be moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// Where the channel names nothing: the version that says that it has named it. Someone deleted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_once: Option<Version>,
    /// What other places name by this channel, where it names nothing at home: someone deleted it there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
    /// Places in which the channel does not name what it names at home, or that could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<Differs>,
    /// How it stands in each place, where the channel reaches several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Row>,
    /// The command that does what is missing.
    #[serde(skip)]
    pub again: String,
    /// What to type where it was refused, first what is most likely right.
    #[serde(skip)]
    pub ways: Vec<String>,
    /// The command that brings the image to all places.
    #[serde(skip)]
    pub bring: String,
}

/// A control that is not met, on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waived {
    /// Which.
    pub control: Slug,
    /// The last day of its waiver.
    #[serde(with = "crate::recipe::date")]
    pub expires: Date,
}

/// What becomes of controls from one image to the next.
#[derive(Debug, Default, PartialEq)]
struct Findings {
    new: Vec<Slug>,
    resolved: Vec<Slug>,
    dropped: Vec<Slug>,
    passed_before: usize,
}

impl Findings {
    fn of<'c>(changes: impl Iterator<Item = &'c ControlChange>) -> Findings {
        let mut findings = Findings::default();
        for ControlChange { slug, from, to, .. } in changes {
            if to.is_none() {
                // That nobody looks any more resolves nothing.
                findings.dropped.push(slug.clone());
                findings.passed_before += usize::from(*from == Some(Status::Pass));
            } else if is_finding(*to) && !is_finding(*from) {
                findings.new.push(slug.clone());
            } else if is_finding(*from) && !is_finding(*to) {
                findings.resolved.push(slug.clone());
            }
        }
        findings
    }
}

fn is_finding(status: Option<Status>) -> bool {
    matches!(status, Some(Status::Fail | Status::Error))
}

impl Promoted {
    /// Puts a promotion together with how it ended.
    pub fn of(promotion: &Promotion, outcome: &'static str) -> Promoted {
        let new = (&promotion.image, &promotion.record);
        let old = promotion.current.as_ref().zip(promotion.current_record.as_ref());
        let diff = old.map(|(pointer, record)| ImageDiff::between((&pointer.image, record), new));
        let findings = Findings::of(diff.iter().flat_map(|diff| &diff.controls));
        let controls = &promotion.record.controls;
        let waived = |control: &ControlEvidence| {
            let expires = control.waiver.as_ref()?.expires;
            Some(Waived { control: control.slug.clone(), expires })
        };
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
            new_findings: findings.new,
            resolved_findings: findings.resolved,
            no_longer_checked: findings.dropped,
            passed_before: findings.passed_before,
            older: promotion.current_version.is_some_and(|current| promotion.version < current),
            by_hand: promotion.by_hand,
            score: promotion.record.score,
            failing: controls.iter().filter(|c| is_finding(Some(c.status))).map(|c| c.slug.clone()).collect(),
            waived: controls.iter().filter_map(waived).collect(),
            override_unused: promotion.override_unused,
            pin: promotion.pin.clone(),
            named_once: promotion.named_once,
            elsewhere: Vec::new(),
            behind: Vec::new(),
            places: Vec::new(),
            again: String::new(),
            ways: Vec::new(),
            bring: String::new(),
            diff,
        }
    }

    /// Whether the channel names the image at home already, so that it is only brought to other places.
    fn brings_only(&self) -> bool {
        self.from_image.as_ref() == Some(&self.image)
    }

    fn from(&self) -> String {
        match (&self.from_version, &self.from_image) {
            (Some(version), _) => version.to_string(),
            (None, Some(image)) => image.to_string(),
            (None, None) => "nothing".to_owned(),
        }
    }
}

/// What changes, what stands against it, and how it ended. What is to be decided by comes first, the comparison in full last.
pub fn promotion(shown: &Promoted, style: Style) -> String {
    let mut text = String::new();
    if shown.outcome == "up-to-date" {
        let already = format!("{} names {} {} already\n", shown.channel, shown.recipe, shown.version);
        let held = shown.pin.as_ref().map(|pin| format!("it is pinned by {} {}: {}", pin.by, pin.end(), pin.why));
        let held = held.map(|text| style.yellow(&visible::line(&text)) + "\n").unwrap_or_default();
        return already + &held + &unused(shown, style);
    }
    let head = format!("{} {}: {} → {}", shown.recipe, shown.channel, shown.from(), shown.version);
    text.push_str(&format!("{} ({}, {})\n", style.bold(&head), shown.image, shown.arch));
    text.push_str(&summary(shown, style));
    text.push_str(&behind(shown, style));
    match &shown.diff {
        Some(_) if shown.brings_only() => {}
        Some(diff) => text.push_str(&format!("\n{}", super::diff::folded(diff, style))),
        None if shown.from_image.is_some() => {
            text.push_str("\nwhat it names now can't be read any more: there is nothing to compare with\n");
        }
        None => {}
    }
    if !shown.unmet.is_empty() {
        text.push_str(&unmet(shown, style));
    }
    text.push_str(&unused(shown, style));
    text.push_str(&promoted(shown, style));
    text
}

/// A reason that nothing asked for is not kept: whoever gave it thought that something stood against the move.
fn unused(shown: &Promoted, style: Style) -> String {
    match shown.override_unused {
        true => style.yellow("--override was not needed, as no gate stands against it: its reason is not kept") + "\n",
        false => String::new(),
    }
}

/// So many names of controls stand in a line.
const NAMED: usize = 8;

fn some_of(slugs: &[Slug]) -> String {
    let named: Vec<&str> = slugs.iter().take(NAMED).map(Slug::as_str).collect();
    let more = slugs.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// The change in a few lines; of a channel's first image all that there is to know of it.
fn summary(shown: &Promoted, style: Style) -> String {
    let plain = |text: &str| text.to_owned();
    let (red, yellow) = (|text: &str| style.red(text), |text: &str| style.yellow(text));
    type Paint<'p> = &'p dyn Fn(&str) -> String;
    let mut lines: Vec<(Paint<'_>, String)> = Vec::new();
    if shown.by_hand {
        let names = if shown.brings_only() { ": what it names is recorded with this" } else { "" };
        lines.push((&yellow, format!("{} was last written by hand, past its gates{names}", shown.channel)));
    }
    let told = |lines: &[(Paint<'_>, String)]| -> String {
        let width = style.width.saturating_sub(2);
        let folded = lines.iter().flat_map(|(paint, text)| fold(text, width).into_iter().map(|line| paint(&line)));
        folded.map(|line| format!("  {line}\n")).collect()
    };
    if shown.brings_only() {
        return told(&lines);
    }
    if let (true, Some(from)) = (shown.older, shown.from_version) {
        lines.push((&yellow, format!("an older version than {from}, which {} names", shown.channel)));
    }
    match &shown.diff {
        Some(diff) => {
            let (from, to) = (wording::score(diff.a.score), wording::score(diff.b.score));
            let score = match (diff.a.score, diff.b.score) {
                (None, None) => from,
                _ if from == to => format!("score {from}"),
                _ => format!("score {from} → {to}"),
            };
            let (new, resolved) = (shown.new_findings.len(), shown.resolved_findings.len());
            let (new, resolved) = (wording::count(new, "new finding"), wording::count(resolved, "resolved finding"));
            lines.push((&plain, format!("{score}: {new}, {resolved}")));
            if !shown.new_findings.is_empty() {
                lines.push((&red, format!("fails now: {}", some_of(&shown.new_findings))));
            }
            if !shown.no_longer_checked.is_empty() {
                let controls = wording::count(shown.no_longer_checked.len(), "control");
                let what = format!("{controls} no longer checked ({} passed before)", shown.passed_before);
                lines.push((&red, what));
            }
        }
        None => {
            if !shown.elsewhere.is_empty() {
                let there = shown.elsewhere.join(", ");
                let what = format!("{} names nothing at home, and elsewhere it does: {there}", shown.channel);
                lines.push((&yellow, format!("{what}; someone deleted it, and its history (amifactory verify)")));
            } else if let Some(version) = shown.named_once.filter(|_| shown.from_image.is_none()) {
                let what = format!("{} names nothing, and {version} says that it has named it", shown.channel);
                lines.push((&yellow, format!("{what}: someone deleted it, and its history (amifactory verify)")));
            } else if shown.from_image.is_none() {
                lines.push((&plain, "it is the first image of this channel".to_owned()));
            }
            let failing = match shown.failing.as_slice() {
                [] => "no control fails".to_owned(),
                failing => {
                    let verb = if failing.len() == 1 { "fails" } else { "fail" };
                    format!("{} {verb}: {}", wording::count(failing.len(), "control"), some_of(failing))
                }
            };
            let scored = match shown.score {
                None => "no score: nothing was checked, as its recipe names no hardening profile".to_owned(),
                Some(score) => format!("score {}, {failing}", wording::score(Some(score))),
            };
            lines.push((if shown.failing.is_empty() { &plain } else { &red }, scored));
            if !shown.waived.is_empty() {
                let each = shown.waived.iter().map(|waived| format!("{} (until {})", waived.control, waived.expires));
                let count = wording::count(shown.waived.len(), "waiver");
                lines.push((&plain, format!("{count}: {}", each.collect::<Vec<_>>().join(", "))));
            }
        }
    }
    told(&lines)
}

/// Places that don't name yet what home names.
fn behind(shown: &Promoted, style: Style) -> String {
    let Promoted { channel, recipe, version, behind, .. } = shown;
    if behind.is_empty() {
        return String::new();
    }
    let mut text = match shown.brings_only() {
        true => format!(
            "\n{channel} names {recipe} {version} at home, and not in {}\n",
            wording::count(behind.len(), "other place")
        ),
        false => String::new(),
    };
    for differs in behind {
        let head = if differs.known { "differs in" } else { "not known in" };
        let head = style.red(&format!("{head} {}", differs.place));
        text.push_str(&format!("{head}: {}\n", visible::block(&differs.why)));
    }
    text
}

fn unmet(shown: &Promoted, style: Style) -> String {
    let mut text = format!("\n{}\n", style.bold("gates that are not met"));
    let (places, own): (Vec<&Unmet>, Vec<&Unmet>) = shown.unmet.iter().partition(|unmet| unmet.gate == "places");
    for gate in own.iter().chain(&places) {
        let is = fold(&visible::line(&gate.is), style.width.saturating_sub(14));
        for (at, line) in is.iter().enumerate() {
            let head = if at == 0 { gate.gate } else { "" };
            text.push_str(&format!("{} {line}\n", style.red(&format!("{head:<13}"))));
        }
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
        "promoted" => {
            // What was only brought somewhere has left nothing to go back from.
            let back = (shown.from_image.is_some() && !shown.brings_only())
                .then(|| format!("amifactory rollback {recipe} --channel {channel}"));
            let next = back.map_or_else(String::new, |back| super::next(&[back], style));
            let places = if table.is_empty() { "" } else { " in all places" };
            format!("{table}\n{} {channel} names {recipe} {version}{places} now\n{next}", style.green("✓"))
        }
        "refused" => {
            let is_missing = shown.unmet.iter().any(|unmet| unmet.gate == "places");
            let commands = is_missing.then_some(&shown.bring).into_iter().chain(&shown.ways);
            let next: Vec<String> = commands.map(|command| visible::line(command).into_owned()).collect();
            let next = if next.is_empty() { String::new() } else { super::next(&next, style) };
            format!("\n{} nothing was moved\n{next}", style.red("refused:"))
        }
        _ => "\nnothing was moved yet\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Digest;
    use crate::release::distribute::State;
    use crate::release::places::Place;
    use crate::report::diff::{Change, NamedChange, Side};

    fn image(last: char) -> ImageId {
        format!("ami-0000000{last}").parse().unwrap()
    }

    fn slug(name: &str) -> Slug {
        name.parse().unwrap()
    }

    fn change(name: &str, from: Option<Status>, to: Option<Status>) -> ControlChange {
        ControlChange { slug: slug(name), title: format!("Ensure {name}"), from, to }
    }

    /// From 1.0.2 to 1.0.0, which no profile hardens.
    fn shown() -> Promoted {
        let side = |last, version: &str, score| Side {
            image: image(last),
            recipe: "bare".parse().unwrap(),
            version: version.parse().unwrap(),
            digest: Digest::of(version),
            score,
        };
        let changes = vec![
            change("sshd-root-login", Some(Status::Pass), None),
            change("sshd-banner", Some(Status::Fail), None),
            change("cron-enabled", Some(Status::Pass), None),
        ];
        let findings = Findings::of(changes.iter());
        let inputs = (0..3).map(|n| NamedChange { name: format!("input {n}"), from: None, to: Some("x".into()) });
        let diff = ImageDiff {
            a: side('2', "1.0.2", Some(95.3)),
            b: side('0', "1.0.0", None),
            base: None,
            profile: Some(Change { from: Some("cis-al2023-l1-server".into()), to: None }),
            groups: Vec::new(),
            packages: Vec::new(),
            controls: changes,
            inputs: inputs.collect(),
        };
        Promoted {
            recipe: "bare".parse().unwrap(),
            channel: "prod".parse().unwrap(),
            arch: Arch::X86_64,
            outcome: "planned",
            version: "1.0.0".parse().unwrap(),
            image: image('0'),
            from_version: Some("1.0.2".parse().unwrap()),
            from_image: Some(image('2')),
            unmet: Vec::new(),
            overridden: None,
            diff: Some(diff),
            new_findings: findings.new,
            resolved_findings: findings.resolved,
            no_longer_checked: findings.dropped,
            passed_before: findings.passed_before,
            older: true,
            by_hand: false,
            score: None,
            failing: Vec::new(),
            waived: Vec::new(),
            override_unused: false,
            pin: None,
            named_once: None,
            elsewhere: Vec::new(),
            behind: Vec::new(),
            places: Vec::new(),
            again: String::new(),
            ways: Vec::new(),
            bring: String::new(),
        }
    }

    #[test]
    fn a_control_that_nobody_checks_any_more_is_not_resolved() {
        let changes = [
            change("a", Some(Status::Pass), None),
            change("b", Some(Status::Fail), None),
            change("c", Some(Status::Fail), Some(Status::Pass)),
            change("d", Some(Status::Pass), Some(Status::Error)),
            change("e", None, Some(Status::Fail)),
            change("f", Some(Status::Fail), Some(Status::Error)),
        ];
        let expected = Findings {
            new: vec![slug("d"), slug("e")],
            resolved: vec![slug("c")],
            dropped: vec![slug("a"), slug("b")],
            passed_before: 1,
        };
        assert_eq!(Findings::of(changes.iter()), expected);
    }

    #[test]
    fn what_a_promotion_is_decided_by_comes_first() {
        insta::assert_snapshot!("an_older_one", promotion(&shown(), Style::PLAIN));
    }

    #[test]
    fn of_the_first_image_of_a_channel_all_is_told_that_there_is_to_know() {
        let first = Promoted {
            from_version: None,
            from_image: None,
            diff: None,
            older: false,
            no_longer_checked: Vec::new(),
            score: Some(95.3),
            failing: vec![slug("sshd-banner"), slug("cron-enabled")],
            waived: vec![Waived { control: slug("sshd-root-login"), expires: time::macros::date!(2027 - 01 - 31) }],
            ..shown()
        };
        let unhardened = Promoted { score: None, failing: Vec::new(), waived: Vec::new(), ..first.clone() };
        insta::assert_snapshot!("a_first_one", promotion(&first, Style::PLAIN) + &promotion(&unhardened, Style::PLAIN));
    }

    #[test]
    fn what_is_only_brought_to_other_places_has_nothing_to_go_back_from() {
        let place = Place { account: None, region: "us-west-2".parse().unwrap() };
        let same = Promoted {
            from_version: Some("1.0.0".parse().unwrap()),
            from_image: Some(image('0')),
            older: false,
            behind: vec![Differs { place: place.clone(), known: true, why: "it names nothing there".into() }],
            ..shown()
        };
        let row = Row { place, image: Some(image('9')), state: State::Moved, why: None };
        let done = Promoted { outcome: "promoted", behind: Vec::new(), places: vec![row], ..same.clone() };
        insta::assert_snapshot!("brought", promotion(&same, Style::PLAIN) + &promotion(&done, Style::PLAIN));
        let moved = Promoted { outcome: "promoted", ..shown() };
        assert!(promoted(&moved, Style::PLAIN).contains("amifactory rollback bare --channel prod"));
    }

    #[test]
    fn what_needs_no_move_or_no_override_says_so_and_a_channel_that_was_deleted_is_not_taken_for_a_new_one() {
        let pin = Pin {
            by: "arn:aws:iam::123456789012:user/ops".into(),
            why: "audit week".into(),
            at: "2026-11-20T08:00:00Z".into(),
            until: None,
            lifted: None,
        };
        let there = Promoted { outcome: "up-to-date", override_unused: true, ..shown() };
        let held = Promoted { pin: Some(pin), override_unused: false, ..there.clone() };
        let moved = Promoted { override_unused: true, diff: None, from_version: None, ..shown() };
        let deleted = Promoted {
            from_image: None,
            named_once: Some("1.0.1".parse().unwrap()),
            older: false,
            score: Some(95.3),
            override_unused: false,
            ..moved.clone()
        };
        let told = [there, held, moved, deleted].map(|shown| promotion(&shown, Style::PLAIN));
        insta::assert_snapshot!("nothing_to_move", told.join("\n"));
    }
}
