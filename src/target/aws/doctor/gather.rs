//! Asking. Each question has a short patience, and its refusal is an answer too.

use super::account::http_date;
use super::facts::{
    Account, Asked, EndpointFact, GroupFact, Identity, Kinds, Network, Refused, Rehearsed, Routes, SubnetFact,
};
use crate::identity::Arch;
use crate::pipeline::tags as keys;
use crate::recipe::Subnet;
use crate::target::aws::api::{Api, Operation, op};
use crate::target::aws::launch::{self, Launch};
use crate::target::aws::placement::Placement;
use crate::target::finding::Wanted;
use crate::target::{LaunchBase, LaunchRequest, Tags};
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_ec2::types::{AttributeValue, Filter, IpPermission, LocationType, Route, RouteState, SecurityGroup, Tag};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use time::OffsetDateTime;

/// How long one question may be asked again.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long it may take in all.
const LONGEST: Duration = Duration::from_secs(30);
/// Ids that nothing has.
const NO_INSTANCE: &str = "i-00000000000000000";
const NO_IMAGE: &str = "ami-00000000000000000";
const NO_SNAPSHOT: &str = "snap-00000000000000000";
const NO_VOLUME: &str = "vol-00000000000000000";
const NO_INTERFACE: &str = "eni-00000000000000000";

pub async fn ask<T, E, F>(api: &Api, operation: Operation, resource: &str, send: impl FnMut() -> F) -> Asked<T>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E, Response>>>,
{
    // What does not exist is no "not yet" here.
    let operation = Operation { eventual: &[], ..operation };
    match tokio::time::timeout(LONGEST, api.caller.call_within(PATIENCE, operation, resource, send)).await {
        Ok(answer) => answer.map_err(Refused::from),
        Err(_) => Err(Refused {
            action: operation.action,
            code: String::new(),
            message: format!("no answer in {} s", LONGEST.as_secs()),
            denied: false,
        }),
    }
}

/// Asks whether something would be done.
async fn rehearse<T, E, F>(api: &Api, operation: Operation, id: &str, ours: bool, send: impl FnMut() -> F) -> Rehearsed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E, Response>>>,
{
    let (code, message, denied) = match ask(api, operation, id, send).await {
        // EC2 always answers a rehearsal with an error.
        Ok(_) => (String::new(), "the endpoint does not know DryRun".to_owned(), false),
        Err(refused) => (refused.code, refused.message, refused.denied),
    };
    Rehearsed { action: operation.action, on_ours: ours, code, message, denied }
}

fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// Keeps the time that an answer shows, and ours at that moment.
#[derive(Debug, Clone, Default)]
struct Clocks(Arc<Mutex<Option<(OffsetDateTime, OffsetDateTime)>>>);

impl Intercept for Clocks {
    fn name(&self) -> &'static str {
        "Clocks"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(theirs) = context.response().headers().get("date").and_then(http_date) {
            *crate::target::aws::locked(&self.0) = Some((theirs, OffsetDateTime::now_utc()));
        }
        Ok(())
    }
}

/// Who calls, until when, and whose clock is right.
pub async fn account(api: &Api) -> Account {
    let clocks = Clocks::default();
    let send = || api.sts.get_caller_identity().customize().interceptor(clocks.clone()).send();
    let identity = ask(api, op::WHO_AM_I, "the caller", send)
        .await
        .map(|answer| Identity { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() });
    let expires = match &api.credentials {
        Some(provider) => provider.provide_credentials().await.ok().and_then(|found| found.expiry()),
        None => None,
    };
    let times = *crate::target::aws::locked(&clocks.0);
    Account {
        identity,
        expires: expires.map(OffsetDateTime::from),
        their_time: times.map(|(theirs, _)| theirs),
        our_time: times.map_or_else(OffsetDateTime::now_utc, |(_, ours)| ours),
    }
}

/// The region's opt-in status; none where EC2 does not know it.
pub async fn region(api: &Api) -> Asked<Option<String>> {
    let only = filter("region-name", [api.region.clone()]);
    let send = || api.ec2.describe_regions().all_regions(true).filters(only.clone()).send();
    let answer = ask(api, op::DESCRIBE_REGIONS, &api.region, send).await?;
    Ok(answer.regions().first().map(|region| region.opt_in_status().unwrap_or("opted-in").to_owned()))
}

