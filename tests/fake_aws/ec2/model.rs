//! What there is in EC2.

use super::super::agents::Disk;
use super::super::credentials::Caller;
use super::timeline::Timeline;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use tokio::time::Instant;

pub type Tags = BTreeMap<String, String>;

/// Where a resource lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Home {
    pub account: String,
    pub region: String,
}

impl Home {
    pub fn of(caller: &Caller) -> Home {
        Home { account: caller.account().to_owned(), region: caller.region.clone() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl InstanceState {
    /// The number that goes with the name.
    pub fn code(self) -> u32 {
        match self {
            InstanceState::Pending => 0,
            InstanceState::Running => 16,
            InstanceState::ShuttingDown => 32,
            InstanceState::Terminated => 48,
            InstanceState::Stopping => 64,
            InstanceState::Stopped => 80,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            InstanceState::Pending => "pending",
            InstanceState::Running => "running",
            InstanceState::ShuttingDown => "shutting-down",
            InstanceState::Terminated => "terminated",
            InstanceState::Stopping => "stopping",
            InstanceState::Stopped => "stopped",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownBehavior {
    Stop,
    Terminate,
}

impl ShutdownBehavior {
    pub fn name(self) -> &'static str {
        match self {
            ShutdownBehavior::Stop => "stop",
            ShutdownBehavior::Terminate => "terminate",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Instance {
    pub id: String,
    pub home: Home,
    pub reservation: String,
    pub index: usize,
    pub image: String,
    pub architecture: String,
    pub root_device: String,
    pub kind: String,
    pub vpc: String,
    pub subnet: String,
    pub zone: String,
    pub private_ip: String,
    pub public_ip: Option<String>,
    pub groups: Vec<String>,
    pub key_name: Option<String>,
    /// Name of its instance profile.
    pub profile: Option<String>,
    pub state: Timeline<InstanceState>,
    /// Why it is no longer running: code and message.
    pub reason: Option<(String, String)>,
    pub launched: Instant,
    pub visible: Instant,
    pub token: Option<String>,
    pub shutdown: ShutdownBehavior,
    /// Base64, as it was sent.
    pub user_data: Option<String>,
    pub metadata: MetadataOptions,
    pub devices: Vec<Device>,
    pub interfaces: Vec<String>,
    pub spot: Option<String>,
    pub protected: bool,
    pub ebs_optimized: bool,
    /// When it shuts itself down.
    pub dead_man: Option<Instant>,
    /// When spot takes it back.
    pub reclaim: Option<Instant>,
    pub rebooted: Option<Instant>,
    /// What goes with a terminated instance is gone.
    pub buried: bool,
    pub disk: Disk,
}

impl Instance {
    /// Since when its operating system is up; none while it is not running. A reboot starts it anew.
    pub fn up_since(&self, now: Instant) -> Option<Instant> {
        if *self.state.at(now) != InstanceState::Running {
            return None;
        }
        let running = self.state.since(now);
        match self.rebooted {
            Some(up) if up > now => None,
            Some(up) => Some(up.max(running)),
            None => Some(running),
        }
    }

    pub fn is(&self, now: Instant, state: InstanceState) -> bool {
        *self.state.at(now) == state
    }

    /// Not shutting down and not terminated.
    pub fn alive(&self, now: Instant) -> bool {
        !matches!(self.state.at(now), InstanceState::ShuttingDown | InstanceState::Terminated)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataOptions {
    pub tokens: String,
    pub endpoint: String,
    pub hop_limit: u64,
    pub tags: String,
    pub ipv6: String,
}

/// A volume on an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    pub volume: String,
    pub delete_on_termination: bool,
}

#[derive(Debug, Clone)]
pub struct Volume {
    pub id: String,
    pub home: Home,
    pub zone: String,
    pub size: u64,
    pub kind: String,
    pub iops: Option<u64>,
    pub throughput: Option<u64>,
    pub encrypted: bool,
    pub kms_key: Option<String>,
    pub snapshot: Option<String>,
    pub created: Instant,
    pub visible: Instant,
    /// `creating`, `available`, `in-use`.
    pub state: Timeline<&'static str>,
    /// The instance and the device name there.
    pub attached: Option<(String, String)>,
    pub disk: Option<Disk>,
}

#[derive(Debug, Clone)]
pub struct Snapshot {
    pub id: String,
    pub home: Home,
    /// `vol-ffffffff` for one that was written by the EBS direct APIs.
    pub volume: String,
    pub size: u64,
    pub description: String,
    pub encrypted: bool,
    pub kms_key: Option<String>,
    pub started: Instant,
    pub visible: Instant,
    /// `pending`, `completed`, `error`.
    pub state: Timeline<&'static str>,
    pub disk: Option<Disk>,
    /// Accounts that may read it.
    pub shared_with: BTreeSet<String>,
}

/// One device of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub device: String,
    pub snapshot: Option<String>,
    pub size: u64,
    pub kind: String,
    pub iops: Option<u64>,
    pub throughput: Option<u64>,
    pub encrypted: bool,
    pub kms_key: Option<String>,
    pub delete_on_termination: bool,
}

#[derive(Debug, Clone)]
pub struct Image {
    pub id: String,
    pub home: Home,
    pub owner_alias: Option<String>,
    pub name: String,
    pub description: String,
    pub architecture: String,
    pub created: OffsetDateTime,
    pub visible: Instant,
    /// `pending`, `available`, `failed`, `disabled`.
    pub state: Timeline<&'static str>,
    /// Why it failed.
    pub reason: Option<(String, String)>,
    pub root_device: String,
    pub mappings: Vec<Mapping>,
    pub public: bool,
    /// Accounts that may launch it.
    pub shared_with: BTreeSet<String>,
    /// ARNs of organizations and their units that may launch it.
    pub shared_with_arns: BTreeSet<String>,
    pub source_instance: Option<String>,
    /// Image and region that it was copied from or built on.
    pub source_image: Option<(String, String)>,
    pub imds_v2: bool,
    pub boot_mode: Option<String>,
    /// From when on it is deprecated.
    pub deprecated: Timeline<Option<String>>,
    pub protection: Protection,
    pub disk: Disk,
}

/// Whether an image can be deregistered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protection {
    #[default]
    Off,
    /// It can't, and not for 24 hours after that ends either, where it has a cooldown.
    On { cooldown: bool },
    /// It ended; until then it can't be deregistered.
    Ending(Instant),
}

#[derive(Debug, Clone)]
pub struct Interface {
    pub id: String,
    pub home: Home,
    pub subnet: String,
    pub vpc: String,
    pub zone: String,
    pub private_ip: String,
    pub public_ip: Option<String>,
    pub groups: Vec<String>,
    pub description: String,
    pub instance: Option<String>,
    pub delete_on_termination: bool,
    pub visible: Instant,
    pub created: Instant,
}

#[derive(Debug, Clone)]
pub struct Vpc {
    pub id: String,
    pub home: Home,
    pub cidr: String,
    pub default: bool,
}

#[derive(Debug, Clone)]
pub struct Subnet {
    pub id: String,
    pub home: Home,
    pub vpc: String,
    pub zone: String,
    pub cidr: String,
    pub default: bool,
    pub public: bool,
    pub free: u32,
}

#[derive(Debug, Clone)]
pub struct Group {
    pub id: String,
    pub home: Home,
    pub vpc: String,
    pub name: String,
    pub description: String,
    pub visible: Instant,
    pub ingress: Vec<Rule>,
}

/// One ingress rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub protocol: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub cidrs: Vec<String>,
    pub groups: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct RouteTable {
    pub id: String,
    pub home: Home,
    pub vpc: String,
    pub main: bool,
    pub subnets: Vec<String>,
    /// Destination and target id (`igw-…`, `nat-…`, `local`).
    pub routes: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Endpoint {
    pub id: String,
    pub home: Home,
    pub vpc: String,
    pub service: String,
    pub kind: String,
    pub subnets: Vec<String>,
    pub private_dns: bool,
}

#[derive(Debug, Clone)]
pub struct KeyPair {
    pub id: String,
    pub home: Home,
    pub name: String,
    pub fingerprint: String,
    pub created: Instant,
}

#[derive(Debug, Clone)]
pub struct SpotRequest {
    pub id: String,
    pub home: Home,
    pub instance: String,
    pub image: String,
    pub kind: String,
    pub zone: String,
    pub persistent: bool,
    pub interruption: String,
    pub created: Instant,
    /// `active`, `open`, `closed`, `cancelled`.
    pub state: &'static str,
    pub status: String,
}

/// An IAM instance profile; EC2 only needs to know that it is there.
#[derive(Debug, Clone)]
pub struct Profile {
    pub account: String,
    pub name: String,
    pub arn: String,
    pub id: String,
}
