//! `rollout` against the fake AWS: groups come to run what a channel names, and nothing is done twice.

mod crash;
mod elsewhere;
mod goes_wrong;
mod meanwhile;
mod other_hands;
mod program;
mod refused;
mod waves;

use super::fleet::{OWN, Scene, home, image};
use super::wire::Wire;
use crate::fake_aws::autoscaling::{Group, Member, Mixed, Override};
use crate::fake_aws::{autoscaling, ec2};
use amifactory::recipe::{RolloutPolicy, Window};
use amifactory::release::scene;
use amifactory::rollout::alarms::Alarms;
use amifactory::rollout::goal::Site;
use amifactory::rollout::{Despite, Ended, GroupPlan, Outcome, Request, RolloutError, Survey, carry_out, goal, survey};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{PointerName, Revocation, Slot, Target};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Mutex;

const TEMPLATE: &str = "lt-00000000000000001";

/// A world in which `prod` names web 1.0.2, with groups that launch 1.0.1 from version 1 of their own templates.
struct Bench {
    scene: Scene,
    policy: RolloutPolicy,
    told: Mutex<Vec<String>>,
}

/// What a roll-out was asked for beside its groups.
#[derive(Debug, Default, Clone, Copy)]
struct Asked<'a> {
    back: bool,
    retry: bool,
    why: Option<&'a str>,
    despite: Option<&'a str>,
    take_over: Option<&'a str>,
}

impl Bench {
    async fn new(groups: &[&str]) -> Bench {
        let bench = Bench { scene: Scene::new("").await, policy: RolloutPolicy::default(), told: Mutex::default() };
        for (at, name) in groups.iter().enumerate() {
            bench.group(name, &format!("lt-0000000000000000{}", at + 1), 3).await;
        }
        bench
    }

    /// A group of so many instances, and its template.
    async fn group(&self, name: &str, template: &str, count: usize) {
        let (east, old) = (home(OWN, "us-east-1"), image(1, "us-east-1"));
        self.scene.template(template, east.clone(), &[&old], 1);
        let named = Some((template.to_owned(), "1".to_owned()));
        let mut members = Vec::new();
        for at in 0..count {
            let id = format!("i-0000000000000{}{at}", &template[17..]);
            self.scene.instance(&id, &old, east.clone(), &[("aws:autoscaling:groupName", name)]).await;
            members.push(Member { id, template: named.clone(), ..Member::default() });
        }
        self.scene.group(name, east, Group { template: named, members, ..Group::default() });
    }

    async fn request(
        &self,
        target: &dyn Target,
        waves: &[&[&str]],
        asked: Asked<'_>,
    ) -> Result<(Request, scene::Scene), RolloutError> {
        let recipe = "web".parse().unwrap();
        let (channels, wanted) = (&self.scene.factory.channels, (&recipe, "prod", None));
        let (goal, scene) = match asked.back {
            true => goal::named(Site::home(target), channels, wanted).await?,
            false => goal::read(Site::home(target), channels, wanted).await?,
        };
        let waves = waves.iter().map(|wave| wave.iter().map(|name| (*name).to_owned()).collect()).collect();
        let Asked { back, retry, why, despite, take_over } = asked;
        let take_over = take_over.map(|recipe| recipe.parse().unwrap());
        let policy = self.policy.clone();
        let despite = match despite {
            Some(why) => {
                let alarms = Alarms::look(target.rollouts().unwrap(), &policy.alarms).await?.ringing;
                Some(Despite { alarms, why: why.to_owned() })
            }
            None => None,
        };
        let why = why.map(str::to_owned);
        Ok((Request { goal, waves, policy, back, why, despite, retry, take_over }, scene))
    }

    async fn plan(&self, waves: &[&[&str]], asked: Asked<'_>) -> Result<Vec<GroupPlan>, RolloutError> {
        Ok(self.survey(waves, asked).await?.plans)
    }

    async fn survey(&self, waves: &[&[&str]], asked: Asked<'_>) -> Result<Survey, RolloutError> {
        let target = self.scene.target();
        let (request, scene) = self.request(&target, waves, asked).await?;
        survey(Site::home(&target), &request, &scene).await
    }

    /// What the verb does, by a program that knows nothing of others.
    async fn roll(&self, target: &AwsTarget, waves: &[&[&str]], asked: Asked<'_>) -> Result<Vec<Ended>, RolloutError> {
        let (request, scene) = self.request(target, waves, asked).await?;
        let plans = survey(Site::home(target), &request, &scene).await?.plans;
        let tell = |text: String| self.told.lock().unwrap().push(text);
        carry_out(Site::home(target), &self.scene.factory.channels, &request, &plans, &tell).await
    }

