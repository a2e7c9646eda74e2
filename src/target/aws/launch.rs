//! Launching builders: all that must hold of them is in this one request, from their first moment.

use super::api::{Api, CallError, op};
use super::placement::{self, Placement};
use super::view::{Instance, Life, read_instance};
use super::{command, tags};
use crate::identity::Digest;
use crate::pipeline::tags as keys;
use crate::recipe::{AwsSettings, ExtraVolume, Subnet};
use crate::target::{LaunchRequest, TargetError};
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, HttpTokensState, IamInstanceProfileSpecification,
    InstanceInterruptionBehavior, InstanceMarketOptionsRequest, InstanceMetadataEndpointState,
    InstanceMetadataOptionsRequest, InstanceType, MarketType, ResourceType, ShutdownBehavior, SpotInstanceType,
    SpotMarketOptions, VolumeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// What is launched.
pub struct Launch<'a> {
    /// The image.
    pub image: &'a str,
    /// Its root device, where the volume is not to be as the image has it.
    pub root_device: Option<&'a str>,
    /// Its other EBS devices, where it is not all of our own making.
    pub other_devices: &'a [String],
    /// What was asked for.
    pub request: &'a LaunchRequest,
}

/// Launches one, or answers with the one that the token made.
pub async fn launch(api: &Api, launch: &Launch<'_>) -> Result<Instance, TargetError> {
    let settings = &launch.request.aws;
    let Some(profile) = settings.instance_profile.as_deref() else {
        return Err(TargetError::Unsupported {
            what: "builders on AWS need an instance profile, so that Systems Manager can reach them".into(),
            help: "give `aws: {instance_profile: NAME}` in amifactory.yaml; amifactory iam-policy prints what it needs"
                .into(),
        });
    };
    let mut subnets = subnets(api, settings).await?;
    let types = settings.instance_types.of(launch.request.arch);
    // Spot on the first try alone: a build that lost a builder has waited enough.
    let spot = settings.spot && launch.request.attempt == 1;
    let mut tried: Vec<String> = Vec::new();
    let mut placements = placement::all(types, &subnets, spot);
    let mut next = 0;
    let mut only_quotas = true;
    while let Some(place) = placements.get(next) {
        match run(api, launch, profile, place, next).await {
            Ok(instance) => return Ok(instance),
            Err(Refusal::Elsewhere(error)) => {
                tried.push(format!("{}: {}", describe(place), error.message));
                only_quotas &= placement::is_quota(&error.code);
                // EC2 was free to choose a zone and chose one that is full: from here on each zone is asked for.
                if place.subnet.is_none() && subnets.is_empty() {
                    subnets = default_subnets(api).await?;
                    placements.extend(placement::all(types, &subnets, spot));
                }
                next += 1;
            }
            Err(Refusal::Final(error)) => return Err(error),
        }
    }
    let help = if only_quotas {
        "ask for a higher quota (Service Quotas, Amazon EC2), give smaller instance_types, or wait until other instances \
         have ended; amifactory doctor shows the quota"
    } else {
        "give more instance_types, or a subnet tag that fits subnets in more zones, in the aws: section of \
         amifactory.yaml; or try again later"
    };
    Err(TargetError::NoCapacity { tried: tried.join("; "), help: help.into() })
}

enum Refusal {
    Elsewhere(CallError),
    Final(TargetError),
}

async fn run(
    api: &Api,
    launch: &Launch<'_>,
    profile: &str,
    place: &Placement,
    number: usize,
) -> Result<Instance, Refusal> {
    let token = token(&launch.request.token, number);
    let request = || request(api, launch, profile, place, &token).send();
    let error = match api.caller.call(op::RUN_INSTANCES, &launch.request.token, request).await {
        Ok(answer) => {
            let instance = answer.instances().first().and_then(read_instance);
            let instance = instance.ok_or_else(|| {
                Refusal::Final(TargetError::NotFound { what: format!("the instance of token {token}, just launched,") })
            })?;
            return match instance.life {
                Life::Gone => Err(Refusal::Final(spent(launch))),
                _ => Ok(instance),
            };
        }
        Err(error) => error,
    };
    match error.code.as_str() {
        "IdempotentInstanceTerminated" => Err(Refusal::Final(spent(launch))),
        // Someone has launched it with other words, an older run of this program for one: it is ours all the same.
        "IdempotentParameterMismatch" => match by_token(api, &token).await.map_err(Refusal::Final)? {
            Some(instance) if instance.life != Life::Gone => Ok(instance),
            _ => Err(Refusal::Final(spent(launch))),
        },
        code if placement::try_elsewhere(code) => Err(Refusal::Elsewhere(error)),
        _ => Err(Refusal::Final(error.into())),
    }
}

