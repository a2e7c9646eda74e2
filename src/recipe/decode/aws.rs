//! `aws:` of the factory file and of recipes, and `base: {aws: …}`.

use super::super::aws::{AwsBase, AwsBaseImage, AwsSettings, InstanceTypes, Subnet, Volume};
use super::super::tables;
use super::super::volumes::{ExtraVolume, MOST_VOLUMES, MountOption, MountPoint};
use super::{aws_value, distinct, line, maybe, value};
use crate::identity::{Arch, OsFamily};
use crate::source::{Diagnostics, Node, Value, printable};
use std::collections::{BTreeMap, BTreeSet};

/// EC2 takes 50 tags for a resource, and a builder or an image has up to 16 of amifactory's own: see
/// `pipeline::tags`.
const MOST_TAGS: usize = 34;
/// As many as a network interface can have, once the quota is raised that far.
const MOST_GROUPS: usize = 16;

/// Reads `aws:`. Only what it gives goes over what was there: key by key, and tags tag by tag.
pub(super) fn settings(node: &Node, below: &AwsSettings, diagnostics: &mut Diagnostics) -> Option<AwsSettings> {
    let mut reader = tables::AWS.read(node, diagnostics)?;
    let profile = maybe(&mut reader, "instance_profile", diagnostics, aws_value::instance_profile);
    let subnet = maybe(&mut reader, "subnet", diagnostics, subnet);
    let security_groups = maybe(&mut reader, "security_groups", diagnostics, security_groups);
    let instance_types =
        maybe(&mut reader, "instance_types", diagnostics, |node, d| instance_types(node, &below.instance_types, d));
    let spot = maybe(&mut reader, "spot", diagnostics, Node::boolean);
    let volume = maybe(&mut reader, "volume", diagnostics, |node, d| volume(node, &below.volume, d));
    let volumes = maybe(&mut reader, "volumes", diagnostics, volumes);
    let log_group = maybe(&mut reader, "log_group", diagnostics, aws_value::log_group);
    let component_bucket = maybe(&mut reader, "component_bucket", diagnostics, aws_value::bucket);
    let owner = maybe(&mut reader, "owner", diagnostics, |node, diagnostics| {
        line(node, diagnostics)?;
        aws_value::tag_value(node, diagnostics)
    });
    let expires = maybe(&mut reader, "expires", diagnostics, |node, diagnostics| {
        // A builder that works must not end itself.
        value::duration_from(node, (30 * 60, "30m"), diagnostics)
    });
    let tags = maybe(&mut reader, "tags", diagnostics, |node, d| tags(node, &below.tags, d));
    reader.finish();
    Some(AwsSettings {
        instance_profile: profile?.or_else(|| below.instance_profile.clone()),
        subnet: subnet?.or_else(|| below.subnet.clone()),
        security_groups: security_groups?.unwrap_or_else(|| below.security_groups.clone()),
        instance_types: instance_types?.unwrap_or_else(|| below.instance_types.clone()),
        spot: spot?.unwrap_or(below.spot),
        volume: volume?.unwrap_or_else(|| below.volume.clone()),
        volumes: volumes?.unwrap_or_else(|| below.volumes.clone()),
        log_group: log_group?.or_else(|| below.log_group.clone()),
        component_bucket: component_bucket?.or_else(|| below.component_bucket.clone()),
        owner: owner?.or_else(|| below.owner.clone()),
        expires: expires?.unwrap_or(below.expires),
        tags: tags?.unwrap_or_else(|| below.tags.clone()),
    })
}

fn subnet(node: &Node, diagnostics: &mut Diagnostics) -> Option<Subnet> {
    if !matches!(node.value, Value::Map(_)) {
        return aws_value::resource(node, "a subnet's id", "subnet-", diagnostics).map(Subnet::Id);
    }
    let mut reader = tables::SUBNET.read(node, diagnostics)?;
    let tags_node = reader.take("tags");
    reader.finish();
    let tags = aws_value::tags(tags_node?, diagnostics)?;
    if tags.is_empty() {
        diagnostics.report(&node.span, "without a tag every subnet would do: at least one is needed");
        return None;
    }
    Some(Subnet::Tags(tags))
}