/// Where types are offered, and their size.
pub async fn kinds(api: &Api, types: &[String]) -> Kinds {
    let named = filter("instance-type", types.to_vec());
    let send = || {
        let request = api.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
        request.filters(named.clone()).max_results(1000).send()
    };
    let offered = ask(api, op::DESCRIBE_OFFERINGS, "instance types", send).await.map(|answer| {
        let mut zones: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for offering in answer.instance_type_offerings() {
            if let (Some(kind), Some(zone)) = (offering.instance_type(), offering.location()) {
                zones.entry(kind.as_str().to_owned()).or_default().insert(zone.to_owned());
            }
        }
        zones
    });
    let send = || api.ec2.describe_instance_types().filters(named.clone()).max_results(100).send();
    let vcpus = ask(api, op::DESCRIBE_TYPES, "instance types", send).await.map(|answer| {
        let size = |kind: &aws_sdk_ec2::types::InstanceTypeInfo| {
            Some((kind.instance_type()?.as_str().to_owned(), kind.v_cpu_info()?.default_v_cpus()?))
        };
        answer.instance_types().iter().filter_map(size).collect()
    });
    Kinds { offered, vcpus }
}

/// The network that these settings mean.
pub async fn network(api: &Api, subnet: Option<&Subnet>, groups: &[String]) -> Network {
    let filters = match subnet {
        None => vec![filter("default-for-az", ["true".to_owned()])],
        Some(Subnet::Id(id)) => vec![filter("subnet-id", [id.clone()])],
        Some(Subnet::Tags(tags)) => {
            tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value.clone()])).collect()
        }
    };
    let send = || api.ec2.describe_subnets().set_filters(Some(filters.clone())).send();
    let subnets = ask(api, op::DESCRIBE_SUBNETS, "subnets for builders", send).await.map(|answer| {
        let fact = |subnet: &aws_sdk_ec2::types::Subnet| SubnetFact {
            id: subnet.subnet_id().unwrap_or_default().to_owned(),
            vpc: subnet.vpc_id().unwrap_or_default().to_owned(),
            zone: subnet.availability_zone().unwrap_or_default().to_owned(),
            free: subnet.available_ip_address_count().unwrap_or_default(),
            public: subnet.map_public_ip_on_launch().unwrap_or_default(),
        };
        answer.subnets().iter().map(fact).collect::<Vec<_>>()
    });
    let vpcs: BTreeSet<String> = subnets.iter().flatten().map(|subnet| subnet.vpc.clone()).collect();
    let of_vpcs = filter("vpc-id", vpcs);
    let send = || api.ec2.describe_route_tables().filters(of_vpcs.clone()).send();
    let routes = ask(api, op::DESCRIBE_ROUTES, "route tables", send).await;
    let send = || api.ec2.describe_vpc_endpoints().filters(of_vpcs.clone()).send();
    let endpoints = ask(api, op::DESCRIBE_ENDPOINTS, "VPC endpoints", send).await;
    let filters = match groups {
        [] => vec![of_vpcs.clone(), filter("group-name", ["default".to_owned()])],
        named => vec![filter("group-id", named.to_vec())],
    };
    let send = || api.ec2.describe_security_groups().set_filters(Some(filters.clone())).send();
    let found = ask(api, op::DESCRIBE_GROUPS, "security groups", send).await;
    Network {
        subnets,
        routes: routes.map(|answer| answer.route_tables().iter().map(route_table).collect()),
        endpoints: endpoints.map(|answer| answer.vpc_endpoints().iter().map(endpoint).collect()),
        groups: found.and_then(|answer| all_of(groups, answer.security_groups())),
    }
}

fn route_table(table: &aws_sdk_ec2::types::RouteTable) -> Routes {
    let out = table.routes().iter().find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"));
    let through = |route: &Route| {
        let ids = [
            route.gateway_id(),
            route.nat_gateway_id(),
            route.transit_gateway_id(),
            route.network_interface_id(),
            route.vpc_peering_connection_id(),
            route.carrier_gateway_id(),
            route.local_gateway_id(),
            route.core_network_arn(),
        ];
        Some((ids.into_iter().flatten().next()?.to_owned(), route.state() != Some(&RouteState::Blackhole)))
    };
    let associations = table.associations();
    Routes {
        vpc: table.vpc_id().unwrap_or_default().to_owned(),
        main: associations.iter().any(|association| association.main() == Some(true)),
        subnets: associations.iter().filter_map(|association| association.subnet_id().map(str::to_owned)).collect(),
        out: out.and_then(through),
    }
}

