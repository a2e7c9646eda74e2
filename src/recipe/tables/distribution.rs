//! `distribution:` of the factory file.

use super::super::shape::Kind::{Line, Map, MapOf, Pattern};
use super::super::shape::{Shape, optional, required};

pub(super) const REGION_PATTERN: &str = "^[a-z]+(-[a-z]+){1,3}-[0-9]{1,2}$";
pub(super) const ACCOUNT_PATTERN: &str = "^[0-9]{12}$";
pub(super) const ORGANIZATION_PATTERN: &str =
    "^arn:aws(-cn|-us-gov)?:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}$";
pub(super) const UNIT_PATTERN: &str =
    "^arn:aws(-cn|-us-gov)?:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}$";

/// `distribution:`
pub static DISTRIBUTION: Shape = Shape {
    what: "the distribution",
    keys: &[
        required("home", Pattern(REGION_PATTERN), "The region in which images are built."),
        optional(
            "regions",
            MapOf(REGION_PATTERN, &Map(&REGION)),
            "Other regions, and how copies are made there: `eu-central-1: {kms_key: alias/images}`.",
        ),
        optional(
            "accounts",
            MapOf(ACCOUNT_PATTERN, &Map(&ACCOUNT)),
            "Other accounts by their 12 digits, quoted, and how they are spoken to: `{role: amifactory-consumer}`.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// One of `regions:`
pub static REGION: Shape = Shape {
    what: "a region",
    keys: &[optional(
        "kms_key",
        Line,
        "The KMS key of that region that copies are encrypted with: an id, an ARN or alias/NAME. Images that are shared \
         need one. Default: the account's key for EBS.",
    )],
    one_of: &[],
    pairs: &[],
};

/// One of `accounts:`
pub static ACCOUNT: Shape = Shape {
    what: "an account",
    keys: &[optional(
        "role",
        Pattern("^[A-Za-z0-9_+=,.@-]+(/[A-Za-z0-9_+=,.@-]+)*$"),
        "A role there, by its name, that is assumed to check that images can be used and to write pointers. Default: \
         images are shared, and nothing more.",
    )],
    one_of: &[],
    pairs: &[],
};
