//! What runs, and what would be launched, in one place: as a target shows it to whoever asks who uses which image.

use super::NamedAt;
use super::{Tags, TargetError, Unread};
use async_trait::async_trait;
use serde::Serialize;
use std::collections::BTreeMap;

/// What kind of thing has an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It runs, or is stopped and can be started again.
    Instance,
    /// It waits in the warm pool of a group.
    WarmInstance,
    /// A version of a launch template that is its default or its latest.
    LaunchTemplate,
    /// What an Auto Scaling group launches next.
    AutoScalingGroup,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Instance, Kind::WarmInstance, Kind::LaunchTemplate, Kind::AutoScalingGroup];

    /// As JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Instance => "instance",
            Kind::WarmInstance => "warm-instance",
            Kind::LaunchTemplate => "launch-template",
            Kind::AutoScalingGroup => "auto-scaling-group",
        }
    }

    /// Whether it is there already. The others say only what would be.
    pub const fn is_instance(self) -> bool {
        matches!(self, Kind::Instance | Kind::WarmInstance)
    }
}

/// Something that has an image. Its names are what others gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it is.
    pub kind: Kind,
    /// Its id: of an instance, of a launch template with its version, or a group's name.
    pub id: String,
    /// Its name for people; empty where it has none.
    pub name: String,
    /// The Auto Scaling group that an instance belongs to.
    pub group: Option<String>,
    /// The image's id; or why it can't be told.
    pub image: Result<String, String>,
    /// By what it has the image, where that is not the image's id itself: a parameter, a launch template.
    pub via: Option<String>,
    /// Whether it is an instance that does not run.
    pub stopped: bool,
    /// Whether it is a builder of this factory.
    pub builder: bool,
}

/// By what a group has its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByTemplate<'a> {
    /// The launch template.
    pub template: &'a str,
    /// Its version, as the group names it.
    pub version: &'a str,
    /// Where that stands.
    pub at: NamedAt,
    /// The parameter that the version looks the image up in.
    pub parameter: Option<&'a str>,
}

/// What stands behind the version where a policy of mixed instances names it.
const MIXED: &str = " in its policy of mixed instances";
/// And where an override of that names it.
const OVERRIDE: &str = " in an override of its mixed instances";

impl<'a> ByTemplate<'a> {
    /// In words.
    pub fn said(&self) -> String {
        let version = if self.version.is_empty() { "$Default" } else { self.version };
        let mixed = match self.at {
            NamedAt::Own => "",
            NamedAt::Mixed => MIXED,
            NamedAt::Override => OVERRIDE,
        };
        let looked_up = self.parameter.map(|parameter| format!(", resolve:ssm:{parameter}")).unwrap_or_default();
        format!("launch template {} version {version}{mixed}{looked_up}", self.template)
    }

    /// The same back. Names of templates and versions have no space.
    pub fn of(via: &'a str) -> Option<ByTemplate<'a>> {
        let (of, parameter) = match via.split_once(", resolve:ssm:") {
            Some((of, parameter)) => (of, Some(parameter)),
            None => (via, None),
        };
        let (of, at) = match (of.strip_suffix(MIXED), of.strip_suffix(OVERRIDE)) {
            (Some(of), _) => (of, NamedAt::Mixed),
            (None, Some(of)) => (of, NamedAt::Override),
            (None, None) => (of, NamedAt::Own),
        };
        let (template, version) = of.strip_prefix("launch template ")?.split_once(" version ")?;
        (!template.contains(' ') && !version.contains(' ')).then_some(ByTemplate { template, version, at, parameter })
    }
}

/// An image that EC2 knows and the factory's catalogue does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// Its name.
    pub name: String,
    /// The account that it belongs to, or its alias.
    pub owner: String,
    /// Its tags, as far as this account sees them.
    pub tags: Tags,
}

/// How it ends why a group's image can't be told where its template, or the version of it, is not there: nothing is launched.
pub const NOT_THERE: &str = "does not exist";

/// What a place's groups are called where they could not be read.
pub const GROUPS: &str = "Auto Scaling groups";

/// One place, read piece by piece.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Shows everything to `see`, and keeps nothing of it but a page of about so many instances at a time. What could not
    /// be read is the answer: whatever it holds is unknown then. An error: nothing could be read at all.
    async fn sightings(&self, page: usize, see: &mut (dyn FnMut(Sighting) + Send)) -> Result<Vec<Unread>, TargetError>;
    /// Which of these images there are; those that are gone, or that nobody here may see, are left out.
    async fn strangers(&self, images: &[String]) -> Result<BTreeMap<String, Stranger>, TargetError>;
}
