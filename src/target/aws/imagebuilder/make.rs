//! Creates what a build needs, or finds it as it was created before. A name holds the hash of its content, so what is there
//! under a name is the same, or it is not ours.

use super::builds::{self, Place};
use super::order::{Device, Distribution, Infrastructure, Order, Recipe, VERSION};
use super::{altered, configured, document, stored};
use crate::pipeline::tags as keys;
use crate::target::aws::api::{Api, CallError, Class, Operation, op};
use crate::target::aws::tags::{LONGEST_VALUE, fit};
use crate::target::{Tags, TargetError};
use aws_sdk_imagebuilder::operation::create_component::builders::CreateComponentFluentBuilder;
use aws_sdk_imagebuilder::operation::get_image_recipe::GetImageRecipeOutput;
use aws_sdk_imagebuilder::types::{
    AmiDistributionConfiguration, Component, ComponentConfiguration, Distribution as InRegion,
    DistributionConfiguration, EbsInstanceBlockDeviceSpecification, EbsVolumeType, ImageTestsConfiguration,
    InfrastructureConfiguration, InstanceBlockDeviceMapping, InstanceMetadataOptions, Platform,
};
use std::collections::HashMap;

pub const EXISTS: &str = "ResourceAlreadyExistsException";
pub const NOT_THERE: &str = "ResourceNotFoundException";
pub const DESCRIPTION: &str = "made by amifactory";

/// What became of a request for an image build.
pub enum Made {
    /// The build version's ARN.
    Build(String),
    /// The token was used with other words.
    Otherwise,
}

/// Sees to all that the build needs, and begins it.
pub async fn make(api: &Api, place: &Place, order: &Order) -> Result<Made, TargetError> {
    let content = Content { components: &order.components, recipe: &order.recipe, tags: &order.shared_tags };
    let recipe = recipe(api, place, &content).await?;
    let infrastructure = infrastructure(api, place, &order.infrastructure, &order.shared_tags).await?;
    let distribution = distribution(api, place, &order.distribution, &order.tags).await?;
    let tests =
        ImageTestsConfiguration::builder().image_tests_enabled(true).timeout_minutes(order.test_minutes).build();
    let begin = || {
        api.imagebuilder
            .create_image()
            .image_recipe_arn(&recipe)
            .infrastructure_configuration_arn(&infrastructure)
            .distribution_configuration_arn(&distribution)
            .image_tests_configuration(tests.clone())
            // The seal bundle lists packages itself.
            .enhanced_image_metadata_enabled(false)
            .client_token(&order.token)
            .set_tags(tagged(&order.tags))
            .send()
    };
    // What was created a moment ago may not be known everywhere.
    let operation = Operation { eventual: &[NOT_THERE], ..op::IB_CREATE_IMAGE };
    match api.caller.call(operation, &order.recipe.name, begin).await {
        Ok(answer) => match answer.image_build_version_arn {
            Some(arn) => Ok(Made::Build(arn)),
            None => Err(TargetError::NotFound { what: format!("the build of {}, just begun,", order.recipe.name) }),
        },
        Err(error) if error.is("IdempotentParameterMismatchException") => Ok(Made::Otherwise),
        Err(error) => Err(error.into()),
    }
}

/// What is built: an image recipe with its components.
pub struct Content<'a> {
    /// In the order in which they run.
    pub components: &'a [document::Component],
    /// The image recipe.
    pub recipe: &'a Recipe,
    /// Tags of all of it.
    pub tags: &'a Tags,
}

/// Sees to an image recipe. Answers with its ARN.
pub async fn recipe(api: &Api, place: &Place, content: &Content<'_>) -> Result<String, TargetError> {
    let wanted = content.recipe;
    let arn = place.arn(&format!("image-recipe/{}/{VERSION}", wanted.name));
    // One that is there has all its components.
    match get_recipe(api, &arn).await {
        Ok(found) => return same_recipe(&found, place, wanted).map(|()| arn),
        Err(error) if error.is(NOT_THERE) => {}
        Err(error) => return Err(error.into()),
    }
    let mut components = Vec::new();
    for component in content.components {
        components.push(ensure_component(api, place, component, content.tags).await?);
    }
    let listed = |arn: &String| ComponentConfiguration::builder().component_arn(arn).build();
    // Only what has no ARN is refused here.
    let listed: Vec<ComponentConfiguration> = components.iter().filter_map(|arn| listed(arn).ok()).collect();
    let token = chance();
    let create = || {
        api.imagebuilder
            .create_image_recipe()
            .name(&wanted.name)
            .semantic_version(VERSION)
            .description(DESCRIPTION)
            .parent_image(&wanted.parent)
            .set_components(Some(listed.clone()))
            .set_block_device_mappings(Some(wanted.devices.iter().map(mapping).collect()))
            .client_token(&token)
            .set_tags(tagged(content.tags))
            .send()
    };
    // A component that was created a moment ago may not be known everywhere; that is no wrong value then.
    let operation = Operation { eventual: &["InvalidParameterValueException"], ..op::IB_CREATE_RECIPE };
    match api.caller.call_soon(SOON, operation, &wanted.name, create).await {
        Ok(_) => Ok(arn),
        Err(error) if error.is(EXISTS) => {
            let found = get_recipe(api, &arn).await?;
            same_recipe(&found, place, wanted).map(|()| arn)
        }
        Err(error) => Err(refused(error)),
    }
}