fn security_groups(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let groups = distinct(node, "security groups", diagnostics, |node, diagnostics| {
        aws_value::resource(node, "a security group's id", "sg-", diagnostics)
    })?;
    if groups.len() > MOST_GROUPS {
        let message = format!("{} security groups: a builder has at most {MOST_GROUPS}", groups.len());
        diagnostics.report(&node.span, message);
        return None;
    }
    Some(groups)
}

fn instance_types(node: &Node, below: &InstanceTypes, diagnostics: &mut Diagnostics) -> Option<InstanceTypes> {
    let mut reader = tables::INSTANCE_TYPES.read(node, diagnostics)?;
    let mut of =
        |arch: Arch| maybe(&mut reader, arch.as_str(), diagnostics, |node, d| aws_value::instance_types(node, arch, d));
    let (x86_64, arm64) = (of(Arch::X86_64), of(Arch::Arm64));
    reader.finish();
    Some(InstanceTypes {
        x86_64: x86_64?.unwrap_or_else(|| below.x86_64.clone()),
        arm64: arm64?.unwrap_or_else(|| below.arm64.clone()),
    })
}

fn volume(node: &Node, below: &Volume, diagnostics: &mut Diagnostics) -> Option<Volume> {
    let mut reader = tables::VOLUME.read(node, diagnostics)?;
    let size = maybe(&mut reader, "size", diagnostics, aws_value::volume_size);
    let kms_key = maybe(&mut reader, "kms_key", diagnostics, aws_value::kms_key);
    reader.finish();
    Some(Volume { size_gib: size?.or(below.size_gib), kms_key: kms_key?.or_else(|| below.kms_key.clone()) })
}

/// Reports volumes of a recipe whose image is made of another recipe's.
pub(super) fn no_volumes(node: &Node, diagnostics: &mut Diagnostics) {
    let Value::Map(entries) = &node.value else { return };
    if let Some((key, _)) = entries.iter().find(|(key, _)| key.text == "volumes") {
        let message = "a recipe on another's image has the volumes of that image";
        diagnostics.report_with_help(&key.span, message, "give them in the recipe that it is built on");
    }
}