fn endpoint(endpoint: &aws_sdk_ec2::types::VpcEndpoint) -> EndpointFact {
    let state = endpoint.state().map(|state| state.as_str().to_ascii_lowercase());
    EndpointFact {
        vpc: endpoint.vpc_id().unwrap_or_default().to_owned(),
        service: endpoint.service_name().unwrap_or_default().to_owned(),
        private_dns: endpoint.private_dns_enabled().unwrap_or_default(),
        available: state.as_deref() == Some("available"),
    }
}

fn all_of(named: &[String], groups: &[SecurityGroup]) -> Asked<Vec<GroupFact>> {
    let lost = named.iter().find(|id| !groups.iter().any(|group| group.group_id() == Some(id.as_str())));
    if let Some(id) = lost {
        return Err(Refused {
            action: op::DESCRIBE_GROUPS.action,
            code: "InvalidGroup.NotFound".into(),
            message: format!("there is no security group {id}"),
            denied: false,
        });
    }
    Ok(groups.iter().map(group).collect())
}

fn group(group: &SecurityGroup) -> GroupFact {
    let id = group.group_id().unwrap_or_default();
    let places = |permission: &IpPermission| -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        all.extend(permission.ip_ranges().iter().filter_map(|range| range.cidr_ip().map(str::to_owned)));
        all.extend(permission.ipv6_ranges().iter().filter_map(|range| range.cidr_ipv6().map(str::to_owned)));
        all.extend(permission.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id().map(str::to_owned)));
        // Members of the group itself are other builders at most.
        let others = permission.user_id_group_pairs().iter().filter_map(|pair| pair.group_id());
        all.extend(others.filter(|other| *other != id).map(str::to_owned));
        all
    };
    let https = |permission: &&IpPermission| match permission.ip_protocol() {
        Some("-1") => true,
        Some("tcp" | "6") => {
            permission.from_port().is_none_or(|from| from <= 443) && permission.to_port().is_none_or(|to| to >= 443)
        }
        _ => false,
    };
    GroupFact {
        id: id.to_owned(),
        vpc: group.vpc_id().unwrap_or_default().to_owned(),
        ingress: group.ip_permissions().iter().flat_map(places).collect(),
        https_to: group.ip_permissions_egress().iter().filter(https).flat_map(places).collect(),
    }
}

/// A quota of EC2.
pub async fn quota(api: &Api, code: &str) -> Asked<f64> {
    let send = || api.quotas.get_service_quota().service_code("ec2").quota_code(code).send();
    let answer = ask(api, op::GET_QUOTA, code, send).await?;
    answer.quota().and_then(|quota| quota.value()).ok_or_else(|| Refused {
        action: op::GET_QUOTA.action,
        code: String::new(),
        message: format!("quota {code} has no value"),
        denied: false,
    })
}

/// Whether a log group is there.
pub async fn log_group(api: &Api, name: &str) -> Asked<bool> {
    let send = || api.logs.describe_log_groups().log_group_name_prefix(name).send();
    let answer = ask(api, op::DESCRIBE_LOG_GROUPS, name, send).await?;
    // The first page is in order, so the name itself comes before all that go on from it.
    Ok(answer.log_groups().iter().any(|group| group.log_group_name() == Some(name)))
}

/// The image behind what a builder starts from.
pub fn image_of(base: &LaunchBase) -> String {
    match base {
        LaunchBase::Base(_, resolved) => resolved.id.clone(),
        LaunchBase::Image(image) => image.to_string(),
    }
}

