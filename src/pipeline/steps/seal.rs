//! Seal: audits of what was applied, the list of packages, then all that an image must not carry is removed.

use super::{Build, BuildError, Observed, Step, apply, run};
use crate::pipeline::{evidence, packages};
use crate::target::BuilderState;
use async_trait::async_trait;

pub struct Seal;

#[async_trait]
impl Step for Seal {
    fn name(&self) -> &'static str {
        "seal"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        let Some(builder) = build.builder.clone().filter(|_| build.image.is_none()) else { return Ok(Observed::Done) };
        let (target, bundles) = (build.target, &build.plan.bundles);
        let Some(sealed) = build.read(target.result(&builder.id, &bundles.seal.digest)).await? else {
            if builder.state == BuilderState::Stopped && target.is_remote() {
                // Only a sealed builder is ever stopped by us. Its results are in its image: if they are not, the boot
                // test finds out.
                return Ok(Observed::Done);
            }
            if builder.state == BuilderState::Stopped {
                // Stopped without a seal is no state that a build goes through: start anew.
                return Err(BuildError::Interrupted { builder: builder.id.to_string(), bundle: bundles.seal.name });
            }
            return Ok(Observed::Missing);
        };
        run::check(build, &builder.id, &bundles.seal, &sealed, apply::must_succeed)?;
        let Some(applied) = build.read(target.result(&builder.id, &bundles.apply.digest)).await? else {
            return Err(BuildError::Interrupted { builder: builder.id.to_string(), bundle: bundles.apply.name });
        };
        // The log is the only place that has the whole list; without it the seal is done again on a fresh builder.
        let Some(packages) = std::fs::read(&sealed.log).ok().and_then(|log| packages::parse(&log)) else {
            return Err(BuildError::Interrupted { builder: builder.id.to_string(), bundle: bundles.seal.name });
        };
        build.record = Some(evidence::of_builder(build, &applied.steps, &sealed.steps, packages));
        Ok(Observed::Done)
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let Some(builder) = build.builder.clone() else { return Ok(()) };
        let plan = build.plan;
        let result = run::run(build, &builder.id, &plan.bundles.seal, None, &[]).await?;
        run::check(build, &builder.id, &plan.bundles.seal, &result, apply::must_succeed)
    }
}
