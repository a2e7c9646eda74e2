//! Boot test: the image is started afresh; audits, health checks and the recipe's tests run in it. Only an image that
//! passes is ever named by a pointer.

use super::{Build, BuildError, Observed, Step, apply, run};
use crate::identity::BuilderId;
use crate::pipeline::tags::{self, ImageState, Purpose};
use crate::pipeline::wait::{self, Wait};
use crate::pipeline::{clock, evidence};
use crate::target::{Builder, BuilderState, LaunchBase, LaunchRequest, RunResult, Tags};
use async_trait::async_trait;

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
        let builder = launch(build).await?;
        let result = self.result(build, &builder.id).await?;
        // The record that travels with the image has what happened on the builder; the rest is from this start.
        let mut record = build.read(target.record(&image.id)).await?;
        evidence::add_boot_test(&mut record, plan, &result.steps, target.can_see_runtime());
        let outcome = run::check(build, &builder.id, &plan.bundles.boot_test, &result, apply::must_succeed)
            .and_then(|()| evidence::judge(&record, &plan.gate, Some(&image.id)));
        build.record = Some(record.clone());
        build.mutate("terminate", builder.id.as_str(), target.terminate(&builder.id)).await?;
        outcome?;
        record.provenance.finished_at = clock::timestamp();
        build.mutate("put record", image.id.as_str(), target.put_record(&image.id, &record)).await?;
        let mut changes: Tags = [(tags::STATE.into(), ImageState::Verified.as_str().into())].into();
        if let Some(score) = record.score {
            changes.insert(tags::SCORE.into(), score.to_string());
        }
        build.record = Some(record);
        build.mutate("tag image", image.id.as_str(), target.tag_image(&image.id, &changes)).await?;
        // Read back: the state decides whether pointers may name the image.
        let images = build.read(target.images()).await?;
        build.image = images.into_iter().find(|other| other.id == image.id);
        Ok(())
    }
}

impl BootTest {
    /// Runs the tests. A builder that was cut off in the middle of them is replaced: tests start from a fresh image.
    async fn result(&self, build: &mut Build<'_>, builder: &BuilderId) -> Result<RunResult, BuildError> {
        let bundle = &build.plan.bundles.boot_test;
        let result = run::run(build, builder, bundle, &[]).await?;
        if result.end != crate::target::RunEnd::Interrupted {
            return Ok(result);
        }
        let target = build.target;
        build.mutate("terminate", builder.as_str(), target.terminate(builder)).await?;
        let fresh = launch(build).await?;
        run::run(build, &fresh.id, bundle, &[]).await
    }
}

async fn launch(build: &mut Build<'_>) -> Result<Builder, BuildError> {
    let Some(image) = build.image.clone() else {
        return Err(BuildError::Interrupted { builder: build.id.to_string(), bundle: "boot-test" });
    };
    let mut tags = build.tags.clone();
    tags.insert(tags::PURPOSE.into(), Purpose::BootTest.as_str().into());
    let token = format!("{}-test", build.id);
    let request =
        LaunchRequest { token: token.clone(), base: LaunchBase::Image(image.id), limits: build.plan.limits, tags };
    let target = build.target;
    let mut builder = build.mutate("launch", token, target.launch(&request)).await?;
    let mut wait = Wait::new(format!("starting image {} as builder {}", build.id, builder.id), wait::ONLINE);
    while builder.state != BuilderState::Running {
        wait.pause().await?;
        let builders = build.read(target.builders()).await?;
        if let Some(seen) = builders.into_iter().find(|other| other.id == builder.id) {
            builder = seen;
        }
    }
    Ok(builder)
}
