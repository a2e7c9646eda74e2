//! The way out for images on AWS, day by day: deprecated, disabled, gone; and back again, as long as it is there.

use super::crash::distribution::{self, CONSUMER, ORGANIZATION as OURS, REGIONS, SHARED, UNIT};
use super::crash::machine::{Machine, RECIPE, recipe_with};
use super::retire::{Bench, DAY, retention};
use super::wire::Wire;
use crate::fake_aws::ec2::model::Protection;
use crate::fake_aws::{Consistency, Faults};
use amifactory::fleet::retire::restore::{self, RestoreError, Restored};
use amifactory::fleet::retire::{Ended, Wanted, carry_out, lock, survey};
use amifactory::identity::RecipeName;
use amifactory::pipeline::{StateFolder, sweep, tags};
use amifactory::recipe::{Factory, OtherService, Retention};
use amifactory::release::verify;
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Shelf, Target};
use aws_sdk_ec2::types::{LaunchPermission, LaunchPermissionModifications};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PARTNER: &str = "210987654321";
const ORGANIZATION: &str = "arn:aws:organizations::123456789012:organization/o-0123456789";

/// What became of each version in a run, in a word.
pub type Told = BTreeMap<String, String>;

pub fn recipes() -> [RecipeName; 1] {
    [RECIPE.parse().unwrap()]
}

/// What `retire --apply` does, on a machine that knows nothing of the runs before.
pub async fn apply(bench: &Bench, target: &AwsTarget) -> Told {
    applied_to(&bench.factory, target).await
}

async fn applied_to(factory: &Factory, target: &dyn Target) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::open(folder.path()).unwrap();
    let (_locks, busy) = lock(&state, &recipes()).unwrap();
    let shelf = target.shelf().unwrap();
    let recipes = recipes();
    let wanted = Wanted { factory, recipes: &recipes, only: None, busy: &busy, home: None };
    let items = survey(target, shelf, &wanted).await.unwrap();
    let way_out = shelf.way_out().unwrap();
    let ended = carry_out(target, (shelf, way_out), (&state, factory), &items, &busy).await.unwrap();
    items.iter().zip(&ended).map(|(item, ended)| (item.version.to_string(), word(ended))).collect()
}

/// What became of an image, in a word.
pub fn word(ended: &Ended) -> String {
    match ended {
        Ended::Took(rung) => format!("{rung:?}"),
        Ended::Waits(rung, _) => format!("waits for {rung:?}"),
        Ended::Kept(reasons) => reasons.iter().map(|reason| reason.kind).collect::<Vec<_>>().join(" "),
        Ended::BroughtBack(reasons) => {
            format!("back: {}", reasons.iter().map(|reason| reason.kind).collect::<Vec<_>>().join(" "))
        }
        Ended::Failed(error) => format!("failed: {error}"),
    }
}

/// What `retire --restore` does.
pub async fn bring_back(target: &AwsTarget, image: &str) -> Result<Restored, RestoreError> {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::open(folder.path()).unwrap();
    let shelf = target.shelf().unwrap();
    let wanted = restore::Wanted::Image(image.parse().unwrap());
    let found = restore::find(shelf, &recipes(), &wanted).await?;
    restore::restore((target, shelf.way_out().unwrap()), &state, &found[0]).await
}

/// All that makes an image what it is for others: its state, who may launch it, its deprecation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    pub state: &'static str,
    pub deprecated: bool,
    pub launchers: BTreeSet<String>,
}

impl Bench {
    pub fn target(&self) -> AwsTarget {
        AwsTarget::with_config(&Wire::new(&self.fake).config())
    }

    async fn applied(&self) -> Told {
        apply(self, &self.target()).await
    }

    async fn first(&self) -> String {
        self.applied().await.remove("1.0.0").unwrap_or_else(|| "not there".into())
    }

    /// With nobody else's accounts in use, and this soak.
    pub fn soak(&mut self, soak: Duration) {
        let not_used_by = [PARTNER.to_owned(), ORGANIZATION.to_owned()].into();
        self.retain(Retention { soak, not_used_by, ..retention(&OtherService::ALL) });
    }

    /// The image may be launched by others from now on.
    pub async fn share(&self) {
        let add = LaunchPermissionModifications::builder()
            .add(LaunchPermission::builder().user_id(PARTNER).build())
            .add(LaunchPermission::builder().organization_arn(ORGANIZATION).build());
        let image = self.image();
        self.fake.world().ec2.encrypt_with_own_key();
        self.ec2().modify_image_attribute().image_id(image).launch_permission(add.build()).send().await.unwrap();
    }

