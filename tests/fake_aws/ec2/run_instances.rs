//! RunInstances: everything that may be wrong with it, and its client token.

use super::super::World;
use super::super::params::Params;
use super::super::pipeline::allowed;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, text};
use super::errors::{check_id, combination, invalid, missing, not_found};
use super::kinds::{self, Kind};
use super::launch::{self, Launch, Spot};
use super::mappings::mappings;
use super::model::{Home, Image, InstanceState, MetadataOptions, ShutdownBehavior, Subnet};
use super::room::check_room;
use super::state::TokenUse;
use super::timeline::Timeline;
use super::{dry_run, instance_xml, places, profiles, tags};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// "User data is limited to 16 KB, in raw form, before it is base64-encoded."
const USER_DATA: usize = 16 * 1024;

pub fn run_instances(world: &mut World, call: &Incoming<'_>) -> Reply {
    let params = call.params;
    let home = Home::of(call.caller);
    if let Some(made) = repeated(world, call, &home)? {
        return Ok(Done::xml(reservation(world, call, &made, false)));
    }
    let mut launch = read(world, call, &home)?;
    let specified = tags::specified(call, &["instance", "volume", "network-interface", "spot-instances-request"])?;
    check_metadata_tags(&launch, &specified)?;
    for (kind, tags) in [
        ("instance", &mut launch.tags.instance),
        ("volume", &mut launch.tags.volume),
        ("network-interface", &mut launch.tags.interface),
        ("spot-instances-request", &mut launch.tags.spot),
    ] {
        *tags = specified.of(kind);
    }
    let mut permissions = specified.permissions();
    if launch.profile.is_some() {
        allowed(call.caller, "iam:PassRole")?;
        permissions.push("iam:PassRole".to_owned());
    }
    if !dry_run(call)? {
        check_room(world, call, &launch, &home)?;
    }
    let made = launch::launch(world, launch, &home, call.now);
    let answer = reservation(world, call, &made, true);
    if let Some(token) = params.get("ClientToken") {
        let use_ = TokenUse { params: params.without(&["ClientToken", "DryRun"]), made: made.clone() };
        world.ec2.tokens.insert((home, token.to_owned()), use_);
    }
    Ok(Done::xml(answer).made(made).needs(permissions))
}

/// What an earlier call with the same token has made.
fn repeated(world: &World, call: &Incoming<'_>, home: &Home) -> Result<Option<Vec<String>>, Failure> {
    let Some(token) = call.params.get("ClientToken") else { return Ok(None) };
    if token.len() > 64 || !token.is_ascii() {
        return Err(invalid("Client token exceeds the maximum length of 64 ASCII characters"));
    }
    let Some(used) = world.ec2.tokens.get(&(home.clone(), token.to_owned())) else { return Ok(None) };
    if used.params != call.params.without(&["ClientToken", "DryRun"]) {
        return Err(Failure::bad(
            "IdempotentParameterMismatch",
            "The request uses the same client token as a previous, but non-identical request.",
        ));
    }
    let gone = |id: &String| {
        world.ec2.instances.get(id).is_none_or(|instance| instance.is(call.now, InstanceState::Terminated))
    };
    if used.made.iter().any(gone) {
        return Err(Failure::bad(
            "IdempotentInstanceTerminated",
            "The client token you have provided is associated with a resource that has already been terminated. \
             Please use a different client token.",
        ));
    }
    Ok(Some(used.made.clone()))
}

fn reservation(world: &World, call: &Incoming<'_>, made: &[String], fresh: bool) -> Vec<Xml> {
    let mut instances: Vec<_> = made.iter().filter_map(|id| world.ec2.instances.get(id)).cloned().collect();
    // The answer to a launch always says pending, however fast it is.
    for instance in instances.iter_mut().filter(|_| fresh) {
        instance.state = Timeline::new(call.now, InstanceState::Pending);
    }
    let first = instances.first();
    vec![
        text("reservationId", first.map_or("", |instance| instance.reservation.as_str())),
        text("ownerId", call.caller.account()),
        text("groupSet", ""),
        items("instancesSet", instances.iter().map(|instance| instance_xml::instance(world, instance, call.now))),
    ]
}

