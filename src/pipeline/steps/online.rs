//! Online: the builder accepts commands.

use super::{Build, BuildError, Observed, Step};
use crate::pipeline::wait::{self, Wait};
use crate::target::BuilderState;
use async_trait::async_trait;

pub struct Online;

#[async_trait]
impl Step for Online {
    fn name(&self) -> &'static str {
        "online"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        match &build.builder {
            // A stopped builder has been online: it is on its way to an image.
            Some(builder) if is_on_its_way(builder.state) => Ok(Observed::Missing),
            _ => Ok(Observed::Done),
        }
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let Some(id) = build.builder.as_ref().map(|builder| builder.id.clone()) else { return Ok(()) };
        let target = build.target;
        let mut wait = Wait::new(format!("waiting for builder {id} to come online"), wait::ONLINE)
            .remote(target.is_remote(), wait::EARLIEST_ONLINE);
        loop {
            build.builder = build.read(target.builder(&id)).await?;
            match &build.builder {
                Some(builder) if !is_on_its_way(builder.state) => return Ok(()),
                Some(_) => wait.pause_for_builder(target.is_remote(), &format!("builder {id}")).await?,
                None => return Err(super::gone(build, id, "launch").await),
            }
        }
    }
}

/// Neither up nor stopped yet.
fn is_on_its_way(state: BuilderState) -> bool {
    matches!(state, BuilderState::Pending | BuilderState::Stopping)
}
