//! Snapshot: the stopped builder's disk becomes an image, under a name that only this build has.

use super::{Build, BuildError, Observed, Step};
use crate::pipeline::event::Event;
use crate::pipeline::tags::{self, ImageState};
use crate::target::ImageRequest;
use async_trait::async_trait;

pub struct Snapshot;

#[async_trait]
impl Step for Snapshot {
    fn name(&self) -> &'static str {
        "snapshot"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        let target = build.target;
        // On a remote target the name alone finds an image that an earlier run has made.
        if build.image.is_none() && !target.is_remote() {
            let images = build.read(target.images()).await?;
            // One that is not whole may have no one to go on with it: it is asked for again, by the same name.
            build.image = images.into_iter().find(|i| i.name == build.id.as_str() && i.available);
        }
        Ok(if build.image.is_some() { Observed::Done } else { Observed::Missing })
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let (Some(builder), record) = (build.builder.clone(), build.record.clone()) else {
            return Err(BuildError::Interrupted { builder: build.id.to_string(), bundle: "snapshot" });
        };
        if record.is_none() && !build.target.is_remote() {
            return Err(BuildError::Interrupted { builder: build.id.to_string(), bundle: "snapshot" });
        }
        let mut tags = build.tags.clone();
        tags.insert(tags::STATE.into(), ImageState::Candidate.as_str().into());
        if let Some(score) = record.as_ref().and_then(|record| record.score) {
            tags.insert(tags::SCORE.into(), score.to_string());
        }
        if build.target.is_remote() {
            tags = tags::with_settings(&tags, &build.plan.aws);
        }
        let request = ImageRequest { name: build.id.to_string(), tags, record };
        let target = build.target;
        let (sink, id, step) = (build.sink, build.id.clone(), build.step);
        let tell = |detail| sink.event(&Event::StepProgress { build: id.clone(), step, done: 0, total: 0, detail });
        let created = target.create_image_telling(&builder.id, &request, &tell);
        build.image = Some(build.mutate("create image", request.name.clone(), created).await?);
        Ok(())
    }
}