fn read(world: &World, call: &Incoming<'_>, home: &Home) -> Result<Launch, Failure> {
    let params = call.params;
    let count = count(params)?;
    let image = image(world, call, home)?;
    let kind_name = params.get("InstanceType").unwrap_or("m1.small");
    let kind =
        kinds::find(kind_name).ok_or_else(|| invalid(format!("Invalid value '{kind_name}' for InstanceType.")))?;
    check_architecture(&image, kind)?;
    let network = network(world, call, home)?;
    let key_name = params.get("KeyName").map(str::to_owned);
    if let Some(name) = &key_name
        && !world.ec2.key_pairs.values().any(|pair| pair.home == *home && pair.name == *name)
    {
        let message = format!("The key pair '{name}' does not exist");
        return Err(Failure::bad("InvalidKeyPair.NotFound", message));
    }
    let spot = spot(&params.group("InstanceMarketOptions"))?;
    Ok(Launch {
        count,
        mappings: mappings(world, params, &image)?,
        image,
        kind,
        subnet: network.subnet,
        groups: network.groups,
        public_ip: network.public_ip,
        keep_interface: network.keep_interface,
        key_name,
        profile: profiles::named(world, &params.group("IamInstanceProfile"), home)?,
        shutdown: shutdown(params, spot.is_some())?,
        user_data: user_data(params)?,
        metadata: metadata(&params.group("MetadataOptions"))?,
        spot,
        token: params.get("ClientToken").map(str::to_owned),
        protected: params.flag("DisableApiTermination")?.unwrap_or(false),
        ebs_optimized: params.flag("EbsOptimized")?.unwrap_or(false),
        tags: Default::default(),
    })
}

fn count(params: &Params) -> Result<usize, Failure> {
    let least = params.number("MinCount")?.ok_or_else(|| missing("MinCount"))?;
    let most = params.number("MaxCount")?.ok_or_else(|| missing("MaxCount"))?;
    if least == 0 || most < least {
        return Err(invalid(format!(
            "Value ({least}) for parameter minCount is invalid: it is 0, or more than maxCount"
        )));
    }
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

fn image(world: &World, call: &Incoming<'_>, home: &Home) -> Result<Image, Failure> {
    let id = call.params.get("ImageId").ok_or_else(|| missing("ImageId"))?;
    check_id("ami-", id)?;
    let image = world.ec2.images.get(id).filter(|image| image.seen_by(home, call.now));
    let image = image.ok_or_else(|| not_found("ami-", id))?;
    if *image.state.at(call.now) != "available" {
        return Err(Failure::bad("InvalidAMIID.Unavailable", format!("The image ID '{id}' is not available")));
    }
    Ok(image.clone())
}

fn check_architecture(image: &Image, kind: &Kind) -> Result<(), Failure> {
    if image.architecture == kind.architecture {
        return Ok(());
    }
    Err(invalid(format!(
        "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified \
         AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
        kind.architecture, image.architecture
    )))
}

struct Network {
    subnet: Subnet,
    groups: Vec<String>,
    public_ip: bool,
    keep_interface: bool,
}

fn network(world: &World, call: &Incoming<'_>, home: &Home) -> Result<Network, Failure> {
    let params = call.params;
    let interfaces = params.members("NetworkInterface");
    let mut groups = params.list("SecurityGroupId");
    let mut wanted = params.get("SubnetId").map(str::to_owned);
    let (mut public, mut keep) = (None, false);
    if let Some(interface) = interfaces.first() {
        if wanted.is_some() {
            return Err(combination(
                "Network interfaces and an instance-level subnet ID may not be specified on the same request",
            ));
        }
        if !groups.is_empty() {
            return Err(combination(
                "Network interfaces and an instance-level security groups may not be specified on the same request",
            ));
        }
        if interface.number("DeviceIndex")?.is_none() {
            return Err(invalid("Each network interface requires a device index."));
        }
        wanted = interface.get("SubnetId").map(str::to_owned);
        groups = interface.list("SecurityGroupId");
        public = interface.flag("AssociatePublicIpAddress")?;
        keep = interface.flag("DeleteOnTermination")? == Some(false);
    }
    let subnet = subnet(world, call, home, wanted.as_deref())?;
    if groups.is_empty() {
        let default = |group: &&super::model::Group| group.vpc == subnet.vpc && group.name == "default";
        groups.extend(world.ec2.groups.values().find(default).map(|group| group.id.clone()));
    }
    for id in &groups {
        check_id("sg-", id)?;
        let group = world.ec2.groups.get(id).filter(|group| group.home == *home && group.visible <= call.now);
        let group = group.ok_or_else(|| not_found("sg-", id))?;
        if group.vpc != subnet.vpc {
            return Err(Failure::bad(
                "InvalidParameter",
                format!("Security group {id} and subnet {} belong to different networks.", subnet.id),
            ));
        }
    }
    let public_ip = public.unwrap_or(subnet.public);
    Ok(Network { subnet, groups, public_ip, keep_interface: keep })
}

fn subnet(world: &World, call: &Incoming<'_>, home: &Home, wanted: Option<&str>) -> Result<Subnet, Failure> {
    let zone = call.params.get("Placement.AvailabilityZone");
    if let Some(zone) = zone
        && !places::zones(&home.region).iter().any(|known| known == zone)
    {
        return Err(invalid(format!("Invalid availability zone: [{zone}]")));
    }
    let mut own = world.ec2.subnets.values().filter(|subnet| subnet.home == *home);
    let subnet = match wanted {
        Some(id) => {
            check_id("subnet-", id)?;
            own.find(|subnet| subnet.id == id).ok_or_else(|| {
                Failure::bad("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"))
            })?
        }
        None => own.find(|subnet| subnet.default && zone.is_none_or(|zone| subnet.zone == zone)).ok_or_else(|| {
            Failure::bad(
                "VPCIdNotSpecified",
                "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
            )
        })?,
    };
    if let Some(zone) = zone
        && subnet.zone != zone
    {
        return Err(invalid(format!(
            "Value ({zone}) for parameter availabilityZone is invalid. The subnet '{}' is in '{}'.",
            subnet.id, subnet.zone
        )));
    }
    Ok(subnet.clone())
}

