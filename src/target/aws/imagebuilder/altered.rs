//! Configurations as they are: reading them, and seeing whether they still hold what their names say.

use super::configured::{self, said};
use super::make;
use super::order::{self, Distribution, Infrastructure};
use crate::identity::RecipeName;
use crate::pipeline::tags as keys;
use crate::target::aws::api::{Api, CallError, op};
use crate::target::aws::tags::{LONGEST_VALUE, fit};
use crate::target::{Pipeline, Settings, Tags};
use aws_sdk_imagebuilder::types::{
    DistributionConfiguration, InfrastructureConfiguration, InstanceMetadataOptions, LaunchPermissionConfiguration,
};
use std::collections::HashMap;

/// Reads both configurations of a pipeline.
pub async fn look(api: &Api, pipeline: &mut Pipeline) -> Result<(), CallError> {
    let recipe: Option<RecipeName> = pipeline.tags.get(keys::RECIPE).and_then(|recipe| recipe.parse().ok());
    let shape = &mut pipeline.shape;
    if let Some(arn) = &pipeline.infrastructure_arn {
        let ask = || api.imagebuilder.get_infrastructure_configuration().infrastructure_configuration_arn(arn).send();
        let answer = there(api.caller.call(op::IB_GET_INFRASTRUCTURE, arn, ask).await)?;
        if let Some(found) = answer.as_ref().and_then(|answer| answer.infrastructure_configuration()) {
            shape.infrastructure_holds = infrastructure(found);
            let was = made_as_infrastructure(found);
            let named = recipe.as_ref().map(|recipe| order::named(recipe, "on-", &was));
            pipeline.is_altered |= named.as_ref() != Some(&shape.infrastructure)
                || shape.infrastructure_holds != configured::infrastructure(&was);
        }
    }
    if let Some(arn) = &pipeline.distribution_arn {
        let ask = || api.imagebuilder.get_distribution_configuration().distribution_configuration_arn(arn).send();
        let answer = there(api.caller.call(op::IB_GET_DISTRIBUTION, arn, ask).await)?;
        if let Some(found) = answer.as_ref().and_then(|answer| answer.distribution_configuration()) {
            shape.distribution_holds = distribution(found, &api.region);
            let was = made_as_distribution(found, &api.region);
            let named = recipe.as_ref().map(|recipe| order::named(recipe, "to-", &was));
            pipeline.is_altered |= named.as_ref() != Some(&shape.distribution)
                || shape.distribution_holds != configured::distribution(&was);
        }
    }
    Ok(())
}

/// None where it is not there: what is to be there differs from that.
fn there<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is(make::NOT_THERE) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an infrastructure configuration holds.
pub fn infrastructure(found: &InfrastructureConfiguration) -> Settings {
    let mut words = configured::of_infrastructure(&made_as_infrastructure(found));
    let ends = if found.terminate_instance_on_failure() == Some(true) { configured::ENDS } else { "stay" };
    let bucket = found.logging().and_then(|logging| logging.s3_logs()).and_then(|logs| logs.s3_bucket_name());
    let zone = found.placement().and_then(|placement| placement.availability_zone());
    let tenancy = found.placement().and_then(|placement| placement.tenancy());
    let host = found.placement().and_then(|placement| placement.host_id().or(placement.host_resource_group_arn()));
    // The default is no placement.
    let tenancy = tenancy.map(|tenancy| tenancy.as_str()).filter(|tenancy| *tenancy != "default");
    words.extend(said([
        ("instances that fail", ends.to_owned()),
        ("instance metadata", found.instance_metadata_options().map(metadata).unwrap_or_default()),
        ("key pair", found.key_pair().unwrap_or_default().to_owned()),
        ("logs", bucket.unwrap_or_default().to_owned()),
        ("notifications", found.sns_topic_arn().unwrap_or_default().to_owned()),
        ("placement", [zone, tenancy, host].into_iter().flatten().collect::<Vec<_>>().join(", ")),
    ]));
    words
}

