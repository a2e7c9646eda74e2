//! Validated identifiers. Each kind is a type of its own.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Text that can't be the identifier it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: expected {expected}")]
pub struct NameError {
    /// The text given.
    pub text: String,
    /// What it was meant to be, with an article.
    pub what: &'static str,
    /// What such a name looks like.
    pub expected: &'static str,
}

const LABEL: &str = "lower-case letters, digits and single hyphens, starting with a letter, at most 63 long";

fn is_label(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Declares a newtype over `String` that is checked when it is made.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok($name(text.to_owned()))
                } else {
                    Err(NameError { text: text.to_owned(), what: $what, expected: $expected })
                }
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// The name of a recipe, such as `web-tier`.
    RecipeName, "a recipe name", LABEL, is_label
);
name!(
    /// The name of a package group, such as `nginx`.
    GroupName, "a package group name", LABEL, is_label
);
name!(
    /// The stable slug of a hardening control, such as `kernel-module-cramfs-disabled`.
    Slug, "a control slug", LABEL, is_label
);
name!(
    /// A movable pointer's name: `dev`, `staging`, `prod`.
    Channel, "a channel name", LABEL, is_label
);
name!(
    /// One run of a plan: `<recipe>-<12 digits of the digest>-<attempt>`; see `pipeline/ids.rs`.
    BuildId,
    "a build id",
    "letters, digits and hyphens, at most 120 long",
    |t| !t.is_empty() && t.len() <= 120 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);
name!(
    /// The instance or sandbox that a build runs on: `i-…` on EC2, `builder-…` here.
    BuilderId,
    "a builder id",
    "letters, digits and hyphens, at most 140 long",
    |t| !t.is_empty() && t.len() <= 140 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);
name!(
    /// An image: `ami-…` on EC2, `img-…` here.
    ImageId,
    "an image id",
    "`ami-` or `img-` and hex digits",
    |t| {
        t.strip_prefix("ami-").or_else(|| t.strip_prefix("img-")).is_some_and(|hex| {
            (8..=40).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    }
);

name!(
    /// A region of AWS, such as `eu-central-1`.
    Region,
    "a region",
    "a name such as eu-central-1",
    |t| {
        let parts: Vec<&str> = t.split('-').collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let is_number = |part: &str| matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
        match parts.split_last() {
            Some((number, words)) => {
                t.len() <= 32 && (2..=4).contains(&words.len()) && words.iter().all(word) && is_number(number)
            }
            None => false,
        }
    }
);
name!(
    /// An account of AWS.
    AccountId,
    "an account",
    "12 digits, quoted",
    |t| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit())
);
name!(
    /// The name of an IAM role, with its path where it has one.
    RoleName,
    "the name of a role",
    "its name, with its path but without its ARN: letters, digits and _ + = , . @ - /",
    |t| {
        (1..=576).contains(&t.len())
            && !t.starts_with('/')
            && !t.ends_with('/')
            && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&b))
    }
);
name!(
    /// An organization, by its ARN.
    OrganizationArn,
    "the ARN of an organization",
    "arn:aws:organizations::ACCOUNT:organization/o-ID",
    |t| organizations(t, "organization/o-").is_some_and(is_organization_id)
);
name!(
    /// An organizational unit, by its ARN.
    OrganizationalUnitArn,
    "the ARN of an organizational unit",
    "arn:aws:organizations::ACCOUNT:ou/o-ID/ou-ID",
    |t| {
        let parts = organizations(t, "ou/o-").and_then(|rest| rest.split_once("/ou-"));
        parts.is_some_and(|(organization, unit)| {
            is_organization_id(organization)
                && unit.split_once('-').is_some_and(|(root, id)| {
                    (4..=32).contains(&root.len()) && (8..=32).contains(&id.len()) && is_lower(root) && is_lower(id)
                })
        })
    }
);
name!(
    /// Who is told what is new in the fleet: a name that a factory gives.
    AudienceName, "an audience's name", LABEL, is_label
);
name!(
    /// What tells a factory from others that look from the same account.
    FactoryName, "a factory's name", LABEL, is_label
);
name!(
    /// A standard topic of SNS, by its ARN.
    TopicArn,
    "the ARN of a topic",
    "arn:aws:sns:REGION:ACCOUNT:NAME, of a topic that is not first-in-first-out",
    |t| {
        let parts: Vec<&str> = t.split(':').collect();
        let [arn, partition, service, region, account, name] = parts.as_slice() else { return false };
        let region = region.parse::<Region>();
        *arn == "arn"
            && *service == "sns"
            && region.is_ok_and(|region| region.partition() == *partition)
            && account.parse::<AccountId>().is_ok()
            && (1..=256).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    }
);

impl TopicArn {
    /// The region that it is in.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }
}

