//! `fleet` against the fake AWS: two accounts, two regions, versions that channels have gone on from.

mod elsewhere;
mod formats;
mod looks;
mod measured;
mod program;
mod served;
mod telling;
mod tickets;
mod told;
mod unread;

use super::crash::scene::QUICK;
use super::wire::Wire;
use crate::fake_aws::agents::NoAgent;
use crate::fake_aws::autoscaling;
use crate::fake_aws::ec2::consumers::Template;
use crate::fake_aws::ec2::{Home, InstanceState, Timeline};
use crate::fake_aws::{Fake, Latencies, Settings, World};
use crate::recipes::catalogue;
use amifactory::fleet::findings::Finding;
use amifactory::fleet::look::{Looked, look, places};
use amifactory::identity::{ImageId, RecipeName};
use amifactory::pipeline::clock;
use amifactory::recipe::{self, Factory};
use amifactory::release::{Kind, Note};
use amifactory::report::view;
use amifactory::target::aws::AwsTarget;
use amifactory::target::{PointerName, Slot, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub const OWN: &str = "123456789012";
pub const OTHER: &str = "111122223333";
const DAY: Duration = Duration::from_secs(86_400);

/// Beside the fleet's own keys.
const FACTORY: &str = "\
default_target: aws
channels: [dev, prod]
aws: {instance_profile: amifactory-builder}
distribution: {home: us-east-1, regions: {us-west-2: {}}}
";
pub const POLICY: &str = "\
fleet:
  accounts: {\"111122223333\": {role: amifactory-fleet}}
  warn: 7d
  fail: 15d
";

/// A world on its thirtieth day. `prod` has named web 1.0.0, 1.0.1 from day 10 and 1.0.2 from day 20 on; 1.0.3 is in `dev`
/// alone, and 1.0.4 a candidate. Each but the last has a copy in us-west-2.
pub struct Scene {
    pub fake: Fake,
    pub factory: Factory,
}

/// The image of a version of web: in us-east-1 it ends in 0, in us-west-2 in 2.
pub fn image(version: u32, region: &str) -> String {
    let place = if region == "us-west-2" { 2 } else { 0 };
    format!("ami-000000000000000{version}{place}")
}

pub fn home(account: &str, region: &str) -> Home {
    Home { account: account.to_owned(), region: region.to_owned() }
}

pub fn factory(policy: &str) -> Factory {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("recipes")).unwrap();
    std::fs::write(folder.path().join("amifactory.yaml"), format!("{FACTORY}{policy}")).unwrap();
    let recipe =
        "recipe: web\ndescription: a web server\nversion: \"1.0\"\nbase: {aws: {ami: ami-0123456789abcdef0}}\n";
    std::fs::write(folder.path().join("recipes/web.yaml"), recipe).unwrap();
    let loaded = recipe::load(folder.path(), &catalogue(), time::macros::date!(2026 - 11 - 20));
    loaded.unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

/// An image of ours as it is after its build; a pointer to it is another matter.
pub fn add_image(world: &mut World, id: &str, at: Home, version: &str, state: &str) {
    let now = world.clock.now();
    let latest = world.ec2.latest_al2023("us-east-1", "x86_64").unwrap();
    let mut image = world.ec2.images[&latest].clone();
    let own = [
        ("amifactory:recipe", "web"),
        ("amifactory:version", version),
        ("amifactory:digest", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("amifactory:build", "web-0123456789ab-1"),
        ("amifactory:arch", "x86_64"),
        ("amifactory:state", state),
    ];
    let own = own.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    image.mappings.clear();
    (image.id, image.name) = (id.to_owned(), format!("web-{version}-{}", at.region));
    (image.owner_alias, image.public, image.home) = (None, false, at);
    world.ec2.images.insert(id.to_owned(), image);
    world.ec2.tags.insert(id.to_owned(), Timeline::new(now, own));
}

impl Scene {
    pub async fn new(policy: &str) -> Scene {
        let fake = Fake::new(Settings {
            latencies: Latencies { call: Duration::from_millis(50), ..QUICK },
            // Credentials of roles end by the fake's clock, and the SDK looks at this machine's: they are never over.
            start: time::macros::datetime!(2040-03-01 00:00 UTC),
            ..Settings::new(Arc::new(NoAgent))
        });
        fake.world().sts.roles.insert(format!("arn:aws:iam::{OTHER}:role/amifactory-fleet"), None);
        for region in ["us-east-1", "us-west-2"] {
            for version in 0..5 {
                let state = if version == 4 { "candidate" } else { "verified" };
                add_image(
                    &mut fake.world(),
                    &image(version, region),
                    home(OWN, region),
                    &format!("1.0.{version}"),
                    state,
                );
            }
        }
        let scene = Scene { fake, factory: factory(policy) };
        let target = scene.target();
        for version in 0..4 {
            scene.publish(&target, Slot::Version(format!("1.0.{version}").parse().unwrap()), version).await;
        }
        scene.publish(&target, Slot::Channel("dev".parse().unwrap()), 3).await;
        for version in 0..3 {
            scene.publish(&target, Slot::Channel("prod".parse().unwrap()), version).await;
            tokio::time::sleep(DAY * 10).await;
        }
        scene
    }

    async fn publish(&self, target: &AwsTarget, slot: Slot, version: u32) {
        let name = PointerName { recipe: "web".parse().unwrap(), arch: "x86_64".parse().unwrap(), slot };
        let image: ImageId = image(version, "us-east-1").parse().unwrap();
        let note = Note {
            version: Some(format!("1.0.{version}").parse().unwrap()),
            ..Note::new(Kind::Promote, clock::rfc3339(target.now()))
        };
        let before = target.pointer(&name).await.unwrap();
        target.move_pointer(&name, before.as_ref(), &image, &note).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    pub fn target(&self) -> AwsTarget {
        AwsTarget::with_config(&Wire::new(&self.fake).config())
    }

    /// An instance, with its name; in a group where one is given.
    pub async fn instance(&self, id: &str, image: &str, at: Home, more: &[(&str, &str)]) {
        let ec2 = aws_sdk_ec2::Client::new(&Wire::new(&self.fake).config());
        let base = self.fake.world().ec2.latest_al2023("us-east-1", "x86_64").unwrap();
        let launch = ec2.run_instances().image_id(base).instance_type("m7i.large".into()).min_count(1).max_count(1);
        let launched = launch.send().await.unwrap().instances()[0].instance_id().unwrap().to_owned();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let mut world = self.fake.world();
        let now = world.clock.now();
        let mut instance = world.ec2.instances.remove(&launched).unwrap();
        (instance.id, instance.image, instance.home) = (id.to_owned(), image.to_owned(), at);
        if more.contains(&("stopped", "")) {
            instance.state = Timeline::new(now, InstanceState::Stopped);
        }
        let tags = more.iter().filter(|(_, value)| !value.is_empty());
        let tags = tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        world.ec2.tags.insert(id.to_owned(), Timeline::new(now, tags));
        world.ec2.instances.insert(id.to_owned(), instance);
    }

    pub fn template(&self, id: &str, at: Home, images: &[&str], default: usize) {
        let images = images.iter().map(|image| (*image).to_owned()).collect();
        let mut world = self.fake.world();
        world.ec2.templates.insert(id.to_owned(), Template { home: at, images });
        world.ec2.default_versions.insert(id.to_owned(), default);
    }

    pub fn group(&self, name: &str, at: Home, group: autoscaling::Group) {
        self.fake.world().autoscaling.groups.insert((at, name.to_owned()), group);
    }

    pub async fn look(&self) -> Looked {
        let target = self.target();
        let recipes: Vec<RecipeName> = vec!["web".parse().unwrap()];
        let wanted = places(&self.factory, &"us-east-1".parse().unwrap());
        let looked = look(&target, &self.factory, &recipes, &wanted).await.unwrap();
        assert!(self.fake.world().unknown_calls.is_empty(), "{:?}", self.fake.world().unknown_calls);
        looked
    }

    pub async fn report(&self) -> view::Fleet {
        let looked = self.look().await;
        view::Fleet::of(looked, "2040-03-31T00:00:00Z".into())
    }
}

/// Each finding in a few words, by what it is of.
pub fn told(findings: &[Finding]) -> BTreeMap<String, String> {
    let name = |finding: &Finding| match &finding.resource {
        Some(resource) => resource.clone(),
        None => finding.count.examples[0].id.clone(),
    };
    let short = |finding: &Finding| {
        let judgement = &finding.judgement;
        let version = judgement.version.map_or("-".to_owned(), |version| version.to_string());
        let (level, status) = (judgement.level.as_str(), judgement.status.as_str());
        format!("{level} {status} {version} {}", judgement.days.map_or("-".to_owned(), |days| days.to_string()))
    };
    findings.iter().map(|finding| (name(finding), short(finding))).collect()
}