    async fn rolled(&self, waves: &[&[&str]], asked: Asked<'_>) -> Vec<String> {
        words(&self.roll(&self.scene.target(), waves, asked).await.unwrap())
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Group)) {
        let mut world = self.scene.fake.world();
        change(world.autoscaling.groups.get_mut(&(home(OWN, "us-east-1"), name.to_owned())).unwrap());
    }

    fn scaling(&self) -> aws_sdk_autoscaling::Client {
        aws_sdk_autoscaling::Client::new(&Wire::new(&self.scene.fake).config())
    }

    /// A version of the first template by another hand, over version 1: an image, an instance type, and what it says.
    async fn forge(&self, image: &str, kind: &str, description: &str) {
        use aws_sdk_ec2::types::{InstanceType, RequestLaunchTemplateData};
        let ec2 = aws_sdk_ec2::Client::new(&Wire::new(&self.scene.fake).config());
        let data = RequestLaunchTemplateData::builder().image_id(image).instance_type(InstanceType::from(kind)).build();
        let make = ec2.create_launch_template_version().launch_template_id(TEMPLATE).source_version("1");
        make.launch_template_data(data).version_description(description).send().await.unwrap();
    }

    fn tag(&self, id: &str, key: &str, value: &str) {
        let mut world = self.scene.fake.world();
        let now = world.clock.now();
        let mut tags = world.ec2.tags_at(id, now);
        tags.insert(key.to_owned(), value.to_owned());
        world.ec2.tags.get_mut(id).unwrap().set(now, tags);
    }

    /// That a version is revoked, written down at home and in no tag.
    async fn mark(&self, recipe: &str, version: &str, image: &str) {
        let slot = Slot::Version(version.parse().unwrap());
        let name = PointerName { recipe: recipe.parse().unwrap(), arch: "x86_64".parse().unwrap(), slot };
        let (by, at) = ("ops".to_owned(), "2040-03-30T00:00:00Z".to_owned());
        let mark = Revocation { image: image.parse().unwrap(), reason: "CVE-2026-0009".into(), by, at };
        self.scene.target().mark_revoked(&name, &mark).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    }

    /// An alarm of that name and state: `OK`, `ALARM`.
    fn alarm(&self, name: &str, state: &str) {
        let alarm = json!({ "AlarmName": name, "StateValue": state });
        self.scene.fake.world().cloudwatch.alarms.insert((home(OWN, "us-east-1"), name.to_owned()), alarm);
    }

    fn seen(&self, name: &str) -> Group {
        self.scene.fake.world().autoscaling.groups[&(home(OWN, "us-east-1"), name.to_owned())].clone()
    }

    fn images_of(&self, template: &str) -> Vec<String> {
        self.scene.fake.world().ec2.templates[template].images.clone()
    }

    /// The images that the group's instances really have.
    fn running(&self, name: &str) -> BTreeSet<String> {
        let members = self.seen(name).members;
        let world = self.scene.fake.world();
        members.iter().map(|member| world.ec2.instances[&member.id].image.clone()).collect()
    }

    fn saved(&self) -> Saved {
        let world = self.scene.fake.world();
        Saved { ec2: world.ec2.clone(), autoscaling: world.autoscaling.clone() }
    }

    fn set_back(&self, saved: &Saved) {
        let mut world = self.scene.fake.world();
        (world.ec2, world.autoscaling) = (saved.ec2.clone(), saved.autoscaling.clone());
    }

    fn count(&self, action: &str) -> usize {
        self.scene.fake.world().count(action)
    }
}

/// The world at a moment.
struct Saved {
    ec2: ec2::State,
    autoscaling: autoscaling::State,
}

