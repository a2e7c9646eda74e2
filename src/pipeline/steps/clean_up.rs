//! Clean up: no builder of this build is left.

use super::{Build, BuildError, Observed, Step};
use crate::identity::BuilderId;
use crate::pipeline::tags;
use async_trait::async_trait;

pub struct CleanUp;

#[async_trait]
impl Step for CleanUp {
    fn name(&self) -> &'static str {
        "clean up"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        Ok(if left_over(build).await?.is_empty() { Observed::Done } else { Observed::Missing })
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        for builder in left_over(build).await? {
            let target = build.target;
            build.mutate("terminate", builder.as_str(), target.terminate(&builder)).await?;
        }
        Ok(())
    }
}

async fn left_over(build: &mut Build<'_>) -> Result<Vec<BuilderId>, BuildError> {
    let target = build.target;
    let builders = build.read(target.builders_since(build.began)).await?;
    Ok(builders
        .into_iter()
        .filter(|builder| tags::owner(&builder.tags).is_some_and(|owner| owner.build == build.id))
        .map(|builder| builder.id)
        .collect())
}