fn metadata(options: &InstanceMetadataOptions) -> String {
    let hops = match options.http_put_response_hop_limit() {
        None => "any hops".to_owned(),
        Some(1) => "1 hop".to_owned(),
        Some(hops) => format!("{hops} hops"),
    };
    format!("tokens {}, {hops}", options.http_tokens().unwrap_or("optional"))
}

fn made_as_infrastructure(found: &InfrastructureConfiguration) -> Infrastructure {
    Infrastructure {
        name: found.name().unwrap_or_default().to_owned(),
        instance_types: found.instance_types().to_vec(),
        profile: found.instance_profile_name().unwrap_or_default().to_owned(),
        subnet: found.subnet_id().map(str::to_owned),
        security_groups: found.security_group_ids().to_vec(),
        resource_tags: tags(found.resource_tags()),
    }
}

/// What a distribution configuration holds: of AMIs what is for this region, and which others there are.
pub fn distribution(found: &DistributionConfiguration, region: &str) -> Settings {
    let mut words = configured::of_distribution(&made_as_distribution(found, region));
    let all = found.distributions();
    let regions: Vec<&str> = all.iter().map(|one| one.region()).collect();
    let here = all.iter().find(|one| one.region() == region);
    let ami = here.and_then(|one| one.ami_distribution_configuration());
    let mut others = Vec::new();
    for (what, is_set) in [
        ("containers", here.is_some_and(|one| one.container_distribution_configuration().is_some())),
        ("licences", here.is_some_and(|one| !one.license_configuration_arns().is_empty())),
        ("launch templates", here.is_some_and(|one| !one.launch_template_configurations().is_empty())),
        ("exports to S3", here.is_some_and(|one| one.s3_export_configuration().is_some())),
        ("fast launch", here.is_some_and(|one| !one.fast_launch_configurations().is_empty())),
        ("parameters", here.is_some_and(|one| !one.ssm_parameter_configurations().is_empty())),
    ] {
        if is_set {
            others.push(what);
        }
    }
    words.extend(said([
        ("regions", regions.join(", ")),
        ("launch permission", ami.and_then(|ami| ami.launch_permission()).map(permission).unwrap_or_default()),
        ("accounts that get a copy", ami.map(|ami| ami.target_account_ids().join(", ")).unwrap_or_default()),
        ("key of AMIs", ami.and_then(|ami| ami.kms_key_id()).unwrap_or_default().to_owned()),
        ("other outputs", others.join(", ")),
    ]));
    words
}

/// Whether one that is there is this build's, in all that it does: another run of the build may have given its AMI another
/// version, and may have been asked for it although nothing had changed.
pub fn is_of_build(found: &DistributionConfiguration, wanted: &Distribution) -> bool {
    let mut expected = wanted.clone();
    expected.ami_tags.values_mut().for_each(|value| *value = fit(value, LONGEST_VALUE));
    let mut made = made_as_distribution(found, &wanted.region).ami_tags;
    for key in [keys::VERSION, keys::FORCED] {
        expected.ami_tags.remove(key);
        expected.ami_tags.extend(made.remove_entry(key));
    }
    distribution(found, &wanted.region) == configured::distribution(&expected)
}

/// Who may launch what comes out.
fn permission(granted: &LaunchPermissionConfiguration) -> String {
    let groups = granted.user_groups().iter().map(|group| match group.as_str() {
        "all" => "everyone".to_owned(),
        other => format!("group {other}"),
    });
    let others = [granted.user_ids(), granted.organization_arns(), granted.organizational_unit_arns()];
    groups.chain(others.into_iter().flatten().cloned()).collect::<Vec<_>>().join(", ")
}

fn made_as_distribution(found: &DistributionConfiguration, region: &str) -> Distribution {
    let here = found.distributions().iter().find(|one| one.region() == region);
    let ami = here.and_then(|one| one.ami_distribution_configuration());
    Distribution {
        name: found.name().unwrap_or_default().to_owned(),
        region: region.to_owned(),
        ami_name: ami.and_then(|ami| ami.name()).unwrap_or_default().to_owned(),
        ami_tags: tags(ami.and_then(|ami| ami.ami_tags())),
    }
}

