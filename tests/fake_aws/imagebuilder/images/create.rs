//! CreateImage: a build begins.

use super::super::super::agents::Stop;
use super::super::super::ec2::{Home, Tags, Timeline};
use super::super::super::reply::{Failure, Incoming, Reply};
use super::super::super::{Fake, World};
use super::super::args::Args;
use super::super::arn::{Arn, Kind, Version};
use super::super::once::once;
use super::super::refusal::{combination, invalid, not_found, not_here, quota};
use super::super::rules::{ANY, DISTRIBUTION_ARN, INFRASTRUCTURE_ARN, LOG_GROUP, RECIPE_ARN, ROLE};
use super::super::store::{self, Resource, references};
use super::super::{distribution, life, permissions, recipes};
use super::{Image, State};
use serde_json::{Map, Value, json};

/// "If you don't specify a value, Image Builder stores and returns 720."
const TEST_MINUTES: i64 = 720;

/// What is to be made, read from a request or a pipeline.
pub struct Order {
    pub recipe: String,
    pub infrastructure: String,
    pub distribution: Option<String>,
    pub tests: Value,
    pub metadata: bool,
    pub pipeline: Option<String>,
    /// `executionRole`, `workflows`, `loggingConfiguration`.
    pub more: Map<String, Value>,
    pub log_group: Option<String>,
    pub tags: Tags,
}

/// IAM actions that making an image needs beside its own.
pub const NEEDS: &[&str] = &[
    "iam:CreateServiceLinkedRole",
    "imagebuilder:GetDistributionConfiguration",
    "imagebuilder:GetImageRecipe",
    "imagebuilder:GetInfrastructureConfiguration",
];

pub fn create(fake: &Fake, world: &mut World, call: &Incoming<'_>) -> Reply {
    let needs = permissions::with_tags(call, NEEDS);
    permissions::check(call, &needs)?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let mut order = order(&args, "logGroupName")?;
        order.tags = args.tags("tags", 50)?.unwrap_or_default();
        let answer = begin(fake, world, call, order)?;
        let arn = answer["imageBuildVersionArn"].as_str().unwrap_or_default().to_owned();
        Ok((answer, arn))
    });
    permissions::record(reply, &needs)
}

/// The members that requests for images and for pipelines share; `log_group` names the one with the build's log group.
pub fn order(args: &Args, log_group: &str) -> Result<Order, Failure> {
    if args.has("containerRecipeArn") {
        return match args.has("imageRecipeArn") {
            true => Err(combination("Exactly one of 'imageRecipeArn' and 'containerRecipeArn' must be given.")),
            false => Err(not_here("containerRecipeArn", "containers")),
        };
    }
    if let Some(scan) = args.structure("imageScanningConfiguration")?
        && scan.flag("imageScanningEnabled")?.unwrap_or(false)
    {
        return Err(not_here("imageScanningConfiguration.imageScanningEnabled", "Amazon Inspector"));
    }
    let role = args.text("executionRole", &ROLE)?;
    workflows(args, role.is_some())?;
    let logging = args.structure("loggingConfiguration")?;
    let group = logging.as_ref().map(|logging| logging.text(log_group, &LOG_GROUP)).transpose()?.flatten();
    if group.is_some_and(|group| !group.starts_with("/aws/imagebuilder/")) && role.is_none() {
        return Err(combination("With a log group outside of /aws/imagebuilder/, 'executionRole' must be given."));
    }
    let mut tests = json!({ "imageTestsEnabled": true, "timeoutMinutes": TEST_MINUTES });
    if let Some(given) = args.structure("imageTestsConfiguration")? {
        if let Some(enabled) = given.flag("imageTestsEnabled")? {
            tests["imageTestsEnabled"] = json!(enabled);
        }
        if let Some(minutes) = given.number("timeoutMinutes", 60, 1440)? {
            tests["timeoutMinutes"] = json!(minutes);
        }
    }
    Ok(Order {
        recipe: args.required("imageRecipeArn", &RECIPE_ARN)?.to_owned(),
        infrastructure: args.required("infrastructureConfigurationArn", &INFRASTRUCTURE_ARN)?.to_owned(),
        distribution: args.text("distributionConfigurationArn", &DISTRIBUTION_ARN)?.map(str::to_owned),
        tests,
        metadata: args.flag("enhancedImageMetadataEnabled")?.unwrap_or(true),
        pipeline: None,
        more: args.kept(&["executionRole", "workflows", "loggingConfiguration"]),
        log_group: group.map(str::to_owned),
        tags: Tags::new(),
    })
}

