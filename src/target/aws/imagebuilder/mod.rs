//! EC2 Image Builder as the engine: the same plan and the same bundle bytes, run by the service's own instances.
//!
//! | module | holds |
//! |---|---|
//! | [`document`] | a plan's bundles as component documents: pure text |
//! | [`lines`] | results, read from the log group: pure text |
//! | [`room`] | how much of the service's limits a plan takes |
//! | [`order`] | what is asked of the service for one build: pure data |
//! | [`make`], [`builds`] | what the service is asked |
//! | [`log`], [`service`] | waiting, and the seam to the AWS target |
//! | [`pipeline`], [`pipelines`] | what is asked of the service for a schedule, and asking it |
//!
//! The bundles are run by the wrapper that SSM commands carry too (`command/wrapper.sh`): apply in the phase `build`, seal in
//! `validate`, both on the instance that becomes the image; the boot test in `test`, on one that was started from it.

#[cfg(feature = "aws")]
mod builds;
mod document;
mod lines;
#[cfg(feature = "aws")]
mod log;
#[cfg(feature = "aws")]
mod make;
mod order;
mod pipeline;
#[cfg(feature = "aws")]
mod pipelines;
mod room;
#[cfg(feature = "aws")]
mod service;

pub use document::{Component, DocumentError, MAX_COMPONENTS, MAX_DATA, Wanted, check, documents};
pub use lines::{LINE, Lines, Missing, Results};
pub use order::{Device, Distribution, Infrastructure, Order, OrderError, Parent, Recipe, order};
pub use pipeline::{MADE_SO, PipelineOrder, pipeline, pipeline_name};
pub use room::{Room, room};
#[cfg(feature = "aws")]
pub(super) use service::Service;

/// Where an answer was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// By the phase `build`: what came of the bundle `apply`.
    Build,
    /// By the phase `validate`: of `apply` and of `seal`.
    Validate,
    /// By the phase `test`, from the image: of both once more.
    Again,
    /// By the phase `test`: of `boot-test`.
    Test,
}

impl Label {
    /// All of them.
    pub const ALL: [Label; 4] = [Label::Build, Label::Validate, Label::Again, Label::Test];

    /// As it stands in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Label::Build => "build",
            Label::Validate => "validate",
            Label::Again => "again",
            Label::Test => "test",
        }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Label {
    type Err = ();

    fn from_str(text: &str) -> Result<Label, ()> {
        Label::ALL.into_iter().find(|label| label.as_str() == text).ok_or(())
    }
}
