//! Bases: from what a recipe says to one image that can't change under its id.

use super::api::{Api, op};
use crate::identity::{Arch, OsFamily};
use crate::recipe::{AwsBase, AwsBaseImage};
use crate::target::{ResolvedBase, TargetError};
use aws_sdk_ec2::types::{ArchitectureValues, Filter, Image, ImageState};
use std::collections::BTreeMap;

/// A base and what a launch needs to know of it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The base.
    pub base: ResolvedBase,
    /// `/dev/xvda`
    pub root_device: String,
    /// Its other EBS devices.
    pub other_devices: Vec<String>,
}

/// Finds the image that a base names now.
pub async fn find(api: &Api, base: &AwsBase) -> Result<Found, TargetError> {
    let (image, named) = match &base.image {
        AwsBaseImage::Parameter(name) => {
            let id = parameter(api, name).await?;
            (by_id(api, &id, name).await?, name.clone())
        }
        AwsBaseImage::Ami(id) => (by_id(api, id.as_str(), id.as_str()).await?, id.to_string()),
        AwsBaseImage::Newest { name, owner, arch } => (newest(api, name, owner, *arch).await?, name.clone()),
    };
    read(&image, base.family, &named)
}

async fn parameter(api: &Api, name: &str) -> Result<String, TargetError> {
    let answer = api.caller.call(op::GET_PARAMETERS, name, || api.ssm.get_parameters().names(name).send()).await?;
    let value = answer.parameters().iter().find_map(|parameter| parameter.value());
    value.map(str::to_owned).ok_or_else(|| TargetError::Base {
        base: name.to_owned(),
        what: format!("there is no such SSM parameter in {}", api.region),
        help: "correct `parameter:` of the recipe's base, or choose another region".into(),
    })
}

async fn by_id(api: &Api, id: &str, named: &str) -> Result<Image, TargetError> {
    // A filter and not an id: an image that is not there is an empty list then, and no error that looks like "not yet".
    let filter = Filter::builder().name("image-id").values(id).build();
    let ask = || api.ec2.describe_images().filters(filter.clone()).send();
    let answer = api.caller.call(op::DESCRIBE_IMAGES, id, ask).await?;
    answer.images.unwrap_or_default().into_iter().next().ok_or_else(|| TargetError::Base {
        base: named.to_owned(),
        what: format!("image {id} does not exist in {}, or is not shared with this account", api.region),
        help: "correct the recipe's base, or choose another region".into(),
    })
}

async fn newest(api: &Api, name: &str, owner: &str, arch: Arch) -> Result<Image, TargetError> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let filters = vec![filter("name", name), filter("architecture", arch.as_str()), filter("state", "available")];
    let ask = || api.ec2.describe_images().owners(owner).set_filters(Some(filters.clone())).send();
    let answer = api.caller.call(op::DESCRIBE_IMAGES, name, ask).await?;
    // Dates of one form, in UTC: the order of text is the order of time. Two of one second: the id decides.
    let images = answer.images.unwrap_or_default().into_iter();
    let newest = images.max_by_key(|image| (image.creation_date.clone(), image.image_id.clone()));
    newest.ok_or_else(|| TargetError::Base {
        base: name.to_owned(),
        what: format!("{owner} has no available {arch} image of this name in {}", api.region),
        help: "correct name, owner or arch of the recipe's base".into(),
    })
}

fn read(image: &Image, family: Option<OsFamily>, named: &str) -> Result<Found, TargetError> {
    let bad = |what: String, help: &str| TargetError::Base { base: named.to_owned(), what, help: help.to_owned() };
    let id = image.image_id().unwrap_or_default().to_owned();
    if image.state() != Some(&ImageState::Available) {
        let state = image.state().map_or("in no known state", ImageState::as_str);
        return Err(bad(format!("image {id} is {state}"), "choose one that is available"));
    }
    let arch = match image.architecture() {
        Some(ArchitectureValues::X8664) => Arch::X86_64,
        Some(ArchitectureValues::Arm64) => Arch::Arm64,
        other => {
            let arch = other.map_or("unknown", ArchitectureValues::as_str);
            return Err(bad(format!("image {id} is for {arch}"), "choose an image for x86_64 or arm64"));
        }
    };
    let root_device = image.root_device_name().unwrap_or_default().to_owned();
    let on_ebs = image.root_device_type().is_some_and(|kind| kind.as_str() == "ebs");
    if root_device.is_empty() || !on_ebs {
        return Err(bad(format!("image {id} has no EBS root volume"), "choose an EBS-backed image"));
    }
    let name = image.name().unwrap_or_default();
    let description = image.description().unwrap_or_default();
    let family = family.or_else(|| told_by(&format!("{name} {description} {named}"))).ok_or_else(|| {
        bad(
            format!("the OS family of image {id} can't be told from its name `{name}`"),
            "give `family:` beside it: amazon-linux-2023, debian-12 or ubuntu",
        )
    })?;
    Ok(Found {
        base: ResolvedBase {
            id: id.clone(),
            description: format!("{name} ({id})"),
            family,
            os_name: if description.is_empty() { name.to_owned() } else { description.to_owned() },
            arch,
            parts: BTreeMap::new(),
        },
        root_device,
        other_devices: super::view::other_devices(image),
    })
}

/// The family that a name or description shows, as publishers of images write them.
fn told_by(text: &str) -> Option<OsFamily> {
    let text = text.to_ascii_lowercase();
    let any = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    if any(&["al2023", "amazon linux 2023"]) {
        Some(OsFamily::AmazonLinux2023)
    } else if any(&["debian-12", "debian 12", "bookworm"]) {
        Some(OsFamily::Debian12)
    } else if any(&["ubuntu"]) {
        Some(OsFamily::Ubuntu)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_names_tell_the_family() {
        assert_eq!(told_by("al2023-ami-2023.6.20241010.0-kernel-6.1-x86_64"), Some(OsFamily::AmazonLinux2023));
        assert_eq!(told_by("debian-12-amd64-20240717-1811"), Some(OsFamily::Debian12));
        assert_eq!(told_by("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04"), Some(OsFamily::Ubuntu));
        assert_eq!(told_by("Windows_Server-2022"), None);
    }
}