/// Workflows of Amazon's own are what runs anyway; a list without one for tests leaves tests out.
fn workflows(args: &Args, has_role: bool) -> Result<(), Failure> {
    let list = args.structures("workflows", 0, usize::MAX)?;
    if list.is_empty() {
        return Ok(());
    }
    if !has_role {
        return Err(combination("An execution role is required to provide workflows."));
    }
    let mut builds = false;
    for workflow in &list {
        let arn = workflow.required("workflowArn", &ANY)?;
        let at = workflow.at("workflowArn");
        builds |= arn.ends_with(":aws:workflow/build/build-image/x.x.x");
        let known = [":aws:workflow/build/build-image/x.x.x", ":aws:workflow/test/test-image/x.x.x"];
        if !known.iter().any(|end| arn.ends_with(end)) {
            return match arn.contains(":aws:workflow/") {
                true => Err(invalid(&at, "AWS managed workflows must have latest version 'x.x.x'.")),
                false => Err(not_here(&at, "workflows of one's own")),
            };
        }
    }
    match builds {
        true => Ok(()),
        false => Err(invalid("workflows", "There must be a build workflow.")),
    }
}

/// Makes the image and lets its build begin.
pub fn begin(fake: &Fake, world: &mut World, call: &Incoming<'_>, order: Order) -> Result<Value, Failure> {
    let home = Home::of(call.caller);
    let recipe = store::newest(world, call, &order.recipe)?;
    let version = recipe.version.unwrap_or(Version([0; 3]));
    let (name, recipe) = (recipe.name.clone(), recipes::shown(world, recipe));
    let infrastructure = store::get(world, call, &order.infrastructure)?.shown(world);
    let distribution = match &order.distribution {
        None => None,
        Some(arn) => Some(at_home(&home, distribution::shown(world, store::get(world, call, arn)?))?),
    };
    if let Some(most) = world.imagebuilder.pokes.builds_at_once {
        let own = |image: &&Image| image.home == home && !image.is_over(call.now);
        if world.imagebuilder.images.values().filter(own).count() >= most {
            return Err(quota(format!("There can be {most} builds at once.")));
        }
    }
    let of_version = format!("{}/{version}", Kind::Image.arn(&home, &name));
    let build = world.imagebuilder.next_build(&of_version);
    let arn = format!("{of_version}/{build}");
    let visible = world.visible_at(call.now);
    world.imagebuilder.serial += 1;
    let image = Image {
        home: home.clone(),
        arn: arn.clone(),
        version,
        build,
        recipe,
        infrastructure,
        distribution,
        tests: order.tests,
        metadata: order.metadata,
        pipeline: order.pipeline,
        more: Value::Object(order.more),
        log_group: order.log_group.unwrap_or_else(|| format!("/aws/imagebuilder/{}", name.replace(' ', "-"))),
        tags: order.tags,
        created: call.now,
        visible,
        serial: world.imagebuilder.serial,
        state: Timeline::new(call.now, State::of("PENDING")),
        os_version: None,
        amis: Vec::new(),
        workflows: Vec::new(),
        cancelled: false,
        stop: Stop::default(),
        name: name.clone(),
    };
    world.imagebuilder.images.insert(arn.clone(), image);
    life::start(fake, &home, &arn);
    Ok(json!({
        "imageBuildVersionArn": arn,
        "latestVersionReferences": references(Kind::Image, &home, &name, version),
    }))
}

/// A distribution has to leave the image in its own region, with the key that it was built with.
fn at_home(home: &Home, distribution: Value) -> Result<Value, Failure> {
    let list = distribution["distributions"].as_array().cloned().unwrap_or_default();
    let own = list.iter().find(|one| one["region"] == home.region.as_str());
    match own.map(|own| &own["amiDistributionConfiguration"]["kmsKeyId"]) {
        None => Err(not_here("distributionConfigurationArn", "builds that leave no image in their own region")),
        Some(Value::Null) => Ok(distribution),
        Some(_) => Err(not_here("distributionConfigurationArn", "another key for an image in its own region")),
    }
}

/// Whether a recipe builds on an image.
pub fn is_parent(image: &Image, recipe: &Resource) -> bool {
    let parent = recipe.text("parentImage").and_then(Arn::parse);
    parent.is_some_and(|parent| {
        parent.kind == Kind::Image
            && parent.is_of(&image.home)
            && parent.name == super::super::arn::slug(&image.name)
            && parent.version.is_some_and(|pattern| pattern.matches(image.version))
            && parent.build.is_none_or(|build| build == image.build)
    })
}

/// The image of that whole ARN, if it is the caller's and can be seen by now.
pub fn own<'a>(world: &'a World, call: &Incoming<'_>, arn: &str) -> Result<&'a Image, Failure> {
    let home = Home::of(call.caller);
    let found = world.imagebuilder.images.get(arn);
    found.filter(|found| found.home == home && found.visible <= call.now).ok_or_else(|| not_found(arn))
}
