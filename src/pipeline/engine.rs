//! The engine: takes one plan through its steps until its image is published, or says why not.

use super::build::Build;
use super::error::BuildError;
use super::event::{Event, Failure, Sink};
use super::folder::{LockAttempt, RecipeLock, StateFolder};
use super::journal::{self, Journal, What};
use super::steps::{self, Observed};
use super::tags::{self, ImageState, Purpose};
use super::{clock, evidence, ids, published};
use crate::identity::{BuildId, ImageId, RecipeName, TargetKind, Version};
use crate::plan::Plan;
use crate::target::{Builder, Image, ImageRecord, LaunchBase, PointerName, Slot, Target, TargetError};
use std::time::{Duration, Instant};

/// How often a lost builder is made anew before the build is given up.
const MAX_RESTARTS: u32 = 2;
/// How many earlier attempts whose builders are gone are passed over: a machine that has no journal of them meets them
/// all, one after another, and nothing of its own was lost.
const MAX_SPENT: u32 = 50;

/// Calls to the target of a build that goes through without waiting; a test counts them.
pub const CALLS_OF_A_BUILD: u64 = 28;
/// Calls to the target where nothing is to be done; a test counts them.
pub const CALLS_UP_TO_DATE: u64 = 3;

/// What the engine works with.
pub struct Engine<'a> {
    /// Where builds run.
    pub target: &'a dyn Target,
    /// Where journals lie.
    pub state: &'a StateFolder,
    /// Who is told.
    pub sink: &'a dyn Sink,
}

/// What is asked of a build beside its plan.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Build although nothing has changed.
    pub force: bool,
    /// Give the image this version instead of the next one of the recipe's line.
    pub version: Option<Version>,
}

/// A build that ended with a published image.
#[derive(Debug, Clone)]
pub struct Built {
    /// The image.
    pub image: Image,
    /// Its record.
    pub record: ImageRecord,
    /// True where this run made or finished it; false where it was there already.
    pub fresh: bool,
    /// Calls made to the target.
    pub calls: u64,
}

