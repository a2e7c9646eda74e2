//! What can be told, and what each is about: a fingerprint that stays the same while days pass and instances come and go.

use crate::fleet::findings::{Finding, Spot};
use crate::fleet::freshness::{Level, Status};
use crate::fleet::look::Looked;
use crate::identity::{AccountId, RecipeName};
use crate::report::visible;
use crate::target::{Kind, Unread};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What could not be read is of this kind.
pub const UNREAD: &str = "unread";
/// The longest title, in bytes: it is kept in the memory too.
pub const TITLE: usize = 160;
/// The longest reason and the longest list of examples, in bytes.
const WORDS: usize = 300;
/// The longest command, in bytes. One that is longer, or that can't be shown as it is, is left out: half a command, or
/// another one, is worse than none.
const COMMAND: usize = 600;

/// What something is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// 12 bytes of a SHA-256 over all parts; none of them can pass for two others.
    fn of(parts: &[&str]) -> Fingerprint {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Fingerprint(BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..12]))
    }

    /// 16 letters, digits, `-` and `_`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that can be told. All text in it is fit to be seen, on one line and bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is about.
    pub fingerprint: Fingerprint,
    /// What it is of, whatever image that has: so that what can't be told now is known to be the same thing.
    #[serde(skip)]
    pub subject: Fingerprint,
    /// What it is about where the same image had another status, and which: so that a change is known to be one. Empty where
    /// nothing can be told of it.
    #[serde(skip)]
    pub formerly: Vec<(&'static str, Fingerprint)>,
    /// Where: account and region.
    pub place: String,
    /// The account; none where it could not be told.
    #[serde(skip)]
    pub account: Option<AccountId>,
    /// The recipe, where the image is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeName>,
    /// What it is: as [`Kind`] says, or `unread`.
    pub kind: &'static str,
    /// What policy makes of it.
    pub level: Level,
    /// What the image is: as [`Status`] says, or `unread`.
    pub status: &'static str,
    /// The image's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How many there are.
    pub count: u64,
    /// What it is about, in words: neither ages nor counts.
    pub title: String,
    /// Why it is told.
    pub why: String,
    /// The first few of those that are counted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub examples: String,
    /// A command that mends it, or that lists what is to be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Resources that it is about, by their ARNs: the first few.
    #[serde(skip)]
    pub arns: Vec<String>,
}

/// All that was seen, as it can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Everything, what is fine and what is exempt too; the riskiest first.
    pub items: Vec<Item>,
    /// All places that were to be looked at.
    pub places: BTreeSet<String>,
    /// Those that could not be read wholly: what is not seen there may still be there.
    pub blind: BTreeSet<String>,
    /// Those of them where nothing could be read.
    pub dark: BTreeSet<String>,
    /// What can't be told of single things, by their subjects.
    pub unclear: BTreeSet<Fingerprint>,
}

impl Seen {
    /// Folds together what is about the same.
    pub fn of(looked: &Looked) -> Seen {
        let mut seen = Seen::default();
        let mut items: Vec<Item> = Vec::new();
        for place in &looked.places {
            let name = place.at.to_string();
            if !place.shown.unread.is_empty() || place.shown.dark {
                seen.blind.insert(name.clone());
            }
            if place.shown.dark {
                seen.dark.insert(name.clone());
            }
            items.extend(place.shown.unread.iter().map(|unread| unread_item(&place.at, unread)));
            seen.places.insert(name);
        }
        for finding in &looked.findings {
            let item = item(finding);
            if finding.judgement.status == Status::Unknown {
                seen.unclear.insert(item.subject.clone());
            }
            items.push(item);
        }
        let mut at: BTreeMap<Fingerprint, usize> = BTreeMap::new();
        for item in items {
            match at.get(&item.fingerprint) {
                Some(&first) => {
                    let known = &mut seen.items[first];
                    known.count += item.count;
                    known.level = known.level.min(item.level);
                }
                None => {
                    at.insert(item.fingerprint.clone(), seen.items.len());
                    seen.items.push(item);
                }
            }
        }
        tell_apart(&mut seen.items);
        // What could not be read stands where its level puts it; the order of findings stays.
        seen.items.sort_by_key(|item| item.level);
        seen
    }
}

