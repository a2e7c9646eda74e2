//! A cloud in which a large factory has been at work: its images, copies, records and pointers are put there as builds,
//! promotions and distributions leave them, without a call.

// The benchmark and the test suite use this tree; neither uses all of it.
#![allow(dead_code)]

use crate::fake_aws::ec2::model::{Image, Snapshot};
use crate::fake_aws::ec2::{Home, Timeline};
use crate::fake_aws::ssm::parameters::{Kind, Put};
use crate::fake_aws::{Fake, World};
use amifactory::hardening::Tally;
use amifactory::identity::{Digest, ImageId, RecipeName, Region, TargetKind};
use amifactory::pipeline::{clock, tags};
use amifactory::recipe::{AccountSettings, ChannelRule, Distribution, Gate, Reach, RegionSettings};
use amifactory::release::{Kind as MoveKind, Note};
use amifactory::target::{BaseRecord, GateRecord, ImageRecord, Provenance, Tags};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;
use tokio::time::Instant;

pub const OWNER: &str = "123456789012";
/// Images of `prod` are shared with it; nobody looks from there.
pub const SHARED: &str = "044455556666";
pub const HOME: &str = "us-east-1";
/// Channels, in the order in which images go through them.
pub const CHANNELS: [&str; 3] = ["dev", "staging", "prod"];
/// The newest two are in all regions. The last is in `dev` and `staging`, the one before it in `prod`.
const VERSIONS: [&str; 4] = ["1.0.0", "1.0.1", "1.0.2", "1.0.3"];
const REGIONS: [&str; 20] = [
    HOME,
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-east-1",
];

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub recipes: usize,
    /// Home is one of them; at most 20.
    pub regions: usize,
}

impl Size {
    pub fn regions(self) -> Vec<String> {
        REGIONS.iter().take(self.regions).map(|region| (*region).to_owned()).collect()
    }

    pub fn names(self) -> Vec<RecipeName> {
        (0..self.recipes).map(|number| name(number).parse().unwrap()).collect()
    }

    /// Where images go.
    pub fn distribution(self) -> Distribution {
        let settings = || RegionSettings { kms_key: Some("alias/images".into()) };
        Distribution {
            home: HOME.parse().unwrap(),
            regions: self.regions()[1..].iter().map(|region| (region.parse().unwrap(), settings())).collect(),
            accounts: BTreeMap::from([(SHARED.parse().unwrap(), AccountSettings { role: None })]),
        }
    }

    /// All channels reach all regions.
    pub fn rules(self) -> Vec<ChannelRule> {
        let regions: Vec<Region> = self.regions()[1..].iter().map(|region| region.parse().unwrap()).collect();
        let rule = |at: usize| {
            let from = at.checked_sub(1).map(|before| CHANNELS[before].parse().unwrap());
            let accounts = if at == 2 { vec![SHARED.parse().unwrap()] } else { Vec::new() };
            let regions = if at == 0 { Vec::new() } else { regions.clone() };
            let reach = Reach { regions, accounts, ..Reach::default() };
            ChannelRule { reach, ..ChannelRule::open(CHANNELS[at].parse().unwrap(), from) }
        };
        (0..CHANNELS.len()).map(rule).collect()
    }

    /// The same as `amifactory.yaml`.
    pub fn yaml(self) -> String {
        let regions = self.regions()[1..].to_vec();
        let keys: Vec<String> = regions.iter().map(|region| format!("{region}: {{kms_key: alias/images}}")).collect();
        let regions = regions.join(", ");
        format!(
            "default_target: aws\nchannels:\n  - dev\n  - {{name: staging, regions: [{regions}]}}\n  - name: prod\n    \
             regions: [{regions}]\n    accounts: [\"{SHARED}\"]\n\
             aws: {{instance_profile: amifactory-builder, volume: {{kms_key: alias/images}}}}\n\
             distribution:\n  home: {HOME}\n  regions: {{{}}}\n  accounts: {{\"{SHARED}\": {{}}}}\n\
             retention:\n  keep: 1\n  keep_per_channel: 2\n  not_used_here: [batch, codebuild, eks, \
             elastic-beanstalk, emr]\n",
            keys.join(", ")
        )
    }
}

pub fn name(number: usize) -> String {
    format!("many-{number:03}")
}

fn key(region: &str) -> String {
    format!("arn:aws:kms:{region}:{OWNER}:key/images")
}

