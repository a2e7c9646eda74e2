//! What is in the account and carries our tags: one shared look at it, and over that what our own calls were answered,
//! because a describe may not know of them yet.

use super::api::{Api, CallError, op};
use super::imagebuilder::MADE_SO;
use super::shared::{FRESH, Paged, Shared};
use super::tags;
use crate::identity::ImageId;
use crate::pipeline::tags as keys;
use crate::target::{DISABLED, Tags};
use aws_sdk_ec2::types::{Filter, InstanceLifecycleType, InstanceStateName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long our own knowledge counts for more than a describe (EC2 developer guide, "Eventual consistency": backoff up
/// to 2.5 minutes).
const OURS: Duration = super::api::EVENTUAL;
/// While a builder is only waited for to come online, its agent is asked for; whether the builder still lives, this often.
const ALIVE: Duration = Duration::from_secs(20);
/// Values per filter (EC2 API reference, "Filtering": 200).
const VALUES: usize = 200;
/// Results per page of a describe.
const PAGE: i32 = 500;

/// Where an instance is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// `pending` or `running`.
    Up,
    /// `stopping`.
    Stopping,
    /// `stopped`.
    Stopped,
    /// `shutting-down` or `terminated`.
    Gone,
}

/// An instance with our tags.
#[derive(Debug, Clone)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// Its client token.
    pub token: String,
    /// Where it is in its life.
    pub life: Life,
    /// RFC 3339.
    pub launched_at: String,
    /// Its tags.
    pub tags: Tags,
    /// Why it changed its state last, in EC2's words.
    pub reason: String,
    /// On the spot market.
    pub spot: bool,
}

/// What is said where EC2 says nothing.
pub const NO_REASON: &str = "EC2 gives no reason";

impl Instance {
    /// Why it changed its state last.
    pub fn why(&self) -> String {
        if self.reason.is_empty() { NO_REASON.to_owned() } else { self.reason.clone() }
    }
}

/// An image of ours.
#[derive(Debug, Clone)]
pub struct Ami {
    /// `ami-…`
    pub id: String,
    /// Its unique name.
    pub name: String,
    /// Its tags.
    pub tags: Tags,
    /// `available`.
    pub available: bool,
    /// Why it failed, where it did.
    pub failed: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// Its snapshots.
    pub snapshots: Vec<String>,
    /// Its root device; empty where EC2 has not said yet.
    pub root_device: String,
    /// Its other EBS devices.
    pub other_devices: Vec<String>,
    /// `disabled`: whole, and nobody can launch it.
    pub disabled: bool,
    /// From when on it is deprecated, as EC2 writes it; none where it is not.
    pub deprecated: Option<String>,
    /// Deregistration protection, in EC2's word; none where it is off.
    pub protection: Option<String>,
    /// Whether everybody may launch it.
    pub public: bool,
}

impl Ami {
    /// One that has just been asked for: EC2 has said its id and nothing more.
    pub fn pending(id: String, name: &str, tags: &Tags) -> Ami {
        Ami {
            id,
            name: name.to_owned(),
            tags: tags.clone(),
            available: false,
            failed: None,
            created_at: crate::pipeline::clock::timestamp(),
            snapshots: Vec::new(),
            root_device: String::new(),
            other_devices: Vec::new(),
            disabled: false,
            deprecated: None,
            protection: None,
            public: false,
        }
    }
}

#[derive(Default)]
struct Known {
    instances: BTreeMap<String, (Instant, Instance)>,
    gone: BTreeSet<String>,
    stopping: BTreeMap<String, Instant>,
    images: BTreeMap<String, (Instant, Ami)>,
    image_tags: BTreeMap<String, (Instant, Tags)>,
    /// Snapshots that were begun here with records, by build and image.
    evidence: BTreeMap<(String, String), BTreeSet<String>>,
    deleted: BTreeSet<String>,
    online: BTreeSet<String>,
    settled: BTreeSet<String>,
}

impl Known {
    /// Our own calls count for more than a describe that may be older.
    fn correct(&mut self, instance: &mut Instance) {
        if self.gone.contains(&instance.id) {
            instance.life = Life::Gone;
        } else if instance.life == Life::Up && self.settled.contains(&instance.id) {
            instance.life = Life::Stopped;
        } else if instance.life == Life::Up && self.stopping.get(&instance.id).is_some_and(|at| at.elapsed() < OURS) {
            // Asked to stop, and a stale answer says that it runs.
            instance.life = Life::Stopping;
        }
        if instance.life != Life::Up {
            self.online.remove(&instance.id);
        }
    }

