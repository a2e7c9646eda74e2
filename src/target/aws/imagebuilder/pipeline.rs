//! What is asked of the service for a pipeline: pure data, made of the plan, the factory's settings and the schedule.
//!
//! All names hold the hash of what they name, and none is a build's: which version an image of a pipeline becomes is decided
//! when it is adopted.

use super::configured;
use super::document::{Component, Wanted, documents};
use super::order::{self, Distribution, Infrastructure, OrderError, PREFIX, Parent, Recipe};
use crate::identity::{Digest, RecipeName};
use crate::pipeline::tags as keys;
use crate::plan::{Inputs, Plan};
use crate::recipe::{AwsBaseImage, BaseSpec, Schedule};
use crate::target::{LaunchBase, PipelineShape, Tags};
use std::time::Duration;

/// How the names of images end that a pipeline has made, before their date.
pub const MADE_SO: &str = "-pipeline";
/// Parameters that anyone may read, the service's own role too.
const PUBLIC: &str = "/aws/service/";

/// All that a pipeline needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineOrder {
    /// Its name.
    pub name: String,
    /// In the order in which they run.
    pub components: Vec<Component>,
    /// The image recipe.
    pub recipe: Recipe,
    /// On what instances it builds.
    pub infrastructure: Infrastructure,
    /// What becomes of the AMIs.
    pub distribution: Distribution,
    /// When it looks, and whether it builds then.
    pub schedule: Schedule,
    /// How long the tests may take.
    pub test_minutes: i32,
    /// Tags of the pipeline and of what it alone has.
    pub tags: Tags,
    /// Tags of what it shares with builds.
    pub shared_tags: Tags,
}

/// The pipeline of a recipe. Names of recipes are lower case, and have no spaces and no underscores.
pub fn pipeline_name(recipe: &RecipeName) -> String {
    format!("{PREFIX}{recipe}")
}

/// The base as the service is told it: a public parameter, which it reads at each run; else the image that the base names
/// now, which stays until the pipeline is declared anew.
pub fn followed(launch: &LaunchBase, image: &str) -> String {
    match launch {
        LaunchBase::Base(BaseSpec::Own { aws: Some(base), .. }, _) => match &base.image {
            AwsBaseImage::Parameter(name) if name.starts_with(PUBLIC) => format!("ssm:{name}"),
            _ => image.to_owned(),
        },
        _ => image.to_owned(),
    }
}

/// What decides the content but for the base: the service may build the same components on a newer one.
fn content(inputs: &Inputs) -> Digest {
    let is_base = |name: &str| name == "base" || name.starts_with("base/");
    Inputs(inputs.0.iter().filter(|(name, _)| !is_base(name)).map(|(k, v)| (k.clone(), v.clone())).collect()).digest()
}

/// What to ask for.
pub fn pipeline(
    plan: &Plan,
    launch: &LaunchBase,
    schedule: &Schedule,
    parent: &Parent<'_>,
) -> Result<PipelineOrder, OrderError> {
    let settings = &plan.aws;
    let profile = order::check(settings, parent.subnet.is_some())?;
    let content = content(&plan.inputs);
    let limit = Duration::from_secs(plan.limits.time_s);
    let bucket = settings.component_bucket.as_deref();
    let wanted = Wanted { recipe: &plan.recipe, plan: &content, limit, volumes: &[], bucket };
    let components = documents(&plan.bundles, &wanted)?;
    let base = followed(launch, parent.image);
    let recipe = order::recipe(&plan.recipe, &Parent { image: &base, ..*parent }, &components, settings);
    let infrastructure = order::infrastructure(&plan.recipe, settings, plan.base.arch, profile, parent);
    let name = pipeline_name(&plan.recipe);
    let tags: Tags =
        [(keys::RECIPE.to_owned(), plan.recipe.to_string()), (keys::PIPELINE.to_owned(), name.clone())].into();
    let tags = keys::with_settings(&tags, settings);
    let mut distribution = Distribution {
        name: String::new(),
        region: parent.region.to_owned(),
        ami_name: format!("{}-{}{MADE_SO} {{{{ imagebuilder:buildDate }}}}", plan.recipe, content.short()),
        ami_tags: tags.clone(),
    };
    distribution.name = order::named(&plan.recipe, "to-", &distribution);
    Ok(PipelineOrder {
        name,
        components,
        recipe,
        infrastructure,
        distribution,
        schedule: schedule.clone(),
        test_minutes: order::test_minutes(plan.limits.time_s),
        tags,
        shared_tags: order::shared_tags(&plan.recipe, settings),
    })
}

impl PipelineOrder {
    /// The client token of a run that is begun by hand after so many: two calls with it begin one.
    pub fn start_token(&self, runs: usize) -> String {
        let token = Digest::of(format!("imagebuilder start {} {} {runs}", self.name, self.recipe.name));
        token.as_str()[..32].to_owned()
    }

    /// What it does, to compare it with what is there.
    pub fn shape(&self) -> PipelineShape {
        PipelineShape {
            content: self.recipe.name.clone(),
            infrastructure: self.infrastructure.name.clone(),
            infrastructure_holds: configured::infrastructure(&self.infrastructure),
            distribution: self.distribution.name.clone(),
            distribution_holds: configured::distribution(&self.distribution),
            cron: self.schedule.cron.to_string(),
            time_zone: self.schedule.time_zone.clone(),
            rebuild: self.schedule.rebuild.as_str().to_owned(),
            test_minutes: self.test_minutes,
            enabled: true,
            owner: self.tags.get(keys::OWNER).cloned(),
            foreign: Vec::new(),
        }
    }
}
