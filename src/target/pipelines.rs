//! Pipelines: a service that builds recipes by itself, by a schedule. What a target shows and does; what is to be done is
//! decided in [`crate::pipeline::schedules`] and [`crate::pipeline::adopt`].

use super::aws::imagebuilder::PipelineOrder;
use super::{LaunchBase, Tags, TargetError};
use crate::identity::{ImageId, RecipeName};
use crate::plan::Plan;
use crate::recipe::Schedule;
use async_trait::async_trait;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is set, each in words.
pub type Settings = BTreeMap<&'static str, String>;

/// What decides what a pipeline does. Two of the same make the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineShape {
    /// Components and base: the name of its image recipe, which holds their hash.
    pub content: String,
    /// On what instances it builds: the same of its infrastructure configuration.
    pub infrastructure: String,
    /// What becomes of its images: the same of its distribution configuration.
    pub distribution: String,
    /// What the one holds, in words: whoever changes it leaves its name.
    pub infrastructure_holds: Settings,
    /// What the other holds.
    pub distribution_holds: Settings,
    /// When it looks.
    pub cron: String,
    /// By whose clock.
    pub time_zone: String,
    /// `changed` or `always`; as the service says it where that is neither.
    pub rebuild: String,
    /// How many minutes the tests of an image may take.
    pub test_minutes: i32,
    /// Whether it runs at all.
    pub enabled: bool,
    /// Whose it is, where that is said.
    pub owner: Option<String>,
    /// What someone else has set in it: workflows, roles, scans, logs.
    pub foreign: Vec<String>,
}

/// A difference between two of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineChange {
    /// What differs.
    pub what: &'static str,
    /// As it is.
    pub from: String,
    /// As it is to be.
    pub to: String,
}

impl PipelineShape {
    /// What has to change for this to be that.
    pub fn changes(&self, wanted: &PipelineShape) -> Vec<PipelineChange> {
        let on = |enabled: bool| if enabled { "on" } else { "off" }.to_owned();
        let minutes = |minutes: i32| format!("{minutes} min");
        let all = [
            ("content", self.content.clone(), wanted.content.clone()),
            ("infrastructure", self.infrastructure.clone(), wanted.infrastructure.clone()),
            ("distribution", self.distribution.clone(), wanted.distribution.clone()),
            ("cron", self.cron.clone(), wanted.cron.clone()),
            ("time zone", self.time_zone.clone(), wanted.time_zone.clone()),
            ("rebuild", self.rebuild.clone(), wanted.rebuild.clone()),
            ("time for tests", minutes(self.test_minutes), minutes(wanted.test_minutes)),
            ("runs", on(self.enabled), on(wanted.enabled)),
            ("set by others", self.foreign.join(", "), wanted.foreign.join(", ")),
        ];
        let differs = all.into_iter().filter(|(_, from, to)| from != to);
        let mut changes: Vec<PipelineChange> =
            differs.map(|(what, from, to)| PipelineChange { what, from, to }).collect();
        // Whoever does not say whose a pipeline is does not say that it is nobody's.
        if let Some(to) = wanted.owner.clone().filter(|_| self.owner != wanted.owner) {
            changes.push(PipelineChange { what: "owner", from: self.owner.clone().unwrap_or_default(), to });
        }
        // Of other configurations all differs, and their names say so.
        if self.infrastructure == wanted.infrastructure {
            changes.extend(differing(&self.infrastructure_holds, &wanted.infrastructure_holds));
        }
        if self.distribution == wanted.distribution {
            changes.extend(differing(&self.distribution_holds, &wanted.distribution_holds));
        }
        changes
    }

    /// Whether the pipeline itself needs no change, whatever its configurations hold and whosever it is.
    pub fn is_itself_as(&self, wanted: &PipelineShape) -> bool {
        let itself = |shape: &PipelineShape| PipelineShape {
            infrastructure_holds: Settings::new(),
            distribution_holds: Settings::new(),
            owner: None,
            ..shape.clone()
        };
        itself(self) == itself(wanted)
    }
}

fn differing(from: &Settings, to: &Settings) -> Vec<PipelineChange> {
    let all: BTreeSet<&'static str> = from.keys().chain(to.keys()).copied().collect();
    let text = |settings: &Settings, what: &str| settings.get(what).cloned().unwrap_or_default();
    let change = |what: &'static str| PipelineChange { what, from: text(from, what), to: text(to, what) };
    all.into_iter().map(change).filter(|change| change.from != change.to).collect()
}

/// A pipeline that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: Tags,
    /// What it does.
    pub shape: PipelineShape,
    /// The ARN of its infrastructure configuration.
    pub infrastructure_arn: Option<String>,
    /// The ARN of its distribution configuration.
    pub distribution_arn: Option<String>,
    /// Whether one of the two holds something else than its name says: someone has changed it.
    pub is_altered: bool,
    /// When it runs next, where the service says.
    pub next_run: Option<String>,
    /// How many runs have failed since the last one that did not.
    pub failures: u32,
}