/// In the order in which they have to be mounted.
fn volumes(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<ExtraVolume>> {
    let mut volumes = BTreeMap::new();
    let mut whole = true;
    let items = node.list("volumes", diagnostics)?;
    for item in items {
        match extra_volume(item, diagnostics) {
            Some(volume) => {
                if let Some(before) = volumes.insert(volume.mount.clone(), volume) {
                    let message = format!("{} has two volumes", before.mount.as_str());
                    diagnostics.report(&item.span, message);
                    whole = false;
                }
            }
            None => whole = false,
        }
    }
    if items.len() > MOST_VOLUMES {
        let message = format!("{} volumes: there can be at most {MOST_VOLUMES}", items.len());
        diagnostics.report(&node.span, message);
        return None;
    }
    whole.then(|| volumes.into_values().collect())
}

fn extra_volume(node: &Node, diagnostics: &mut Diagnostics) -> Option<ExtraVolume> {
    let mut reader = tables::EXTRA_VOLUME.read(node, diagnostics)?;
    let mount = reader.take("mount").and_then(|node| {
        let text = node.text(diagnostics)?;
        let parsed: Result<MountPoint, String> = text.parse();
        let wrong =
            |why| diagnostics.report(&node.span, format!("a volume can't be mounted at `{}`: {why}", printable(text)));
        parsed.map_err(wrong).ok()
    });
    let size_gib = reader.take("size").and_then(|node| aws_value::volume_size(node, diagnostics));
    let words: Vec<&str> = MountOption::ALL.iter().map(|option| option.as_str()).collect();
    let options = maybe(&mut reader, "options", diagnostics, |node, diagnostics| {
        distinct(node, "mount options", diagnostics, |node, diagnostics| {
            node.one_of("mount option", &words, diagnostics).map(str::to_owned)
        })
    });
    reader.finish();
    let (mount, options) = (mount?, options?);
    let given = options.map(|given| {
        MountOption::ALL.into_iter().filter(|option| given.iter().any(|word| word == option.as_str())).collect()
    });
    if mount.runs_programs() && given.as_ref().is_some_and(|given: &BTreeSet<_>| given.contains(&MountOption::Noexec)) {
        let message =
            format!("{} can't be noexec: commands for builders and packages' scripts run there", mount.as_str());
        diagnostics.report(&node.span, message);
        return None;
    }
    Some(ExtraVolume { options: given.unwrap_or_else(|| mount.usual_options()), mount, size_gib: size_gib? })
}

fn tags(
    node: &Node,
    below: &BTreeMap<String, String>,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeMap<String, String>> {
    let given = aws_value::tags(node, diagnostics)?;
    if let Value::Map(entries) = &node.value {
        let reserved = |key: &str| {
            let key = key.to_ascii_lowercase();
            ["aws:", "amifactory:"].into_iter().find(|prefix| key.starts_with(prefix))
        };
        let mut whole = true;
        for (key, _) in entries {
            if let Some(prefix) = reserved(&key.text) {
                let message = format!("keys that start with `{prefix}` are not for tags of your own");
                diagnostics.report(&key.span, message);
                whole = false;
            }
        }
        whole.then_some(())?;
    }
    let mut tags = below.clone();
    tags.extend(given);
    if tags.len() > MOST_TAGS {
        let all = if below.is_empty() { "" } else { ", with those of amifactory.yaml" };
        diagnostics.report(&node.span, format!("{} tags{all}: there can be at most {MOST_TAGS}", tags.len()));
        return None;
    }
    Some(tags)
}

/// Reads `base: {aws: …}`.
pub(super) fn base(node: &Node, diagnostics: &mut Diagnostics) -> Option<AwsBase> {
    if let Value::Scalar { .. } = &node.value {
        let help = "write {parameter: NAME}, {ami: ID} or {name: PATTERN, owner: OWNER}";
        diagnostics.report_with_help(&node.span, "a base for AWS says how its AMI is found", help);
        return None;
    }
    let mut reader = tables::AWS_BASE.read(node, diagnostics)?;
    let parameter = reader.take("parameter").map(|node| aws_value::parameter(node, diagnostics));
    let ami = reader.take("ami").map(|node| {
        let id = aws_value::resource(node, "an AMI's id", "ami-", diagnostics)?;
        id.parse().ok()
    });
    let name = reader.take("name").map(|node| aws_value::image_name(node, diagnostics));
    let owner = reader.take("owner").map(|node| aws_value::image_owner(node, diagnostics));
    let arch = maybe(&mut reader, "arch", diagnostics, value::arch);
    let family = maybe(&mut reader, "family", diagnostics, |node, diagnostics| {
        let words: Vec<&str> = OsFamily::ALL.iter().map(|family| family.as_str()).collect();
        node.one_of("OS family", &words, diagnostics)?.parse().ok()
    });
    reader.finish();
    let image = match (parameter, ami, name) {
        (Some(parameter), None, None) => AwsBaseImage::Parameter(parameter?),
        (None, Some(ami), None) => AwsBaseImage::Ami(ami?),
        (None, None, Some(name)) => {
            AwsBaseImage::Newest { name: name?, owner: owner??, arch: arch?.unwrap_or(Arch::X86_64) }
        }
        // Several or none: reported with the table's rule.
        _ => return None,
    };
    Some(AwsBase { image, family: family? })
}