    fn correct_tags(&self, image: &mut Ami) {
        if let Some((at, tags)) = self.image_tags.get(&image.id)
            && at.elapsed() < OURS
        {
            image.tags.extend(tags.clone());
        }
    }
}

/// The shared look.
pub struct View {
    instances: Shared<Vec<Instance>>,
    images: Shared<Vec<Ami>>,
    agents: Shared<BTreeSet<String>>,
    known: Mutex<Known>,
}

impl View {
    /// Nothing seen yet.
    pub fn new() -> View {
        View { instances: Shared::new(), images: Shared::new(), agents: Shared::new(), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What is behind the lock is whole after every statement.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All instances that carry our tags, those lately terminated too.
    pub async fn instances(&self, api: &Api, age: Duration) -> Result<Vec<Instance>, CallError> {
        let mut seen = self.instances.get(age, describe_instances(api)).await?.to_vec();
        let mut known = self.known();
        let there: BTreeSet<String> = seen.iter().map(|instance| instance.id.clone()).collect();
        let ours =
            known.instances.values().filter(|(at, ours)| at.elapsed() < OURS.max(age) && !there.contains(&ours.id));
        seen.extend(ours.map(|(_, ours)| ours.clone()));
        for instance in &mut seen {
            known.correct(instance);
        }
        Ok(seen)
    }

    /// One of them.
    pub async fn instance(&self, api: &Api, id: &str, age: Duration) -> Result<Option<Instance>, CallError> {
        let seen = self.instances.get(age, describe_instances(api)).await?;
        let mut known = self.known();
        let ours = || known.instances.get(id).filter(|(at, _)| at.elapsed() < OURS.max(age)).map(|(_, ours)| ours);
        let mut found = seen.iter().find(|instance| instance.id == id).or_else(ours).cloned();
        if let Some(instance) = &mut found {
            known.correct(instance);
        }
        Ok(found)
    }

    /// One instance that is waited for, and whether its agent is online; none where nobody knows it.
    pub async fn waited_for(&self, api: &Api, id: &str) -> Result<Option<(Instance, bool)>, CallError> {
        let (launched, changes) = {
            let known = self.known();
            let ours = known.instances.get(id).map(|(at, instance)| (*at, instance.clone()));
            let up = ours.as_ref().is_none_or(|(_, instance)| instance.life == Life::Up);
            (ours, !up || known.stopping.contains_key(id) || known.settled.contains(id) || known.gone.contains(id))
        };
        let seen = match &launched {
            // What the launch has answered is the latest news.
            Some((at, instance)) if !changes && at.elapsed() < ALIVE => Some(instance.clone()),
            _ => {
                let ask = describe_instances(api);
                let seen = if changes { self.instances.look(ask).await } else { self.instances.get(ALIVE, ask).await }?;
                // One that EC2 does not list yet is as its launch has answered, for a while.
                let mut ours = launched.iter().filter(|(at, _)| at.elapsed() < OURS).map(|(_, instance)| instance);
                seen.iter().find(|instance| instance.id == id).or(ours.next_back()).cloned()
            }
        };
        let Some(mut instance) = seen else { return Ok(None) };
        self.known().correct(&mut instance);
        let mut online = self.known().online.contains(id);
        if instance.life == Life::Up && !online {
            online = self.agents.look(describe_agents(api)).await?.contains(id);
            if online {
                self.known().online.insert(id.to_owned());
            }
        }
        Ok(Some((instance, online)))
    }

    /// All instances, at most this old, and those of them whose agent is online.
    pub async fn builders(&self, api: &Api, age: Duration) -> Result<(Vec<Instance>, BTreeSet<String>), CallError> {
        let instances = self.instances(api, age).await?;
        let up: BTreeSet<&str> = instances.iter().filter(|i| i.life == Life::Up).map(|i| i.id.as_str()).collect();
        let unknown: Vec<&str> = {
            let known = self.known();
            up.iter().copied().filter(|id| !known.online.contains(*id)).collect()
        };
        if !unknown.is_empty() {
            let online = self.agents.get(FRESH, describe_agents(api)).await?;
            self.known().online.extend(unknown.iter().filter(|id| online.contains(**id)).map(|id| (*id).to_owned()));
        }
        let known = self.known();
        let online = up.into_iter().filter(|id| known.online.contains(*id)).map(str::to_owned).collect();
        Ok((instances, online))
    }

    /// Whether the agent of an instance is in touch.
    pub async fn hears(&self, api: &Api, id: &str) -> Result<bool, CallError> {
        Ok(self.agents.get(FRESH, describe_agents(api)).await?.contains(id))
    }

    /// All images of ours that carry our tags.
    pub async fn images(&self, api: &Api, age: Duration) -> Result<Vec<Ami>, CallError> {
        let mut seen = self.images.get(age, describe_images(api, None)).await?.to_vec();
        let known = self.known();
        let there: BTreeSet<String> = seen.iter().map(|image| image.id.clone()).collect();
        let ours = known.images.values().filter(|(at, ours)| at.elapsed() < OURS && !there.contains(&ours.id));
        seen.extend(ours.map(|(_, ours)| ours.clone()));
        seen.retain(|image| !known.deleted.contains(&image.id));
        for image in &mut seen {
            known.correct_tags(image);
        }
        Ok(seen)
    }

    /// The images of one recipe, asked for now and for nobody else.
    pub async fn images_of(&self, api: &Api, recipe: &str) -> Result<Vec<Ami>, CallError> {
        let filter = Filter::builder().name(format!("tag:{}", keys::RECIPE)).values(recipe).build();
        let mut seen = describe_images(api, Some(filter)).await?.answer;
        let known = self.known();
        let is_its = |image: &Ami| image.tags.get(keys::RECIPE).is_some_and(|found| found == recipe);
        let there: BTreeSet<String> = seen.iter().map(|image| image.id.clone()).collect();
        let ours = known.images.values().filter(|(at, ours)| at.elapsed() < OURS && is_its(ours));
        seen.extend(ours.filter(|(_, ours)| !there.contains(&ours.id)).map(|(_, ours)| ours.clone()));
        seen.retain(|image| !known.deleted.contains(&image.id));
        for image in &mut seen {
            known.correct_tags(image);
        }
        Ok(seen)
    }

    /// Images by their ids, asked for now and for nobody else.
    pub async fn images_by_id(&self, api: &Api, ids: &[ImageId]) -> Result<Vec<Ami>, CallError> {
        let mut found = Vec::new();
        for some in ids.chunks(VALUES) {
            let some = some.iter().map(ToString::to_string).collect();
            let filter = Filter::builder().name("image-id").set_values(Some(some)).build();
            found.extend(describe_images(api, Some(filter)).await?.answer);
        }
        Ok(found)
    }

    /// One image that is waited for; none where nobody knows it.
    pub async fn awaited_image(&self, api: &Api, id: &str) -> Result<Option<Ami>, CallError> {
        let seen = self.images.look(describe_images(api, None)).await?;
        let known = self.known();
        let ours = || known.images.get(id).filter(|(at, _)| at.elapsed() < OURS).map(|(_, image)| image);
        let image = seen.iter().find(|image| image.id == id).or_else(ours).cloned();
        Ok(image.filter(|_| !known.deleted.contains(id)).map(|mut image| {
            known.correct_tags(&mut image);
            image
        }))
    }

    /// One image, however long ago it was seen: its name and its identity do not change. One that no look has shown is
    /// asked for alone: there may be thousands.
    pub async fn image(&self, api: &Api, id: &str) -> Result<Option<Ami>, CallError> {
        let last = self.images.last().await;
        let mut found = last.iter().flat_map(|seen| seen.iter()).find(|image| image.id == id).cloned();
        if found.is_none() {
            found = self.new_image(id);
        }
        if found.is_none() {
            found = self.image_now(api, id).await?;
        }
        let known = self.known();
        Ok(found.filter(|_| !known.deleted.contains(id)).map(|mut image| {
            known.correct_tags(&mut image);
            image
        }))
    }

    /// One image, asked for now and for nobody else; none where EC2 does not know it.
    pub async fn image_now(&self, api: &Api, id: &str) -> Result<Option<Ami>, CallError> {
        let filter = Filter::builder().name("image-id").values(id).build();
        Ok(describe_images(api, Some(filter)).await?.answer.into_iter().next())
    }

    /// `RunInstances` has answered with this one.
    pub fn launched(&self, instance: &Instance) {
        self.known().instances.insert(instance.id.clone(), (Instant::now(), instance.clone()));
    }

    /// Whether this program has launched it so lately that a call may not know of it yet.
    pub fn is_new(&self, id: &str) -> bool {
        self.known().instances.get(id).is_some_and(|(at, _)| at.elapsed() < OURS)
    }

    /// Those that the last look has shown alive.
    pub async fn last_seen(&self) -> BTreeSet<String> {
        let last = self.instances.last().await;
        let seen = last.iter().flat_map(|seen| seen.iter());
        seen.filter(|instance| instance.life != Life::Gone).map(|instance| instance.id.clone()).collect()
    }

    /// Whether it was launched on the spot market; each run of a build learns that as it launches or finds its builder.
    pub fn is_spot(&self, id: &str) -> bool {
        self.known().instances.get(id).is_some_and(|(_, instance)| instance.spot)
    }

    /// `StopInstances` was accepted.
    pub fn stopping(&self, id: &str) {
        let mut known = self.known();
        known.stopping.insert(id.to_owned(), Instant::now());
        known.online.remove(id);
        if let Some((_, instance)) = known.instances.get_mut(id) {
            instance.life = Life::Stopping;
        }
    }

    /// It can't be stopped, and is as good as stopped.
    pub fn settled(&self, id: &str) {
        self.known().settled.insert(id.to_owned());
    }

    /// `TerminateInstances` was accepted.
    pub fn terminated(&self, id: &str) {
        let mut known = self.known();
        known.gone.insert(id.to_owned());
        known.online.remove(id);
    }

    /// `CreateImage` has answered with this one.
    pub fn imaged(&self, image: &Ami) {
        self.known().images.insert(image.id.clone(), (Instant::now(), image.clone()));
    }

    /// An image that this program has made so lately that a call may not know of it yet.
    pub fn new_image(&self, id: &str) -> Option<Ami> {
        self.known().images.get(id).filter(|(at, _)| at.elapsed() < OURS).map(|(_, image)| image.clone())
    }

    /// `StartSnapshot` has answered with this one.
    pub fn recorded(&self, build: &str, image: &str, snapshot: &str) {
        let of = (build.to_owned(), image.to_owned());
        self.known().evidence.entry(of).or_default().insert(snapshot.to_owned());
    }

    /// Snapshots that were begun here with the record of a build's image; they are not asked for again.
    pub fn take_records(&self, build: &str, image: &str) -> BTreeSet<String> {
        self.known().evidence.remove(&(build.to_owned(), image.to_owned())).unwrap_or_default()
    }

    /// `CreateTags` was accepted.
    pub fn tagged(&self, id: &str, changes: &Tags) {
        let mut known = self.known();
        let (at, tags) = known.image_tags.entry(id.to_owned()).or_insert_with(|| (Instant::now(), Tags::new()));
        *at = Instant::now();
        tags.extend(changes.clone());
    }

    /// One image as it is now: by its id alone, whatever its tags say; none where EC2 does not know it.
    pub async fn by_id(&self, api: &Api, id: &str) -> Result<Option<Ami>, CallError> {
        let filter = Filter::builder().name("image-id").values(id).build();
        let ask = || api.ec2.describe_images().owners("self").filters(filter.clone()).include_disabled(true).send();
        let answer = api.caller.call(op::DESCRIBE_IMAGES, id, ask).await?;
        Ok(answer.images().iter().find_map(read_image))
    }

    /// `DeregisterImage` was accepted.
    pub fn deleted(&self, id: &str) {
        self.known().deleted.insert(id.to_owned());
    }
}

async fn describe_instances(api: &Api) -> Result<Paged<Vec<Instance>>, CallError> {
    let ours = Filter::builder().name("tag-key").values(keys::BUILD).build();
    let mut found = Vec::new();
    let (mut page, mut pages) = (None, 0);
    loop {
        pages += 1;
        let answer = api
            .caller
            .call(op::DESCRIBE_INSTANCES, "instances tagged amifactory:build", || {
                let request = api.ec2.describe_instances().filters(ours.clone()).max_results(PAGE);
                request.set_next_token(page.clone()).send()
            })
            .await?;
        let instances = answer.reservations().iter().flat_map(|reservation| reservation.instances());
        found.extend(instances.filter_map(read_instance));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(Paged { answer: found, pages });
        }
    }
}

/// From EC2's description; none where it has no id.
pub fn read_instance(instance: &aws_sdk_ec2::types::Instance) -> Option<Instance> {
    let life = match instance.state().and_then(|state| state.name()) {
        Some(InstanceStateName::Stopping) => Life::Stopping,
        Some(InstanceStateName::Stopped) => Life::Stopped,
        Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated) => Life::Gone,
        _ => Life::Up,
    };
    let reason = instance.state_reason().and_then(|reason| reason.message()).unwrap_or_default();
    Some(Instance {
        id: instance.instance_id()?.to_owned(),
        token: instance.client_token().unwrap_or_default().to_owned(),
        life,
        launched_at: instance.launch_time().map(super::clock::rfc3339).unwrap_or_default(),
        tags: tags::read(instance.tags()),
        reason: reason.to_owned(),
        spot: instance.instance_lifecycle() == Some(&InstanceLifecycleType::Spot),
    })
}

