//! EC2 Image Builder as the engine: the same plan and the same bundle bytes, run by the service's own instances.
//!
//! | module | holds |
//! |---|---|
//! | [`document`] | a plan's bundles as component documents: pure text |
//! | [`lines`] | results, read from the log group: pure text |
//! | [`room`] | how much of the service's limits a plan takes |
//! | [`order`] | what is asked of the service for one build: pure data |
//! | [`make`], [`builds`] | what the service is asked |
//! | [`stored`] | documents that are too large to go with a request, for a moment in a bucket |
//! | [`log`], [`answers`], [`progress`] | what a build has printed, and what the service is at |
//! | [`service`] | waiting, and the seam to the AWS target |
//! | [`leavings`], [`outdated`] | what builds leave behind, and what builds of older plans were made of: removing it |
//! | [`pipeline`], [`pipelines`] | what is asked of the service for a schedule, and asking it |
//! | [`configured`], [`altered`], [`mend`] | what configurations are to hold, what they hold, and making the one the other |
//!
//! The bundles are run by the wrapper that SSM commands carry too (`command/wrapper.sh`): apply in the phase `build`, seal in
//! `validate`, both on the instance that becomes the image; the boot test in `test`, on one that was started from it.
//!
//! # What holds here
//!
//! - EC2 Image Builder is a seam inside the AWS target (`imagebuilder/service.rs`): who makes builders and images.
//!   One image build stands for both builders. Its components are made of the plan alone (results are kept under the
//!   plan's name, not the build's), so a plan finds them again; names hold the hash of what they name. Only the
//!   distribution configuration is a build's own, because the AMI's tags are; an AMI has them when its tests are
//!   through, and until then the service's tag `Ec2ImageBuilderArn` alone says whose it is. So `create image` waits
//!   for the service's own tests, and a test that fails fails there.
//! - Its builds have ids of their own (`…-ib1`, `pipeline/ids.rs`): whoever builds on EC2 sees none of the service's
//!   image builds, and whoever builds here none of EC2's builders, so both would take the same next number.
//! - Image builds are found by a client token (of the build's id) and by their tags; all other creates are found by
//!   name, with tokens by chance, because the service may remember a token longer than what it made is there.
//!   Everything is listed in one shared listing of image builds. The service wants a date in an AMI's name: what
//!   stands before the space is the build's id, and the only part that counts (`view.rs`).
//! - What a plan was made of stays while a build, a pipeline or a newer recipe has it, while it is its recipe's newest,
//!   and for 30 days in any case; then `sweep` removes it (`outdated.rs`). A component that comes again has another
//!   build number: its name says what is in it.
//! - A plan that does not fit into the documents that go with requests is cut into larger ones, where a bucket is
//!   configured: only those go through it, and only such plans, so that all others are made of what they were made of.
//!   What a bucket holds can be changed by others: what the service has got is compared with what was to be there.
//! - What a component printed comes as numbered lines of 800 characters, each with the checksum and the length of the
//!   answer it is of (`imagebuilder/lines.rs`): lines may be lost, cut, repeated or out of order. The validate stage
//!   tells the results of the build stage again, and the test stage those of both. What is nowhere is unknown, and
//!   the build fails; so it does where two whole answers say different things of one bundle, because every builder's
//!   role may write to these log groups.
//! - A pipeline's names hold hashes of the plan without its base, which the service may find newer. Its images have
//!   no build until `adopt` gives them one: one call that tags the AMI, before which it is nobody's and after which
//!   it is a candidate like any other (`pipeline/adopt.rs`); the plan is made on the image that the AMI was really
//!   made from. Its name for us is that tag, because its AMI's name can't say it. Runs stay with the service: they
//!   are the pipeline's history. `sweep` knows which AMIs nobody will adopt.
//! - A configuration can be changed behind its name, and a pipeline would build with what it holds then. So whoever looks
//!   at pipelines reads both: what they hold is hashed again (`altered.rs`), and `pipeline apply` makes them what their
//!   names say. A build refuses such an infrastructure configuration: it would not know what else was changed.

#[cfg(feature = "aws")]
mod altered;
#[cfg(feature = "aws")]
mod answers;
#[cfg(feature = "aws")]
mod builds;
mod configured;
mod document;
#[cfg(feature = "aws")]
pub(super) mod leavings;
mod lines;
#[cfg(feature = "aws")]
mod log;
#[cfg(feature = "aws")]
mod make;
#[cfg(feature = "aws")]
mod mend;
mod order;
#[cfg(feature = "aws")]
mod outdated;
mod pipeline;
#[cfg(feature = "aws")]
mod pipelines;
#[cfg(feature = "aws")]
mod progress;
mod room;
#[cfg(feature = "aws")]
mod service;
#[cfg(feature = "aws")]
mod stored;

pub use document::{Component, DocumentError, MAX_COMPONENTS, MAX_DATA, MAX_STORED, Wanted, documents};
pub use lines::{LINE, Lines, Missing, Results};
pub use order::{Device, Distribution, Infrastructure, Order, OrderError, Parent, Recipe, order};
pub use pipeline::{MADE_SO, PipelineOrder, pipeline, pipeline_name};
pub use room::{Room, room};
#[cfg(feature = "aws")]
pub(super) use service::Service;
#[cfg(feature = "aws")]
pub(super) use stored::{ELSEWHERE, UNDER};

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