/// How long a value that is refused is taken for one that is not known yet.
const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// An image recipe, with its components.
pub async fn get_recipe(api: &Api, arn: &str) -> Result<GetImageRecipeOutput, CallError> {
    api.caller.call(op::IB_GET_RECIPE, arn, || api.imagebuilder.get_image_recipe().image_recipe_arn(arn).send()).await
}

fn same_recipe(found: &GetImageRecipeOutput, place: &Place, wanted: &Recipe) -> Result<(), TargetError> {
    let Some(found) = found.image_recipe() else { return Err(another("image recipe", &wanted.name)) };
    // A component that was removed and made anew has another build number.
    let is = |listed: &ComponentConfiguration, name: &String| {
        listed.component_arn().rsplit_once('/').is_some_and(|(version, _)| version == component_version(place, name))
    };
    let (listed, names) = (found.components(), &wanted.components);
    let are_same = listed.len() == names.len() && listed.iter().zip(names).all(|(listed, name)| is(listed, name));
    let devices: Vec<InstanceBlockDeviceMapping> = wanted.devices.iter().map(mapping).collect();
    // Nothing of ours says more to builders; whoever does could change what is built.
    let more = found.additional_instance_configuration();
    let says_more = more.is_some_and(|more| {
        more.user_data_override().is_some()
            || more.systems_manager_agent().and_then(|agent| agent.uninstall_after_build()) == Some(true)
    });
    let is_same = found.parent_image() == Some(wanted.parent.as_str())
        && are_same
        && found.block_device_mappings() == devices
        && !says_more;
    if is_same { Ok(()) } else { Err(another("image recipe", &wanted.name)) }
}

/// The only version of a component.
fn component_version(place: &Place, name: &str) -> String {
    place.arn(&format!("component/{name}/{VERSION}"))
}

/// The same for one whose document goes through a bucket. The service says what it has read there.
async fn through_bucket(
    api: &Api,
    place: &Place,
    bucket: &str,
    wanted: &document::Component,
    tags: &Tags,
) -> Result<String, TargetError> {
    match get_component(api, place, wanted, &[]).await {
        Ok(found) => return holds(found, wanted),
        // Whatever it says: where it is there after all, it is not made again.
        Err(error) if error.class == Class::Permanent => {}
        Err(error) => return Err(error.into()),
    }
    let document = stored::put(api, place, bucket, &wanted.name, &wanted.data).await?;
    let (uri, token) = (document.uri(), chance());
    let create = || new_component(api, wanted, tags, &token).uri(&uri).send();
    let made = api.caller.call(op::IB_CREATE_COMPONENT, &wanted.name, create).await;
    let removed = stored::remove(api, place, &document).await;
    let arn = match made {
        Err(error) if error.is(EXISTS) => None,
        Err(error) => return Err(refused(error)),
        Ok(made) => made.component_build_version_arn,
    };
    removed?;
    let held = holds(get_component(api, place, wanted, &[NOT_THERE]).await?, wanted);
    match (held, arn) {
        // Someone has changed the document before the service read it. What was made of it is of no use.
        (Err(_), Some(arn)) => {
            let ask = || api.imagebuilder.delete_component().component_build_version_arn(&arn).send();
            builds::gone(api.caller.call(op::IB_DELETE_COMPONENT, &arn, ask).await.map(drop))?;
            Err(TargetError::Service {
                call: "imagebuilder".into(),
                resource: format!("component {}", wanted.name),
                said: format!("what was read from the bucket {bucket} is not what was put there"),
                help: format!("see who else may write to {bucket}, then run the same command again"),
            })
        }
        (held, _) => held,
    }
}

fn new_component(api: &Api, wanted: &document::Component, tags: &Tags, token: &str) -> CreateComponentFluentBuilder {
    api.imagebuilder
        .create_component()
        .name(&wanted.name)
        .semantic_version(VERSION)
        .description(&wanted.description)
        .platform(Platform::Linux)
        .client_token(token)
        .set_tags(tagged(tags))
}