    pub fn stands(&self, image: &str) -> Option<Stands> {
        let world = self.fake.world();
        let now = world.clock.now();
        let image = world.ec2.images.get(image)?;
        Some(Stands {
            state: image.state.at(now),
            deprecated: image.deprecated.at(now).is_some(),
            launchers: image.shared_with.iter().chain(&image.shared_with_arns).cloned().collect(),
        })
    }

    /// Snapshots that carry the tag of this image's build.
    pub fn snapshots(&self, build: &str) -> Vec<String> {
        let world = self.fake.world();
        let now = world.clock.now();
        let of_build = |id: &&String| world.ec2.tags_at(id, now).get(tags::BUILD).is_some_and(|tag| tag == build);
        world.ec2.snapshots.keys().filter(of_build).cloned().collect()
    }

    pub fn build(&self, image: &str) -> String {
        let world = self.fake.world();
        let now = world.clock.now();
        world.ec2.tags_at(image, now)[tags::BUILD].clone()
    }

    async fn no_drift(&self, place: &str) {
        let mut found = verify::verify(&self.target(), &[], &recipes()).await.unwrap();
        // The partner is none that the factory knows of, and is told of as such.
        found.drift.retain(|drift| !format!("{drift:?}").contains(PARTNER));
        assert_eq!(found.drift, [], "{place}");
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        let left = sweep::find(&self.target(), &state).await.unwrap();
        assert_eq!(left, [], "{place}: nothing of it is for sweep");
    }