fn tags(tags: Option<&HashMap<String, String>>) -> Tags {
    tags.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_imagebuilder::types::{AmiDistributionConfiguration, Distribution as InRegion, Placement};

    #[test]
    fn what_someone_else_has_set_is_told() {
        let metadata =
            InstanceMetadataOptions::builder().http_tokens("optional").http_put_response_hop_limit(2).build();
        let placement = Placement::builder().availability_zone("us-east-1a").build();
        let found = InfrastructureConfiguration::builder()
            .instance_types("t3.micro")
            .instance_metadata_options(metadata)
            .key_pair("mine")
            .placement(placement)
            .sns_topic_arn("arn:aws:sns:us-east-1:123456789012:images")
            .resource_tags("team", "web")
            .build();
        let words: Vec<String> = infrastructure(&found).iter().map(|(what, text)| format!("{what}: {text}")).collect();
        insta::assert_snapshot!(words.join("\n"), @r"
        instance metadata: tokens optional, 2 hops
        instance types: t3.micro
        instances that fail: stay
        key pair: mine
        notifications: arn:aws:sns:us-east-1:123456789012:images
        placement: us-east-1a
        tags of instances: team=web
        ");
    }

    #[test]
    fn a_configuration_is_a_builds_in_all_but_the_version() {
        let tags = |version: &str| -> Tags {
            let tags = [(keys::VERSION, version), (keys::STATE, "candidate"), ("groups", &"g".repeat(300))];
            tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        };
        let wanted = |version: &str| Distribution {
            name: "amifactory-web-1".into(),
            region: "us-east-1".into(),
            ami_name: "web-1 {{ imagebuilder:buildDate }}".into(),
            ami_tags: tags(version),
        };
        let of = |regions: Vec<InRegion>| {
            let found = DistributionConfiguration::builder().set_distributions(Some(regions)).timeout_minutes(1);
            found.build().unwrap()
        };
        let made = make::regions(&wanted("1.0.0"));
        assert!(is_of_build(&of(made.clone()), &wanted("1.0.0")) && is_of_build(&of(made.clone()), &wanted("1.0.1")));
        let change = |change: fn(AmiDistributionConfiguration) -> AmiDistributionConfiguration| {
            let mut made = made.clone();
            made[0].ami_distribution_configuration = made[0].ami_distribution_configuration.take().map(change);
            is_of_build(&of(made), &wanted("1.0.0"))
        };
        assert!(change(|ami| ami));
        assert!(!change(|mut ami| {
            ami.target_account_ids = Some(vec!["111122223333".into()]);
            ami
        }));
        assert!(!change(|mut ami| {
            ami.kms_key_id = Some("mine".into());
            ami
        }));
        assert!(!change(|mut ami| {
            ami.ami_tags.as_mut().unwrap().insert(keys::STATE.into(), "verified".into());
            ami
        }));
        let elsewhere = InRegion::builder().region("us-west-2").build().unwrap();
        assert!(!is_of_build(&of([made, vec![elsewhere]].concat()), &wanted("1.0.0")));
    }

    #[test]
    fn who_may_launch_what_comes_out_is_told() {
        let granted = LaunchPermissionConfiguration::builder().user_groups("all").user_ids("111122223333").build();
        let ami =
            AmiDistributionConfiguration::builder().name("mine").launch_permission(granted).kms_key_id("k").build();
        let here = InRegion::builder().region("us-east-1").ami_distribution_configuration(ami.clone()).build().unwrap();
        let there = InRegion::builder().region("us-west-2").ami_distribution_configuration(ami).build().unwrap();
        let found = DistributionConfiguration::builder().distributions(here).distributions(there).timeout_minutes(1);
        let found = distribution(&found.build().unwrap(), "us-east-1");
        let words: Vec<String> = found.iter().map(|(what, text)| format!("{what}: {text}")).collect();
        insta::assert_snapshot!(words.join("\n"), @r"
        AMI name: mine
        key of AMIs: k
        launch permission: everyone, 111122223333
        regions: us-east-1, us-west-2
        ");
    }
}