async fn get_component(
    api: &Api,
    place: &Place,
    wanted: &document::Component,
    eventual: &'static [&'static str],
) -> Result<Option<Component>, CallError> {
    let arn = component_version(place, &wanted.name);
    let get = || api.imagebuilder.get_component().component_build_version_arn(&arn).send();
    let operation = Operation { eventual, ..op::IB_GET_COMPONENT };
    Ok(api.caller.call(operation, &wanted.name, get).await?.component)
}

/// Its ARN, where it holds what is wanted.
fn holds(found: Option<Component>, wanted: &document::Component) -> Result<String, TargetError> {
    match found {
        Some(Component { arn: Some(arn), data: Some(data), .. }) if data == wanted.data => Ok(arn),
        _ => Err(another("component", &wanted.name)),
    }
}

/// Answers with the ARN of a component that holds what is wanted.
async fn ensure_component(
    api: &Api,
    place: &Place,
    wanted: &document::Component,
    tags: &Tags,
) -> Result<String, TargetError> {
    if let Some(bucket) = &wanted.bucket {
        return through_bucket(api, place, bucket, wanted, tags).await;
    }
    let token = chance();
    let create = || new_component(api, wanted, tags, &token).data(&wanted.data).send();
    match api.caller.call(op::IB_CREATE_COMPONENT, &wanted.name, create).await {
        Ok(made) => {
            let name = &wanted.name;
            made.component_build_version_arn.ok_or_else(|| TargetError::NotFound { what: format!("component {name}") })
        }
        Err(error) if error.is(EXISTS) => holds(get_component(api, place, wanted, &[NOT_THERE]).await?, wanted),
        // Others words for it are not documented: where it is there as it should be, it was that.
        Err(error) if error.class == Class::Permanent => {
            let found = get_component(api, place, wanted, &[]).await;
            found.ok().and_then(|found| holds(found, wanted).ok()).ok_or_else(|| refused(error))
        }
        Err(error) => Err(refused(error)),
    }
}

/// Sees to an infrastructure configuration. Answers with its ARN.
pub async fn infrastructure(
    api: &Api,
    place: &Place,
    wanted: &Infrastructure,
    tags: &Tags,
) -> Result<String, TargetError> {
    let arn = infrastructure_arn(place, wanted);
    if create_infrastructure(api, wanted, tags).await? {
        return Ok(arn);
    }
    // A configuration can be changed: what decides on what a build runs must be as it was made.
    let is_same = |found| altered::infrastructure(found) == configured::infrastructure(wanted);
    if get_infrastructure(api, &arn).await?.as_ref().is_some_and(is_same) {
        return Ok(arn);
    }
    let recipe = tags.get(keys::RECIPE).map_or("RECIPE", String::as_str);
    Err(TargetError::Service {
        call: "imagebuilder".into(),
        resource: format!("infrastructure configuration {}", wanted.name),
        said: CHANGED.into(),
        help: format!(
            "amifactory pipeline apply {recipe} --target imagebuilder makes it what it was, where {recipe} has a \
             `schedule:`; where no pipeline has it, delete it in EC2 Image Builder; then run the same command again"
        ),
    })
}

/// Its ARN.
pub fn infrastructure_arn(place: &Place, wanted: &Infrastructure) -> String {
    place.arn(&format!("infrastructure-configuration/{}", wanted.name))
}

/// What reads the metadata of an instance.
pub fn metadata() -> InstanceMetadataOptions {
    InstanceMetadataOptions::builder().http_tokens("required").http_put_response_hop_limit(1).build()
}

/// None where the service is to choose.
pub fn groups(wanted: &Infrastructure) -> Option<Vec<String>> {
    Some(wanted.security_groups.clone()).filter(|groups| !groups.is_empty())
}

/// False where one of this name is there.
pub async fn create_infrastructure(api: &Api, wanted: &Infrastructure, tags: &Tags) -> Result<bool, TargetError> {
    let (token, groups) = (chance(), groups(wanted));
    let create = || {
        api.imagebuilder
            .create_infrastructure_configuration()
            .name(&wanted.name)
            .description(DESCRIPTION)
            .set_instance_types(Some(wanted.instance_types.clone()))
            .instance_profile_name(&wanted.profile)
            .set_subnet_id(wanted.subnet.clone())
            .set_security_group_ids(groups.clone())
            .terminate_instance_on_failure(true)
            .instance_metadata_options(metadata())
            .set_resource_tags(tagged(&wanted.resource_tags))
            .client_token(&token)
            .set_tags(tagged(tags))
            .send()
    };
    match api.caller.call(op::IB_CREATE_INFRASTRUCTURE, &wanted.name, create).await {
        Ok(_) => Ok(true),
        Err(error) if error.is(EXISTS) => Ok(false),
        Err(error) => Err(refused(error)),
    }
}