/// What stands behind `arn:aws:organizations::ACCOUNT:` and a kind (Organizations API reference, `Organization` and
/// `OrganizationalUnit`).
fn organizations<'t>(text: &'t str, kind: &str) -> Option<&'t str> {
    let mut parts = text.splitn(6, ':');
    let head: Vec<&str> = parts.by_ref().take(4).collect();
    let [_, partition, ..] = head.as_slice() else { return None };
    let known = matches!(*partition, "aws" | "aws-cn" | "aws-us-gov");
    let account = parts.next()?;
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let is_arn = head[0] == "arn" && head[2] == "organizations" && head[3].is_empty();
    (known && is_account && is_arn).then_some(())?;
    parts.next()?.strip_prefix(kind)
}

fn is_lower(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_organization_id(text: &str) -> bool {
    (10..=32).contains(&text.len()) && is_lower(text)
}

impl Region {
    /// The part of AWS that it is in (AWS general reference, "Amazon Resource Names"): nothing goes from one to another.
    pub fn partition(&self) -> &'static str {
        match self.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

/// A fixed set of words, with their spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }
        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word itself.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                match text {
                    $($text => Ok($name::$variant),)+
                    _ => Err(NameError { text: text.to_owned(), what: $what, expected: $expected }),
                }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// A family of operating systems that packages, steps and controls are written for.
    OsFamily, "an OS family", "amazon-linux-2023, debian-12 or ubuntu", {
        /// Amazon Linux 2023 (rpm, dnf).
        AmazonLinux2023 = "amazon-linux-2023",
        /// Debian 12 (dpkg, apt).
        Debian12 = "debian-12",
        /// Ubuntu LTS (dpkg, apt).
        Ubuntu = "ubuntu",
    }
);
words!(
    /// A processor architecture, as EC2 spells it.
    Arch, "an architecture", "x86_64 or arm64", {
        /// 64-bit Intel and AMD.
        X86_64 = "x86_64",
        /// 64-bit Arm.
        Arm64 = "arm64",
    }
);
words!(
    /// Where builds run.
    TargetKind, "a target", "local, aws or imagebuilder", {
        /// A sandbox on this machine.
        Local = "local",
        /// EC2 and SSM.
        Aws = "aws",
        /// EC2 Image Builder, and all else as with `aws`.
        ImageBuilder = "imagebuilder",
    }
);

impl Arch {
    /// The architecture this program runs on, where it is one that images are built for.
    pub fn of_this_machine() -> Option<Arch> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Arch::X86_64),
            "aarch64" => Some(Arch::Arm64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_folder_or_their_quotes_are_refused() {
        for text in ["", "../x", "a/b", "A", "a b", "a'b", "a--b", "-a", "a-", "ä", "a\n", &"a".repeat(64)] {
            assert!(text.parse::<RecipeName>().is_err(), "{text:?}");
        }
        assert!("web-tier2".parse::<RecipeName>().is_ok());
    }

    #[test]
    fn places_are_written_as_aws_writes_them() {
        for text in ["us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-northwest-1", "mx-central-1"] {
            assert!(text.parse::<Region>().is_ok(), "{text}");
        }
        for text in ["", "us-east", "us-east-1a", "US-EAST-1", "eu_central_1", "us--1", "../x-1", "us-east-123"] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
        assert_eq!("cn-north-1".parse::<Region>().unwrap().partition(), "aws-cn");
        for text in ["11112222333", "1111222233334", "11112222333a", "１１１１２２２２３３３３"] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
        for text in ["", "/x", "x/", "a b", "arn:aws:iam::111122223333:role/x", "*"] {
            assert!(text.parse::<RoleName>().is_err(), "{text}");
        }
        let organization = "arn:aws:organizations::111122223333:organization/o-a1b2c3d4e5";
        let unit = "arn:aws:organizations::111122223333:ou/o-a1b2c3d4e5/ou-ab12-11111111";
        assert!(organization.parse::<OrganizationArn>().is_ok() && unit.parse::<OrganizationalUnitArn>().is_ok());
        for text in ["", "*", "o-a1b2c3d4e5", unit, &organization.replace("aws", "x"), &organization.replace(":1", ":")]
        {
            assert!(text.parse::<OrganizationArn>().is_err(), "{text}");
        }
        for text in [organization, &unit.replace("/ou-", "/"), &format!("{unit}/x"), &unit.replace("1111222", "x")] {
            assert!(text.parse::<OrganizationalUnitArn>().is_err(), "{text}");
        }
    }

    #[test]
    fn image_ids_are_hex_behind_a_known_prefix() {
        assert!("img-0123456789abcdef".parse::<ImageId>().is_ok());
        for text in ["img-", "img-xyz", "i-0123456789", "img-0123456789/../..", "ami-0123456Z9"] {
            assert!(text.parse::<ImageId>().is_err(), "{text}");
        }
    }
}