/// Where several have the same words, each says its image too, or what it is about.
fn tell_apart(items: &mut [Item]) {
    let mut titles: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items.iter() {
        *titles.entry(&item.title).or_default() += 1;
    }
    let several: BTreeSet<String> =
        titles.into_iter().filter(|(_, count)| *count > 1).map(|(title, _)| title.to_owned()).collect();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for item in items.iter_mut().filter(|item| several.contains(&item.title)) {
        let with = |what: &str| {
            let most = TITLE.saturating_sub(what.len() + 2);
            format!("{}, {what}", cut(&item.title, most))
        };
        let image = item.image.as_deref().map(|image| with(&cut(image, 24)));
        let title = image.filter(|title| !taken.contains(title)).unwrap_or_else(|| with(item.fingerprint.as_str()));
        taken.insert(title.clone());
        item.title = title;
    }
}

fn item(finding: &Finding) -> Item {
    let judgement = &finding.judgement;
    let place = finding.at.to_string();
    let text = |of: &Option<String>| of.clone().unwrap_or_default();
    let recipe = judgement.recipe.as_ref().map(RecipeName::as_str).unwrap_or_default();
    let (resource, group) = (text(&finding.resource), text(&finding.group));
    let kind = finding.kind.as_str();
    let (image, via) = (text(&finding.image), text(&finding.via));
    let with = |status: Status| {
        Fingerprint::of(&["1", &place, kind, &resource, &group, &image, &via, recipe, status.as_str()])
    };
    let is_other = |status: &Status| *status != judgement.status && *status != Status::Unknown;
    let others = Status::ALL.into_iter().filter(is_other).map(|status| (status.as_str(), with(status)));
    Item {
        fingerprint: with(judgement.status),
        formerly: if judgement.status == Status::Unknown { Vec::new() } else { others.collect() },
        subject: Fingerprint::of(&["1", &place, kind, &resource, &group]),
        account: finding.at.account.clone(),
        recipe: judgement.recipe.clone(),
        kind,
        level: judgement.level,
        status: judgement.status.as_str(),
        image: finding.image.as_deref().map(|image| shown(image, TITLE)),
        count: finding.count.count,
        title: title(finding, &place),
        why: why(finding),
        examples: examples(finding),
        fix: finding.fix.clone().filter(|fix| fix.len() <= COMMAND && visible::line(fix) == fix.as_str()),
        arns: arns(finding),
        place,
    }
}

/// Of a group it would take an id that nobody has asked for.
fn arns(finding: &Finding) -> Vec<String> {
    let region = &finding.at.region;
    let arn = |account: &str, resource: &str| format!("arn:{}:ec2:{region}:{account}:{resource}", region.partition());
    let account = finding.at.account.as_ref().map_or("", AccountId::as_str);
    let is_id =
        |id: &&str, prefix: &str| id.starts_with(prefix) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let image = finding.image.as_deref().filter(|image| is_id(image, "ami-"));
    let mut all: Vec<String> = image.map(|image| arn("", &format!("image/{image}"))).into_iter().collect();
    let template = finding.resource.as_deref().and_then(|resource| resource.split(':').next());
    if let (Kind::LaunchTemplate, Some(template)) = (finding.kind, template.filter(|id| is_id(id, "lt-"))) {
        all.push(arn(account, &format!("launch-template/{template}")));
    }
    let ids = finding.count.examples.iter().map(|example| example.id.as_str()).filter(|id| is_id(id, "i-"));
    all.extend(ids.map(|id| arn(account, &format!("instance/{id}"))));
    all
}