/// One that is there.
pub async fn get_infrastructure(api: &Api, arn: &str) -> Result<Option<InfrastructureConfiguration>, TargetError> {
    let get = || api.imagebuilder.get_infrastructure_configuration().infrastructure_configuration_arn(arn).send();
    let operation = Operation { eventual: &[NOT_THERE], ..op::IB_GET_INFRASTRUCTURE };
    Ok(api.caller.call(operation, arn, get).await?.infrastructure_configuration)
}

/// Sees to the distribution configuration of a build. Answers with its ARN.
pub async fn distribution(api: &Api, place: &Place, wanted: &Distribution, tags: &Tags) -> Result<String, TargetError> {
    let arn = distribution_arn(place, wanted);
    if create_distribution(api, wanted, tags).await? {
        return Ok(arn);
    }
    let found = get_distribution(api, &arn).await?;
    let is_its = found.is_some_and(|found| altered::is_of_build(&found, wanted));
    if is_its { Ok(arn) } else { Err(another("distribution configuration", &wanted.name)) }
}

/// Its ARN.
pub fn distribution_arn(place: &Place, wanted: &Distribution) -> String {
    place.arn(&format!("distribution-configuration/{}", wanted.name))
}

/// What becomes of AMIs where.
pub fn regions(wanted: &Distribution) -> Vec<InRegion> {
    let ami = AmiDistributionConfiguration::builder()
        .name(&wanted.ami_name)
        .set_ami_tags(tagged(&wanted.ami_tags))
        .description(DESCRIPTION)
        .build();
    let region = InRegion::builder().region(&wanted.region).ami_distribution_configuration(ami).build();
    // Only one without a region is refused here.
    region.into_iter().collect()
}

/// False where one of this name is there.
pub async fn create_distribution(api: &Api, wanted: &Distribution, tags: &Tags) -> Result<bool, TargetError> {
    let (token, regions) = (chance(), regions(wanted));
    let create = || {
        api.imagebuilder
            .create_distribution_configuration()
            .name(&wanted.name)
            .set_distributions(Some(regions.clone()))
            .client_token(&token)
            .set_tags(tagged(tags))
            .send()
    };
    match api.caller.call(op::IB_CREATE_DISTRIBUTION, &wanted.name, create).await {
        Ok(_) => Ok(true),
        Err(error) if error.is(EXISTS) => Ok(false),
        Err(error) => Err(refused(error)),
    }
}

/// One that is there.
pub async fn get_distribution(api: &Api, arn: &str) -> Result<Option<DistributionConfiguration>, TargetError> {
    let get = || api.imagebuilder.get_distribution_configuration().distribution_configuration_arn(arn).send();
    let operation = Operation { eventual: &[NOT_THERE], ..op::IB_GET_DISTRIBUTION };
    Ok(api.caller.call(operation, arn, get).await?.distribution_configuration)
}

fn mapping(device: &Device) -> InstanceBlockDeviceMapping {
    let ebs = EbsInstanceBlockDeviceSpecification::builder()
        .encrypted(true)
        .delete_on_termination(true)
        .set_volume_size(device.size_gib)
        .set_volume_type(device.gp3.then_some(EbsVolumeType::Gp3))
        .set_kms_key_id(device.kms_key.clone())
        .build();
    InstanceBlockDeviceMapping::builder().device_name(&device.name).ebs(ebs).build()
}

pub fn tagged(tags: &Tags) -> Option<HashMap<String, String>> {
    let all = tags.iter().map(|(key, value)| (key.clone(), fit(value, LONGEST_VALUE)));
    Some(all.collect::<HashMap<_, _>>()).filter(|tags| !tags.is_empty())
}

/// A token for what is found by its name: it lasts for one call with all its repetitions, because the service may remember
/// longer than what was made is there.
pub fn chance() -> String {
    format!("amifactory-{:016x}", fastrand::u64(..))
}

const CHANGED: &str = "it is there, and holds something else than its name says: someone has made or changed it";

pub fn another(kind: &str, name: &str) -> TargetError {
    TargetError::Service {
        call: "imagebuilder".into(),
        resource: format!("{kind} {name}"),
        said: CHANGED.into(),
        help: format!("delete this {kind} in EC2 Image Builder, then run the same command again"),
    }
}

pub fn refused(error: CallError) -> TargetError {
    if error.is("ServiceQuotaExceededException") {
        return TargetError::Service {
            call: error.action.into(),
            resource: error.resource,
            said: error.message,
            help:
                "ask for a higher quota (Service Quotas, EC2 Image Builder); `amifactory sweep --target imagebuilder` \
                   removes components and recipes of old plans, and younger ones that nothing needs can be deleted: \
                   their names begin with amifactory-"
                    .into(),
        };
    }
    error.into()
}
