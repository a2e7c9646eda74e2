//! What `pin`, `unpin` and `revoke` did.

use crate::identity::{Arch, Channel, RecipeName};
use crate::release::revoke::Revoked;
use crate::release::revoke_places::Reached;
use crate::report::{Style, visible};
use crate::target::{Pin, Underway};
use serde::Serialize;

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
    /// With what to type next: `ways` take channels away from it.
    pub fn of(revoked: Vec<Revoked>, reached: Reached, ways: Vec<String>) -> Revocation {
        let mut next = ways;
        let unmarked = reached.copies.iter().any(|copy| copy.failed.is_some())
            || revoked.iter().any(|revoked| revoked.forgettable.is_some());
        if let (true, Some(first)) = (unmarked, revoked.first()) {
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
        let gone = if revoked.gone { ", which is gone," } else { "" };
        let why = visible::line(&revoked.reason);
        text.push_str(&format!("{name} ({}){gone} is revoked: {why}; {named}\n", revoked.image));
        if let Some(given) = &revoked.not_kept {
            let what =
                format!("  the reason that was given first stands; this one is not kept: {}", visible::line(given));
            text.push_str(&format!("{}\n", style.yellow(&what)));
        }
        if let Some(other) = &revoked.misnamed {
            let what = format!("  its version's pointer names {other} instead, which is not revoked by this");
            text.push_str(&format!("{}\n", style.red(&what)));
        }
        if let Some(why) = &revoked.forgettable {
            let what = "  forgotten once the image is gone, because that could not be written down:";
            text.push_str(&format!("{}\n  {}\n", style.red(what), visible::block(why)));
        }
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
        // Those of images that were built on it are copied too.
        let of = shown.revoked.iter().find(|revoked| revoked.image == copy.of);
        let of = of.map_or_else(|| copy.of.to_string(), |of| format!("{} {}", of.recipe, of.version));
        text.push_str(&format!("the copy {} of {of} in {}: {marked}\n", copy.image, copy.place));
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
