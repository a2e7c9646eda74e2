//! The tags that every resource carries, and what they say. One prefix: `amifactory:`.

use crate::identity::{BuildId, Digest, RecipeName, TargetKind, Version};
use crate::plan::Plan;
use crate::recipe::AwsSettings;
use crate::target::{ImageRecord, Tags};
use std::str::FromStr;

/// How all keys of ours begin.
pub const PREFIX: &str = "amifactory:";
/// Which recipe.
pub const RECIPE: &str = "amifactory:recipe";
/// Which version.
pub const VERSION: &str = "amifactory:version";
/// Which plan.
pub const DIGEST: &str = "amifactory:digest";
/// Package groups, `name=version`, comma-separated.
pub const GROUPS: &str = "amifactory:groups";
/// For which architecture.
pub const ARCH: &str = "amifactory:arch";
/// What it was built from.
pub const BASE: &str = "amifactory:base";
/// The hardening profile.
pub const PROFILE: &str = "amifactory:profile";
/// The hardening score.
pub const SCORE: &str = "amifactory:score";
/// The pipeline of EC2 Image Builder that made it, or that it is of.
pub const PIPELINE: &str = "amifactory:pipeline";
/// The build that made it.
pub const BUILD: &str = "amifactory:build";
/// Of a record: the image that it is of.
pub const IMAGE: &str = "amifactory:image";
/// Where an image is on its way: see [`ImageState`].
pub const STATE: &str = "amifactory:state";
/// What a builder is for: see [`Purpose`].
pub const PURPOSE: &str = "amifactory:purpose";
/// RFC 3339: when a builder has certainly been forgotten.
pub const EXPIRES: &str = "amifactory:expires";
/// Who answers for it.
pub const OWNER: &str = "amifactory:owner";
/// `true` where the image was built although nothing had changed.
pub const FORCED: &str = "amifactory:forced";

/// Of a copy: what it was copied from, `<image> <region>`.
pub const COPY_OF: &str = "amifactory:copy-of";

/// Digests of the lists of those who could launch the image before it was disabled, the newest first: what is written down of
/// them elsewhere is given back only where it is one of these.
pub const LAUNCHERS: &str = "amifactory:launchers";

/// Which channels beside the first have named the image, with blanks between them.
pub const CHANNELS: &str = "amifactory:channels";

/// By which image build of EC2 Image Builder an image was made; the service's own tag.
pub const BY_SERVICE: &str = "Ec2ImageBuilderArn";

/// Why an image must not be used any more.
pub const REVOKED: &str = "amifactory:revoked";
/// Who said so, and when: `<RFC 3339> <who>`.
pub const REVOKED_BY: &str = "amifactory:revoked-by";

/// No tag is cut off before it has so many characters (`StartSnapshot`, EBS direct API reference: 255).
const SHORTEST_CUT: usize = 255;

/// Where an image is on its way to its consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageState {
    /// Made, not yet started and tested. No pointer may name it.
    Candidate,
    /// Started and tested; pointers are being written.
    Verified,
    /// All pointers of its build are written.
    Published,
}

/// What a builder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Its disk becomes the image.
    Build,
    /// It was started from the image, to test it.
    BootTest,
}

impl ImageState {
    /// The tag's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            ImageState::Candidate => "candidate",
            ImageState::Verified => "verified",
            ImageState::Published => "published",
        }
    }

    /// Reads it from tags; an image that does not say has not been tested.
    pub fn of(tags: &Tags) -> ImageState {
        match tags.get(STATE).map(String::as_str) {
            Some("published") => ImageState::Published,
            Some("verified") => ImageState::Verified,
            _ => ImageState::Candidate,
        }
    }
}

impl Purpose {
    /// The tag's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::Build => "build",
            Purpose::BootTest => "boot-test",
        }
    }

    /// Reads it from tags.
    pub fn of(tags: &Tags) -> Option<Purpose> {
        match tags.get(PURPOSE)?.as_str() {
            "build" => Some(Purpose::Build),
            "boot-test" => Some(Purpose::BootTest),
            _ => None,
        }
    }
}

