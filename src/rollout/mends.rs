//! The commands that make a group fit to be rolled out, whole, so that they can be pasted. Pure.
//!
//! They are AWS's own: a group's settings and its templates are not the factory's to change.

use crate::hardening::shell::{option, shown, word};

/// Which group, as commands of AWS's own name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The group.
    pub group: String,
    /// Its region; empty where that is not told.
    pub region: String,
}

impl Place {
    /// For a command that takes one group.
    pub fn named(&self) -> String {
        format!("{}{}", option("--auto-scaling-group-name", &self.group), self.region())
    }

    /// For a command that takes several.
    fn listed(&self) -> String {
        format!("{}{}", option("--auto-scaling-group-names", &self.group), self.region())
    }

    /// With a space before it; nothing where the region is not told.
    pub fn region(&self) -> String {
        if self.region.is_empty() { String::new() } else { format!(" --region {}", shown(&self.region)) }
    }

    /// What the group has done of late, and why.
    pub fn activities(&self) -> String {
        format!("aws autoscaling describe-scaling-activities {}", self.named())
    }
}

impl Place {
    /// What an alarm there saw, and when.
    pub fn alarm_history(&self, alarm: &str) -> String {
        format!("aws cloudwatch describe-alarm-history {}{}", option("--alarm-name", alarm), self.region())
    }
}

/// A template, as commands of EC2 name it.
pub fn template(template: &str) -> String {
    let key = if is_id(template) { "--launch-template-id" } else { "--launch-template-name" };
    format!("{key} {}", shown(template))
}

fn is_id(template: &str) -> bool {
    template.starts_with("lt-")
}

/// The default of a template becomes this version.
pub fn default(place: &Place, named: &str, version: i64) -> String {
    format!("aws ec2 modify-launch-template {}{} --default-version {version}", template(named), place.region())
}

/// The group launches from a version of its template by its number.
pub fn by_number(place: &Place, template: &str, number: i64, is_mixed: bool) -> String {
    match is_mixed {
        true => policy(place, "", &version(&format!("\"{number}\""))),
        false => own(place, &shown(&specification(template, &number.to_string()))),
    }
}

/// A version is made over `source` that names this image, as the shell finds it, and the group launches from it.
pub fn with_image(place: &Place, named: &str, source: i64, image: &str, is_mixed: bool) -> String {
    let make = format!(
        "aws ec2 create-launch-template-version {}{} --source-version {source} --launch-template-data ImageId={image} \
         --query LaunchTemplateVersion.VersionNumber --output text",
        template(named),
        place.region()
    );
    let take = match is_mixed {
        true => policy(place, "--arg v \"$V\" ", &version("$v")),
        false => own(place, &format!("{}\"$V\"", shown(&specification(named, "")))),
    };
    format!("V=$({make}) && {take}")
}

/// What the parameter of `resolve:ssm:PARAMETER` names now, as the shell finds it.
pub fn resolved(place: &Place, parameter: &str) -> String {
    let name = shown(parameter);
    format!("\"$(aws ssm get-parameter --name {name}{} --query Parameter.Value --output text)\"", place.region())
}

/// The images and templates of overrides are taken out of the group's policy.
pub fn plain_overrides(place: &Place) -> String {
    let of = ".LaunchTemplate.Overrides[]";
    policy(place, "", &format!("del({of}.ImageId, {of}.LaunchTemplateSpecification) | {NAMES}"))
}

/// What stands as `$Latest` of a template in a group's overrides becomes this number.
pub fn overrides_by_number(place: &Place, template: &str, number: i64) -> String {
    let key = if is_id(template) { "LaunchTemplateId" } else { "LaunchTemplateName" };
    // A name is text of others: it must not end the word that it stands in.
    let template = serde_json::Value::from(template);
    let of = format!(
        "(.LaunchTemplate.Overrides[].LaunchTemplateSpecification | select(.{key} == {template} and .Version == \"$Latest\"))"
    );
    policy(place, "", &format!("{of}.Version = \"{number}\" | {NAMES}"))
}

/// A launch configuration becomes a launch template, and the group launches from that.
pub fn from_configuration(place: &Place, configuration: &str) -> [String; 2] {
    let is_fit = |c: &char| c.is_ascii_alphanumeric() || "().-/_".contains(*c);
    // 3 to 128 of these characters (EC2 API reference, `CreateLaunchTemplate`).
    let name: String = format!("from-{configuration}").chars().filter(is_fit).take(128).collect();
    let region = place.region();
    let make = format!(
        "aws ec2 create-launch-template --launch-template-name {}{region} --launch-template-data \"$(aws autoscaling \
         describe-launch-configurations --launch-configuration-names {}{region} --output json | jq {})\"",
        shown(&name),
        shown(configuration),
        word(CONFIGURATION)
    );
    [make, own(place, &shown(&specification(&name, "1")))]
}

/// A refresh as the group is, which brings the image that is looked up at each launch.
pub fn plain_refresh(place: &Place) -> String {
    format!("aws autoscaling start-instance-refresh {}", place.named())
}