fn shutdown(params: &Params, is_spot: bool) -> Result<ShutdownBehavior, Failure> {
    match params.get("InstanceInitiatedShutdownBehavior") {
        // Its words as reports of them have it; which error code they come with is not documented.
        Some("stop") if is_spot => {
            Err(combination("instanceInitiatedShutdownBehavior=stop is not supported for spot instances."))
        }
        None if is_spot => Ok(ShutdownBehavior::Terminate),
        None | Some("stop") => Ok(ShutdownBehavior::Stop),
        Some("terminate") => Ok(ShutdownBehavior::Terminate),
        Some(other) => {
            Err(invalid(format!("Value ({other}) for parameter instanceInitiatedShutdownBehavior is invalid.")))
        }
    }
}

fn user_data(params: &Params) -> Result<Option<String>, Failure> {
    let Some(text) = params.get("UserData") else { return Ok(None) };
    let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| invalid("Invalid BASE64 encoding of user data."))?;
    if bytes.len() > USER_DATA {
        return Err(invalid(format!("User data is limited to {USER_DATA} bytes")));
    }
    Ok(Some(text.trim().to_owned()))
}

fn metadata(params: &Params) -> Result<MetadataOptions, Failure> {
    let choice = |name: &str, usual: &str, known: [&str; 2]| match params.get(name) {
        None => Ok(usual.to_owned()),
        Some(value) if known.contains(&value) => Ok(value.to_owned()),
        Some(value) => Err(invalid(format!("Value ({value}) for parameter {name} is invalid."))),
    };
    let hop_limit = params.number("HttpPutResponseHopLimit")?.unwrap_or(1);
    if !(1..=64).contains(&hop_limit) {
        return Err(invalid("HttpPutResponseHopLimit must be between 1 and 64"));
    }
    Ok(MetadataOptions {
        tokens: choice("HttpTokens", "optional", ["optional", "required"])?,
        endpoint: choice("HttpEndpoint", "enabled", ["enabled", "disabled"])?,
        tags: choice("InstanceMetadataTags", "disabled", ["enabled", "disabled"])?,
        ipv6: choice("HttpProtocolIpv6", "disabled", ["enabled", "disabled"])?,
        hop_limit,
    })
}

fn spot(params: &Params) -> Result<Option<Spot>, Failure> {
    match params.get("MarketType") {
        None if params.is_empty() => return Ok(None),
        Some("spot") => {}
        other => return Err(invalid(format!("Value ({}) for parameter marketType is invalid.", other.unwrap_or("")))),
    }
    let options = params.group("SpotOptions");
    let persistent = options.get("SpotInstanceType") == Some("persistent");
    let interruption = options.get("InstanceInterruptionBehavior").unwrap_or("terminate").to_owned();
    if interruption != "terminate" && !persistent {
        return Err(combination(format!(
            "Interruption behavior '{interruption}' is only supported for persistent Spot Instance requests"
        )));
    }
    Ok(Some(Spot { persistent, interruption }))
}

/// Tags that the metadata service shows become parts of paths.
fn check_metadata_tags(launch: &Launch, specified: &tags::Specified) -> Result<(), Failure> {
    if launch.metadata.tags != "enabled" {
        return Ok(());
    }
    let plain = |key: &str| {
        key.chars().all(|c| c.is_ascii_alphanumeric() || "-_+=,.@:".contains(c))
            && ![".", "..", "_index"].contains(&key)
    };
    match specified.of("instance").keys().find(|key| !plain(key)) {
        None => Ok(()),
        Some(key) => Err(invalid(format!(
            "'{key}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{{1,255}}), and must \
             not be a reserved name ('.', '..', '_index')"
        ))),
    }
}
