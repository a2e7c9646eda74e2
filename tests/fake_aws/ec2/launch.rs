//! Instances come into being, with their volumes and interfaces.

use super::super::agents::Disk;
use super::super::world::{Errand, World};
use super::kinds::Kind;
use super::model::*;
use super::timeline::Timeline;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io::Read as _;
use std::time::Duration;
use tokio::time::Instant;

/// A RunInstances call in which nothing is wrong.
pub struct Launch {
    pub count: usize,
    pub image: Image,
    pub kind: &'static Kind,
    pub mappings: Vec<Mapping>,
    pub subnet: Subnet,
    pub groups: Vec<String>,
    pub public_ip: bool,
    pub keep_interface: bool,
    pub key_name: Option<String>,
    pub profile: Option<Profile>,
    pub shutdown: ShutdownBehavior,
    pub user_data: Option<String>,
    pub metadata: MetadataOptions,
    pub spot: Option<Spot>,
    pub token: Option<String>,
    pub protected: bool,
    pub ebs_optimized: bool,
    pub tags: LaunchTags,
}

pub struct Spot {
    pub persistent: bool,
    pub interruption: String,
}

#[derive(Default)]
pub struct LaunchTags {
    pub instance: Tags,
    pub volume: Tags,
    pub interface: Tags,
    pub spot: Tags,
}

/// Makes them; gives their ids.
pub fn launch(world: &mut World, launch: Launch, home: &Home, now: Instant) -> Vec<String> {
    let reservation = world.id("r");
    (0..launch.count).map(|index| one(world, &launch, home, now, &reservation, index)).collect()
}

fn one(world: &mut World, launch: &Launch, home: &Home, now: Instant, reservation: &str, index: usize) -> String {
    let id = world.id("i");
    let visible = world.visible_at(now);
    let devices = volumes(world, launch, home, now, visible, &id);
    let (interface, private_ip, public_ip) = interface(world, launch, home, now, visible, &id);
    let spot = launch.spot.as_ref().map(|spot| request(world, launch, spot, home, now, &id));
    let running = now + world.latencies.running;
    let failing = world.ec2.pokes.failing_launch.take();
    let mut state = Timeline::new(now, InstanceState::Pending);
    state.then(running, if failing.is_some() { InstanceState::Terminated } else { InstanceState::Running });
    let instance = Instance {
        id: id.clone(),
        home: home.clone(),
        reservation: reservation.to_owned(),
        index,
        image: launch.image.id.clone(),
        architecture: launch.image.architecture.clone(),
        root_device: launch.image.root_device.clone(),
        kind: launch.kind.name.to_owned(),
        vpc: launch.subnet.vpc.clone(),
        subnet: launch.subnet.id.clone(),
        zone: launch.subnet.zone.clone(),
        private_ip,
        public_ip,
        groups: launch.groups.clone(),
        key_name: launch.key_name.clone(),
        profile: launch.profile.as_ref().map(|profile| profile.name.clone()),
        state,
        reason: failing,
        launched: now,
        visible,
        token: launch.token.clone(),
        shutdown: launch.shutdown,
        user_data: launch.user_data.clone(),
        metadata: launch.metadata.clone(),
        devices,
        interfaces: vec![interface],
        spot,
        protected: launch.protected,
        ebs_optimized: launch.ebs_optimized,
        dead_man: launch.user_data.as_deref().and_then(dead_man).map(|after| running + after),
        reclaim: None,
        rebooted: None,
        buried: false,
        disk: launch.image.disk.clone(),
    };
    world.ec2.set_tags(&id, now, launch.tags.instance.clone());
    world.errands.push(Errand::Boot { instance: id.clone(), disk: instance.disk.clone() });
    world.ec2.instances.insert(id.clone(), instance);
    id
}

fn volumes(world: &mut World, launch: &Launch, home: &Home, now: Instant, visible: Instant, id: &str) -> Vec<Device> {
    let mut devices = Vec::new();
    for mapping in &launch.mappings {
        let volume = world.id("vol");
        let root = mapping.device == launch.image.root_device;
        world.ec2.volumes.insert(
            volume.clone(),
            Volume {
                id: volume.clone(),
                home: home.clone(),
                zone: launch.subnet.zone.clone(),
                size: mapping.size,
                kind: mapping.kind.clone(),
                iops: mapping.iops,
                throughput: mapping.throughput,
                encrypted: mapping.encrypted,
                kms_key: mapping.encrypted.then(|| key(mapping.kms_key.as_deref(), home)),
                snapshot: mapping.snapshot.clone(),
                created: now,
                visible,
                state: Timeline::new(now, "in-use"),
                attached: Some((id.to_owned(), mapping.device.clone())),
                disk: root.then(|| launch.image.disk.clone()),
            },
        );
        world.ec2.set_tags(&volume, now, launch.tags.volume.clone());
        devices.push(Device {
            name: mapping.device.clone(),
            volume,
            delete_on_termination: mapping.delete_on_termination,
        });
    }
    devices
}

