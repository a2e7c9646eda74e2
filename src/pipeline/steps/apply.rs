//! Apply: audits of the bare base, then package groups and controls, in one bundle.

use super::{Build, BuildError, Observed, Step, run};
use crate::target::BuilderState;
use async_trait::async_trait;

pub struct Apply;

/// Controls that can't be applied show in their audits; anything else that fails ends the build.
pub fn must_succeed(step: &str) -> bool {
    !step.starts_with("control/")
}

#[async_trait]
impl Step for Apply {
    fn name(&self) -> &'static str {
        "apply"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        let Some(builder) = build.builder.clone().filter(|_| build.image.is_none()) else { return Ok(Observed::Done) };
        if builder.state == BuilderState::Stopped {
            return Ok(Observed::Done);
        }
        let (target, bundle) = (build.target, &build.plan.bundles.apply);
        match build.read(target.result(&builder.id, &bundle.digest)).await? {
            Some(result) => {
                run::check(build, &builder.id, bundle, &result, must_succeed)?;
                Ok(Observed::Done)
            }
            None => Ok(Observed::Missing),
        }
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let Some(builder) = build.builder.clone() else { return Ok(()) };
        let plan = build.plan;
        let result = run::run(build, &builder.id, &plan.bundles.apply, Some(&plan.bundles.seal), &plan.network).await?;
        run::check(build, &builder.id, &plan.bundles.apply, &result, must_succeed)
    }
}
