//! The command that mends what was found, as far as one does. Pure.
//!
//! Where the factory itself can do it, it is the factory's own verb, with its gates, its window and its way back. Else it is
//! the AWS CLI's, with credentials of the account where it was found. A command that mends nothing, or goes round what a
//! roll-out is careful of, is not told.

use super::findings::{Finding, Own, Spot, Usable};
use super::freshness::{Judgement, Level};
use super::reach::Unreached;
use crate::hardening::shell;
use crate::identity::Region;
use crate::rollout::mends::{self, Place};
use crate::target::{ByTemplate, Kind, NamedAt, PointerName, Slot};
use std::collections::BTreeMap;

/// The versions of a place's templates that were seen: of each template the default and the latest, and whether those are
/// fine.
type Versions = BTreeMap<String, BTreeMap<i64, bool>>;

/// Why a template is left alone: a new version or another default changes groups that launch it by `$Latest` or `$Default` at
/// once, past waves, alarms and windows.
const UNREAD_GROUPS: &str = "the Auto Scaling groups there could not be read: read them first";

const OWN_IMAGES: &str = "overrides of its mixed instances bring their own image";

/// Whether a group launches by an override too, whatever that names.
fn has_overrides(of_group: &[(String, bool)]) -> bool {
    of_group.iter().any(|(via, _)| via.contains("override of its mixed instances"))
}

/// What is known of a place beside the finding itself.
struct Scene<'a> {
    own: Own,
    usable: &'a Usable,
    unreached: &'a Unreached,
    /// Whether all groups of the place are known: one that is not may launch whatever its template comes to.
    are_groups_read: bool,
    versions: Versions,
    /// Of each group all that it would launch, and whether that is fine.
    groups: BTreeMap<String, Vec<(String, bool)>>,
}

