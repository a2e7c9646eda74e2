//! From what was seen to what is told: each use of an image judged, and all of them in the order of their risk. Pure.

use super::exemption::{self, Use};
use super::fix;
use super::freshness::{Identity, Judgement, Level, Measure, Status};
use super::reach::Unreached;
use super::tally::{Alike, Count, Tally};
use crate::identity::{AccountId, Arch, RecipeName, Region, Version};
use crate::recipe::Exemption;
use crate::target::{GROUPS, Kind, NOT_THERE, Stranger, Unread};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An account and a region of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spot {
    /// The account; none where the factory's own could not be told.
    pub account: Option<AccountId>,
    /// The region.
    pub region: Region,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => write!(f, "{account}/{}", self.region),
            None => write!(f, "{}", self.region),
        }
    }
}

/// What a place has shown.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// What was seen.
    pub tally: Tally,
    /// Images of others, by their ids. None where that could not be asked: then what the catalogue does not know is
    /// unknown.
    pub strangers: Option<BTreeMap<String, Stranger>>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Whether nothing at all could be read.
    pub dark: bool,
}

/// Those that are alike, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    #[serde(flatten)]
    pub at: Spot,
    /// What it is.
    pub kind: Kind,
    /// The launch template's version, the group, or the instance, where it stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The Auto Scaling group that instances belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// By what it has the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// How many there are.
    #[serde(flatten)]
    pub count: Count,
    /// What was found out.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exemption: Option<Exemption>,
    /// A command that mends it, or that lists what is to be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// The versions that may be used.
pub type Usable = BTreeSet<(RecipeName, Arch, Version)>;

/// Whose place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// The factory's own account.
    pub account: bool,
    /// The region where its channels are.
    pub region: bool,
    /// Whether the factory's verbs speak to AWS without being told to.
    pub is_default: bool,
}

impl Own {
    /// What one of the factory's commands needs to speak to AWS.
    pub fn target_flag(self) -> &'static str {
        if self.is_default { "" } else { " --target aws" }
    }
}

/// Judges everything that a place has shown.
pub fn of_place(
    measure: &Measure<'_>,
    (usable, unreached): (&Usable, &Unreached),
    at: &Spot,
    own: Own,
    shown: &Shown,
) -> Vec<Finding> {
    let account = at.account.as_ref().filter(|_| !own.account);
    let judged = shown.tally.counts.iter().map(|(alike, count)| {
        let identity = match &alike.image {
            Err(why) if why.ends_with(NOT_THERE) => Identity::Missing(why),
            Err(why) => Identity::Unknown(why),
            Ok(id) => match (measure.catalogue.image(id), &shown.strangers) {
                (Some(_), _) => Identity::Image(id),
                (None, Some(strangers)) => match strangers.get(id) {
                    Some(stranger) => Identity::Stranger(stranger),
                    None => Identity::Image(id),
                },
                (None, None) => Identity::Unknown("it can't be told whose image it is"),
            },
        };
        let judgement = measure.judge(alike.kind, &identity, account);
        finding(measure, at, alike, count, judgement)
    });
    let mut findings: Vec<Finding> = judged.collect();
    let are_groups_read = shown.unread.iter().all(|unread| unread.what != GROUPS);
    fix::add(&mut findings, own, (usable, unreached), are_groups_read);
    findings
}

fn finding(measure: &Measure<'_>, at: &Spot, alike: &Alike, count: &Count, judgement: Judgement) -> Finding {
    let mut finding = Finding {
        at: at.clone(),
        kind: alike.kind,
        resource: alike.resource.clone(),
        group: alike.group.clone(),
        image: alike.image.as_ref().ok().cloned(),
        via: alike.via.clone(),
        count: count.clone(),
        judgement,
        exemption: None,
        fix: None,
    };
    let found = exemption::of(&measure.policy.exemptions, &Use::of(&finding), measure.now.date());
    let judgement = &mut finding.judgement;
    match found {
        // What can't be told is exempt from nothing: nobody knows what it is.
        // Who wrote that an old image may stay did not know that it would be revoked: that needs the image's own name.
        Ok(exemption)
            if exemption.image.is_none() && matches!(judgement.status, Status::Revoked | Status::Unpublished) =>
        {
            judgement.why = format!("{}; its exemption is not of this image", judgement.why);
        }
        Ok(exemption) if matches!(judgement.level, Level::Fail | Level::Warn) => {
            judgement.level = Level::Exempt;
            finding.exemption = Some(exemption.clone());
        }
        Err(Some(over)) if judgement.level != Level::Fine => {
            judgement.why = format!("{}; its exemption was over on {}", judgement.why, over.expires);
        }
        _ => {}
    }
    finding
}

/// The riskiest first: by level, by what the image is, the oldest, the most, and then by name.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let risk = |f: &Finding| (f.judgement.level, f.judgement.status);
        let older = b.judgement.days.cmp(&a.judgement.days);
        let name = |f: &Finding| (f.at.clone(), f.kind, f.resource.clone(), f.group.clone(), f.image.clone());
        risk(a).cmp(&risk(b)).then(older).then(b.count.count.cmp(&a.count.count)).then_with(|| name(a).cmp(&name(b)))
    });
}

/// Whether anything about the image's use is worth a line of its own.
pub fn is_told(finding: &Finding) -> bool {
    finding.judgement.level != Level::Fine || finding.judgement.status == Status::RolledBack
}