async fn describe_agents(api: &Api) -> Result<Paged<BTreeSet<String>>, CallError> {
    let build =
        aws_sdk_ssm::types::InstanceInformationStringFilter::builder().key("tag-key").values(keys::BUILD).build().ok();
    let mut online = BTreeSet::new();
    let (mut page, mut pages) = (None, 0);
    loop {
        pages += 1;
        let answer = api
            .caller
            .call(op::DESCRIBE_AGENTS, "agents of instances tagged amifactory:build", || {
                let request = api.ssm.describe_instance_information().set_filters(build.clone().map(|f| vec![f]));
                request.max_results(50).set_next_token(page.clone()).send()
            })
            .await?;
        for agent in answer.instance_information_list() {
            if agent.ping_status() == Some(&aws_sdk_ssm::types::PingStatus::Online) {
                online.extend(agent.instance_id().map(str::to_owned));
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(Paged { answer: online, pages });
        }
    }
}

async fn describe_images(api: &Api, filter: Option<Filter>) -> Result<Paged<Vec<Ami>>, CallError> {
    let ours = Filter::builder().name("tag-key").values(keys::BUILD).build();
    let filters: Vec<Filter> = [ours].into_iter().chain(filter).collect();
    let mut found = Vec::new();
    let (mut page, mut pages) = (None, 0);
    loop {
        pages += 1;
        let answer = api
            .caller
            .call(op::DESCRIBE_IMAGES, "images tagged amifactory:build", || {
                let request = api.ec2.describe_images().owners("self").set_filters(Some(filters.clone()));
                // What is disabled is there: its parts are no left-overs, and its name is taken.
                let request = request.include_disabled(true);
                request.max_results(PAGE).set_next_token(page.clone()).send()
            })
            .await?;
        found.extend(answer.images().iter().filter_map(read_image));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(Paged { answer: found, pages });
        }
    }
}