/// A launch as the first builder of a recipe would be launched, only asked about.
#[allow(clippy::too_many_arguments)]
pub async fn launch(
    api: &Api,
    wanted: &Wanted,
    arch: Arch,
    image: &str,
    root_device: Option<&str>,
    profile: &str,
    instance_type: String,
    subnet: Option<String>,
) -> Rehearsed {
    let tags: Tags = [(keys::BUILD.to_owned(), "doctor".to_owned())].into();
    let base = LaunchBase::Image(match image.parse() {
        Ok(id) => id,
        Err(_) => return not_an_image(image),
    });
    let aws = wanted.aws.clone();
    let (token, limits) = (String::new(), wanted.limits);
    let request = LaunchRequest { token, base, limits, aws, arch, attempt: 1, tags, bundles: None };
    let launch = Launch { image, root_device, other_devices: &[], request: &request };
    let place = Placement { instance_type, subnet, spot: false };
    let send = || launch::rehearsal(api, &launch, profile, &place).send();
    rehearse(api, op::RUN_INSTANCES, "a builder", true, send).await
}

fn not_an_image(image: &str) -> Rehearsed {
    let message = format!("`{image}` is not the id of an image");
    Rehearsed { action: op::RUN_INSTANCES.action, on_ours: true, code: String::new(), message, denied: false }
}

/// What is there and ours, to ask about.
#[derive(Debug, Clone)]
pub struct Ours {
    instances: Asked<Option<String>>,
    images: Asked<Option<(String, Option<String>)>>,
}

/// A builder and an image that carry our tags.
pub async fn ours(api: &Api) -> Ours {
    let tagged = filter("tag-key", [keys::BUILD.to_owned()]);
    let send = || api.ec2.describe_instances().filters(tagged.clone()).max_results(500).send();
    let instances = ask(api, op::DESCRIBE_INSTANCES, "builders", send).await.map(|answer| {
        let all = answer.reservations().iter().flat_map(|reservation| reservation.instances());
        let mut alive = all.filter(|instance| {
            let state = instance.state().and_then(|state| state.name()).map(|name| name.as_str());
            matches!(state, Some("pending" | "running" | "stopping" | "stopped"))
        });
        alive.find_map(|instance| instance.instance_id().map(str::to_owned))
    });
    let send = || api.ec2.describe_images().owners("self").filters(tagged.clone()).max_results(500).send();
    let images = ask(api, op::DESCRIBE_IMAGES, "images", send).await.map(|answer| {
        let id = |image: &aws_sdk_ec2::types::Image| {
            let snapshot = image.block_device_mappings().iter().find_map(|mapping| mapping.ebs()?.snapshot_id());
            Some((image.image_id()?.to_owned(), snapshot.map(str::to_owned)))
        };
        answer.images().iter().find_map(id)
    });
    Ours { instances, images }
}

/// Reads that builds make on whatever engine, each once.
pub async fn common_reads(api: &Api, ours: &Ours) -> Vec<(&'static str, Asked<()>)> {
    let tagged = || filter("tag-key", [keys::BUILD.to_owned()]);
    let send = || api.ec2.describe_snapshots().owner_ids("self").filters(tagged()).max_results(5).send();
    let snapshots = ask(api, op::DESCRIBE_SNAPSHOTS, "snapshots", send).await.map(drop);
    // A name that nothing has is listed as such: that is an answer.
    let send = || api.ssm.get_parameters().names("/amifactory/doctor").send();
    let parameters = ask(api, op::GET_PARAMETERS, "/amifactory", send).await.map(drop);
    let send = || api.ssm.get_parameters_by_path().path("/amifactory").max_results(1).send();
    let list = ask(api, op::LIST_PARAMETERS, "/amifactory", send).await.map(drop);
    vec![
        (op::DESCRIBE_IMAGES.action, ours.images.clone().map(drop)),
        (op::DESCRIBE_SNAPSHOTS.action, snapshots),
        (op::GET_PARAMETERS.action, parameters),
        (op::LIST_PARAMETERS.action, list),
    ]
}

