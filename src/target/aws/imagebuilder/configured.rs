//! What configurations hold, in words. A name holds the hash of what was put there; whoever changes it later leaves the name.

use super::order::{Distribution, Infrastructure};
use crate::target::{Settings, Tags};

/// Words of what builds order alike everywhere.
pub const ENDS: &str = "are ended";
/// The same: nothing on an instance reads its credentials without a token.
pub const METADATA: &str = "tokens required, 1 hop";

/// What an infrastructure configuration is to hold.
pub fn infrastructure(wanted: &Infrastructure) -> Settings {
    let mut words = of_infrastructure(wanted);
    words.extend(said([("instances that fail", ENDS.to_owned()), ("instance metadata", METADATA.to_owned())]));
    words
}

/// Without what is the same everywhere.
pub fn of_infrastructure(wanted: &Infrastructure) -> Settings {
    said([
        ("instance types", wanted.instance_types.join(", ")),
        ("instance profile", wanted.profile.clone()),
        ("subnet", wanted.subnet.clone().unwrap_or_default()),
        ("security groups", wanted.security_groups.join(", ")),
        ("tags of instances", tags(&wanted.resource_tags)),
    ])
}

/// What a distribution configuration is to hold.
pub fn distribution(wanted: &Distribution) -> Settings {
    let mut words = of_distribution(wanted);
    words.extend(said([("regions", wanted.region.clone())]));
    words
}

/// Without the regions.
pub fn of_distribution(wanted: &Distribution) -> Settings {
    said([("AMI name", wanted.ami_name.clone()), ("AMI tags", tags(&wanted.ami_tags))])
}

/// What is set of these.
pub fn said<const N: usize>(all: [(&'static str, String); N]) -> Settings {
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

fn tags(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}
