//! EC2 Image Builder: the REST protocol with JSON, version 2019-12-02. Components run on instances of the EC2 fake,
//! through the agent that runs SSM's commands too.
//!
//! What it does not do, it refuses: containers, workflows of one's own, versions that the
//! service counts up itself, components of Amazon's own, actions other than ExecuteBash and Reboot, copies in other
//! accounts, outputs that are no AMIs. Kept without effect: schedules, logs in S3, `uninstallAfterBuild`, and the
//! clean-up of an instance before its AMI is made. Nobody can share a resource.

mod args;
pub mod arn;
mod components;
mod distribution;
pub mod document;
mod images;
mod infrastructure;
mod life;
mod once;
mod page;
mod parent;
mod permissions;
mod pipelines;
mod recipes;
mod refusal;
mod route;
mod rules;
mod schedule;
mod store;
mod tags;
mod workflows;

use super::ec2::Home;
use super::reply::{Failure, Incoming, Reply};
use super::throttle::Limit;
use super::{Fake, World};
use std::collections::BTreeMap;

pub use images::{Ami, Image};
pub use route::action;
pub use schedule::next;
pub use store::Resource;

/// All that there is.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// By ARN.
    pub resources: BTreeMap<String, Resource>,
    /// By ARN.
    pub images: BTreeMap<String, Image>,
    pub pokes: Pokes,
    tokens: BTreeMap<(Home, String, String), once::Used>,
    serial: u64,
    /// The highest number that was ever given to a build of a version: numbers are not given again.
    builds: BTreeMap<String, u32>,
}

/// What tests let happen. Instances without capacity, AMIs and copies that fail are EC2's.
#[derive(Debug, Clone, Default)]
pub struct Pokes {
    /// Images that fail don't say why.
    pub unexplained: bool,
    /// Images that come to this state stay in it until somebody cancels them.
    pub stuck: Option<&'static str>,
    /// Nothing is written to CloudWatch Logs.
    pub lost_logs: bool,
    /// How many builds an account may have at once in a region.
    pub builds_at_once: Option<usize>,
    /// The code of the error for a component that is there; what it is in truth no document says.
    pub exists_code: Option<&'static str>,
}

impl State {
    /// The next build number under a version's ARN.
    fn next_build(&mut self, version: &str) -> u32 {
        let last = self.builds.entry(version.to_owned()).or_default();
        *last += 1;
        *last
    }
}

pub fn handle(fake: &Fake, world: &mut World, call: &Incoming<'_>) -> Reply {
    match call.action {
        "CreateComponent" => components::create(world, call),
        "GetComponent" => components::get(world, call),
        "ListComponents" => components::list(world, call),
        "ListComponentBuildVersions" => components::list_builds(world, call),
        "DeleteComponent" => components::delete(world, call),
        "CreateImageRecipe" => recipes::create(world, call),
        "GetImageRecipe" => recipes::get(world, call),
        "ListImageRecipes" => recipes::list(world, call),
        "DeleteImageRecipe" => recipes::delete(world, call),
        "CreateInfrastructureConfiguration" => infrastructure::create(world, call),
        "GetInfrastructureConfiguration" => infrastructure::get(world, call),
        "UpdateInfrastructureConfiguration" => infrastructure::update(world, call),
        "ListInfrastructureConfigurations" => infrastructure::list(world, call),
        "DeleteInfrastructureConfiguration" => infrastructure::delete(world, call),
        "CreateDistributionConfiguration" => distribution::create(world, call),
        "GetDistributionConfiguration" => distribution::get(world, call),
        "UpdateDistributionConfiguration" => distribution::update(world, call),
        "ListDistributionConfigurations" => distribution::list(world, call),
        "DeleteDistributionConfiguration" => distribution::delete(world, call),
        "CreateImage" => images::create(fake, world, call),
        "GetImage" => images::get(world, call),
        "ListImages" => images::list(world, call),
        "ListImageBuildVersions" => images::list_builds(world, call),
        "CancelImageCreation" => images::cancel(world, call),
        "DeleteImage" => images::delete(world, call),
        "CreateImagePipeline" => pipelines::create(world, call),
        "GetImagePipeline" => pipelines::get(world, call),
        "UpdateImagePipeline" => pipelines::update(world, call),
        "ListImagePipelines" => pipelines::list(world, call),
        "DeleteImagePipeline" => pipelines::delete(world, call),
        "StartImagePipelineExecution" => pipelines::start(fake, world, call),
        "ListImagePipelineImages" => pipelines::list_images(world, call),
        "ListWorkflowExecutions" => workflows::list(world, call),
        "GetWorkflowExecution" => workflows::get(world, call),
        "ListWorkflowStepExecutions" => workflows::list_steps(world, call),
        "GetWorkflowStepExecution" => workflows::get_step(world, call),
        "TagResource" => tags::tag(world, call),
        "UntagResource" => tags::untag(world, call),
        "ListTagsForResource" => tags::list(world, call),
        _ => Err(Failure::unknown("UnknownOperationException", call.action)),
    }
}

/// Whether a pipeline of the caller's names that ARN in that member.
fn pipelines_of(world: &World, call: &Incoming<'_>, member: &str, arn: &str) -> bool {
    let pipelines = store::all(world, call, arn::Kind::Pipeline);
    pipelines.iter().any(|pipeline| pipeline.text(member) == Some(arn))
}

/// The request rates of this API are not documented: as Run Command's, which are not either.
pub fn limit(_action: &str) -> Limit {
    Limit { bucket: "", size: 20.0, refill: 10.0 }
}