impl Pipeline {
    /// Whether it is as no version of this program makes one: someone has changed it, or what it builds with.
    pub fn is_by_another_hand(&self) -> bool {
        self.is_altered || !self.shape.foreign.is_empty() || self.shape.test_minutes == 0
    }
}

/// What is to be there for a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The recipe.
    pub recipe: RecipeName,
    /// What it is to do.
    pub shape: PipelineShape,
    /// All that it needs.
    pub order: PipelineOrder,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// On its way; in the service's word.
    Underway(String),
    /// Its image is there, and has passed the tests of the service.
    Available,
    /// It failed or was cancelled: the service's word, and why.
    Over(String, String),
}

/// A run of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineRun {
    /// Its id: an ARN.
    pub id: String,
    /// What it built: see [`PipelineShape::content`].
    pub content: String,
    /// How far it is.
    pub state: RunState,
    /// RFC 3339; empty where the service does not say.
    pub created_at: String,
    /// What it has made.
    pub image: Option<ImageId>,
}

/// An image that a run has made, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeImage {
    /// Its id.
    pub id: ImageId,
    /// Its tags.
    pub tags: Tags,
    /// Whether everybody may launch it.
    pub public: bool,
    /// The image that it was made from; none where the target does not say.
    pub base: Option<String>,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

/// A target's pipelines. Every mutating call can be repeated.
#[async_trait]
pub trait Pipelines: Send + Sync {
    /// What is to be there for a plan. Asks, and changes nothing.
    async fn draft(&self, plan: &Plan, launch: &LaunchBase, schedule: &Schedule) -> Result<Draft, TargetError>;
    /// All that have names as ours have, whoever made them.
    async fn there(&self) -> Result<Vec<Pipeline>, TargetError>;
    /// Makes one, or changes the one that there is. What it no longer needs, and nothing else can, goes.
    async fn declare(&self, draft: &Draft, seen: Option<&Pipeline>) -> Result<(), TargetError>;
    /// Removes one. What it has made stays.
    async fn withdraw(&self, pipeline: &Pipeline) -> Result<(), TargetError>;
    /// Begins a run of what is declared, after so many; the same call again begins no other.
    async fn start(&self, draft: &Draft, runs: usize) -> Result<(), TargetError>;
    /// Its runs, the oldest first.
    async fn runs(&self, pipeline: &str) -> Result<Vec<PipelineRun>, TargetError>;
    /// The image of a run; none where it is gone.
    async fn made(&self, image: &ImageId) -> Result<Option<MadeImage>, TargetError>;
    /// Gives an image that a run has made its build's tags: from then on it is an image as any other.
    async fn take(&self, image: &ImageId, tags: &Tags) -> Result<(), TargetError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_a_change() {
        let shape = PipelineShape {
            content: "a".into(),
            infrastructure: "b".into(),
            infrastructure_holds: [("instance types", "t3.large".to_owned())].into(),
            distribution: "c".into(),
            distribution_holds: Settings::new(),
            cron: "0 3 * * ?".into(),
            time_zone: "Etc/UTC".into(),
            rebuild: "changed".into(),
            test_minutes: 60,
            enabled: true,
            owner: None,
            foreign: Vec::new(),
        };
        assert_eq!(shape.changes(&shape), []);
        let other =
            PipelineShape { content: "d".into(), enabled: false, foreign: vec!["scans".into()], ..shape.clone() };
        let told = |change: &PipelineChange| format!("{}: {} -> {}", change.what, change.from, change.to);
        let told: Vec<String> = other.changes(&shape).iter().map(told).collect();
        assert_eq!(told, ["content: d -> a", "runs: off -> on", "set by others: scans -> "]);

        let everyone = || [("launch permission", "everyone".to_owned())].into();
        let altered =
            PipelineShape { distribution_holds: everyone(), infrastructure_holds: everyone(), ..shape.clone() };
        let what = |from: &PipelineShape| from.changes(&shape).iter().map(|change| change.what).collect::<Vec<_>>();
        assert_eq!(what(&altered), ["instance types", "launch permission", "launch permission"]);
        assert!(altered.is_itself_as(&shape) && !other.is_itself_as(&shape));
        // Another configuration is one difference, and not one for each of what it holds.
        assert_eq!(
            what(&PipelineShape { infrastructure: "z".into(), ..altered }),
            ["infrastructure", "launch permission"]
        );
        // Whoever says nothing of owners takes nothing over; whoever does says so.
        let owned = PipelineShape { owner: Some("web".into()), ..shape.clone() };
        assert_eq!((what(&owned).len(), shape.changes(&owned)[0].what), (0, "owner"));
    }
}
