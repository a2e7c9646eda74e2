//! Sees to the configurations of a pipeline: makes them, and makes them again what their names say where someone has changed
//! them.

use super::builds::Place;
use super::order::{Distribution, Infrastructure};
use super::{altered, configured, make};
use crate::pipeline::tags as keys;
use crate::target::aws::api::{Api, Operation, op};
use crate::target::{Tags, TargetError};
use std::collections::HashMap;

/// Sees to an infrastructure configuration. Answers with its ARN.
pub async fn infrastructure(
    api: &Api,
    place: &Place,
    wanted: &Infrastructure,
    tags: &Tags,
) -> Result<String, TargetError> {
    let arn = make::infrastructure_arn(place, wanted);
    if make::create_infrastructure(api, wanted, tags).await? {
        return Ok(arn);
    }
    let found = make::get_infrastructure(api, &arn).await?;
    match &found {
        Some(found) if altered::infrastructure(found) == configured::infrastructure(wanted) => return Ok(arn),
        Some(found) if are_ours(found.tags(), tags) => {}
        _ => return Err(make::another("infrastructure configuration", &wanted.name)),
    }
    let (token, groups) = (make::chance(), make::groups(wanted));
    let ask = || {
        api.imagebuilder
            .update_infrastructure_configuration()
            .infrastructure_configuration_arn(&arn)
            .description(make::DESCRIPTION)
            .set_instance_types(Some(wanted.instance_types.clone()))
            .instance_profile_name(&wanted.profile)
            .set_subnet_id(wanted.subnet.clone())
            .set_security_group_ids(groups.clone())
            .terminate_instance_on_failure(true)
            .instance_metadata_options(make::metadata())
            .set_resource_tags(make::tagged(&wanted.resource_tags))
            .client_token(&token)
            .send()
    };
    let operation = Operation { eventual: &[make::NOT_THERE], ..op::IB_UPDATE_INFRASTRUCTURE };
    api.caller.call(operation, &wanted.name, ask).await?;
    Ok(arn)
}

/// Sees to a distribution configuration. Answers with its ARN.
pub async fn distribution(api: &Api, place: &Place, wanted: &Distribution, tags: &Tags) -> Result<String, TargetError> {
    let arn = make::distribution_arn(place, wanted);
    if make::create_distribution(api, wanted, tags).await? {
        return Ok(arn);
    }
    let found = make::get_distribution(api, &arn).await?;
    let is_same = |found| altered::distribution(found, &wanted.region) == configured::distribution(wanted);
    match &found {
        Some(found) if is_same(found) => return Ok(arn),
        Some(found) if are_ours(found.tags(), tags) => {}
        _ => return Err(make::another("distribution configuration", &wanted.name)),
    }
    let (token, regions) = (make::chance(), make::regions(wanted));
    let ask = || {
        api.imagebuilder
            .update_distribution_configuration()
            .distribution_configuration_arn(&arn)
            .set_distributions(Some(regions.clone()))
            .client_token(&token)
            .send()
    };
    let operation = Operation { eventual: &[make::NOT_THERE], ..op::IB_UPDATE_DISTRIBUTION };
    api.caller.call(operation, &wanted.name, ask).await?;
    Ok(arn)
}

/// What was made for another recipe, or by someone else, is not ours to change.
fn are_ours(found: Option<&HashMap<String, String>>, tags: &Tags) -> bool {
    [keys::RECIPE, keys::PIPELINE].iter().all(|key| found.and_then(|found| found.get(*key)) == tags.get(*key))
}