/// The name that its build gave to an image: Image Builder puts a date behind it, after a space, and no build's name has one.
/// An image of a pipeline has that of the build that it was adopted as, which its tags say.
fn build_name<'a>(name: &'a str, tags: &'a Tags) -> &'a str {
    match name.split_once(' ') {
        Some((name, _)) if name.ends_with(MADE_SO) => tags.get(keys::BUILD).map_or(name, String::as_str),
        Some((name, _)) => name,
        None => name,
    }
}

/// From EC2's description; none where it has no id.
pub fn read_image(image: &aws_sdk_ec2::types::Image) -> Option<Ami> {
    use aws_sdk_ec2::types::ImageState;
    let reason = image.state_reason().and_then(|reason| reason.message()).unwrap_or("EC2 gives no reason");
    let failed = matches!(image.state(), Some(ImageState::Failed | ImageState::Error | ImageState::Invalid));
    let disabled = image.state() == Some(&ImageState::Disabled);
    let devices = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs()?.snapshot_id());
    let tags = tags::read(image.tags());
    Some(Ami {
        id: image.image_id()?.to_owned(),
        name: build_name(image.name().unwrap_or_default(), &tags).to_owned(),
        tags,
        available: image.state() == Some(&ImageState::Available),
        failed: match disabled {
            true => Some(format!("{DISABLED}: nobody can launch it until it is enabled again")),
            false => failed.then(|| reason.to_owned()),
        },
        created_at: image.creation_date().unwrap_or_default().to_owned(),
        snapshots: devices.map(str::to_owned).collect(),
        root_device: image.root_device_name().unwrap_or_default().to_owned(),
        other_devices: other_devices(image),
        disabled,
        deprecated: image.deprecation_time().map(str::to_owned),
        protection: image.deregistration_protection().filter(|word| *word != "disabled").map(str::to_owned),
        public: image.public() == Some(true),
    })
}

/// The EBS devices of an image beside its root.
pub fn other_devices(image: &aws_sdk_ec2::types::Image) -> Vec<String> {
    let ebs = image.block_device_mappings().iter().filter(|mapping| mapping.ebs().is_some());
    let names = ebs.filter_map(|mapping| mapping.device_name());
    names.filter(|name| Some(*name) != image.root_device_name()).map(str::to_owned).collect()
}
