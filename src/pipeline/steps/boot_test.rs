//! Boot test: the image is started afresh; audits, health checks and the recipe's tests run in it. Only an image that
//! passes is ever named by a pointer.

use super::{Build, BuildError, Observed, Step, apply, available, launch, run};
use crate::identity::BuilderId;
use crate::pipeline::tags::{self, ImageState, Purpose};
use crate::pipeline::wait::{self, Wait};
use crate::pipeline::{clock, evidence, packages};
use crate::target::{Builder, BuilderState, Image, ImageRecord, LaunchBase, RunEnd, RunResult, Tags, TargetError};
use async_trait::async_trait;

/// How often a builder for the boot test is launched anew before the build is given up.
const LAUNCHES: u32 = 4;

pub struct BootTest;

#[async_trait]
impl Step for BootTest {
    fn name(&self) -> &'static str {
        "boot test"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        let verified = build.image.as_ref().is_some_and(|image| ImageState::of(&image.tags) >= ImageState::Verified);
        Ok(if verified { Observed::Done } else { Observed::Missing })
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let Some(image) = build.image.clone() else { return Ok(()) };
        let (target, plan) = (build.target, build.plan);
        let Tested { builder, result, mut record } = test(build, &image).await?;
        evidence::add_boot_test(&mut record, plan, &result.steps, target.can_see_runtime());
        let outcome = run::check(build, &builder, &plan.bundles.boot_test, &result, apply::must_succeed)
            .and_then(|()| evidence::judge(&record, &plan.gate, None));
        build.record = Some(record.clone());
        // Once its image has been tested, nothing needs the builder that it was made of either.
        let over: Vec<BuilderId> =
            [builder].into_iter().chain(build.builder.take().map(|builder| builder.id)).collect();
        let names: Vec<&str> = over.iter().map(BuilderId::as_str).collect();
        build.mutate("terminate", names.join(" "), target.terminate_all(&over)).await?;
        outcome?;
        available::give_way(build).await?;
        record.provenance.finished_at = clock::timestamp();
        build.mutate("put record", image.id.as_str(), target.put_record(&image.id, &record)).await?;
        let mut changes: Tags = [(tags::STATE.into(), ImageState::Verified.as_str().into())].into();
        if let Some(score) = record.score {
            changes.insert(tags::SCORE.into(), score.to_string());
        }
        build.record = Some(record);
        build.mutate("tag image", image.id.as_str(), target.tag_image(&image.id, &changes)).await?;
        if target.is_remote() {
            // Tags that were accepted are there; the pointers decide what is published.
            build.image = Some(Image { tags: image.tags.into_iter().chain(changes).collect(), ..image });
            return Ok(());
        }
        // Read back: the state decides whether pointers may name the image.
        let images = build.read(target.images()).await?;
        build.image = images.into_iter().find(|other| other.id == image.id);
        Ok(())
    }
}

struct Tested {
    builder: BuilderId,
    result: RunResult,
    record: ImageRecord,
}

/// Starts the image and runs the tests. A builder that is lost or was cut off in the middle of them is replaced: tests
/// start from a fresh image.
async fn test(build: &mut Build<'_>, image: &Image) -> Result<Tested, BuildError> {
    let target = build.target;
    let bundle = &build.plan.bundles.boot_test;
    let mut lost = None;
    for launch in 1..=LAUNCHES {
        let builder = match start(build, image, launch).await {
            Ok(builder) => builder.id,
            // An earlier one of this build is gone: the next token.
            Err(BuildError::Target(error @ (TargetError::TokenSpent { .. } | TargetError::BuilderGone { .. }))) => {
                lost = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let result = match run::run(build, &builder, bundle, None, &[]).await {
            Err(BuildError::Target(error @ TargetError::BuilderGone { .. })) => {
                build.notice(format!("{error}: the image is started again"));
                lost = Some(error);
                continue;
            }
            other => other?,
        };
        if result.end == RunEnd::Interrupted {
            build.mutate("terminate", builder.as_str(), target.terminate(&builder)).await?;
            continue;
        }
        if build.record.is_none() && matches!(result.end, RunEnd::Died(_)) {
            // Why there are no results says more than that there are none.
            run::check(build, &builder, bundle, &result, apply::must_succeed)?;
        }
        let record = record(build, image, &builder, &result).await?;
        return Ok(Tested { builder, result, record });
    }
    match lost {
        Some(error) => Err(error.into()),
        None => Err(BuildError::Interrupted { builder: build.id.to_string(), bundle: bundle.name }),
    }
}

async fn start(build: &mut Build<'_>, image: &Image, launch: u32) -> Result<Builder, BuildError> {
    let target = build.target;
    // The first token is the same for whoever resumes this build, and so are those after it.
    let token = if launch == 1 { format!("{}-test", build.id) } else { format!("{}-test-{launch}", build.id) };
    let request = launch::request(build, Purpose::BootTest, token.clone(), LaunchBase::Image(image.id.clone()));
    let mut builder = build.mutate("launch", token, target.launch(&request)).await?;
    let mut looked = false;
    let mut wait = Wait::new(format!("starting image {} as builder {}", build.id, builder.id), wait::ONLINE)
        .remote(target.is_remote(), wait::EARLIEST_ONLINE);
    while builder.state != BuilderState::Running {
        if !target.is_remote() || looked {
            let started = format!("image {}, started as builder {},", image.id, builder.id);
            wait.pause_for_builder(target.is_remote(), &started).await?;
        }
        looked = true;
        match build.read(target.builder(&builder.id)).await? {
            Some(seen) => builder = seen,
            None if target.is_remote() => {
                let why = build.read(target.why_gone(&builder.id)).await?;
                return Err(TargetError::BuilderGone { builder: builder.id, why }.into());
            }
            None => {}
        }
    }
    Ok(builder)
}

/// What happened on the builder. It travels with the image; where this run has not seen it and the target does not
/// have it yet, it is in the image itself.
async fn record(
    build: &mut Build<'_>,
    image: &Image,
    builder: &BuilderId,
    started: &RunResult,
) -> Result<ImageRecord, BuildError> {
    if let Some(record) = build.record.clone() {
        return Ok(record);
    }
    let target = build.target;
    match build.read(target.record(&image.id)).await {
        Err(BuildError::Target(TargetError::NotFound { .. })) if target.is_remote() => {}
        other => return other,
    }
    let (apply, seal) = (&build.plan.bundles.apply, &build.plan.bundles.seal);
    let log = build.log("from-image");
    let lost = || BuildError::Interrupted { builder: build.id.to_string(), bundle: seal.name };
    let results = target.results_in_image(builder, &build.id, &[apply, seal], &log).await?;
    let Some([applied, sealed]) = results.as_deref() else { return Err(lost()) };
    let whole = [applied, sealed].iter().all(|result| result.end == RunEnd::Completed);
    // Logs do not travel in the image; what is installed the started image has just said itself.
    let packages = std::fs::read(&started.log).ok().and_then(|log| packages::parse(&log));
    let Some(packages) = packages.filter(|_| whole) else { return Err(lost()) };
    Ok(evidence::of_builder(build, &applied.steps, &sealed.steps, packages))
}
