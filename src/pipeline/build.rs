//! One build in flight: what it works on, and the one way in which it calls the target.

use super::error::BuildError;
use super::event::{Event, Sink};
use super::folder::StateFolder;
use super::journal::{Journal, What};
use crate::identity::{BuildId, Version};
use crate::plan::Plan;
use crate::target::{Builder, Image, ImageRecord, LaunchBase, Standing, Tags, Target, TargetError};
use std::future::Future;
use std::path::PathBuf;

/// One build in flight. Steps fill in what they observe; nothing here is believed that the target did not answer.
pub struct Build<'a> {
    /// What is built.
    pub plan: &'a Plan,
    /// What its builder starts from.
    pub launch: &'a LaunchBase,
    /// Where.
    pub target: &'a dyn Target,
    /// Where journals and logs lie.
    pub state: &'a StateFolder,
    /// Who is told.
    pub sink: &'a dyn Sink,
    /// The build's id.
    pub id: BuildId,
    /// The version it makes.
    pub version: Version,
    /// The tags of all its resources.
    pub tags: Tags,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When this run of it began.
    pub(super) began: tokio::time::Instant,
    /// The builder, once it was seen.
    pub builder: Option<Builder>,
    /// The image, once it was seen.
    pub image: Option<Image>,
    /// An earlier run began to make the image and did not end.
    pub(super) half_made: bool,
    /// The version was asked for by number: it is this one or none.
    pub(super) version_asked: bool,
    /// What its pointers name and which channels are held, where that was just read.
    pub(super) standing: Option<Standing>,
    /// The channel was moved on by someone else while this build was at it.
    pub(super) channel_stays: bool,
    /// How often an image that failed was made again.
    pub(super) image_retries: u32,
    /// The record, once there is something to record.
    pub record: Option<ImageRecord>,
    /// How many calls the target has had.
    pub calls: u64,
    /// It was begun by an earlier run.
    pub(super) resumed: bool,
    pub(super) step: &'static str,
    pub(super) journal: Journal,
    pub(super) folder: PathBuf,
}

impl<'a> Build<'a> {
    /// A call that changes nothing.
    pub async fn read<T>(
        &mut self,
        call: impl Future<Output = Result<T, TargetError>> + Send,
    ) -> Result<T, BuildError> {
        self.calls += 1;
        Ok(call.await?)
    }

    /// A call that changes something: its intent is on disk before it is sent.
    pub async fn mutate<T>(
        &mut self,
        name: &str,
        resource: impl Into<String>,
        call: impl Future<Output = Result<T, TargetError>> + Send,
    ) -> Result<T, BuildError> {
        let step = self.step.to_owned();
        self.note(What::Intent { step: step.clone(), call: name.into(), resource: resource.into() })?;
        self.calls += 1;
        let answer = call.await?;
        self.note(What::Answered { step, call: name.into() })?;
        Ok(answer)
    }

    /// Counts from 1: how often this plan was begun.
    pub fn attempt(&self) -> u32 {
        super::ids::attempt(&self.id)
    }

    /// Writes to the journal.
    pub fn note(&mut self, what: What) -> Result<(), BuildError> {
        self.journal.write(what).map_err(BuildError::state(self.folder.join("journal.jsonl")))
    }

    /// Where a bundle's whole output goes.
    pub fn log(&self, bundle: &str) -> PathBuf {
        self.folder.join("log").join(format!("{bundle}.log"))
    }

    /// Tells people something that no other event says.
    pub fn notice(&self, text: String) {
        self.sink.event(&Event::Notice { build: Some(self.id.clone()), text });
    }
}
