//! What is asked of the service for one build: pure data, made of the plan and the factory's settings.

use super::document::{Component, DocumentError, Wanted, documents};
use crate::identity::{Arch, Digest, RecipeName};
use crate::pipeline::tags::{self as keys, ImageState, Purpose};
use crate::plan::Bundles;
use crate::recipe::AwsSettings;
use crate::target::{LaunchRequest, Tags};
use serde::Serialize;
use std::time::Duration;

/// The version of everything: a name holds the hash of its content, so there is no second version.
#[cfg(feature = "aws")]
pub const VERSION: &str = "1.0.0";
/// What the names of all that is ours begin with.
pub const PREFIX: &str = "amifactory-";
/// How long the test stage of an image may take, in minutes (Image Builder API reference, `ImageTestsConfiguration`).
const TEST_MINUTES: (u64, u64) = (60, 1440);

/// All that one build needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// In the order in which they run.
    pub components: Vec<Component>,
    /// The image recipe.
    pub recipe: Recipe,
    /// On what instances it is built.
    pub infrastructure: Infrastructure,
    /// What becomes of the AMI.
    pub distribution: Distribution,
    /// The client token of `CreateImage`: two calls with it make one image.
    pub token: String,
    /// Tags of the image build.
    pub tags: Tags,
    /// Tags of what several builds share.
    pub shared_tags: Tags,
    /// How long the tests may take.
    pub test_minutes: i32,
}

/// An image recipe. What is in it is in its name, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recipe {
    /// Its name; that of its log group too.
    #[serde(skip)]
    pub name: String,
    /// `ami-…`
    pub parent: String,
    /// Names of its components, in order.
    pub components: Vec<String>,
    /// Its volumes.
    pub devices: Vec<Device>,
}

/// A volume of the instance that becomes the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// `/dev/xvda`
    pub name: String,
    /// In GiB; none: as the parent has it.
    pub size_gib: Option<i32>,
    /// The root volume is always gp3.
    pub gp3: bool,
    /// The key; none: the account's default key.
    pub kms_key: Option<String>,
}

/// An infrastructure configuration. Its name has the hash too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Infrastructure {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// In the order in which they are tried.
    pub instance_types: Vec<String>,
    /// The instance profile.
    pub profile: String,
    /// The subnet.
    pub subnet: Option<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// Tags of the instances, beside those that the service gives.
    pub resource_tags: Tags,
}

/// A distribution configuration: one for each build, because the AMI's tags say which build it is of; and one for each
/// pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// The region.
    pub region: String,
    /// The AMI's name. The service wants a date in it: what stands before the space is the build's id.
    pub ami_name: String,
    /// The AMI's tags.
    pub ami_tags: Tags,
}

/// Where a build starts.
#[derive(Debug, Clone, Copy)]
pub struct Parent<'a> {
    /// `ami-…`
    pub image: &'a str,
    /// Its root device.
    pub root_device: &'a str,
    /// Its other EBS devices.
    pub other_devices: &'a [String],
    /// The subnet that was chosen.
    pub subnet: Option<&'a str>,
    /// The region.
    pub region: &'a str,
}

