//! ARNs and versions of Image Builder's resources.

use super::super::ec2::Home;
use std::fmt;

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Component,
    Recipe,
    Infrastructure,
    Distribution,
    Image,
    Pipeline,
}

impl Kind {
    const ALL: [Kind; 6] =
        [Kind::Component, Kind::Recipe, Kind::Infrastructure, Kind::Distribution, Kind::Image, Kind::Pipeline];

    /// Its word in ARNs.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Component => "component",
            Kind::Recipe => "image-recipe",
            Kind::Infrastructure => "infrastructure-configuration",
            Kind::Distribution => "distribution-configuration",
            Kind::Image => "image",
            Kind::Pipeline => "image-pipeline",
        }
    }

    /// Its word in messages.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Component => "Component",
            Kind::Recipe => "ImageRecipe",
            Kind::Infrastructure => "InfrastructureConfiguration",
            Kind::Distribution => "DistributionConfiguration",
            Kind::Image => "Image",
            Kind::Pipeline => "ImagePipeline",
        }
    }

    pub fn has_versions(self) -> bool {
        matches!(self, Kind::Component | Kind::Recipe | Kind::Image)
    }

    /// The ARN of a resource of that name: names that differ only in case, spaces or underscores are the same.
    pub fn arn(self, home: &Home, name: &str) -> String {
        format!("arn:aws:imagebuilder:{}:{}:{}/{}", home.region, home.account, self.word(), slug(name))
    }
}

/// A name as it is in ARNs.
pub fn slug(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '_'], "-")
}

/// `1.0.0`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub [u32; 3]);

impl Version {
    /// "The upper limit is 2^30-1 for each node."
    pub const MOST: u32 = (1 << 30) - 1;
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// `1.0.x`: a version, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern(pub [Option<u64>; 3]);

impl Pattern {
    pub fn parse(text: &str) -> Option<Pattern> {
        let mut nodes = [None; 3];
        let mut parts = text.split('.');
        for node in &mut nodes {
            let part = parts.next()?;
            *node = match part {
                "x" => None,
                _ if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Some(part.parse().unwrap_or(u64::MAX))
                }
                _ => return None,
            };
        }
        parts.next().is_none().then_some(Pattern(nodes))
    }

    /// "All nodes to the right of the first wildcard must also be wildcards."
    pub fn is_in_order(&self) -> bool {
        let first = self.0.iter().position(Option::is_none).unwrap_or(3);
        self.0[first..].iter().all(Option::is_none)
    }

    pub fn has_wildcards(&self) -> bool {
        self.0.iter().any(Option::is_none)
    }

    pub fn matches(&self, version: Version) -> bool {
        self.0.iter().zip(version.0).all(|(node, number)| node.is_none_or(|node| node == u64::from(number)))
    }

    /// The one version that it is; none with wildcards, or where a number is too large.
    pub fn exact(&self) -> Option<Version> {
        let node = |at: usize| u32::try_from(self.0[at]?).ok().filter(|node| *node <= Version::MOST);
        Some(Version([node(0)?, node(1)?, node(2)?]))
    }
}

/// An ARN, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arn {
    pub region: String,
    /// Twelve digits, or `aws` for what is Amazon's.
    pub account: String,
    pub kind: Kind,
    pub name: String,
    pub version: Option<Pattern>,
    pub build: Option<u32>,
}

impl Arn {
    pub fn parse(text: &str) -> Option<Arn> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        if arn != "arn" || !partition.starts_with("aws") || service != "imagebuilder" {
            return None;
        }
        let (region, account, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if region.is_empty() || !(is_number || matches!(account, "aws" | "third-party")) {
            return None;
        }
        let mut parts = rest.split('/');
        let word = parts.next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word)?;
        let name = parts.next()?;
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if name.is_empty() || !name.bytes().all(known) {
            return None;
        }
        let version = parts.next().map(|text| Pattern::parse(text).ok_or(())).transpose().ok()?;
        let build = parts.next().map(|text| text.parse().map_err(|_| ())).transpose().ok()?;
        let fits = parts.next().is_none()
            && kind.has_versions() == version.is_some()
            && (build.is_none() || kind != Kind::Recipe && version.is_some_and(|version| !version.has_wildcards()));
        fits.then(|| Arn {
            region: region.to_owned(),
            account: account.to_owned(),
            kind,
            name: name.to_owned(),
            version,
            build,
        })
    }

    /// Whether it is that home's.
    pub fn is_of(&self, home: &Home) -> bool {
        self.account == home.account && self.region == home.region
    }
}
