//! The command that mends what was found, as far as one does. Pure.
//!
//! Where the factory itself can do it, it is the factory's own verb, with its gates, its window and its way back. Else it is
//! the AWS CLI's, with credentials of the account where it was found.

use super::findings::{Finding, Own};
use super::freshness::{Judgement, Level};
use crate::hardening::shell;
use crate::identity::Region;
use crate::target::{Kind, PointerName, Slot};
use std::collections::BTreeMap;

/// The versions of a place's templates that were seen: of each template the default and the latest, and whether those are
/// fine.
type Versions = BTreeMap<String, BTreeMap<i64, bool>>;

/// Gives each of a place's findings its command.
pub fn add(findings: &mut [Finding], own: Own) {
    let mut versions = Versions::new();
    for finding in findings.iter() {
        if let Some((template, number)) = version(finding) {
            let is_fine = finding.judgement.level == Level::Fine;
            versions.entry(template.to_owned()).or_default().insert(number, is_fine);
        }
    }
    for finding in findings.iter_mut().filter(|f| matches!(f.judgement.level, Level::Fail | Level::Warn)) {
        finding.fix = of(finding, own, &versions);
    }
}

fn of(finding: &Finding, own: Own, versions: &Versions) -> Option<String> {
    let (region, judgement) = (&finding.at.region, &finding.judgement);
    match (finding.kind, &finding.group, &finding.resource) {
        (Kind::Instance | Kind::WarmInstance, Some(group), _) => match own.account {
            true => roll(region, own, group, judgement),
            false => Some(format!(
                "aws autoscaling start-instance-refresh --region {region} --auto-scaling-group-name {}",
                shell::shown(group)
            )),
        },
        (Kind::AutoScalingGroup, _, Some(group)) if own.account => roll(region, own, group, judgement),
        (Kind::Instance, None, _) => Some(format!(
            "aws ec2 describe-instances --region {region} --filters Name=image-id,Values={}",
            shell::shown(finding.image.as_deref()?)
        )),
        (Kind::LaunchTemplate, ..) => template(finding, own, versions),
        _ => None,
    }
}

/// A channel that names what is to be replaced has to move first.
fn moves_first(judgement: &Judgement) -> Option<String> {
    let is_it = judgement.version.is_some() && judgement.version == judgement.channel_version;
    let (recipe, channel) = (judgement.recipe.as_ref()?, judgement.channel.as_ref()?);
    is_it.then(|| format!("amifactory rollback {recipe} --channel {channel}"))
}

fn roll(region: &Region, own: Own, group: &str, judgement: &Judgement) -> Option<String> {
    let (recipe, channel, arch) = (judgement.recipe.as_ref()?, judgement.channel.as_ref()?, judgement.arch?);
    // That the channel names nothing is no reason for a roll-out.
    judgement.channel_version?;
    let there = if own.region { String::new() } else { format!("AWS_REGION={region} ") };
    moves_first(judgement).or_else(|| {
        Some(format!(
            "{there}amifactory rollout {recipe} --channel {channel} --arch {arch} --group {}",
            shell::shown(group)
        ))
    })
}

/// The version that is found is the default, the latest, or both. Where the latest is fine, it becomes the default; else a
/// version is made of this one with the image that the channel names now, and takes its place. The image is written by its
/// id: a template that has it looked up at each launch can't be rolled back.
fn template(finding: &Finding, own: Own, versions: &Versions) -> Option<String> {
    let (region, judgement) = (&finding.at.region, &finding.judgement);
    let (template, number) = version(finding)?;
    judgement.channel_version?;
    let slot = Slot::Channel(judgement.channel.clone()?);
    let pointer = PointerName { recipe: judgement.recipe.clone()?, arch: judgement.arch?, slot };
    if let Some(moves) = moves_first(judgement).filter(|_| own.account) {
        return Some(moves);
    }
    let of = format!("--region {region} --launch-template-id {}", shell::shown(template));
    let others = versions.get(template)?;
    let latest = *others.keys().next_back()?;
    let make = format!(
        "aws ec2 create-launch-template-version {of} --source-version {number} --launch-template-data \
         ImageId=$(aws ssm get-parameter --region {region} --name {pointer} --query Parameter.Value --output text)"
    );
    let is_default = others.keys().next() == Some(&number);
    Some(match is_default {
        true if latest != number && others.get(&latest) == Some(&true) => {
            format!("aws ec2 modify-launch-template {of} --default-version {latest}")
        }
        true => format!(
            "V=$({make} --query LaunchTemplateVersion.VersionNumber --output text) && \
             aws ec2 modify-launch-template {of} --default-version $V"
        ),
        false => make,
    })
}