fn unread_item(at: &Spot, unread: &Unread) -> Item {
    let place = at.to_string();
    Item {
        fingerprint: Fingerprint::of(&["1", &place, "unread", &unread.what]),
        formerly: Vec::new(),
        subject: Fingerprint::of(&["1", &place, "unread", &unread.what]),
        account: at.account.clone(),
        recipe: None,
        kind: UNREAD,
        level: Level::Unknown,
        status: UNREAD,
        image: None,
        count: 1,
        title: cut(&format!("not read in {place}: {}", visible::line(&unread.what)), TITLE),
        why: cut(&visible::joined(&unread.why), WORDS),
        examples: String::new(),
        fix: None,
        arns: Vec::new(),
        place,
    }
}

/// Without ages and counts: it is the same on the next day.
fn title(finding: &Finding, place: &str) -> String {
    let judgement = &finding.judgement;
    let image = match (&judgement.recipe, &judgement.version) {
        (Some(recipe), Some(version)) => format!("{recipe} {version}"),
        (Some(recipe), None) => recipe.to_string(),
        _ => finding.image.as_deref().map_or("an image that can't be told".to_owned(), |image| shown(image, 24)),
    };
    let resource = || shown(finding.resource.as_deref().unwrap_or_default(), 40);
    let what = match (finding.kind, &finding.group) {
        (Kind::LaunchTemplate, _) => format!("launch template {}", resource()),
        (Kind::AutoScalingGroup, _) => format!("group {}", resource()),
        (Kind::Instance, _) if finding.resource.is_some() => format!("instance {}", resource()),
        (Kind::Instance, Some(group)) => format!("instances of group {}", shown(group, 40)),
        (Kind::Instance, None) => "instances of no group".to_owned(),
        (Kind::WarmInstance, group) => {
            format!("warm instances of group {}", shown(group.as_deref().unwrap_or_default(), 40))
        }
    };
    // A group has several images at once, by several of its overrides.
    let via = finding.via.as_deref().filter(|_| finding.kind == Kind::AutoScalingGroup);
    let via = via.map_or(String::new(), |via| format!(", by {}", shown(via, 60)));
    cut(&format!("{image} {}: {what}, {place}{via}", judgement.status.as_str()), TITLE)
}

fn why(finding: &Finding) -> String {
    let mut why = visible::joined(&finding.judgement.why);
    if let Some(exemption) = &finding.exemption {
        why = format!("{why}; exempt until {}: {}", exemption.expires, visible::line(&exemption.reason));
    }
    cut(&why, WORDS)
}

fn examples(finding: &Finding) -> String {
    let one = |example: &crate::fleet::tally::Example| match example.name.is_empty() {
        true => shown(&example.id, 60),
        false => format!("{} ({})", shown(&example.id, 60), shown(&example.name, 60)),
    };
    let mut all = finding.count.examples.iter().map(one).collect::<Vec<_>>().join(", ");
    if finding.count.count > finding.count.examples.len() as u64 {
        all.push_str(", …");
    }
    cut(&all, WORDS)
}

/// A name that others gave: on one line, and no longer than that.
pub fn shown(text: &str, most: usize) -> String {
    cut(&visible::line(text), most)
}

/// At most so many bytes, with an ellipsis where some are left out.
pub fn cut(text: &str, most: usize) -> String {
    const MORE: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most.saturating_sub(MORE.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{MORE}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_passes_for_two_others() {
        assert_ne!(Fingerprint::of(&["a", "bc"]), Fingerprint::of(&["ab", "c"]));
        assert_ne!(Fingerprint::of(&["a", ""]), Fingerprint::of(&["a"]));
        assert_eq!(Fingerprint::of(&["a"]).as_str().len(), 16);
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("äöüäöü", 9), "äöü…");
        assert_eq!(cut("äöüäöü", 8), "äö…");
        assert!(cut(&"🙂".repeat(100), 50).len() <= 50);
    }
}