    async fn days(&self, days: u32) {
        tokio::time::sleep(DAY * days + Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn run_daily_it_walks_the_ladder_and_leaves_nothing() {
    let mut bench = Bench::new().await;
    bench.soak(7 * DAY);
    bench.share().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (image, before) = (bench.image(), bench.stands(&bench.image()).unwrap());
    let build = bench.build(&image);
    assert_eq!((before.state, before.launchers.len(), bench.snapshots(&build).len()), ("available", 2, 2));
    let mut days = Vec::new();
    for day in 0..17 {
        let mut told = bench.applied().await;
        assert_eq!((told["1.0.3"].as_str(), told["1.0.2"].as_str()), ("newest channel", "rollback-target"), "{day}");
        days.push(told.remove("1.0.0").unwrap_or_else(|| "not there".into()));
        bench.no_drift(&format!("day {day}")).await;
        let launch = bench.ec2().run_instances().image_id(&image).instance_type("m7i.large".into()).dry_run(true);
        let launched = launch.min_count(1).max_count(1).send().await.unwrap_err().into_service_error();
        let code = launched.meta().code().unwrap_or_default().to_owned();
        match day {
            0..7 => {
                let stands = Stands { deprecated: true, ..before.clone() };
                assert_eq!((bench.stands(&image), code.as_str()), (Some(stands), "DryRunOperation"), "day {day}");
            }
            7..14 => {
                let stands = Stands { state: "disabled", deprecated: true, launchers: BTreeSet::new() };
                assert_eq!((bench.stands(&image), code.as_str()), (Some(stands), "InvalidAMIID.Unavailable"));
            }
            _ => assert_eq!((bench.stands(&image), bench.snapshots(&build)), (None, Vec::new()), "day {day}"),
        }
        bench.days(1).await;
    }
    let mut expected = vec!["Deprecate"];
    expected.extend(["waits for Disable"; 6]);
    expected.push("Disable");
    expected.extend(["waits for Remove"; 6]);
    expected.push("Remove");
    expected.extend(["not there"; 2]);
    assert_eq!(days, expected);
    // The version stays taken, what became of it stays known, and nothing brings it back.
    let error = bring_back(&bench.target(), &image).await.unwrap_err();
    assert!(matches!(error, RestoreError::Gone { .. }) && error.to_string().contains("is gone"), "{error}");
    let other = bench.target().retirements(&recipes()[0]).await.unwrap();
    assert!(other.iter().all(|found| found.removed_at.is_some() && found.by.starts_with("arn:aws:")), "{other:?}");
    assert_eq!(other.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_with_all_that_could_launch_it() {
    let mut bench = Bench::new().await;
    bench.soak(7 * DAY);
    bench.share().await;
    let (image, before) = (bench.image(), bench.stands(&bench.image()).unwrap());
    let error = bring_back(&bench.target(), &image).await.unwrap_err();
    assert!(matches!(error, RestoreError::NotRetired(_)), "{error}");
    for until in [0, 7] {
        assert_eq!(bench.first().await, "Deprecate");
        bench.days(until).await;
        assert_eq!(bench.first().await, if until == 0 { "waits for Disable" } else { "Disable" });
        let back = bring_back(&bench.target(), &image).await.unwrap();
        let launchers = if until == 0 { 0 } else { 2 };
        assert_eq!((back.was_disabled, back.permissions.len()), (until > 0, launchers));
        assert_eq!(bench.stands(&image).as_ref(), Some(&before));
        let error = bring_back(&bench.target(), &image).await.unwrap_err();
        assert!(matches!(error, RestoreError::Back { .. }), "{error}");
        // Whoever has brought it back has time to say why it stays.
        assert_eq!(bench.first().await, "restored");
        bench.days(7).await;
    }
    // The date that someone else had given it comes back too.
    let date = aws_smithy_types::DateTime::from_secs(bench.target().now().unix_timestamp() + 90 * 86_400);
    bench.ec2().enable_image_deprecation().image_id(&image).deprecate_at(date).send().await.unwrap();
    let own = bench.fake.world().ec2.images[&image].deprecated.end().clone();
    assert_eq!(bench.first().await, "Deprecate");
    assert_ne!(bench.fake.world().ec2.images[&image].deprecated.end(), &own);
    bring_back(&bench.target(), &image).await.unwrap();
    assert_eq!(bench.fake.world().ec2.images[&image].deprecated.end(), &own);
}

#[tokio::test(start_paused = true)]
async fn what_came_into_use_again_is_brought_back_and_what_is_not_known_waits() {
    let mut bench = Bench::new().await;
    bench.soak(7 * DAY);
    bench.share().await;
    let (image, before) = (bench.image(), bench.stands(&bench.image()).unwrap());
    assert_eq!(bench.first().await, "Deprecate");
    bench.template("lt-00000000000000fff", &[&image]);
    assert_eq!(bench.first().await, "back: in-use");
    assert_eq!(bench.stands(&image).as_ref(), Some(&before));
    // Kept already: what else uses it is not asked.
    assert_eq!(bench.first().await, "restored");
    bench.fake.world().ec2.templates.clear();
    bench.days(7).await;
    assert_eq!(bench.first().await, "Deprecate");
    bench.days(7).await;
    assert_eq!(bench.first().await, "Disable");
    bench.days(7).await;
    // What can't be read keeps it just where it is.
    bench.fake.world().credentials.default_mut().denied.insert("ec2:DescribeFleets".into());
    let disabled = bench.stands(&image);
    assert_eq!((bench.first().await.as_str(), bench.stands(&image)), ("unknown", disabled));
    bench.fake.world().credentials.default_mut().denied.clear();
    bench.template("lt-00000000000000fff", &[&image]);
    assert_eq!(bench.first().await, "back: in-use");
    assert_eq!(bench.stands(&image).as_ref(), Some(&before));
}

#[tokio::test(start_paused = true)]
async fn someone_who_enables_it_or_protects_it_is_not_overruled() {
    let mut bench = Bench::new().await;
    bench.soak(7 * DAY);
    bench.share().await;
    let image = bench.image();
    assert_eq!(bench.first().await, "Deprecate");
    bench.days(7).await;
    assert_eq!(bench.first().await, "Disable");
    bench.days(6).await;
    bench.ec2().enable_image().image_id(&image).send().await.unwrap();
    bench.days(1).await;
    // Enabled by hand: it begins anew, and who could launch it is still known.
    assert_eq!(bench.first().await, "Deprecate");
    bench.days(7).await;
    assert_eq!(bench.first().await, "Disable");
    bench.days(7).await;
    let protect = bench.ec2().enable_image_deregistration_protection().image_id(&image).with_cooldown(true);
    protect.send().await.unwrap();
    assert_eq!(bench.first().await, "protected");
    bench.ec2().disable_image_deregistration_protection().image_id(&image).send().await.unwrap();
    assert_eq!(bench.first().await, "protected", "the cooldown is not over");
    assert!(matches!(bench.fake.world().ec2.images[&image].protection, Protection::Ending(_)));
    assert_eq!(bench.stands(&image).unwrap().state, "disabled");
    let back = bring_back(&bench.target(), &image).await.unwrap();
    assert_eq!(back.permissions, [PARTNER, ORGANIZATION]);
    bench.days(7).await;
    for step in ["Deprecate", "Disable", "Remove"] {
        assert_eq!(bench.first().await, step);
        bench.days(7).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_another_image_needs_stays_and_one_that_lingers_goes() {
    let mut bench = Bench::new().await;
    bench.soak(Duration::ZERO);
    let image = bench.image();
    let build = bench.build(&image);
    let root = bench.fake.world().ec2.images[&image].mappings[0].snapshot.clone().unwrap();
    // Someone has registered an image of their own on the same snapshot.
    let ebs = aws_sdk_ec2::types::EbsBlockDevice::builder().snapshot_id(&root).build();
    let device = aws_sdk_ec2::types::BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs).build();
    let register = bench.ec2().register_image().name("theirs").root_device_name("/dev/xvda");
    register.architecture("x86_64".into()).block_device_mappings(device).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    bench.fake.world().ec2.pokes.lingering = Duration::from_secs(20);
    for step in ["Deprecate", "Disable", "Remove", "not there"] {
        assert_eq!(bench.first().await, step);
    }
    assert_eq!(bench.snapshots(&build), [root]);
    let world = bench.fake.world();
    assert!(world.ec2.images.values().any(|image| image.name == "theirs"));
}

#[tokio::test(start_paused = true)]
async fn so_many_launch_permissions_that_they_can_not_be_written_down_stay() {
    let mut bench = Bench::new().await;
    let all: BTreeSet<String> = (0..400).map(|n| format!("{:012}", 300_000_000_000_u64 + n)).collect();
    bench.retain(Retention { soak: Duration::ZERO, not_used_by: all.clone(), ..retention(&OtherService::ALL) });
    let image = bench.image();
    bench.fake.world().ec2.images.get_mut(&image).unwrap().shared_with = all;
    assert_eq!(bench.first().await, "Deprecate");
    let told = bench.first().await;
    assert!(told.contains("failed") && told.contains("4096 fit: it stays as it is"), "{told}");
    assert_eq!(bench.stands(&image).unwrap().launchers.len(), 400);
}

#[tokio::test(start_paused = true)]
async fn bad_weather_and_old_answers_change_no_step() {
    for seed in 1..=3 {
        let mut bench = Bench::new().await;
        bench.soak(7 * DAY);
        bench.share().await;
        let (image, before) = (bench.image(), bench.stands(&bench.image()).unwrap());
        let build = bench.build(&image);
        {
            let mut world = bench.fake.world();
            world.weather.rates = Faults { reset_rate: 0.05, throttle_rate: 0.2, ..Faults::bad_weather() };
            world.consistency = Consistency { hidden_rate: 0.0, stale_rate: 0.3, ..Consistency::nasty() };
            for _ in 0..seed {
                world.random.bool();
            }
            world.ec2.pokes.lingering = Duration::from_secs(15);
        }
        assert_eq!(bench.first().await, "Deprecate", "seed {seed}");
        bench.days(7).await;
        assert_eq!(bench.first().await, "Disable", "seed {seed}");
        // At once: answers may still be of before.
        bring_back(&bench.target(), &image).await.unwrap();
        assert_eq!(bench.stands(&image).as_ref(), Some(&before), "seed {seed}");
        bench.days(7).await;
        for step in ["Deprecate", "Disable", "Remove"] {
            assert_eq!(bench.first().await, step, "seed {seed}");
            bench.days(7).await;
        }
        assert_eq!((bench.stands(&image), bench.snapshots(&build)), (None, Vec::new()), "seed {seed}");
        bench.fake.world().weather.rates = Faults::none();
        bench.no_drift(&format!("seed {seed}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn copies_in_other_regions_go_before_the_image_at_home() {
    let bench = distribution::Bench::new().await;
    bench.again().await;
    for revision in 1..3 {
        Machine::new(&bench.fake).build(&recipe_with(revision, distribution::AWS), "the next image").await;
    }
    // In the other regions too the newest version stays.
    bench.again().await;
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    let mut factory = recipe_with(0, distribution::AWS);
    let not_used_by = [CONSUMER, SHARED, OURS, UNIT].map(str::to_owned).into();
    let kept = Retention { soak: Duration::ZERO, not_used_by, ..retention(&OtherService::ALL) };
    factory.recipes.values_mut().for_each(|recipe| recipe.retention = Some(kept.clone()));
    factory.distribution = Some(bench.known.clone());
    let home = bench.target();
    assert_eq!(applied_to(&factory, &home).await["1.0.0"], "in-use in-use");
    for (at, region) in REGIONS[1..].iter().enumerate() {
        let there = home.place(&region.parse().unwrap(), None).unwrap();
        for step in ["Deprecate", "Disable", "Remove"] {
            assert_eq!(applied_to(&factory, &*there).await["1.0.0"], step, "{region}");
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        assert_eq!(bench.images(region).len(), 1, "{region}");
        let home = bench.target();
        if at == 0 {
            assert_eq!(applied_to(&factory, &home).await["1.0.0"], "in-use");
        }
    }
    for step in ["Deprecate", "Disable", "Remove"] {
        assert_eq!(applied_to(&factory, &bench.target()).await["1.0.0"], step);
    }
}