/// The id of the key that AWS manages for EBS in an account: whoever names no key has it, and nobody can share it.
const DEFAULT_KEY: &str = "00000000-0000-0000-0000-0000000000eb";

/// Whether a key is the one that AWS manages for EBS.
pub fn is_default_key(arn: &str) -> bool {
    arn.ends_with(&format!("key/{DEFAULT_KEY}"))
}

/// The key that encrypts, as an ARN; the one that AWS manages for EBS where none is named, or that one's alias.
pub fn key(named: Option<&str>, home: &Home) -> String {
    match named.filter(|named| !named.ends_with("alias/aws/ebs")) {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        Some(id) => format!("arn:aws:kms:{}:{}:key/{}", home.region, home.account, id.trim_start_matches("alias/")),
        None => format!("arn:aws:kms:{}:{}:key/{DEFAULT_KEY}", home.region, home.account),
    }
}

fn interface(
    world: &mut World,
    launch: &Launch,
    home: &Home,
    now: Instant,
    visible: Instant,
    instance: &str,
) -> (String, String, Option<String>) {
    let id = world.id("eni");
    world.ec2.next_ip += 1;
    let number = world.ec2.next_ip;
    let start = launch.subnet.cidr.split('.').take(2).collect::<Vec<_>>().join(".");
    let third = launch.subnet.cidr.split('.').nth(2).and_then(|part| part.parse().ok()).unwrap_or(0);
    let private_ip = format!("{start}.{}.{}", third + number / 250 % 16, number % 250 + 4);
    let public_ip = launch.public_ip.then(|| format!("203.0.113.{}", number % 250 + 1));
    world.ec2.interfaces.insert(
        id.clone(),
        Interface {
            id: id.clone(),
            home: home.clone(),
            subnet: launch.subnet.id.clone(),
            vpc: launch.subnet.vpc.clone(),
            zone: launch.subnet.zone.clone(),
            private_ip: private_ip.clone(),
            public_ip: public_ip.clone(),
            groups: launch.groups.clone(),
            description: String::new(),
            instance: Some(instance.to_owned()),
            delete_on_termination: !launch.keep_interface,
            visible,
            created: now,
        },
    );
    world.ec2.set_tags(&id, now, launch.tags.interface.clone());
    (id, private_ip, public_ip)
}

fn request(world: &mut World, launch: &Launch, spot: &Spot, home: &Home, now: Instant, instance: &str) -> String {
    let id = format!("sir-{:08x}", world.random.u32(..));
    world.ec2.spot_requests.insert(
        id.clone(),
        SpotRequest {
            id: id.clone(),
            home: home.clone(),
            instance: instance.to_owned(),
            image: launch.image.id.clone(),
            kind: launch.kind.name.to_owned(),
            zone: launch.subnet.zone.clone(),
            persistent: spot.persistent,
            interruption: spot.interruption.clone(),
            created: now,
            state: "active",
            status: "fulfilled".to_owned(),
        },
    );
    world.ec2.set_tags(&id, now, launch.tags.spot.clone());
    id
}

/// User data is not run; this line in it says what its timer would do:
/// `# amifactory-dead-man: <seconds>` after boot the instance shuts itself down.
fn dead_man(user_data: &str) -> Option<Duration> {
    let bytes = BASE64_STANDARD.decode(user_data).ok()?;
    let mut plain = Vec::new();
    let text = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => {
            flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).ok()?;
            plain
        }
        false => bytes,
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("# amifactory-dead-man:"))?;
    line.trim().parse().ok().map(Duration::from_secs)
}

/// A disk that the agent has frozen under this name from now on.
pub fn freeze(world: &mut World, instance: &str, name: &str) -> Disk {
    world.ec2.disks.insert(name.to_owned());
    world.errands.push(Errand::Image { instance: instance.to_owned(), image: name.to_owned() });
    Disk::Image(name.to_owned())
}
