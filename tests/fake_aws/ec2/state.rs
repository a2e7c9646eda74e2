//! The whole of EC2, and what tests can poke at.

use super::super::params::Params;
use super::super::settings::Settings;
use super::consumers::{Fleet, Template};
use super::model::*;
use super::template_versions::Made;
use super::timeline::Timeline;
use super::{catalogue, network};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Clone, Default)]
pub struct State {
    pub instances: BTreeMap<String, Instance>,
    pub volumes: BTreeMap<String, Volume>,
    pub snapshots: BTreeMap<String, Snapshot>,
    pub images: BTreeMap<String, Image>,
    pub interfaces: BTreeMap<String, Interface>,
    pub vpcs: BTreeMap<String, Vpc>,
    pub subnets: BTreeMap<String, Subnet>,
    pub groups: BTreeMap<String, Group>,
    pub route_tables: BTreeMap<String, RouteTable>,
    pub endpoints: BTreeMap<String, Endpoint>,
    pub key_pairs: BTreeMap<String, KeyPair>,
    pub spot_requests: BTreeMap<String, SpotRequest>,
    pub templates: BTreeMap<String, Template>,
    /// Of templates whose default is not their first version: its number.
    pub default_versions: BTreeMap<String, usize>,
    /// Names of templates that clients have made; others are named by their ids.
    pub template_names: BTreeMap<String, String>,
    /// Versions of templates that clients have made.
    pub template_versions: BTreeMap<(String, usize), Made>,
    pub spot_fleets: BTreeMap<String, Fleet>,
    pub fleets: BTreeMap<String, Fleet>,
    pub holds: super::holds::Holds,
    /// Answers DescribeInstances instead of `instances`, where there are too many to keep.
    pub recorded: Option<super::recorded::Recorded>,
    /// By name.
    pub profiles: BTreeMap<String, Profile>,
    /// Resource id → its tags.
    pub tags: BTreeMap<String, Timeline<Tags>>,
    pub(super) tokens: BTreeMap<(Home, String), TokenUse>,
    pub pokes: Pokes,
    pub encryption_by_default: bool,
    /// ARN of a KMS key → other accounts that its policy lets use it.
    pub key_users: BTreeMap<String, BTreeSet<String>>,
    /// Accounts that the policies of all keys let use them; nobody can say that of AWS's own.
    pub users_of_every_key: BTreeSet<String>,
    /// ARNs of KMS keys that nobody can use: disabled, deleted, never there.
    pub dead_keys: BTreeSet<String>,
    /// Frozen disks that the agent still holds.
    pub(super) disks: BTreeSet<String>,
    /// Something that may have held a frozen disk is gone.
    pub(super) released: bool,
    pub(super) next_ip: u32,
    /// Snapshots whose image is gone, and until when they are in use all the same.
    pub(super) lingering: BTreeMap<String, Instant>,
}

/// A client token that was used.
#[derive(Debug, Clone)]
pub(super) struct TokenUse {
    pub params: Params,
    pub made: Vec<String>,
}

/// What tests let happen.
#[derive(Debug, Clone, Default)]
pub struct Pokes {
    /// (type, zone) without on-demand capacity.
    pub no_capacity: BTreeSet<(String, String)>,
    /// (type, zone) without spot capacity.
    pub no_spot_capacity: BTreeSet<(String, String)>,
    /// (type, zone) that are not offered at all.
    pub unsupported: BTreeSet<(String, String)>,
    /// How many instances may live in an account and region.
    pub instance_limit: Option<usize>,
    /// How many vCPUs may live in an account and region.
    pub vcpu_limit: Option<u32>,
    /// The next images: what becomes of them. Those after them are ordinary.
    pub images: Vec<ImageFate>,
    /// The same for copies, by the region that they are made in.
    pub copies: BTreeMap<String, Vec<ImageFate>>,
    /// The next instance goes from pending to terminated for this reason (code, message).
    pub failing_launch: Option<(String, String)>,
    /// Snapshots are not deleted with their image, and stay in use for so long after it is gone.
    pub lingering: Duration,
}

