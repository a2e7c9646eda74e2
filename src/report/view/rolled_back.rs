//! What `rollback` did.

use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::release::distribute::Row;
use crate::release::rollback::{self, Ended};
use crate::report::wrap::fold;
use crate::report::{Style, visible, wording};
use serde::Serialize;

/// The result of `rollback`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolledBack {
    /// Its recipe.
    pub recipe: RecipeName,
    /// The channel.
    pub channel: Channel,
    /// For which architecture.
    pub arch: Arch,
    /// `rolled-back`; `up-to-date` where it named that image already; `stayed` where another move was cleared before it had
    /// happened; `accepted` where it stays and its record, which was edited, is accepted.
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
    /// Whether that is revoked already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub from_revoked: bool,
    /// Where its record was edited and is accepted now; none where nothing of that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Vec<String>>,
    /// How many breaks of its record are not accepted yet.
    #[serde(skip_serializing_if = "is_none_left")]
    pub still_broken: usize,
    /// What others had begun to bring the channel to, and is cleared: versions, or else images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<String>,
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
            outcome: match (done.moved, done.ended) {
                (true, Some(Ended::Stayed)) => "stayed",
                (true, _) if done.accepted.as_ref().is_some_and(|accepted| !accepted.is_empty()) => "accepted",
                (true, _) => "rolled-back",
                (false, _) => "up-to-date",
            },
            forward: done.forward,
            version: done.version,
            image: done.image.clone(),
            from_version: done.from_version,
            from_image: done.from.image.clone(),
            from_revoked: done.from_revoked,
            accepted: done.accepted.as_ref().map(|all| all.iter().map(ToString::to_string).collect()),
            still_broken: done.still_broken,
            cleared: done
                .cleared
                .iter()
                .map(|left| left.note.version.map_or_else(|| left.image.to_string(), |version| version.to_string()))
                .collect(),
            places: done.rows.clone(),
        }
    }
}

fn is_none_left(left: &usize) -> bool {
    *left == 0
}

/// What was accepted of a channel's record, and what was not.
fn accepted(shown: &RolledBack, style: Style) -> String {
    let Some(all) = &shown.accepted else { return String::new() };
    let mut lines: Vec<String> = all.iter().map(|broken| visible::line(broken).into_owned()).collect();
    if !all.is_empty() {
        let channel = &shown.channel;
        lines.push(format!(
            "its record vouches for what {channel} names from here on, and for nothing that it named before; amifactory \
             history goes on showing what was wrong"
        ));
    }
    if shown.still_broken > 0 {
        let what = wording::count(shown.still_broken, "other break");
        lines.push(format!("{what} of it not accepted yet: the same command again does that"));
    }
    let width = style.width.saturating_sub(2);
    lines.iter().flat_map(|text| fold(text, width)).map(|line| format!("  {line}\n")).collect()
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
    let same = shown.from_image == shown.image;
    let said = match shown.outcome {
        "up-to-date" if shown.accepted.is_some() => {
            format!(
                "the record of {channel} is whole, and {channel} names {recipe} {version}: there is nothing to accept"
            )
        }
        "up-to-date" => format!("{channel} names {recipe} {version} already"),
        "accepted" => {
            format!("the record of {channel} is accepted as it stands, at {recipe} {version} ({image})")
        }
        "stayed" => {
            let cleared = shown.cleared.join(", ");
            format!("{channel} stays at {recipe} {version} ({image}), the move to {cleared} was cleared")
        }
        _ if same => {
            let places = if places.is_empty() { "" } else { " in all places" };
            format!("{channel} names {recipe} {version} ({image}){places} now")
        }
        _ => format!("{channel} names {recipe} {version} ({image}){again}, and no more {from}"),
    };
    let behind = || places.iter().filter(|row| row.why.is_some());
    if behind().next().is_none() {
        let history = format!("amifactory history {recipe} --channel {channel}");
        // What was just left can be built or promoted again by the next nightly run, and other channels may name it.
        let keep = |left: Version| {
            let pin = format!(
                "amifactory pin {recipe} --channel {channel} --why TEXT   (no build and no promotion moves it)"
            );
            let revoke =
                format!("amifactory revoke {recipe}@{left} --reason TEXT   (nobody uses that version any more)");
            // What is revoked already comes back by no build and no promotion.
            [pin, revoke].into_iter().filter(|_| !shown.from_revoked)
        };
        let left = shown.from_version.filter(|left| !same && *left > *version);
        let next = match shown.outcome {
            "up-to-date" => return format!("{table}{said}\n"),
            _ => {
                super::next(&std::iter::once(history).chain(left.into_iter().flat_map(keep)).collect::<Vec<_>>(), style)
            }
        };
        return format!("{table}{} {said}\n{}{next}", style.green("✓"), accepted(shown, style));
    }
    let said = match (shown.outcome, same) {
        ("rolled-back" | "accepted", true) => format!("{channel} names {recipe} {version} ({image})"),
        _ => said,
    };
    // Where the image is missing it has to be brought first.
    let bring = format!("amifactory distribute {recipe}@{version} --to {channel}");
    let back = format!("amifactory rollback {recipe} --channel {channel} --to {version}");
    let lacks = |row: &Row| row.why.as_deref().is_some_and(|why| why.contains("amifactory distribute"));
    let is_missing = behind().any(|row| row.image.is_none() || lacks(row));
    let next: Vec<String> = is_missing.then_some(bring).into_iter().chain([back]).collect();
    format!("{table}{} at home {said}; not all places do\n{}", style.red("partly done:"), super::next(&next, style))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(last: char) -> ImageId {
        format!("ami-0000000{last}").parse().unwrap()
    }

    #[test]
    fn a_rollback_says_what_it_did_and_how_that_is_kept() {
        let back = RolledBack {
            recipe: "bare".parse().unwrap(),
            channel: "prod".parse().unwrap(),
            arch: Arch::X86_64,
            outcome: "rolled-back",
            version: "1.0.3".parse().unwrap(),
            forward: false,
            image: image('3'),
            from_version: Some("1.0.4".parse().unwrap()),
            from_image: image('4'),
            from_revoked: false,
            accepted: None,
            still_broken: 0,
            cleared: Vec::new(),
            places: Vec::new(),
        };
        let same = RolledBack { from_version: Some(back.version), from_image: image('3'), ..back.clone() };
        let stayed = RolledBack { outcome: "stayed", cleared: vec!["1.0.4".into()], ..same.clone() };
        let of_revoked = RolledBack { from_revoked: true, ..back.clone() };
        let text = rolled_back(&of_revoked, Style::PLAIN);
        assert!(!text.contains("amifactory revoke") && !text.contains("amifactory pin"), "{text}");
        let all: String = [&back, &same, &stayed].iter().map(|shown| rolled_back(shown, Style::PLAIN)).collect();
        insta::assert_snapshot!("ways_back", all);
        let broken = "revision 3: it follows another entry than revision 2, as that now reads".to_owned();
        let accepted = RolledBack { outcome: "accepted", accepted: Some(vec![broken]), ..same.clone() };
        let left = RolledBack { still_broken: 2, ..accepted.clone() };
        let whole = RolledBack { outcome: "up-to-date", accepted: Some(Vec::new()), ..same };
        let all: String = [accepted, left, whole].iter().map(|shown| rolled_back(shown, Style::PLAIN)).collect();
        insta::assert_snapshot!("accepted", all);
    }
}