/// Each group with what became of it.
fn words(ended: &[Ended]) -> Vec<String> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::UpToDate => "up to date".to_owned(),
        Outcome::Done => "done".to_owned(),
        Outcome::Failed(why) => format!("failed: {why}"),
        Outcome::NotKnown(why) => format!("not known: {why}"),
        Outcome::NotBegun(why) => format!("not begun: {why}"),
    };
    ended.iter().map(|ended| format!("{} {}", ended.name, word(&ended.outcome))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_group_comes_to_the_image_and_then_there_is_nothing_to_do() {
    let bench = Bench::new(&["web"]).await;
    let (old, new) = (image(1, "us-east-1"), image(2, "us-east-1"));
    assert_eq!(bench.rolled(&[&["web"]], Asked::default()).await, ["web done"]);
    // One new version with the image, and the default stays.
    assert_eq!(bench.images_of(TEMPLATE), [old, new.clone()]);
    let description = {
        let world = bench.scene.fake.world();
        assert_eq!(world.ec2.default_versions[TEMPLATE], 1);
        world.ec2.template_versions[&(TEMPLATE.to_owned(), 2)].description.clone()
    };
    assert_eq!(description.as_deref(), Some("amifactory over 1: web 1.0.2 from prod for web"));
    let group = bench.seen("web");
    assert_eq!((group.template, group.members.len()), (Some((TEMPLATE.into(), "2".into())), 3));
    assert_eq!(bench.running("web"), [new].into());
    assert_eq!(bench.count("UpdateAutoScalingGroup"), 0);
    let told = bench.told.lock().unwrap().join("\n");
    assert!(told.contains("web: begun, version 2, 3 to replace") && told.contains("% replaced"), "{told}");
    // The fleet sees it.
    let looked = bench.scene.look().await;
    let fine = super::fleet::told(&looked.findings);
    assert_eq!(fine["web"], "fine fresh 1.0.2 -", "{fine:?}");
    // Again: nothing is changed.
    let plans = bench.plan(&[&["web"]], Asked::default()).await.unwrap();
    assert!(!plans[0].is_begun());
    assert_eq!(bench.rolled(&[&["web"]], Asked::default()).await, ["web up to date"]);
    assert_eq!((bench.count("CreateLaunchTemplateVersion"), bench.count("StartInstanceRefresh")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn mixed_instances_keep_their_policy() {
    let bench = Bench::new(&["web"]).await;
    let overrides = ["m7i.large", "m6i.large"].map(|kind| Override { kind: Some(kind.into()), ..Override::default() });
    let mixed = Mixed {
        template: (TEMPLATE.into(), "1".into()),
        overrides: overrides.into(),
        distribution: [("OnDemandBaseCapacity".to_owned(), "1".to_owned())].into(),
    };
    bench.change("web", |group| (group.template, group.mixed) = (None, Some(mixed.clone())));
    assert_eq!(bench.rolled(&[&["web"]], Asked::default()).await, ["web done"]);
    let after = Mixed { template: (TEMPLATE.into(), "2".into()), ..mixed };
    assert_eq!(bench.seen("web").mixed, Some(after));
    assert_eq!(bench.running("web"), [image(2, "us-east-1")].into());
    assert_eq!(bench.rolled(&[&["web"]], Asked { back: true, ..Asked::default() }).await, ["web done"]);
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
}

#[tokio::test(start_paused = true)]
async fn how_it_goes_is_as_the_factory_says() {
    let mut bench = Bench::new(&["web"]).await;
    let minutes = |n: u64| std::time::Duration::from_secs(60 * n);
    bench.policy = RolloutPolicy {
        minimum_healthy: 100,
        maximum_healthy: 150,
        checkpoints: vec![30, 60],
        checkpoint_delay: minutes(7),
        bake: minutes(9),
        warmup: Some(minutes(1)),
        alarms: vec!["5xx".into()],
        ..RolloutPolicy::default()
    };
    bench.alarm("5xx", "OK");
    let plans = bench.plan(&[&["web"]], Asked::default()).await.unwrap();
    // One at a time, each 2 minutes to come and 1 to warm up; two checkpoints and the end.
    assert_eq!(plans[0].about, minutes(3 * 3 + 2 * 7 + 9));
    let began = tokio::time::Instant::now();
    assert_eq!(bench.rolled(&[&["web"]], Asked::default()).await, ["web done"]);
    assert!(began.elapsed() >= minutes(2 * 7 + 9), "{:?}", began.elapsed());
    let preferences = bench.seen("web").refreshes[0].preferences.clone();
    assert_eq!((preferences.least, preferences.most), (100, 150));
    assert_eq!((preferences.checkpoints, preferences.delay), (vec![30, 60, 100], minutes(7)));
    assert_eq!((preferences.bake, preferences.warmup), (minutes(9), Some(60)));
    assert!(preferences.auto_rollback && preferences.skip_matching);
    assert_eq!(preferences.alarms, ["5xx"]);
}

#[tokio::test(start_paused = true)]
async fn the_way_back_is_not_held_up_by_what_made_it_necessary() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy = RolloutPolicy {
        checkpoints: vec![30],
        checkpoint_delay: std::time::Duration::from_secs(3600),
        bake: std::time::Duration::from_secs(3600),
        alarms: vec!["5xx".into()],
        ..RolloutPolicy::default()
    };
    bench.alarm("5xx", "OK");
    assert_eq!(bench.rolled(&[&["web"]], Asked::default()).await, ["web done"]);
    // The image is bad, and the alarm says so.
    bench.alarm("5xx", "ALARM");
    let back = Asked { back: true, ..Asked::default() };
    assert!(bench.plan(&[&["web"]], back).await.unwrap()[0].about < std::time::Duration::from_secs(3600));
    assert_eq!(bench.rolled(&[&["web"]], back).await, ["web done"]);
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
    let preferences = bench.seen("web").refreshes.last().unwrap().preferences.clone();
    assert!(!preferences.auto_rollback && preferences.alarms.is_empty() && preferences.checkpoints.is_empty());
}