/// The request of a launch that is only asked about: nothing is launched, and no token is spent.
pub fn rehearsal(api: &Api, launch: &Launch<'_>, profile: &str, place: &Placement) -> RunInstancesFluentBuilder {
    request(api, launch, profile, place, "").set_client_token(None).dry_run(true)
}

fn spent(launch: &Launch<'_>) -> TargetError {
    TargetError::TokenSpent { token: launch.request.token.clone() }
}

/// A client token has at most 64 ASCII characters (EC2 API reference, `RunInstances`). Each placement has its own: a
/// token holds for one set of parameters.
pub fn token(of: &str, placement: usize) -> String {
    format!("amifactory-{}", &Digest::of(format!("{of} {placement}")).to_string()[..48])
}

/// The token was used, so its instance is there or was; a describe may not know it yet.
async fn by_token(api: &Api, token: &str) -> Result<Option<Instance>, TargetError> {
    let filter = Filter::builder().name("client-token").values(token).build();
    let began = tokio::time::Instant::now();
    loop {
        let ask = || api.ec2.describe_instances().filters(filter.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_INSTANCES, token, ask).await?;
        let mut instances = answer.reservations().iter().flat_map(|reservation| reservation.instances());
        if let Some(instance) = instances.find_map(read_instance) {
            return Ok(Some(instance));
        }
        if began.elapsed() > super::api::EVENTUAL {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

fn request(api: &Api, launch: &Launch<'_>, profile: &str, place: &Placement, token: &str) -> RunInstancesFluentBuilder {
    let LaunchRequest { aws, tags: builder_tags, .. } = launch.request;
    let metadata = InstanceMetadataOptionsRequest::builder()
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .http_tokens(HttpTokensState::Required)
        .http_put_response_hop_limit(1)
        .build();
    let mut kinds = vec![ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface];
    if place.spot {
        kinds.push(ResourceType::SpotInstancesRequest);
    }
    let mut request = api
        .ec2
        .run_instances()
        .image_id(launch.image)
        .instance_type(InstanceType::from(place.instance_type.as_str()))
        .min_count(1)
        .max_count(1)
        .client_token(token)
        .iam_instance_profile(IamInstanceProfileSpecification::builder().name(profile).build())
        .metadata_options(metadata)
        // Until it is disarmed, the builder's own timer ends it and takes its volumes along.
        .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
        .user_data(STANDARD.encode(command::user_data(aws.expires, &aws.volumes)))
        .set_tag_specifications(Some(tags::at_creation(&keys::with_settings(builder_tags, aws), &kinds)))
        .set_subnet_id(place.subnet.clone());
    if !aws.security_groups.is_empty() {
        request = request.set_security_group_ids(Some(aws.security_groups.clone()));
    }
    if let Some(root_device) = launch.root_device {
        request = request.block_device_mappings(root_volume(root_device, aws));
    }
    let taken: Vec<&str> =
        launch.root_device.into_iter().chain(launch.other_devices.iter().map(String::as_str)).collect();
    for (device, volume) in free_devices(&taken).zip(&aws.volumes) {
        request = request.block_device_mappings(extra_volume(&device, volume, aws));
    }
    // What else the base brings along is encrypted too, and goes with its builder.
    for device in launch.other_devices {
        request = request.block_device_mappings(other_volume(device, aws));
    }
    if place.spot {
        let spot = SpotMarketOptions::builder()
            .spot_instance_type(SpotInstanceType::OneTime)
            .instance_interruption_behavior(InstanceInterruptionBehavior::Terminate)
            .build();
        let market = InstanceMarketOptionsRequest::builder().market_type(MarketType::Spot).spot_options(spot).build();
        request = request.instance_market_options(market);
    }
    request
}

fn root_volume(device: &str, aws: &AwsSettings) -> BlockDeviceMapping {
    let volume = EbsBlockDevice::builder()
        .volume_type(VolumeType::Gp3)
        .encrypted(true)
        .delete_on_termination(true)
        .set_volume_size(aws.volume.size_gib.and_then(|size| i32::try_from(size).ok()))
        .set_kms_key_id(aws.volume.kms_key.clone())
        .build();
    BlockDeviceMapping::builder().device_name(device).ebs(volume).build()
}

fn other_volume(device: &str, aws: &AwsSettings) -> BlockDeviceMapping {
    let volume = EbsBlockDevice::builder()
        .encrypted(true)
        .delete_on_termination(true)
        .set_kms_key_id(aws.volume.kms_key.clone())
        .build();
    BlockDeviceMapping::builder().device_name(device).ebs(volume).build()
}

/// Names for further devices, `/dev/sdf` and on (EC2 user guide, "Device names for volumes"), but for those that the
/// image has: `/dev/xvdf` is another name of `/dev/sdf`.
fn free_devices(taken: &[&str]) -> impl Iterator<Item = String> {
    let letter =
        |device: &str| device.trim_start_matches("/dev/").trim_start_matches("xv").trim_start_matches('s').to_owned();
    let taken: Vec<String> = taken.iter().map(|device| letter(device)).collect();
    ('f'..='p').filter(move |name| !taken.contains(&format!("d{name}"))).map(|name| format!("/dev/sd{name}"))
}

fn extra_volume(device: &str, extra: &ExtraVolume, aws: &AwsSettings) -> BlockDeviceMapping {
    let volume = EbsBlockDevice::builder()
        .volume_type(VolumeType::Gp3)
        .encrypted(true)
        .delete_on_termination(true)
        .set_volume_size(i32::try_from(extra.size_gib).ok())
        .set_kms_key_id(aws.volume.kms_key.clone())
        .build();
    BlockDeviceMapping::builder().device_name(device).ebs(volume).build()
}

async fn subnets(api: &Api, settings: &AwsSettings) -> Result<Vec<String>, TargetError> {
    match &settings.subnet {
        None => Ok(Vec::new()),
        Some(Subnet::Id(id)) => Ok(vec![id.clone()]),
        Some(Subnet::Tags(tags)) => {
            let filter =
                |(key, value): (&String, &String)| Filter::builder().name(format!("tag:{key}")).values(value).build();
            let found = describe_subnets(api, tags.iter().map(filter).collect()).await?;
            let words: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if found.is_empty() {
                return Err(TargetError::Unsupported {
                    what: format!("no subnet in {} has the tags {}", api.region, words.join(", ")),
                    help: "correct subnet in the aws: section of amifactory.yaml".into(),
                });
            }
            Ok(found)
        }
    }
}

/// The subnet where one is asked for: of several the one with the most free addresses.
pub async fn first_subnet(api: &Api, settings: &AwsSettings) -> Result<Option<String>, TargetError> {
    Ok(subnets(api, settings).await?.into_iter().next())
}

/// The same one at all times, however many addresses are free.
pub async fn steady_subnet(api: &Api, settings: &AwsSettings) -> Result<Option<String>, TargetError> {
    Ok(subnets(api, settings).await?.into_iter().min())
}

async fn default_subnets(api: &Api) -> Result<Vec<String>, TargetError> {
    describe_subnets(api, vec![Filter::builder().name("default-for-az").values("true").build()]).await
}

async fn describe_subnets(api: &Api, filters: Vec<Filter>) -> Result<Vec<String>, TargetError> {
    let ask = || api.ec2.describe_subnets().set_filters(Some(filters.clone())).send();
    let answer = api.caller.call(op::DESCRIBE_SUBNETS, "subnets for builders", ask).await?;
    let mut found: Vec<(i32, String)> = answer
        .subnets()
        .iter()
        .filter_map(|subnet| Some((-subnet.available_ip_address_count().unwrap_or(0), subnet.subnet_id()?.to_owned())))
        .collect();
    // Those with the most free addresses first; the order is the same on every machine.
    found.sort();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

fn describe(place: &Placement) -> String {
    let subnet = place.subnet.as_deref().unwrap_or("any zone");
    format!("{}{} in {subnet}", place.instance_type, if place.spot { " (spot)" } else { "" })
}
