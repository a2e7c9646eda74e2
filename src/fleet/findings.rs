//! From what was seen to what is told: each use of an image judged, and all of them in the order of their risk. Pure.

use super::exemption::{self, Use};
use super::freshness::{Identity, Judgement, Level, Measure, Status};
use super::tally::{Alike, Count, Tally};
use crate::identity::{AccountId, Region};
use crate::recipe::Exemption;
use crate::target::{Kind, PointerName, Slot, Stranger, Unread};
use serde::Serialize;
use std::collections::BTreeMap;
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

/// Judges everything that a place has shown.
pub fn of_place(measure: &Measure<'_>, at: &Spot, home: bool, shown: &Shown) -> Vec<Finding> {
    let account = at.account.as_ref().filter(|_| !home);
    let judged = shown.tally.counts.iter().map(|(alike, count)| {
        let identity = match &alike.image {
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
    judged.collect()
}

fn finding(measure: &Measure<'_>, at: &Spot, alike: &Alike, count: &Count, mut judgement: Judgement) -> Finding {
    let image = alike.image.as_ref().ok().cloned();
    let of = Use {
        recipe: judgement.recipe.as_ref(),
        image: image.as_deref(),
        account: at.account.as_ref(),
        region: &at.region,
        resource: alike.resource.as_deref(),
        group: alike.group.as_deref(),
    };
    let found = exemption::of(&measure.policy.exemptions, &of, measure.now.date());
    let mut exempt = None;
    match found {
        // What can't be told is exempt from nothing: nobody knows what it is.
        Ok(exemption) if matches!(judgement.level, Level::Fail | Level::Warn) => {
            judgement.level = Level::Exempt;
            exempt = Some(exemption.clone());
        }
        Err(Some(over)) if judgement.level != Level::Fine => {
            judgement.why = format!("{}; its exemption was over on {}", judgement.why, over.expires);
        }
        _ => {}
    }
    let fix = matches!(judgement.level, Level::Fail | Level::Warn).then(|| fix(at, alike, &judgement)).flatten();
    Finding {
        at: at.clone(),
        kind: alike.kind,
        resource: alike.resource.clone(),
        group: alike.group.clone(),
        image,
        via: alike.via.clone(),
        count: count.clone(),
        judgement,
        exemption: exempt,
        fix,
    }
}

/// A command that mends it, as far as one does; of instances that belong to no group, the one that lists them.
fn fix(at: &Spot, alike: &Alike, judgement: &Judgement) -> Option<String> {
    let region = &at.region;
    match (alike.kind, &alike.group, &alike.resource) {
        (Kind::Instance | Kind::WarmInstance, Some(group), _) => Some(format!(
            "aws autoscaling start-instance-refresh --region {region} --auto-scaling-group-name {}",
            quoted(group)
        )),
        (Kind::Instance | Kind::WarmInstance, None, _) => {
            let image = alike.image.as_ref().ok()?;
            Some(format!(
                "aws ec2 describe-instances --region {region} --filters Name=image-id,Values={}",
                quoted(image)
            ))
        }
        (Kind::LaunchTemplate, _, Some(resource)) => {
            let (template, number) = resource.split_once(':')?;
            let slot = Slot::Channel(judgement.channel.clone()?);
            let pointer = PointerName { recipe: judgement.recipe.clone()?, arch: judgement.arch?, slot };
            // That the channel names nothing better is no reason for a new version.
            judgement.channel_version?;
            Some(format!(
                "aws ec2 create-launch-template-version --region {region} --launch-template-id {} --source-version {} \
                 --launch-template-data '{{\"ImageId\":\"resolve:ssm:{pointer}\"}}'",
                quoted(template),
                quoted(number)
            ))
        }
        _ => None,
    }
}

/// A word for a shell, whatever it holds.
fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:".contains(&b);
    match !text.is_empty() && text.bytes().all(plain) && !text.starts_with('-') {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_any_name_as_one_word() {
        assert_eq!(quoted("web-prod_1"), "web-prod_1");
        assert_eq!(quoted("a b; rm -rf $HOME"), "'a b; rm -rf $HOME'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("--all"), "'--all'");
        assert_eq!(quoted(""), "''");
    }
}
