//! Gate: an image that can't pass is not made at all. The same gate is asked again after the boot test.

use super::{Build, BuildError, Observed, Step};
use crate::pipeline::evidence;
use async_trait::async_trait;

pub struct Gate;

#[async_trait]
impl Step for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        match &build.record {
            Some(record) if build.image.is_none() => {
                evidence::judge(record, &build.plan.gate, None)?;
                Ok(Observed::Done)
            }
            _ => Ok(Observed::Done),
        }
    }

    async fn act(&self, _: &mut Build<'_>) -> Result<(), BuildError> {
        Ok(())
    }
}