/// What a refresh is to bring the group to: the version `$V` of its template, and else what it has.
pub fn desired(place: &Place, template: &str, is_mixed: bool) -> String {
    match is_mixed {
        true => changed(place, "--arg v \"$V\" ", &format!("{} | {{MixedInstancesPolicy: .}}", version("$v"))),
        false => {
            let key = if is_id(template) { "LaunchTemplateId" } else { "LaunchTemplateName" };
            format!("\"LaunchTemplate={{{key}={template},Version=$V}}\"")
        }
    }
}

/// The filter of jq that gives a policy's template another version.
fn version(version: &str) -> String {
    format!(".LaunchTemplate.LaunchTemplateSpecification.Version = {version} | {NAMES}")
}

fn specification(template: &str, version: &str) -> String {
    let key = if is_id(template) { "LaunchTemplateId" } else { "LaunchTemplateName" };
    format!("{key}={template},Version={version}")
}

fn own(place: &Place, specification: &str) -> String {
    format!("aws autoscaling update-auto-scaling-group {} --launch-template {specification}", place.named())
}

/// Where both are answered only one may be given.
const NAMES: &str =
    "walk(if type == \"object\" and has(\"LaunchTemplateId\") then del(.LaunchTemplateName) else . end)";

/// A policy of mixed instances is given as a whole: what an update leaves out of it, the API reference does not say.
fn policy(place: &Place, arguments: &str, filter: &str) -> String {
    let policy = changed(place, arguments, filter);
    format!("aws autoscaling update-auto-scaling-group {} --mixed-instances-policy {policy}", place.named())
}

/// The group's policy of mixed instances, through a filter of jq.
fn changed(place: &Place, arguments: &str, filter: &str) -> String {
    format!(
        "\"$(aws autoscaling describe-auto-scaling-groups {} --query 'AutoScalingGroups[0].MixedInstancesPolicy' \
         --output json | jq {arguments}{})\"",
        place.listed(),
        word(filter)
    )
}

/// Both say nearly the same under other names (Auto Scaling API reference, `LaunchConfiguration`; EC2 API reference,
/// `RequestLaunchTemplateData`).
const CONFIGURATION: &str = ".LaunchConfigurations[0] | {ImageId, InstanceType, KeyName, UserData, EbsOptimized, \
    BlockDeviceMappings, MetadataOptions, Monitoring: .InstanceMonitoring, IamInstanceProfile: (.IamInstanceProfile // \"\" \
    | if . == \"\" then null elif startswith(\"arn:\") then {Arn: .} else {Name: .} end)} + (if .AssociatePublicIpAddress \
    == null then {SecurityGroupIds: .SecurityGroups} else {NetworkInterfaces: [{DeviceIndex: 0, AssociatePublicIpAddress, \
    Groups: .SecurityGroups}]} end) | del(.. | select(. == null or . == \"\" or . == []))";

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { group: "web tier's".into(), region: "us-east-1".into() }
    }

    #[test]
    fn names_of_others_are_words_and_nothing_more() {
        let evil = "x'\"; exit 7 #$(exit 8)`exit 9`";
        let place = Place { group: evil.into(), region: "us-east-1".into() };
        let all = [
            by_number(&place, evil, 2, false),
            by_number(&place, evil, 2, true),
            with_image(&place, evil, 1, &resolved(&place, evil), false),
            with_image(&place, evil, 1, "ami-1", true),
            overrides_by_number(&place, evil, 3),
            plain_overrides(&place),
            plain_refresh(&place),
            default(&place, evil, 2),
            place.activities(),
        ];
        for command in all.iter().chain(&from_configuration(&place, evil)) {
            // A shell in which the commands only say what they were called with.
            let say = "aws() { printf '<%s>' \"$@\"; }\njq() { cat; printf '<%s>' \"$@\"; }";
            let ran = std::process::Command::new("sh").arg("-euc").arg(format!("{say}\n{command}")).output().unwrap();
            let said = String::from_utf8(ran.stdout).unwrap();
            assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
            assert!(said.contains(evil), "{command}: {said}");
        }
    }

    #[test]
    fn a_template_is_named_by_its_id_or_its_name() {
        let update =
            "aws autoscaling update-auto-scaling-group --auto-scaling-group-name 'web tier'\\''s' --region us-east-1";
        let by = |template| by_number(&place(), template, 2, false);
        assert_eq!(by("lt-1"), format!("{update} --launch-template LaunchTemplateId=lt-1,Version=2"));
        assert_eq!(by("web"), format!("{update} --launch-template LaunchTemplateName=web,Version=2"));
        assert_eq!(
            with_image(&Place { group: "web".into(), region: String::new() }, "lt-1", 3, "ami-1", false),
            "V=$(aws ec2 create-launch-template-version --launch-template-id lt-1 --source-version 3 \
             --launch-template-data ImageId=ami-1 --query LaunchTemplateVersion.VersionNumber --output text) && \
             aws autoscaling update-auto-scaling-group --auto-scaling-group-name web --launch-template \
             LaunchTemplateId=lt-1,Version=\"$V\""
        );
    }
}
