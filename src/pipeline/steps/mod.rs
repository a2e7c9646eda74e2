//! The steps of a build, one file each, in the order of [`all`].

mod apply;
mod available;
mod boot_test;
mod clean_up;
mod gate;
mod launch;
mod online;
mod publish;
mod run;
mod seal;
mod snapshot;
mod stop;

use super::build::Build;
use super::error::BuildError;
use crate::identity::BuilderId;
use crate::target::TargetError;
use async_trait::async_trait;

/// What looking at the target showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// The step's effect is there.
    Done,
    /// It is not, or not wholly.
    Missing,
}

/// A step: observe, act where the effect is missing, observe again. Never "remember that I did".
#[async_trait]
pub trait Step: Send + Sync {
    /// Its name, as people and journals see it.
    fn name(&self) -> &'static str;
    /// Whether its effect is there.
    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError>;
    /// Brings the effect about. Called only after `observe` said that it is missing.
    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError>;
}

/// All steps, in order.
pub fn all() -> [&'static dyn Step; 11] {
    [
        &launch::Launch,
        &online::Online,
        &apply::Apply,
        &seal::Seal,
        &gate::Gate,
        &stop::Stop,
        &snapshot::Snapshot,
        &available::Available,
        &boot_test::BootTest,
        &publish::Publish,
        &clean_up::CleanUp,
    ]
}

/// A builder is not there any more. A remote target can say why.
async fn gone(build: &mut Build<'_>, builder: BuilderId, during: &'static str) -> BuildError {
    let target = build.target;
    if !target.is_remote() {
        return BuildError::Interrupted { builder: builder.to_string(), bundle: during };
    }
    match build.read(target.why_gone(&builder)).await {
        Ok(why) => TargetError::BuilderGone { builder, why }.into(),
        Err(error) => error,
    }
}

/// Their names, in order.
pub fn names() -> Vec<&'static str> {
    all().iter().map(|step| step.name()).collect()
}