/// Reads that builds on instances of their own make, each once.
pub async fn reads(api: &Api, ours: &Ours) -> Vec<(&'static str, Asked<()>)> {
    let tagged = || filter("tag-key", [keys::BUILD.to_owned()]);
    let send = || api.ec2.describe_volumes().filters(tagged()).max_results(5).send();
    let volumes = ask(api, op::DESCRIBE_VOLUMES, "volumes", send).await.map(drop);
    let send = || api.ec2.describe_network_interfaces().filters(tagged()).max_results(5).send();
    let interfaces = ask(api, op::DESCRIBE_INTERFACES, "network interfaces", send).await.map(drop);
    let send = || api.ssm.describe_instance_information().max_results(5).send();
    let agents = ask(api, op::DESCRIBE_AGENTS, "agents", send).await.map(drop);
    let send = || api.ssm.list_command_invocations().max_results(1).send();
    let invocations = ask(api, op::LIST_INVOCATIONS, "commands", send).await.map(drop);
    let mut all = vec![(op::DESCRIBE_INSTANCES.action, ours.instances.clone().map(drop))];
    all.extend(common_reads(api, ours).await);
    all.extend([
        (op::DESCRIBE_VOLUMES.action, volumes),
        (op::DESCRIBE_INTERFACES.action, interfaces),
        (op::DESCRIBE_AGENTS.action, agents),
        (op::LIST_INVOCATIONS.action, invocations),
    ]);
    all
}

/// Changes of images and of what they stand on, each only asked about.
pub async fn image_mutations(api: &Api, ours: &Ours) -> Vec<Rehearsed> {
    let image = ours.images.as_ref().ok().and_then(Option::as_ref);
    let (a, is_ours) = (image.map_or(NO_IMAGE, |(id, _)| id), image.is_some());
    let tag = Tag::builder().key(keys::STATE).value("candidate").build();
    let send = || api.ec2.create_tags().dry_run(true).resources(a).tags(tag.clone()).send();
    let tag_image = rehearse(api, op::CREATE_TAGS, a, is_ours, send).await;
    let send = || api.ec2.deregister_image().dry_run(true).image_id(a).send();
    let deregister = rehearse(api, op::DEREGISTER_IMAGE, a, is_ours, send).await;
    let snapshot = image.and_then(|(_, snapshot)| snapshot.as_deref());
    let (s, is_ours) = (snapshot.unwrap_or(NO_SNAPSHOT), snapshot.is_some());
    let send = || api.ec2.delete_snapshot().dry_run(true).snapshot_id(s).send();
    let delete_snapshot = rehearse(api, op::DELETE_SNAPSHOT, s, is_ours, send).await;
    vec![tag_image, deregister, delete_snapshot]
}

/// Changes that builds on instances of their own make, each only asked about.
pub async fn mutations(api: &Api, ours: &Ours) -> Vec<Rehearsed> {
    let instance = ours.instances.as_ref().ok().and_then(Option::as_deref);
    let (i, is_ours) = (instance.unwrap_or(NO_INSTANCE), instance.is_some());
    let keep = AttributeValue::builder().value("stop").build();
    let send = || {
        let request = api.ec2.modify_instance_attribute().dry_run(true).instance_id(i);
        request.instance_initiated_shutdown_behavior(keep.clone()).send()
    };
    let modify = rehearse(api, op::MODIFY_INSTANCE, i, is_ours, send).await;
    let send = || api.ec2.stop_instances().dry_run(true).instance_ids(i).send();
    let stop = rehearse(api, op::STOP_INSTANCES, i, is_ours, send).await;
    let send = || api.ec2.terminate_instances().dry_run(true).instance_ids(i).send();
    let terminate = rehearse(api, op::TERMINATE_INSTANCES, i, is_ours, send).await;
    let tags: Tags = [(keys::BUILD.to_owned(), "doctor".to_owned())].into();
    let kinds = [aws_sdk_ec2::types::ResourceType::Image, aws_sdk_ec2::types::ResourceType::Snapshot];
    let send = || {
        let request = api.ec2.create_image().dry_run(true).instance_id(i).name("amifactory-doctor");
        request.set_tag_specifications(Some(crate::target::aws::tags::at_creation(&tags, &kinds))).send()
    };
    let create = rehearse(api, op::CREATE_IMAGE, i, is_ours, send).await;
    let send = || api.ec2.delete_volume().dry_run(true).volume_id(NO_VOLUME).send();
    let delete_volume = rehearse(api, op::DELETE_VOLUME, NO_VOLUME, false, send).await;
    let send = || api.ec2.delete_network_interface().dry_run(true).network_interface_id(NO_INTERFACE).send();
    let delete_interface = rehearse(api, op::DELETE_INTERFACE, NO_INTERFACE, false, send).await;
    let mut all = vec![modify, stop, terminate, create];
    all.extend(image_mutations(api, ours).await);
    all.extend([delete_volume, delete_interface]);
    all
}