/// What becomes of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageFate {
    /// Available after that long.
    Takes(Duration),
    /// Failed after that long.
    Fails(Duration),
}

impl State {
    pub fn new(settings: &Settings, random: &mut fastrand::Rng) -> State {
        let mut state = State::default();
        let now = Instant::now();
        for region in &settings.regions {
            network::found(
                &mut state,
                &Home { account: settings.account.clone(), region: region.clone() },
                now,
                random,
            );
            catalogue::publish(&mut state, region, settings.start, now, random);
        }
        state.add_profile(&settings.account, "amifactory-builder");
        state
    }

    /// An IAM instance profile comes into being.
    pub fn add_profile(&mut self, account: &str, name: &str) {
        let arn = format!("arn:aws:iam::{account}:instance-profile/{name}");
        let id = format!("AIPAFAKE{:0>13}", self.profiles.len());
        self.profiles.insert(name.to_owned(), Profile { account: account.to_owned(), name: name.to_owned(), arn, id });
    }

    /// A resource's tags at that moment.
    pub fn tags_at(&self, id: &str, at: Instant) -> Tags {
        self.tags.get(id).map(|tags| tags.at(at).clone()).unwrap_or_default()
    }

    pub(super) fn set_tags(&mut self, id: &str, now: Instant, tags: Tags) {
        match self.tags.get_mut(id) {
            Some(line) => line.set(now, tags),
            None => {
                self.tags.insert(id.to_owned(), Timeline::new(now, tags));
            }
        }
    }

    /// The instance shuts itself down at that moment.
    pub fn dead_man(&mut self, instance: &str, at: Instant) {
        if let Some(instance) = self.instances.get_mut(instance) {
            instance.dead_man = Some(at);
        }
    }

    /// Spot takes the instance back at that moment.
    pub fn reclaim(&mut self, instance: &str, at: Instant) {
        if let Some(instance) = self.instances.get_mut(instance) {
            instance.reclaim = Some(at);
        }
    }

    /// Somebody else terminates the instance, now.
    pub fn terminate_by_colleague(&mut self, instance: &str, now: Instant, takes: Duration) {
        let reason = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown");
        if let Some(instance) = self.instances.get_mut(instance) {
            instance.shut_down(now, takes, reason);
        }
    }

    /// The instance's operating system starts anew, and is up at that moment.
    pub fn reboot(&mut self, instance: &str, up: Instant) {
        if let Some(instance) = self.instances.get_mut(instance) {
            instance.rebooted = Some(up);
        }
    }

    /// Whether an account may decrypt with a key: its owner, and whom its policy names. Nobody shares the account's own key
    /// for EBS.
    pub fn may_decrypt(&self, key: &str, account: &str) -> bool {
        let owner = key.split(':').nth(4) == Some(account);
        let named = self.key_users.get(key).is_some_and(|users| users.contains(account));
        let every = self.users_of_every_key.contains(account) && !super::is_default_key(key);
        !self.dead_keys.contains(key) && (owner || named || every)
    }

    /// From now on all snapshots that are encrypted have a key of the account's own, whose images can be shared.
    pub fn encrypt_with_own_key(&mut self) {
        for snapshot in self.snapshots.values_mut().filter(|snapshot| snapshot.encrypted) {
            snapshot.kms_key = Some(super::key_arn(Some("alias/images"), &snapshot.home));
        }
    }

    /// Whether that account can use the image in that region.
    pub fn image_usable(&self, id: &str, home: &Home, now: Instant) -> bool {
        self.images.get(id).is_some_and(|image| image.seen_by(home, now) && *image.state.at(now) == "available")
    }