/// Puts it all there. The fake must have all regions.
pub fn seed(fake: &Fake, size: Size) {
    let mut world = fake.world();
    let now = world.clock.now();
    let template = world.ec2.latest_al2023(HOME, "x86_64").unwrap();
    let template = world.ec2.images[&template].clone();
    let mut seeding = Seeding { world: &mut world, now, template, size, next: 0 };
    for number in 0..size.recipes {
        seeding.recipe(&name(number));
    }
    drop(world);
    // Parameter Store has looked at all images.
    drop(fake.world());
}

struct Seeding<'w> {
    world: &'w mut World,
    now: Instant,
    template: Image,
    size: Size,
    next: u64,
}

impl Seeding<'_> {
    fn id(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}-0{:016x}", self.next)
    }

    fn recipe(&mut self, recipe: &str) {
        let mut images: BTreeMap<(String, &str), String> = BTreeMap::new();
        for (age, version) in VERSIONS.iter().rev().enumerate() {
            let own = own_tags(recipe, version);
            let at_home = self.image(HOME, &own);
            self.record(HOME, &own, Some(&record(recipe, version)));
            images.insert((HOME.to_owned(), version), at_home.clone());
            for region in self.size.regions()[1..].iter().filter(|_| age < 2) {
                let mut own = own.clone();
                own.insert(tags::COPY_OF.into(), format!("{at_home} {HOME}"));
                let copy = self.image(region, &own);
                self.record(region, &own, Some(&record(recipe, version)));
                images.insert((region.clone(), version), copy);
            }
        }
        for region in self.size.regions() {
            let path = format!("/amifactory/{recipe}/x86_64");
            for version in VERSIONS {
                let Some(image) = images.get(&(region.clone(), version)) else { continue };
                let note = Note { version: Some(version.parse().unwrap()), ..Note::new(MoveKind::Publish, self.at()) };
                self.put(&region, &format!("{path}/versions/{version}"), image, &note.text());
            }
            for (at, channel) in CHANNELS.iter().enumerate() {
                if at == 0 && region != HOME {
                    continue;
                }
                let (mut before, last) = (None::<(String, String)>, if at == 2 { 3 } else { 4 });
                for version in &VERSIONS[last - 2..last] {
                    let Some(image) = images.get(&(region.clone(), *version)) else { continue };
                    let kind = if at == 0 { MoveKind::Publish } else { MoveKind::Promote };
                    let note = Note { version: Some(version.parse().unwrap()), ..Note::new(kind, self.at()) };
                    let note = note.after(before.as_ref().map(|(image, note)| (image.as_str(), note.as_str())));
                    self.put(&region, &format!("{path}/channels/{channel}"), image, &note.text());
                    before = Some((image.clone(), note.text()));
                }
            }
        }
        self.settle();
    }

    /// What was written is looked at and appears.
    fn settle(&mut self) {
        let images: Vec<Home> = self.size.regions().into_iter().map(|region| home(&region)).collect();
        for home in images {
            let there = |id: &str| id.starts_with("ami-");
            self.world.ssm.place(&home).parameters.settle(self.now, &there);
        }
    }

    /// The time of the world: what notes say of theirs is compared with that of their write.
    fn at(&self) -> String {
        clock::rfc3339(self.world.clock.wall(self.now))
    }

    fn put(&mut self, region: &str, name: &str, image: &str, note: &str) {
        let put = Put {
            name: name.to_owned(),
            value: image.to_owned(),
            kind: Some(Kind::String),
            data_type: Some("aws:ec2:image".into()),
            description: note.to_owned(),
            by: format!("arn:aws:iam::{OWNER}:user/operator"),
            ..Put::by_hand(name, image)
        };
        let now = self.now;
        self.world.ssm.place(&home(region)).parameters.put(put, now, Duration::ZERO).unwrap();
    }

    fn snapshot(&mut self, region: &str, own: &Tags, volume: &str, encrypted: bool) -> String {
        let id = self.id("snap");
        let snapshot = Snapshot {
            id: id.clone(),
            home: home(region),
            volume: volume.into(),
            size: 8,
            description: String::new(),
            encrypted,
            kms_key: encrypted.then(|| key(region)),
            started: self.now,
            visible: self.now,
            state: Timeline::new(self.now, "completed"),
            disk: None,
            shared_with: [SHARED.to_owned()].into(),
        };
        self.world.ec2.snapshots.insert(id.clone(), snapshot);
        self.world.ec2.tags.insert(id.clone(), Timeline::new(self.now, own.clone()));
        id
    }

    fn image(&mut self, region: &str, own: &Tags) -> String {
        let snapshot = self.snapshot(region, own, "vol-0123456789abcdef0", true);
        let mut image = self.template.clone();
        image.mappings.truncate(1);
        (image.mappings[0].snapshot, image.mappings[0].encrypted) = (Some(snapshot), true);
        image.id = self.id("ami");
        (image.name, image.home) = (own[tags::BUILD].clone(), home(region));
        // Older than what retention is asked about, and old enough that all of it is known everywhere.
        image.created = self.world.clock.wall(self.now) - time::Duration::days(10);
        (image.owner_alias, image.public) = (None, false);
        image.shared_with = match own[tags::VERSION].as_str() {
            // What a rollback of `prod` goes back to is shared as well.
            "1.0.1" | "1.0.2" | "1.0.3" => [SHARED.to_owned()].into(),
            _ => Default::default(),
        };
        let id = image.id.clone();
        self.world.ec2.images.insert(id.clone(), image);
        self.world.ec2.tags.insert(id.clone(), Timeline::new(self.now, own.clone()));
        id
    }

    fn record(&mut self, region: &str, own: &Tags, record: Option<&ImageRecord>) {
        let mut own = own.clone();
        own.insert(tags::PURPOSE.into(), "evidence".into());
        let id = self.snapshot(region, &own, "vol-ffffffff", false);
        let block = record.map(pack).unwrap_or_default();
        self.world.ebs.insert(&id, block, self.now);
    }
}