/// By what a group launches.
enum Launch<'a> {
    /// A template's version by its number.
    Numbered { template: &'a str, number: i64, is_mixed: bool },
    /// A template's default or latest version: whatever becomes that is launched at once.
    Floating { template: &'a str, is_default: bool, is_mixed: bool },
    /// A template's version that has the image looked up at each launch, where the factory keeps it.
    LookedUp,
    /// It can't be told, or by several.
    Other,
}

/// Gives each of a place's findings its command.
pub fn add(findings: &mut [Finding], own: Own, (usable, unreached): (&Usable, &Unreached), are_groups_read: bool) {
    let mut scene =
        Scene { own, usable, unreached, are_groups_read, versions: Versions::new(), groups: BTreeMap::new() };
    for finding in findings.iter() {
        let is_fine = finding.judgement.level == Level::Fine;
        if let Some((template, number)) = version(finding) {
            scene.versions.entry(template.to_owned()).or_default().insert(number, is_fine);
        }
        if let (Kind::AutoScalingGroup, Some(group)) = (finding.kind, &finding.resource) {
            let via = finding.via.clone().unwrap_or_default();
            scene.groups.entry(group.clone()).or_default().push((via, is_fine));
        }
    }
    for finding in findings.iter_mut().filter(|f| matches!(f.judgement.level, Level::Fail | Level::Warn)) {
        finding.fix = scene.of(finding);
    }
}

impl Scene<'_> {
    fn of(&self, finding: &Finding) -> Option<String> {
        let (region, judgement) = (&finding.at.region, &finding.judgement);
        match (finding.kind, &finding.group, &finding.resource) {
            (Kind::Instance | Kind::WarmInstance, Some(group), _) | (Kind::AutoScalingGroup, _, Some(group)) => {
                self.group(&finding.at, group, judgement)
            }
            (Kind::Instance, None, _) => Some(format!(
                "aws ec2 describe-instances --region {region} --filters Name=image-id,Values={}",
                shell::shown(finding.image.as_deref()?)
            )),
            (Kind::LaunchTemplate, ..) => self.template(finding),
            _ => None,
        }
    }

    /// The factory rolls out in its own account and its home region. Elsewhere it is what AWS itself has for it.
    fn group(&self, at: &Spot, group: &str, judgement: &Judgement) -> Option<String> {
        let region = &at.region;
        let (recipe, channel, arch) = (judgement.recipe.as_ref()?, judgement.channel.as_ref()?, judgement.arch?);
        // That the channel names nothing is no reason for a roll-out.
        judgement.channel_version?;
        if let Some(moves) = self.moves_first(judgement) {
            return Some(moves);
        }
        let is_home = self.own.account && self.own.region;
        let roll = format!(
            "amifactory rollout {recipe} --channel {channel} --arch {arch} {}{}",
            shell::option("--group", group),
            self.own.target_flag()
        );
        let place = Place { group: group.to_owned(), region: region.to_string() };
        let refresh = mends::plain_refresh(&place);
        let of_group = self.groups.get(group).map_or(&[][..], Vec::as_slice);
        let is_fine = !of_group.is_empty() && of_group.iter().all(|(_, is_fine)| *is_fine);
        match self.launch(of_group, judgement) {
            Launch::LookedUp => Some(refresh),
            Launch::Numbered { template, .. } if is_home => {
                Some(format!("{}{roll}", self.pins(region, group, template, judgement)?))
            }
            // Its next launches are right already.
            Launch::Numbered { .. } | Launch::Floating { .. } if is_fine => Some(refresh),
            Launch::Numbered { template, number, is_mixed } => {
                let pins = self.pins(region, group, template, judgement)?;
                self.make(at, (template, number), judgement, |made| {
                    let desired = mends::desired(&place, template, is_mixed);
                    format!(
                        "{pins}{made} && {refresh} --preferences SkipMatching=true --desired-configuration {desired}"
                    )
                })
            }
            Launch::Floating { template, is_default, is_mixed } => {
                let versions = self.versions.get(template)?;
                let number = *if is_default { versions.keys().next() } else { versions.keys().next_back() }?;
                if is_home {
                    // Pinned first: what it launches from would change at once, past waves and alarms.
                    let pins = self.pins(region, group, template, judgement)?;
                    return Some(format!("{} && {pins}{roll}", mends::by_number(&place, template, number, is_mixed)));
                }
                self.make(at, (template, number), judgement, |made| match is_default {
                    true => format!("{made} && {} && {refresh}", default(region, template, "$V")),
                    false => format!("{made} && {refresh}"),
                })
            }
            // Nothing is known of the group itself: the roll-out looks.
            Launch::Other if is_home && of_group.is_empty() => Some(roll),
            // Which images and templates overrides have to do without, whoever rolls it out says beforehand.
            Launch::Other if has_overrides(of_group) => Some(match is_home {
                true => format!("{roll} --plan   # {OWN_IMAGES}: this says what to change first"),
                false => format!(
                    "aws autoscaling describe-auto-scaling-groups {} --region {region}   # {OWN_IMAGES}: give them another \
                     image, or take it out",
                    shell::option("--auto-scaling-group-names", group)
                ),
            }),
            Launch::Other => None,
        }
    }

    /// Each other group that launches whatever is the template's latest version stays at what that is now, before another
    /// version is made: it would launch that at once. None: what is the latest is not known.
    fn pins(&self, region: &Region, group: &str, template: &str, judgement: &Judgement) -> Option<String> {
        let mut pins = String::new();
        for (other, of_group) in self.groups.iter().filter(|(other, _)| *other != group) {
            let Launch::Floating { template: of, is_default: false, is_mixed } = self.launch(of_group, judgement)
            else {
                continue;
            };
            if of == template {
                let latest = *self.versions.get(template)?.keys().next_back()?;
                let place = Place { group: other.clone(), region: region.to_string() };
                pins.push_str(&format!("{} && ", mends::by_number(&place, template, latest, is_mixed)));
            }
        }
        Some(pins)
    }

    fn launch<'a>(&self, of_group: &'a [(String, bool)], judgement: &Judgement) -> Launch<'a> {
        let [(via, _)] = of_group else { return Launch::Other };
        let Some(ByTemplate { template, version, at, parameter }) = ByTemplate::of(via) else {
            return Launch::Other;
        };
        // An override is not the group's to say by its number.
        let is_mixed = match at {
            NamedAt::Override => return Launch::Other,
            at => at == NamedAt::Mixed,
        };
        // What goes into a command as it is: an id has nothing else.
        if !template.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Launch::Other;
        }
        let pointer = pointer(judgement).map(|pointer| pointer.to_string());
        match (version, parameter) {
            (_, Some(parameter)) if pointer.as_deref() == Some(parameter) => Launch::LookedUp,
            (_, Some(_)) => Launch::Other,
            ("$Default", None) => Launch::Floating { template, is_default: true, is_mixed },
            ("$Latest", None) => Launch::Floating { template, is_default: false, is_mixed },
            (number, None) => {
                number.parse().map_or(Launch::Other, |number| Launch::Numbered { template, number, is_mixed })
            }
        }
    }

    /// A channel that names what is to be replaced, or what must not be used, has to move first.
    fn moves_first(&self, judgement: &Judgement) -> Option<String> {
        let is_it = judgement.version.is_some() && judgement.version == judgement.channel_version;
        let (recipe, channel) = (judgement.recipe.as_ref()?, judgement.channel.as_ref()?);
        let named = (recipe.clone(), judgement.arch?, judgement.channel_version?);
        (is_it || !self.usable.contains(&named)).then(|| {
            format!("amifactory rollback {recipe} --channel {channel} --arch {}{}", named.1, self.own.target_flag())
        })
    }

    /// The version that is found is the default, the latest, or both. Where the latest is fine, it becomes the default; else
    /// a version is made of this one with the image that the channel names now, and takes its place. The image is written by
    /// its id: a template that has it looked up at each launch can't be rolled back.
    fn template(&self, finding: &Finding) -> Option<String> {
        let (region, judgement) = (&finding.at.region, &finding.judgement);
        let (template, number) = version(finding)?;
        judgement.channel_version?;
        if let Some(moves) = self.moves_first(judgement) {
            return Some(moves);
        }
        if !self.are_groups_read {
            return Some(format!("aws autoscaling describe-auto-scaling-groups --region {region}   # {UNREAD_GROUPS}"));
        }
        let others = self.versions.get(template)?;
        let latest = *others.keys().next_back()?;
        let is_default = others.keys().next() == Some(&number);
        // A group that launches whatever is the default or the latest goes by its own command, which comes first.
        let floats = |launch: Launch<'_>| {
            matches!(launch, Launch::Floating { template: of, is_default: by, .. }
                if of == template && (by && is_default || !by && number == latest))
        };
        let mut groups = self.groups.iter();
        if let Some((group, _)) = groups.find(|(_, of_group)| floats(self.launch(of_group, judgement))) {
            return self.group(&finding.at, group, judgement);
        }
        let becomes_default = |number: &str| default(region, &shell::shown(template), number);
        if is_default && latest != number && others.get(&latest) == Some(&true) {
            return Some(becomes_default(&latest.to_string()));
        }
        self.make(&finding.at, (template, number), judgement, |made| match is_default {
            true => format!("{made} && {}", becomes_default("$V")),
            false => made,
        })
    }

    /// Makes a version, and what comes `then`. Where the image can't be looked up, nothing is made: an empty one would be the
    /// old one again. Where the channel has no parameter to look it up by, it has to reach that place first.
    fn make(
        &self,
        at: &Spot,
        (template, number): (&str, i64),
        judgement: &Judgement,
        then: impl FnOnce(String) -> String,
    ) -> Option<String> {
        let (region, pointer) = (&at.region, pointer(judgement)?);
        let channel = judgement.channel.as_ref()?;
        if let Some(lacks) = self.unreached.get(channel) {
            let (recipe, arch, version) = (judgement.recipe.as_ref()?, judgement.arch?, judgement.channel_version?);
            return Some(format!(
                "amifactory promote {recipe}@{version} --to {channel} --arch {arch}{}   # {channel} does not reach {at}; \
                 first in amifactory.yaml: {}",
                self.own.target_flag(),
                lacks.as_ref()?
            ));
        }
        Some(then(format!(
            "I=$(aws ssm get-parameter --region {region} --name {pointer} --query Parameter.Value --output text) && \
             V=$(aws ec2 create-launch-template-version --region {region} {} --source-version \
             {number} --launch-template-data ImageId=$I --query LaunchTemplateVersion.VersionNumber --output text)",
            mends::template(template)
        )))
    }
}