    /// The name of a template.
    pub fn template_name(&self, id: &str) -> String {
        self.template_names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// The template of that name.
    pub fn template_named(&self, home: &Home, name: &str) -> Option<String> {
        let mut ours = self.templates.iter().filter(|(_, template)| template.home == *home);
        ours.find(|(id, _)| self.template_name(id) == name).map(|(id, _)| id.clone())
    }

    /// Whether everybody knows a version of a template already.
    pub fn is_version_seen(&self, id: &str, number: usize, now: Instant) -> bool {
        self.template_versions.get(&(id.to_owned(), number)).is_none_or(|made| made.visible <= now)
    }

    /// The image that a template launches by that version, as a group names it.
    pub fn template_image(&self, home: &Home, template: &str, version: &str) -> Option<String> {
        let id = match self.templates.contains_key(template) {
            true => template.to_owned(),
            false => self.template_named(home, template)?,
        };
        let found = self.templates.get(&id).filter(|found| found.home == *home)?;
        let number = match version {
            "" | "$Default" => self.default_versions.get(&id).copied().unwrap_or(1),
            "$Latest" => found.images.len(),
            number => number.parse().ok()?,
        };
        found.images.get(number.checked_sub(1)?).cloned()
    }

    /// The newest Amazon Linux 2023 of the public catalogue.
    pub fn latest_al2023(&self, region: &str, architecture: &str) -> Option<String> {
        self.images
            .values()
            .filter(|image| image.home.region == region && image.architecture == architecture)
            .filter(|image| image.owner_alias.is_some() && image.name.starts_with("al2023-ami-2023"))
            .max_by(|a, b| a.created.cmp(&b.created))
            .map(|image| image.id.clone())
    }

    /// Instances that cost money: everything that is not terminated.
    pub fn living_instances(&self, now: Instant) -> Vec<&Instance> {
        self.instances.values().filter(|instance| !instance.is(now, InstanceState::Terminated)).collect()
    }

    /// Everything of that account that somebody has made and that is still there: what a leak would be.
    pub fn belongings(&self, account: &str, now: Instant) -> Vec<String> {
        let own = |home: &Home| home.account == account;
        let mut all: Vec<String> = Vec::new();
        let instances = self.living_instances(now);
        all.extend(instances.iter().filter(|found| own(&found.home)).map(|found| found.id.clone()));
        all.extend(self.volumes.values().filter(|found| own(&found.home)).map(|found| found.id.clone()));
        all.extend(self.interfaces.values().filter(|found| own(&found.home)).map(|found| found.id.clone()));
        all.extend(self.images.values().filter(|found| own(&found.home)).map(|found| found.id.clone()));
        all.extend(self.snapshots.values().filter(|found| own(&found.home)).map(|found| found.id.clone()));
        all.extend(self.key_pairs.values().filter(|found| own(&found.home)).map(|found| found.id.clone()));
        let groups = self.groups.values().filter(|found| found.name != "default");
        all.extend(groups.filter(|found| own(&found.home)).map(|found| found.id.clone()));
        let requests = self.spot_requests.values().filter(|found| matches!(found.state, "active" | "open"));
        all.extend(requests.filter(|found| own(&found.home)).map(|found| found.id.clone()));
        all
    }

    /// Images of that account, the public catalogue left out.
    pub fn own_images(&self, account: &str) -> Vec<&Image> {
        self.images.values().filter(|image| image.home.account == account).collect()
    }
}

impl Image {
    pub fn seen_by(&self, home: &Home, now: Instant) -> bool {
        self.home.region == home.region
            && self.visible <= now
            && (self.home.account == home.account || self.public || self.shared_with.contains(&home.account))
    }
}

impl Instance {
    /// On its way to `terminated`.
    pub fn shut_down(&mut self, now: Instant, takes: Duration, reason: (&str, &str)) {
        if !self.alive(now) {
            return;
        }
        self.reason = Some((reason.0.to_owned(), reason.1.to_owned()));
        self.state.set(now, InstanceState::ShuttingDown);
        self.state.then(now + takes, InstanceState::Terminated);
    }

    /// On its way to `stopped`; or to `terminated`, where that is what a shutdown means for it.
    pub fn stop(&mut self, now: Instant, takes: Duration, reason: (&str, &str)) {
        self.reason = Some((reason.0.to_owned(), reason.1.to_owned()));
        self.dead_man = None;
        self.state.set(now, InstanceState::Stopping);
        let end = match self.shutdown {
            ShutdownBehavior::Stop => InstanceState::Stopped,
            ShutdownBehavior::Terminate => InstanceState::Terminated,
        };
        self.state.then(now + takes, end);
    }
}
