//! Launch: one builder per build, found by its tags before another is made.

use super::{Build, BuildError, Observed, Step};
use crate::pipeline::clock;
use crate::pipeline::tags::{self, Purpose};
use crate::target::{BuilderState, LaunchBase, LaunchRequest};
use async_trait::async_trait;

pub struct Launch;

#[async_trait]
impl Step for Launch {
    fn name(&self) -> &'static str {
        "launch"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        if build.image.is_some() || build.builder.is_some() {
            return Ok(Observed::Done);
        }
        let target = build.target;
        if target.is_remote() {
            return Ok(Observed::Missing);
        }
        let builders = build.read(target.builders()).await?;
        let found = builders.into_iter().find(|builder| {
            Purpose::of(&builder.tags) == Some(Purpose::Build)
                && tags::owner(&builder.tags).is_some_and(|owner| owner.build == build.id)
        });
        if found.is_none() && build.half_made {
            // An image that is not whole, and nothing left to make it of.
            return Err(BuildError::Interrupted { builder: build.id.to_string(), bundle: "snapshot" });
        }
        // One that is not up yet may be half-made, with no one to go on: it is asked for again, by the same token.
        build.builder = found.filter(|builder| builder.state != BuilderState::Pending);
        Ok(if build.builder.is_some() { Observed::Done } else { Observed::Missing })
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let request = request(build, Purpose::Build, build.id.to_string(), build.launch.clone());
        let target = build.target;
        build.builder = Some(build.mutate("launch", request.token.clone(), target.launch(&request)).await?);
        Ok(())
    }
}

/// What a builder of this build is launched with.
pub fn request(build: &Build<'_>, purpose: Purpose, token: String, base: LaunchBase) -> LaunchRequest {
    let mut tags = build.tags.clone();
    tags.insert(tags::PURPOSE.into(), purpose.as_str().into());
    tags.insert(tags::EXPIRES.into(), clock::timestamp_in(build.plan.aws.expires));
    let mut aws = build.plan.aws.clone();
    if purpose != Purpose::Build {
        // The image has them.
        aws.volumes.clear();
    }
    LaunchRequest {
        token,
        base,
        limits: build.plan.limits,
        aws,
        arch: build.plan.base.arch,
        attempt: build.attempt(),
        tags,
        bundles: Some(Box::new(build.plan.bundles.clone())),
    }
}