fn default(region: &Region, template: &str, number: &str) -> String {
    format!(
        "aws ec2 modify-launch-template --region {region} --launch-template-id {template} --default-version {number}"
    )
}

/// What the channel's pointer is called.
fn pointer(judgement: &Judgement) -> Option<PointerName> {
    let slot = Slot::Channel(judgement.channel.clone()?);
    Some(PointerName { recipe: judgement.recipe.clone()?, arch: judgement.arch?, slot })
}

fn version(finding: &Finding) -> Option<(&str, i64)> {
    let (template, number) = finding.resource.as_deref()?.split_once(':')?;
    (finding.kind == Kind::LaunchTemplate).then_some((template, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::notify::tests::finding;

    const HOME: Own = Own { account: true, region: true, is_default: true };

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

    fn fixes(findings: Vec<Finding>, own: Own) -> Vec<String> {
        fixes_where(&["1.0.0", "1.0.2"], findings, own)
    }

    fn fixes_where(usable: &[&str], findings: Vec<Finding>, own: Own) -> Vec<String> {
        fixes_of(usable, findings, own, (&Unreached::new(), true))
    }

    fn fixes_of(
        usable: &[&str],
        mut findings: Vec<Finding>,
        own: Own,
        (unreached, are_groups_read): (&Unreached, bool),
    ) -> Vec<String> {
        let of = |version: &&str| ("web".parse().unwrap(), "x86_64".parse().unwrap(), version.parse().unwrap());
        add(&mut findings, own, (&usable.iter().map(of).collect(), unreached), are_groups_read);
        findings.into_iter().map(|finding| finding.fix.unwrap_or_default()).collect()
    }

    fn of_template(number: i64, level: Level) -> Finding {
        Finding { resource: Some(format!("lt-1:{number}")), ..web(Kind::LaunchTemplate, level) }
    }

    fn group(via: &str) -> Finding {
        let group = web(Kind::AutoScalingGroup, Level::Fail);
        Finding { resource: Some("web asg".into()), via: Some(via.into()), ..group }
    }

    const NUMBERED: &str = "launch template lt-1 version 4";
    const ROLL: &str = "amifactory rollout web --channel prod --arch x86_64 --group 'web asg'";
    const REFRESH: &str =
        "aws autoscaling start-instance-refresh --auto-scaling-group-name 'web asg' --region us-east-1";
    const LOOK: &str = "I=$(aws ssm get-parameter --region us-east-1 --name /amifactory/web/x86_64/channels/prod --query \
                        Parameter.Value --output text)";

    fn make(source: i64) -> String {
        format!(
            "{LOOK} && V=$(aws ec2 create-launch-template-version --region us-east-1 --launch-template-id lt-1 \
             --source-version {source} --launch-template-data ImageId=$I --query LaunchTemplateVersion.VersionNumber \
             --output text)"
        )
    }

    #[test]
    fn groups_and_their_instances_are_rolled_out() {
        let instances = Finding { group: Some("web asg".into()), ..web(Kind::Instance, Level::Warn) };
        assert_eq!(fixes(vec![group(NUMBERED), instances.clone()], HOME), [ROLL, ROLL]);
        // With a default target that has no groups the verb needs to be told.
        let other = fixes(vec![group(NUMBERED)], Own { is_default: false, ..HOME });
        assert_eq!(other, [format!("{ROLL} --target aws")]);
        // Elsewhere the factory has no hands.
        let desired = "--preferences SkipMatching=true --desired-configuration \
                       \"LaunchTemplate={LaunchTemplateId=lt-1,Version=$V}\"";
        for own in [Own { account: false, ..HOME }, Own { region: false, ..HOME }] {
            let expected = format!("{} && {REFRESH} {desired}", make(4));
            assert_eq!(fixes(vec![group(NUMBERED), instances.clone()], own), [expected.clone(), expected]);
        }
        // What the channel names itself: the channel first.
        let mut named = group(NUMBERED);
        named.judgement.channel_version = named.judgement.version;
        assert_eq!(fixes(vec![named], HOME), ["amifactory rollback web --channel prod --arch x86_64"]);
        let mut empty = group(NUMBERED);
        empty.judgement.channel_version = None;
        assert_eq!(fixes(vec![empty], HOME), [""]);
    }

    /// There is no parameter to look it up by.
    #[test]
    fn where_a_channel_does_not_reach_a_place_it_is_brought_there_first() {
        let away = Own { account: false, ..HOME };
        let fixes = |lacks: Option<&str>, findings| {
            let unreached = [("prod".parse().unwrap(), lacks.map(str::to_owned))].into();
            fixes_of(&["1.0.0", "1.0.2"], findings, away, (&unreached, true))
        };
        let floating = || vec![group("launch template lt-1 version $Latest"), of_template(1, Level::Fail)];
        for findings in [vec![group(NUMBERED)], floating(), vec![of_template(1, Level::Fail)]] {
            for told in fixes(Some("{name: prod, regions: [eu-west-1]}"), findings.clone()) {
                let promote = "amifactory promote web@1.0.2 --to prod --arch x86_64   # prod does not reach ";
                assert!(told.starts_with(promote), "{told}");
                assert!(told.ends_with("; first in amifactory.yaml: {name: prod, regions: [eu-west-1]}"), "{told}");
            }
            // The first channel reaches nothing.
            assert!(fixes(None, findings).iter().all(String::is_empty));
        }
        // The latest is there already: nothing is looked up.
        let there = fixes(None, vec![of_template(1, Level::Fail), of_template(3, Level::Fine)]);
        assert!(there[0].starts_with("aws ec2 modify-launch-template "), "{there:?}");
    }

    #[test]
    fn where_groups_are_not_read_templates_stay_as_they_are() {
        let findings = vec![of_template(1, Level::Fail), of_template(3, Level::Fine)];
        let told = fixes_of(&["1.0.0", "1.0.2"], findings, HOME, (&Unreached::new(), false));
        assert!(told[0].ends_with("   # the Auto Scaling groups there could not be read: read them first"), "{told:?}");
    }

    #[test]
    fn nothing_brings_out_what_must_not_be_used() {
        let findings = vec![group(NUMBERED), of_template(1, Level::Fail)];
        for own in [HOME, Own { account: false, ..HOME }] {
            let told = fixes_where(&["1.0.0"], findings.clone(), own);
            assert_eq!(told, ["amifactory rollback web --channel prod --arch x86_64"; 2]);
        }
    }

    #[test]
    fn a_group_that_launches_whatever_is_current_is_pinned_before_its_template_changes() {
        let floating = group("launch template lt-1 version $Default");
        let pinned = format!(
            "aws autoscaling update-auto-scaling-group --auto-scaling-group-name 'web asg' --region us-east-1 \
             --launch-template LaunchTemplateId=lt-1,Version=1 && {ROLL}"
        );
        let both = fixes(vec![floating.clone(), of_template(1, Level::Fail)], HOME);
        assert_eq!(both, [pinned.clone(), pinned]);
        let away = Own { account: false, ..HOME };
        let moved = format!(
            "{} && aws ec2 modify-launch-template --region us-east-1 --launch-template-id lt-1 --default-version $V && \
             {REFRESH}",
            make(1)
        );
        assert_eq!(fixes(vec![floating, of_template(1, Level::Fail)], away), [moved.clone(), moved]);
        let latest = group("launch template lt-1 version $Latest");
        let newer = fixes(vec![latest, of_template(1, Level::Fine), of_template(3, Level::Fail)], away);
        assert_eq!(newer, [format!("{} && {REFRESH}", make(3)), String::new(), format!("{} && {REFRESH}", make(3))]);
    }

    /// A new version of the template would be launched by the other group at once, and the roll-out refuses that.
    #[test]
    fn a_group_beside_one_that_launches_the_latest_waits_until_that_is_pinned() {
        let other = Finding { resource: Some("api".into()), ..group("launch template lt-1 version $Latest") };
        let numbered = group("launch template lt-1 version 1");
        let pin = |group: &str| {
            format!(
                "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {group} --region us-east-1 \
                 --launch-template LaunchTemplateId=lt-1,Version=3 && "
            )
        };
        let findings = vec![numbered.clone(), other.clone(), of_template(1, Level::Fine), of_template(3, Level::Fine)];
        let home = fixes(findings.clone(), HOME);
        assert_eq!(home[0], format!("{}{ROLL}", pin("api")));
        let away = fixes(findings, Own { account: false, ..HOME });
        assert!(away[0].starts_with(&format!("{}{LOOK}", pin("api"))), "{away:?}");
        // Of two that both launch the latest each is pinned once.
        let both = vec![group("launch template lt-1 version $Latest"), other, of_template(3, Level::Fail)];
        assert_eq!(fixes(both, HOME)[0], format!("{}{}{ROLL}", pin("'web asg'"), pin("api")));
    }

    /// An update or a refresh that names a plain template would take the group's overrides and spot settings away.
    #[test]
    fn a_group_of_mixed_instances_keeps_its_policy() {
        let policy = |filter: &str| {
            format!(
                "\"$(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names 'web asg' --region us-east-1 \
                 --query 'AutoScalingGroups[0].MixedInstancesPolicy' --output json | jq {filter})\""
            )
        };
        let names =
            "walk(if type == \"object\" and has(\"LaunchTemplateId\") then del(.LaunchTemplateName) else . end)";
        let floating = group("launch template lt-1 version $Latest in its policy of mixed instances");
        let own = policy(&format!("'.LaunchTemplate.LaunchTemplateSpecification.Version = \"1\" | {names}'"));
        let pinned = format!(
            "aws autoscaling update-auto-scaling-group --auto-scaling-group-name 'web asg' --region us-east-1 \
             --mixed-instances-policy {own} && {ROLL}"
        );
        assert_eq!(fixes(vec![floating, of_template(1, Level::Fail)], HOME)[0], pinned);
        let numbered = group("launch template lt-1 version 4 in its policy of mixed instances");
        assert_eq!(fixes(vec![numbered.clone()], HOME), [ROLL]);
        let own = policy(&format!(
            "--arg v \"$V\" '.LaunchTemplate.LaunchTemplateSpecification.Version = $v | {names} | \
             {{MixedInstancesPolicy: .}}'"
        ));
        let refreshed =
            format!("{} && {REFRESH} --preferences SkipMatching=true --desired-configuration {own}", make(4));
        assert_eq!(fixes(vec![numbered], Own { account: false, ..HOME }), [refreshed]);
    }

    #[test]
    fn what_is_looked_up_at_each_launch_only_needs_a_refresh_and_what_several_launch_from_has_no_command() {
        let ours = group("launch template lt-1 version 2, resolve:ssm:/amifactory/web/x86_64/channels/prod");
        assert_eq!(fixes(vec![ours.clone()], HOME), [REFRESH]);
        let theirs = group("launch template lt-1 version 2, resolve:ssm:/other");
        let by_override = group("an override of its mixed instances");
        assert_eq!(fixes(vec![theirs], HOME), [""]);
        // What an override brings is taken out first: the roll-out says how.
        let plan = format!(
            "{ROLL} --plan   # overrides of its mixed instances bring their own image: this says what to change first"
        );
        assert_eq!(fixes(vec![by_override.clone(), group(NUMBERED)], HOME), [plan.clone(), plan.clone()]);
        let other = group("launch template lt-1 version $Latest in an override of its mixed instances");
        assert_eq!(fixes(vec![other, of_template(1, Level::Fail)], HOME)[0], plan);
        let away = &fixes(vec![by_override], Own { account: false, ..HOME })[0];
        let lists =
            "aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names 'web asg' --region us-east-1   # ";
        assert!(away.starts_with(lists), "{away}");
        assert_eq!(fixes(vec![group("launch template lt-1;x version 2")], HOME), [""]);
    }

    #[test]
    fn a_template_gets_a_version_with_the_image_and_it_becomes_the_default() {
        let default = "aws ec2 modify-launch-template --region us-east-1 --launch-template-id lt-1 --default-version";
        let made = format!("{} && {default} $V", make(1));
        assert_eq!(fixes(vec![of_template(1, Level::Fail)], HOME)[0], made);
        // The latest is fine already.
        let both = fixes(vec![of_template(1, Level::Fail), of_template(3, Level::Fine)], HOME);
        assert_eq!(both, [format!("{default} 3"), String::new()]);
        // Both are old: each gets its own.
        let both = fixes(vec![of_template(1, Level::Fail), of_template(3, Level::Warn)], HOME);
        assert_eq!(both, [made, make(3)]);
    }
}