fn version(finding: &Finding) -> Option<(&str, i64)> {
    let (template, number) = finding.resource.as_deref()?.split_once(':')?;
    (finding.kind == Kind::LaunchTemplate).then_some((template, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::notify::tests::finding;

    const HOME: Own = Own { account: true, region: true };

    fn web(kind: Kind, level: Level) -> Finding {
        let mut finding = finding(1, level, 1, 20);
        finding.kind = kind;
        (finding.group, finding.resource, finding.fix) = (None, None, None);
        finding.judgement.recipe = Some("web".parse().unwrap());
        finding.judgement.arch = Some("x86_64".parse().unwrap());
        finding.judgement.channel = Some("prod".parse().unwrap());
        finding.judgement.version = Some("1.0.0".parse().unwrap());
        finding.judgement.channel_version = Some("1.0.2".parse().unwrap());
        finding
    }

    fn fixes(mut findings: Vec<Finding>, own: Own) -> Vec<String> {
        add(&mut findings, own);
        findings.into_iter().map(|finding| finding.fix.unwrap_or_default()).collect()
    }

    fn of_template(number: i64, level: Level) -> Finding {
        Finding { resource: Some(format!("lt-1:{number}")), ..web(Kind::LaunchTemplate, level) }
    }

    #[test]
    fn groups_and_their_instances_are_rolled_out() {
        let group = Finding { resource: Some("web asg".into()), ..web(Kind::AutoScalingGroup, Level::Fail) };
        let instances = Finding { group: Some("web asg".into()), ..web(Kind::Instance, Level::Warn) };
        let roll = "amifactory rollout web --channel prod --arch x86_64 --group 'web asg'";
        assert_eq!(fixes(vec![group.clone(), instances.clone()], HOME), [roll, roll]);
        let elsewhere = fixes(vec![group.clone()], Own { region: false, ..HOME });
        assert_eq!(elsewhere, [format!("AWS_REGION=us-east-1 {roll}")]);
        // The factory has no hands in other accounts.
        let others = fixes(vec![group.clone(), instances], Own { account: false, ..HOME });
        assert!(others[0].is_empty() && others[1].starts_with("aws autoscaling start-instance-refresh"), "{others:?}");
        // What the channel names itself: the channel first.
        let mut named = group.clone();
        named.judgement.channel_version = named.judgement.version;
        assert_eq!(fixes(vec![named], HOME), ["amifactory rollback web --channel prod"]);
        let mut empty = group;
        empty.judgement.channel_version = None;
        assert_eq!(fixes(vec![empty], HOME), [""]);
    }

    #[test]
    fn a_template_gets_a_version_with_the_image_and_it_becomes_the_default() {
        let make = "aws ec2 create-launch-template-version --region us-east-1 --launch-template-id lt-1 --source-version 1 \
                    --launch-template-data ImageId=$(aws ssm get-parameter --region us-east-1 --name \
                    /amifactory/web/x86_64/channels/prod --query Parameter.Value --output text)";
        let default = "aws ec2 modify-launch-template --region us-east-1 --launch-template-id lt-1 --default-version";
        let made = format!("V=$({make} --query LaunchTemplateVersion.VersionNumber --output text) && {default} $V");
        assert_eq!(fixes(vec![of_template(1, Level::Fail)], HOME)[0], made);
        // The latest is fine already.
        let both = fixes(vec![of_template(1, Level::Fail), of_template(3, Level::Fine)], HOME);
        assert_eq!(both, [format!("{default} 3"), String::new()]);
        // Both are old: each gets its own.
        let both = fixes(vec![of_template(1, Level::Fail), of_template(3, Level::Warn)], HOME);
        assert_eq!(both, [made, make.replace("--source-version 1", "--source-version 3")]);
    }
}