fn home(region: &str) -> Home {
    Home { account: OWNER.into(), region: region.into() }
}

fn stamp() -> String {
    "2026-11-01T00:00:00Z".into()
}

fn own_tags(recipe: &str, version: &str) -> Tags {
    let digest = Digest::of(format!("{recipe} {version}"));
    [
        (tags::RECIPE, recipe.to_owned()),
        (tags::VERSION, version.to_owned()),
        (tags::DIGEST, digest.to_string()),
        (tags::BUILD, format!("{recipe}-{}-1", digest.short())),
        (tags::ARCH, "x86_64".to_owned()),
        (tags::BASE, "aws:ami-0123456789abcdef0".to_owned()),
        (tags::STATE, "verified".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn record(recipe: &str, version: &str) -> ImageRecord {
    let digest = Digest::of(format!("{recipe} {version}"));
    ImageRecord {
        recipe: recipe.parse().unwrap(),
        description: "one of many".into(),
        version: version.parse().unwrap(),
        build: format!("{recipe}-{}-1", digest.short()).parse().unwrap(),
        digest,
        target: TargetKind::Aws,
        base: BaseRecord {
            id: "aws:ami-0123456789abcdef0".into(),
            description: "Amazon Linux 2023".into(),
            family: "amazon-linux-2023".parse().unwrap(),
            os_name: "Amazon Linux 2023".into(),
            arch: "x86_64".parse().unwrap(),
        },
        groups: Vec::new(),
        profile: None,
        controls: Vec::new(),
        tally: Tally::default(),
        tally_by_level: BTreeMap::new(),
        score: None,
        score_before: None,
        gate: GateRecord { gate: Gate::default(), unmet: Vec::new() },
        tests: Vec::new(),
        packages: Vec::new(),
        provenance: Provenance {
            tool: "0.1.0".into(),
            started_at: stamp(),
            finished_at: stamp(),
            inputs: BTreeMap::new(),
        },
    }
}

/// As a record stands in its snapshot.
fn pack(record: &ImageRecord) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&serde_json::to_vec(record).unwrap()).unwrap();
    let packed = encoder.finish().unwrap();
    let mut bytes = b"amifactory record 1\n".to_vec();
    bytes.extend_from_slice(&(packed.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&packed);
    bytes
}

/// The id of an image that a pointer names.
pub fn named(fake: &Fake, region: &str, pointer: &str) -> ImageId {
    let mut world = fake.world();
    let store = &world.ssm.place(&home(region)).parameters;
    store.get(pointer).and_then(|found| found.newest()).unwrap().value.parse().unwrap()
}
