//! Stop: the builder's disk stands still before it is imaged.

use super::{Build, BuildError, Observed, Step};
use crate::pipeline::wait::{self, Wait};
use crate::target::BuilderState;
use async_trait::async_trait;

pub struct Stop;

#[async_trait]
impl Step for Stop {
    fn name(&self) -> &'static str {
        "stop"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        match &build.builder {
            Some(builder) if build.image.is_none() && builder.state != BuilderState::Stopped => Ok(Observed::Missing),
            _ => Ok(Observed::Done),
        }
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let Some(id) = build.builder.as_ref().map(|builder| builder.id.clone()) else { return Ok(()) };
        let target = build.target;
        build.mutate("stop", id.as_str(), target.stop(&id)).await?;
        let mut wait = Wait::new(format!("stopping builder {id}"), wait::ONLINE)
            .remote(target.is_remote(), wait::EARLIEST_STOPPED);
        loop {
            build.builder = build.read(target.builder(&id)).await?;
            match &build.builder {
                Some(builder) if builder.state == BuilderState::Stopped => return Ok(()),
                Some(_) => wait.pause().await?,
                None => return Err(super::gone(build, id, "stop").await),
            }
        }
    }
}