impl Engine<'_> {
    /// Waits until no one else works on the recipe.
    pub async fn lock(&self, recipe: &RecipeName) -> Result<RecipeLock, BuildError> {
        let mut told = false;
        loop {
            match self.state.try_lock(recipe).map_err(BuildError::state(self.state.root().join("locks")))? {
                LockAttempt::Taken(lock) => return Ok(lock),
                LockAttempt::Held(holder) => {
                    if !told {
                        self.sink.event(&Event::Waiting { recipe: recipe.clone(), holder });
                        told = true;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    /// Brings a plan's image about: nothing where it is there, the rest where it was begun, all of it where it was not.
    ///
    /// The caller holds the recipe's lock.
    pub async fn build(&self, plan: &Plan, launch: &LaunchBase, options: &BuildOptions) -> Result<Built, BuildError> {
        let mut images = published::marked(self.target, self.target.images().await?, plan).await?;
        let mut options = options.clone();
        let mut begun = None;
        if !options.force
            && let Some(image) = published::newest(&images, plan)
        {
            let builders = self.target.builders().await?;
            // A forced build that died is gone on with: its image is more than the one that there is.
            let here = |id: &BuildId| {
                self.target.kind() != TargetKind::ImageBuilder || ids::is_begun_on(id, TargetKind::ImageBuilder)
            };
            begun = unfinished(plan, &images, &builders).filter(|(id, _, forced)| *forced && here(id));
            if begun.is_none() {
                if let Some(version) = tags::version_of(&image) {
                    refuse_other_version(plan, &options, version, format!("image {}", image.id))?;
                }
                return self.up_to_date(plan, image, builders).await;
            }
            options.force = true;
        } else if options.force && self.target.is_remote() && published::newest(&images, plan).is_none() {
            // What is on its way is the plan's first image: it is no other for being asked for twice.
            begun = unfinished(plan, &images, &self.target.builders().await?);
            options.force = begun.as_ref().is_none_or(|(_, _, forced)| *forced);
        }
        let (mut restarts, mut spent) = (0, 0);
        let mut calls = 1;
        loop {
            let mut build = self.begin(plan, launch, (&options, begun.take()), &images).await?;
            // One that was forced stays so when it is begun anew.
            options.force |= build.tags.contains_key(tags::FORCED);
            build.calls += calls;
            let outcome = run_steps(&mut build).await;
            calls = build.calls;
            match outcome {
                Ok(()) => return self.finished(build),
                Err(lost) if starts_anew(&lost) && restarts < MAX_RESTARTS && spent < MAX_SPENT => {
                    match lost {
                        BuildError::Target(TargetError::TokenSpent { .. }) => spent += 1,
                        _ => restarts += 1,
                    }
                    build.notice(format!("{lost}: starting on a fresh one"));
                    discard(&mut build, &lost).await?;
                    build.note(What::Ended { outcome: journal::LOST.into() })?;
                    images = published::marked(self.target, self.target.images().await?, plan).await?;
                    calls += 1;
                    // Another machine may have brought it about meanwhile.
                    if !build.tags.contains_key(tags::FORCED)
                        && let Some(image) = published::newest(&images, plan)
                    {
                        return self.up_to_date(plan, image, Vec::new()).await;
                    }
                }
                Err(error) => {
                    // Whatever goes wrong on the way out, what went wrong first is what counts.
                    if let Err(left) = fail(&mut build, &error).await {
                        build.notice(format!("not all of {} could be removed: {left}", build.id));
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Goes on with an image that is this plan's by its tags, and that no builder of ours has made: what can't be read of it
    /// is not made up by another build. The caller holds the recipe's lock.
    pub async fn go_on_with(&self, plan: &Plan, launch: &LaunchBase, image: &ImageId) -> Result<Built, BuildError> {
        let images = published::marked(self.target, self.target.images().await?, plan).await?;
        let its: Vec<Image> = images.into_iter().filter(|found| found.id == *image).collect();
        let begun = its.first().ok_or_else(|| TargetError::NotFound { what: format!("image {image}") })?;
        if ImageState::of(&begun.tags) == ImageState::Published {
            return self.up_to_date(plan, begun.clone(), Vec::new()).await;
        }
        let mut build = self.begin(plan, launch, (&BuildOptions::default(), None), &its).await?;
        build.calls += 1;
        match run_steps(&mut build).await {
            Ok(()) => self.finished(build),
            Err(error) => {
                if let Err(left) = fail(&mut build, &error).await {
                    build.notice(format!("not all of {} could be removed: {left}", build.id));
                }
                Err(error)
            }
        }
    }

    async fn up_to_date(&self, plan: &Plan, image: Image, builders: Vec<Builder>) -> Result<Built, BuildError> {
        let record = self.target.record(&image.id).await?;
        // A build that died after it had published leaves its builders; whoever comes by takes them away.
        let mut calls = 3;
        for builder in builders {
            let owner = tags::owner(&builder.tags);
            if owner.is_some_and(|owner| owner.recipe == plan.recipe && owner.digest == plan.digest) {
                self.target.terminate(&builder.id).await?;
                calls += 1;
            }
        }
        // The gate may ask for more today than when the image was made.
        evidence::judge(&record, &plan.gate, Some(&image.id))?;
        // One that must not be used is not up to date: its result says what it is.
        if tags::revoked(&image.tags).is_none() {
            self.sink.event(&Event::UpToDate {
                recipe: plan.recipe.clone(),
                image: image.id.clone(),
                version: record.version,
                digest: plan.digest.clone(),
            });
        }
        Ok(Built { image, record, fresh: false, calls })
    }

    /// Goes on with the build of this plan that was begun, looks for one, or begins one.
    async fn begin<'b>(
        &'b self,
        plan: &'b Plan,
        launch: &'b LaunchBase,
        (options, begun): (&BuildOptions, Option<(BuildId, Version, bool)>),
        images: &[Image],
    ) -> Result<Build<'b>, BuildError> {
        let builders = if self.target.is_remote() { Vec::new() } else { self.target.builders().await? };
        let begun = begun.or_else(|| unfinished(plan, images, &builders));
        let resumed = begun.is_some();
        let (id, version, forced) = match begun {
            Some((id, version, forced)) => {
                let what = format!("begun by build {id}; amifactory sweep --yes removes what that left");
                refuse_other_version(plan, options, version, what)?;
                (id, version, forced)
            }
            None => {
                let version = next_version(self.target, plan, options.version, images).await?;
                (self.next_id(plan, images)?, version, options.force)
            }
        };
        let bundles = &plan.bundles;
        self.target.accepts(&id, &[&[&bundles.apply, &bundles.seal], &[&bundles.boot_test]])?;
        let folder = self.state.make_build(&id).map_err(BuildError::state(self.state.build(&id)))?;
        let journal = Journal::open(&folder).map_err(BuildError::state(&folder))?;
        let remote = self.target.is_remote();
        let tags = tags::of_build(plan, &id, version, forced);
        self.sink.event(&Event::BuildStarted {
            build: id.clone(),
            recipe: plan.recipe.clone(),
            version,
            digest: plan.digest.clone(),
            target: self.target.kind(),
        });
        let mut build = Build {
            plan,
            launch,
            target: self.target,
            state: self.state,
            sink: self.sink,
            tags,
            version,
            started_at: clock::timestamp(),
            began: tokio::time::Instant::now(),
            builder: None,
            image: images.iter().find(|image| image.name == id.as_str() && (image.available || remote)).cloned(),
            half_made: images.iter().any(|image| image.name == id.as_str() && !image.available && !remote),
            version_asked: options.version.is_some(),
            standing: None,
            channel_stays: false,
            image_retries: 0,
            record: None,
            calls: 1,
            resumed,
            step: "begin",
            journal,
            folder,
            id,
        };
        build.note(What::Begun {
            recipe: plan.recipe.to_string(),
            version: version.to_string(),
            digest: plan.digest.to_string(),
        })?;
        Ok(build)
    }

    /// A build id that no earlier attempt had: neither by a journal here nor by an image in the target. On a remote target
    /// an attempt whose journal was not closed is gone on with: its token finds the builder that it may have launched. So
    /// is one that failed before it launched any: a machine that knows nothing of it begins with the same one, and two
    /// that go different ways would make two images.
    fn next_id(&self, plan: &Plan, images: &[Image]) -> Result<BuildId, BuildError> {
        let stem = ids::stem(plan, self.target.kind());
        let builds = self.state.builds().map_err(BuildError::state(self.state.root()))?;
        let last = ids::last(&stem, ids::known(&builds, images));
        let open = builds.iter().find(|build| build.as_str() == format!("{stem}{last}"));
        if let Some(open) = open.filter(|_| self.target.is_remote())
            && !images.iter().any(|image| image.name == open.as_str())
            && !is_spent(self.state, open).map_err(BuildError::state(self.state.build(open)))?
        {
            return Ok(open.clone());
        }
        ids::id(self.state, &stem, last + 1)
    }

    fn finished(&self, mut build: Build<'_>) -> Result<Built, BuildError> {
        build.note(What::Ended { outcome: "published".into() })?;
        match (build.image.take(), build.record.take()) {
            (Some(image), Some(record)) => Ok(Built { image, record, fresh: true, calls: build.calls }),
            // `run_steps` ends well only with both; a target that forgot the image meanwhile is an error, no panic.
            _ => Err(TargetError::NotFound { what: format!("the image of build {}", build.id) }.into()),
        }
    }
}

/// What was asked for is not silently left undone: a version that is there stays what it is.
fn refuse_other_version(plan: &Plan, options: &BuildOptions, has: Version, what: String) -> Result<(), BuildError> {
    match options.version.filter(|asked| *asked != has) {
        None => Ok(()),
        Some(asked) => Err(BuildError::OtherVersion {
            recipe: plan.recipe.to_string(),
            asked: asked.to_string(),
            has: has.to_string(),
            what,
        }),
    }
}

/// The next version of the recipe's line, counted over images and over version pointers: a version stays taken
/// when its image is gone.
pub async fn next_version(
    target: &dyn Target,
    plan: &Plan,
    asked: Option<Version>,
    images: &[Image],
) -> Result<Version, BuildError> {
    // On a remote target the publication finds out, where nobody asked for just this version.
    let look = asked.is_some() || !target.is_remote();
    let pointers = if look { target.pointers(&plan.recipe).await? } else { Vec::new() };
    let published = pointers.iter().filter_map(|pointer| match &pointer.name {
        PointerName { slot: Slot::Version(version), arch, .. } if *arch == plan.base.arch => Some(*version),
        _ => None,
    });
    let made = images.iter().filter_map(|image| tags::owner(&image.tags));
    let made = made.filter(|owner| owner.recipe == plan.recipe).map(|owner| owner.version);
    let taken: Vec<Version> = published.chain(made).collect();
    let version = asked.unwrap_or_else(|| plan.version.next(taken.iter().copied()));
    if !taken.contains(&version) {
        return Ok(version);
    }
    let holder = pointers.iter().find(|pointer| pointer.name.slot == Slot::Version(version));
    Err(BuildError::VersionTaken {
        recipe: plan.recipe.to_string(),
        version: version.to_string(),
        image: holder.map_or_else(|| "another image".to_owned(), |pointer| pointer.image.to_string()),
    })
}

/// Errors after which a fresh builder may do what the last one could not.
fn starts_anew(error: &BuildError) -> bool {
    matches!(
        error,
        BuildError::Interrupted { .. }
            | BuildError::Overtaken { .. }
            | BuildError::Target(TargetError::BuilderGone { .. } | TargetError::TokenSpent { .. })
    )
}

/// The build of this plan that something in the target still belongs to. A builder whose image is published was only
/// left behind: there is nothing to go on with.
fn unfinished(plan: &Plan, images: &[Image], builders: &[Builder]) -> Option<(BuildId, Version, bool)> {
    let published = |image: &&Image| ImageState::of(&image.tags) == ImageState::Published;
    let begun_images = images.iter().filter(|image| !published(image)).map(|i| &i.tags);
    let begun_builders = builders.iter().filter(|b| Purpose::of(&b.tags) == Some(Purpose::Build)).map(|b| &b.tags);
    begun_images.chain(begun_builders).find_map(|found| {
        let owner = tags::owner(found)?;
        let over = images.iter().filter(published).any(|image| image.name == owner.build.as_str());
        let ours = owner.recipe == plan.recipe && owner.digest == plan.digest && !over;
        ours.then(|| (owner.build, owner.version, found.contains_key(tags::FORCED)))
    })
}

async fn run_steps(build: &mut Build<'_>) -> Result<(), BuildError> {
    for step in steps::all() {
        build.step = step.name();
        let (id, name, began) = (build.id.clone(), step.name(), Instant::now());
        build.sink.event(&Event::StepStarted { build: id.clone(), step: name });
        let mut repeated = build.resumed;
        if step.observe(build).await? == Observed::Missing {
            repeated = false;
            step.act(build).await?;
            if step.observe(build).await? == Observed::Missing {
                let what = format!("the effect of step `{name}` of build {id}");
                return Err(TargetError::NotFound { what }.into());
            }
        }
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        build.sink.event(&Event::StepFinished { build: id, step: name, ms, repeated });
    }
    if build.record.is_none()
        && let Some(image) = &build.image
    {
        let (target, id) = (build.target, image.id.clone());
        build.record = Some(build.read(target.record(&id)).await?);
    }
    Ok(())
}

/// A build that failed leaves nothing: its builders go, and an image that was never verified goes with them.
async fn fail(build: &mut Build<'_>, error: &BuildError) -> Result<(), BuildError> {
    let lasting = match error {
        BuildError::Step(_)
        | BuildError::Refused { .. }
        | BuildError::BaseRevoked { .. }
        | BuildError::Interrupted { .. }
        | BuildError::NeverOnline { .. }
        | BuildError::ImageFailed { .. } => true,
        // A base that has become another makes another plan: this one will not be built again.
        BuildError::Target(TargetError::Base { .. }) => true,
        // What is refused today is refused tomorrow; a builder must not wait for that, and cost.
        BuildError::Target(
            TargetError::Denied { .. }
            | TargetError::Service { .. }
            | TargetError::NoCapacity { .. }
            | TargetError::BuilderGone { .. }
            | TargetError::TokenSpent { .. },
        ) => true,
        _ => false,
    };
    if let Some(failure) = failure_of(build, error) {
        build.sink.event(&Event::StepFailed { build: build.id.clone(), step: build.step, failure });
    }
    if !lasting {
        // The target or the state folder failed us, not the recipe: what is there is kept for `resume`.
        return Ok(());
    }
    write_record(build, error)?;
    if discard(build, error).await.is_err() {
        // It has said what is left; its journal stays open, so that `resume` and `sweep` look after it.
        return Ok(());
    }
    let outcome = if matches!(error, BuildError::Refused { .. }) { "refused" } else { "failed" };
    build.note(What::Ended { outcome: outcome.into() })
}

fn failure_of(build: &Build<'_>, error: &BuildError) -> Option<Failure> {
    match error {
        BuildError::Step(failure) => Some((**failure).clone()),
        BuildError::Refused { .. } => None,
        other => Some(Failure {
            what: other.to_string(),
            resource: build.id.to_string(),
            last_lines: Vec::new(),
            log: None,
            next: "amifactory resume".into(),
        }),
    }
}

/// What was found out about an image that was not to be is kept with its build.
fn write_record(build: &Build<'_>, error: &BuildError) -> Result<(), BuildError> {
    let record = match error {
        BuildError::Refused { record, .. } => Some(&**record),
        _ => build.record.as_ref(),
    };
    let Some(record) = record else { return Ok(()) };
    let path = build.folder.join("record.json");
    let bytes = serde_json::to_vec_pretty(record).map_err(std::io::Error::other);
    bytes.and_then(|bytes| std::fs::write(&path, bytes)).map_err(BuildError::state(path))
}

/// Removes the builders of a build, and its image where that was never verified. What can't be removed is told of, and
/// does not keep the rest from going. Answers with the first thing that went wrong.
async fn discard(build: &mut Build<'_>, why: &BuildError) -> Result<(), BuildError> {
    let target = build.target;
    let may_go = ids::is_begun_on(&build.id, target.kind()) || is_about_the_image(why);
    let owned = |tags: &crate::target::Tags| tags::owner(tags).is_some_and(|owner| owner.build == build.id);
    let mut wrong = Vec::new();
    let builders = match target.builders().await {
        Ok(builders) => builders.into_iter().filter(|b| owned(&b.tags)).map(|b| b.id).collect(),
        Err(error) => {
            wrong.push(("other things".to_owned(), error.into()));
            Vec::from_iter(build.builder.as_ref().map(|builder| builder.id.clone()))
        }
    };
    let unverified = match target.images().await {
        Ok(images) => images
            .into_iter()
            .filter(|image| may_go && image.name == build.id.as_str())
            .filter(|image| ImageState::of(&image.tags) == ImageState::Candidate)
            .map(|image| image.id)
            .collect(),
        Err(error) => {
            wrong.push(("an image".to_owned(), error.into()));
            Vec::new()
        }
    };
    build.calls += 2;
    for id in unverified {
        if let Err(error) = build.mutate("delete image", id.as_str(), target.delete_image(&id)).await {
            wrong.push((format!("image {id}"), error));
        }
    }
    for id in builders {
        if let Err(error) = build.mutate("terminate", id.as_str(), target.terminate(&id)).await {
            wrong.push((format!("builder {id}"), error));
        }
    }
    for (what, error) in &wrong {
        let next = "once that is mended, amifactory sweep --yes removes what is left";
        build.notice(format!("{what} of build {} may be left: {error}\n  {next}", build.id));
    }
    wrong.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}

/// Whether an image is not to be, whoever made it: one that was made on another target may have someone there who still
/// goes on with it, and what only this target could not do says nothing against it.
fn is_about_the_image(error: &BuildError) -> bool {
    matches!(
        error,
        BuildError::Step(_)
            | BuildError::Refused { .. }
            | BuildError::BaseRevoked { .. }
            | BuildError::ImageFailed { .. }
            | BuildError::Overtaken { .. }
    )
}

/// True where a build's own journal says that it has ended, with its token used.
fn is_spent(state: &StateFolder, build: &BuildId) -> std::io::Result<bool> {
    let entries = journal::read(&state.build(build))?;
    Ok(journal::has_ended(&entries) && journal::has_launched(&entries))
}