/// Who a resource belongs to, read back from its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The recipe.
    pub recipe: RecipeName,
    /// The version.
    pub version: Version,
    /// The plan.
    pub digest: Digest,
    /// The build.
    pub build: BuildId,
}

/// Reads the owner from tags; none where they are not all there.
pub fn owner(tags: &Tags) -> Option<Owner> {
    fn read<T: FromStr>(tags: &Tags, key: &str) -> Option<T> {
        tags.get(key)?.parse().ok()
    }
    Some(Owner {
        recipe: read(tags, RECIPE)?,
        version: read(tags, VERSION)?,
        digest: read(tags, DIGEST)?,
        build: read(tags, BUILD)?,
    })
}

/// The architecture, where the tags say.
pub fn arch(tags: &Tags) -> Option<crate::identity::Arch> {
    tags.get(ARCH)?.parse().ok()
}

/// Why it was revoked, where it was.
pub fn revoked(tags: &Tags) -> Option<&str> {
    tags.get(REVOKED).map(String::as_str)
}

/// What has made an image that one of the two AWS targets shows: each of them shows those of both.
pub fn made_on(tags: &Tags, target: TargetKind) -> TargetKind {
    match (target, tags.contains_key(BY_SERVICE)) {
        (TargetKind::Local, _) => TargetKind::Local,
        (_, true) => TargetKind::ImageBuilder,
        (_, false) => TargetKind::Aws,
    }
}

/// The version, where the tags say.
pub fn version_of(image: &crate::target::Image) -> Option<Version> {
    owner(&image.tags).map(|owner| owner.version)
}

/// The tags of all resources of a build.
pub fn of_build(plan: &Plan, build: &BuildId, version: Version, forced: bool) -> Tags {
    let groups: Vec<String> = plan.groups.iter().map(|g| format!("{}={}", g.name, g.version)).collect();
    let mut tags: Tags = [
        (RECIPE, plan.recipe.to_string()),
        (VERSION, version.to_string()),
        (DIGEST, plan.digest.to_string()),
        (BUILD, build.to_string()),
        (ARCH, plan.base.arch.to_string()),
        (BASE, plan.base.id.clone()),
        (GROUPS, groups.join(",")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    if let Some(profile) = &plan.profile {
        tags.insert(PROFILE.into(), profile.clone());
    }
    if forced {
        tags.insert(FORCED.into(), "true".into());
    }
    tags
}

/// The tags that a build gives its image, as the record of that image says: all but what they say of its way.
pub fn of_record(record: &ImageRecord) -> Tags {
    let groups: Vec<String> = record.groups.iter().map(|g| format!("{}={}", g.name, g.version)).collect();
    let of_every_image = [
        (RECIPE, record.recipe.to_string()),
        (VERSION, record.version.to_string()),
        (DIGEST, record.digest.to_string()),
        (BUILD, record.build.to_string()),
        (ARCH, record.base.arch.to_string()),
        (BASE, record.base.id.clone()),
        (GROUPS, groups.join(",")),
    ];
    let of_some = [(PROFILE, record.profile.clone()), (SCORE, record.score.map(|score| score.to_string()))];
    let of_some = of_some.into_iter().filter_map(|(key, value)| Some((key, value?)));
    of_every_image.into_iter().chain(of_some).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Whether a tag says what it is to say. What is too long for a tag is cut off, and ends so; one that is to be empty may be
/// none.
pub fn says(found: Option<&str>, expected: &str) -> bool {
    let found = found.unwrap_or_default();
    let cut = || found.strip_suffix('…').filter(|_| found.chars().count() >= SHORTEST_CUT);
    found == expected || cut().is_some_and(|beginning| expected.starts_with(beginning))
}

/// A resource's own tags on AWS, with those that the factory gives to everything and a name for consoles.
pub fn with_settings(tags: &Tags, aws: &AwsSettings) -> Tags {
    let mut all = aws.tags.clone();
    all.extend(tags.clone());
    if let Some(owner) = &aws.owner {
        all.insert(OWNER.into(), owner.clone());
    }
    if let (Some(build), false) = (tags.get(BUILD), all.contains_key("Name")) {
        all.insert("Name".into(), format!("amifactory {build}"));
    }
    all
}
