//! What recipes and the factory file say about AWS: bases, and the settings of builders there.

use super::ExtraVolume;
use crate::identity::{Arch, ImageId, OsFamily};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// `base: {aws: …}`: a base for the AWS target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsBase {
    /// Where its image is found.
    pub image: AwsBaseImage,
    /// `family:` the OS family; none where it is told from the image's name and description.
    pub family: Option<OsFamily>,
}

/// How the image of an AWS base is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AwsBaseImage {
    /// `parameter:` an SSM parameter that holds an image's id.
    Parameter(String),
    /// `ami:` the id itself.
    Ami(ImageId),
    /// `name:` the newest image of an owner whose name fits.
    Newest {
        /// The name, in which `*` and `?` stand for any characters and any one.
        name: String,
        /// `amazon`, `self`, `aws-marketplace` or an account's 12 digits: what EC2 takes as an owner.
        owner: String,
        /// The architecture.
        arch: Arch,
    },
}

/// How builders run on AWS: `aws:` of the factory file, with `aws:` of the recipe over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsSettings {
    /// The instance profile's name. There is no build on AWS without one; `validate` does not need it.
    pub instance_profile: Option<String>,
    /// Where builders start; none: in the default VPC, in any of its subnets.
    pub subnet: Option<Subnet>,
    /// Their security groups' ids; empty: the VPC's default group.
    pub security_groups: Vec<String>,
    /// Their types, by architecture, in the order in which they are tried.
    pub instance_types: InstanceTypes,
    /// Spot first, on-demand where there is none.
    pub spot: bool,
    /// Their root volume.
    pub volume: Volume,
    /// Volumes of their own for parts of the image's file tree. A recipe on another's image has that image's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<ExtraVolume>,
    /// The CloudWatch log group that commands write to, for live progress.
    pub log_group: Option<String>,
    /// The S3 bucket through which components of EC2 Image Builder go that are too large to go with a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_bucket: Option<String>,
    /// Who answers for builders and images, for the tag `amifactory:owner`.
    pub owner: Option<String>,
    /// After this long a builder is certainly forgotten, and ends itself.
    pub expires: Duration,
    /// Tags of all resources, beside amifactory's own.
    pub tags: BTreeMap<String, String>,
}

/// Where builders start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subnet {
    /// `subnet-…`
    Id(String),
    /// Any subnet that has all of these tags.
    Tags(BTreeMap<String, String>),
}

/// Instance types in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTypes {
    /// For x86_64.
    pub x86_64: Vec<String>,
    /// For arm64.
    pub arm64: Vec<String>,
}

/// A builder's root volume. It is always gp3 and encrypted. Both decide what the image is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Volume {
    /// Its size in GiB; none: the base's.
    pub size_gib: Option<u32>,
    /// The key it is encrypted with (id, alias or ARN); none: the account's default key for EBS.
    pub kms_key: Option<String>,
}

impl Default for AwsSettings {
    fn default() -> Self {
        AwsSettings {
            instance_profile: None,
            subnet: None,
            security_groups: Vec::new(),
            instance_types: InstanceTypes::default(),
            spot: false,
            volume: Volume::default(),
            volumes: Vec::new(),
            log_group: None,
            component_bucket: None,
            owner: None,
            expires: Duration::from_secs(6 * 3600),
            tags: BTreeMap::new(),
        }
    }
}

impl Default for InstanceTypes {
    /// Two cores and 8 GiB of the newest generations; the last one is in every availability zone.
    fn default() -> Self {
        let types = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        InstanceTypes {
            x86_64: types(&["m7i.large", "m6i.large", "m5.large", "t3.large"]),
            arm64: types(&["m7g.large", "m6g.large", "t4g.large"]),
        }
    }
}

impl InstanceTypes {
    /// The types for an architecture.
    pub fn of(&self, arch: Arch) -> &[String] {
        match arch {
            Arch::X86_64 => &self.x86_64,
            Arch::Arm64 => &self.arm64,
        }
    }
}