/// Why a build can't be ordered. Nothing was created.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OrderError {
    /// The components don't fit.
    #[error(transparent)]
    Documents(#[from] DocumentError),
    /// A setting is missing, or is one that the service does not have.
    #[error("{what}\n  {help}")]
    Settings {
        /// What is wrong.
        what: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// The request does not say what it is for.
    #[error("a build's tags don't say whose it is: {0:?}")]
    Owner(Tags),
}

/// What to ask for. Names and tokens are functions of the plan and of the attempt, so that whoever comes later asks for the
/// same.
pub fn order(request: &LaunchRequest, bundles: &Bundles, parent: &Parent<'_>) -> Result<Order, OrderError> {
    let settings = &request.aws;
    let owner = keys::owner(&request.tags).ok_or_else(|| OrderError::Owner(request.tags.clone()))?;
    let profile = check(settings, parent.subnet.is_some())?;
    let limit = Duration::from_secs(request.limits.time_s);
    let bucket = settings.component_bucket.as_deref();
    let wanted = Wanted { recipe: &owner.recipe, plan: &owner.digest, limit, volumes: &[], bucket };
    let components = documents(bundles, &wanted)?;

    let recipe = recipe(&owner.recipe, parent, &components, settings);
    let infrastructure = infrastructure(&owner.recipe, settings, request.arch, profile, parent);

    let mut tags = request.tags.clone();
    // The same words from whoever asks, at whatever time.
    tags.remove(keys::EXPIRES);
    let mut ami_tags = tags.clone();
    tags.insert(keys::PURPOSE.into(), Purpose::Build.as_str().into());
    ami_tags.remove(keys::PURPOSE);
    ami_tags.insert(keys::STATE.into(), ImageState::Candidate.as_str().into());
    Ok(Order {
        components,
        recipe,
        infrastructure,
        distribution: Distribution {
            name: distribution_name(owner.build.as_str()),
            region: parent.region.to_owned(),
            ami_name: format!("{} {{{{ imagebuilder:buildDate }}}}", owner.build),
            ami_tags: keys::with_settings(&ami_tags, settings),
        },
        token: Digest::of(format!("imagebuilder {}", owner.build)).as_str()[..32].to_owned(),
        tags: keys::with_settings(&tags, settings),
        shared_tags: shared_tags(&owner.recipe, settings),
        test_minutes: test_minutes(request.limits.time_s),
    })
}

/// The image recipe of these components.
pub(super) fn recipe(
    recipe: &RecipeName,
    parent: &Parent<'_>,
    components: &[Component],
    settings: &AwsSettings,
) -> Recipe {
    let mut made = Recipe {
        name: String::new(),
        parent: parent.image.to_owned(),
        components: components.iter().map(|component| component.name.clone()).collect(),
        devices: devices(settings, parent),
    };
    made.name = named(recipe, "", &made);
    made
}

/// On what instances a recipe is built.
pub(super) fn infrastructure(
    recipe: &RecipeName,
    settings: &AwsSettings,
    arch: Arch,
    profile: &str,
    parent: &Parent<'_>,
) -> Infrastructure {
    let mut made = Infrastructure {
        name: String::new(),
        instance_types: settings.instance_types.of(arch).to_vec(),
        profile: profile.to_owned(),
        subnet: parent.subnet.map(str::to_owned),
        security_groups: settings.security_groups.clone(),
        resource_tags: resource_tags(settings),
    };
    made.name = named(recipe, "on-", &made);
    made
}

/// Tags of what several builds of a recipe share.
pub(super) fn shared_tags(recipe: &RecipeName, settings: &AwsSettings) -> Tags {
    let shared: Tags = [(keys::RECIPE.to_owned(), recipe.to_string())].into();
    keys::with_settings(&shared, settings)
}

/// How long the tests of an image may take, where a bundle may take so many seconds.
pub(super) fn test_minutes(time_s: u64) -> i32 {
    let (least, most) = TEST_MINUTES;
    // Beside the bundle's own time the instance has to start.
    let minutes = (time_s.div_ceil(60) + 30).clamp(least, most);
    i32::try_from(minutes).unwrap_or(i32::MAX)
}

/// The configuration of one build.
pub fn distribution_name(build: &str) -> String {
    format!("{PREFIX}{}", build.to_ascii_lowercase())
}

pub(super) fn check(settings: &AwsSettings, has_subnet: bool) -> Result<&str, OrderError> {
    let wrong = |what, help| Err(OrderError::Settings { what, help });
    if !settings.volumes.is_empty() {
        return wrong(
            "volumes of their own are not laid out where Image Builder builds",
            "build this recipe with --target aws, or take `volumes` out of the aws: section",
        );
    }
    if has_subnet && settings.security_groups.is_empty() {
        return wrong(
            "Image Builder takes a subnet with security groups alone",
            "give `security_groups` beside `subnet` in the aws: section of amifactory.yaml",
        );
    }
    match settings.instance_profile.as_deref() {
        Some(profile) => Ok(profile),
        None => wrong(
            "Image Builder needs an instance profile, with which its instances reach Systems Manager and their logs",
            "give `aws: {instance_profile: NAME}` in amifactory.yaml",
        ),
    }
}

fn devices(settings: &AwsSettings, parent: &Parent<'_>) -> Vec<Device> {
    let kms_key = || settings.volume.kms_key.clone();
    let root = Device {
        name: parent.root_device.to_owned(),
        size_gib: settings.volume.size_gib.and_then(|size| i32::try_from(size).ok()),
        gp3: true,
        kms_key: kms_key(),
    };
    // What else the base brings along is encrypted too.
    let others = parent.other_devices.iter();
    let others = others.map(|name| Device { name: name.clone(), size_gib: None, gp3: false, kms_key: kms_key() });
    std::iter::once(root).chain(others).collect()
}

/// Instances carry no tag `amifactory:build`: they are the service's, which ends them, and no builders of ours. Whose build
/// they are of is in the service's own tag `Ec2ImageBuilderArn`.
fn resource_tags(settings: &AwsSettings) -> Tags {
    /// Keys that the service gives itself (Image Builder API reference, `resourceTags`).
    const RESERVED: [&str; 4] = ["CreatedBy", "Ec2ImageBuilderArn", "Name", "Tags"];
    let mut tags = keys::with_settings(&Tags::new(), settings);
    tags.retain(|key, _| !RESERVED.contains(&key.as_str()));
    tags
}

pub(super) fn named(recipe: &RecipeName, what: &str, content: &impl Serialize) -> String {
    // What can't be written as JSON has floating point numbers or keys that are no text: there are none here.
    let content = serde_json::to_string(content).unwrap_or_default();
    format!("{PREFIX}{recipe}-{what}{}", &Digest::of(content).as_str()[..16])
}
