//! Retirement in all regions by one command: each by itself, copies before the image at home, and what can't be read stays.

use super::crash::distribution::{self, CONSUMER, ORGANIZATION, REGIONS, SHARED, UNIT};
use super::crash::machine::{Machine, recipe_with};
use super::ladder::{recipes, word};
use super::loopback::cloud;
use super::retire::retention;
use super::wire::{Cut, Wire};
use crate::fake_aws::ec2::{Home, Timeline};
use crate::fake_aws::ssm::parameters::Put;
use crate::program::TestFactory;
use crate::scale::{self, Size};
use amifactory::fleet::retire::places::Places;
use amifactory::fleet::retire::{Wanted, lock, survey};
use amifactory::pipeline::StateFolder;
use amifactory::recipe::{Factory, OtherService, Retention};
use amifactory::release::{Kind, Note};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Move, PointerName, Slot, Target};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// 1.0.0 in all regions, which nothing keeps, and newer versions.
async fn world() -> (distribution::Bench, Factory) {
    let bench = distribution::Bench::new().await;
    bench.again().await;
    for revision in 1..3 {
        Machine::new(&bench.fake).build(&recipe_with(revision, distribution::AWS), "the next image").await;
    }
    bench.again().await;
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    let mut factory = recipe_with(0, distribution::AWS);
    let not_used_by = [CONSUMER, SHARED, ORGANIZATION, UNIT].map(str::to_owned).into();
    let kept = Retention { soak: Duration::ZERO, not_used_by, ..retention(&OtherService::ALL) };
    factory.recipes.values_mut().for_each(|recipe| recipe.retention = Some(kept.clone()));
    factory.distribution = Some(bench.known.clone());
    (bench, factory)
}

/// What `retire --apply` does: by region, what became of 1.0.0 there.
async fn applied(factory: &Factory, target: &AwsTarget) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::open(folder.path()).unwrap();
    let (_locks, busy) = lock(&state, &recipes()).unwrap();
    let places = Places::new(target, factory).unwrap();
    let recipes = recipes();
    let wanted = Wanted { factory, recipes: &recipes, only: None, busy: &busy, home: None };
    let seen = places.survey(&wanted).await.unwrap();
    let of_first = |item: &&amifactory::fleet::retire::Item| item.version.to_string() == "1.0.0";
    let going: Vec<Vec<_>> =
        seen.iter().map(|seen| seen.items.as_ref().unwrap().iter().filter(of_first).cloned().collect()).collect();
    let ended = places.carry_out((&state, factory), &going, &busy).await;
    let told = places
        .all()
        .into_iter()
        .zip(ended)
        .filter_map(|((region, _), ended)| Some((region.unwrap().to_string(), word(ended.unwrap().first()?))));
    told.collect()
}

fn all(word: &str, home: &str) -> BTreeMap<String, String> {
    let of = |region: &str| if region == REGIONS[0] { home } else { word };
    REGIONS.iter().map(|region| ((*region).to_owned(), of(region).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn one_command_takes_the_step_of_every_region_and_copies_go_before_the_image_at_home() {
    let (bench, factory) = world().await;
    for step in ["Deprecate", "Disable", "Remove"] {
        assert_eq!(applied(&factory, &bench.target()).await.get("us-west-2").map(String::as_str), Some(step));
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert!(REGIONS[1..].iter().all(|region| bench.images(region).len() == 1));
    // The last run removed the copies first, and so took the first step at home.
    let mut at_home = Vec::new();
    while let Some(step) = applied(&factory, &bench.target()).await.remove("us-east-1") {
        at_home.push(step);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert!(at_home.ends_with(&["Disable".to_owned(), "Remove".to_owned()]), "{at_home:?}");
}

#[tokio::test(start_paused = true)]
async fn while_its_copies_are_there_the_image_at_home_is_kept_by_each_of_them() {
    let (bench, factory) = world().await;
    assert_eq!(applied(&factory, &bench.target()).await, all("Deprecate", "in-use in-use"));
}

#[tokio::test(start_paused = true)]
async fn copies_stay_while_home_names_their_image_or_moves_a_channel_to_it() {
    let (bench, factory) = world().await;
    let mover = bench.target();
    let slot = |text: &str, version: bool| match version {
        true => Slot::Version(text.parse().unwrap()),
        false => Slot::Channel(text.parse().unwrap()),
    };
    let name = |slot| PointerName { recipe: recipes()[0].clone(), arch: "x86_64".parse().unwrap(), slot };
    let image = mover.pointer(&name(slot("1.0.0", true))).await.unwrap().unwrap().image;
    let channel = name(slot("prod", false));
    let expected = mover.pointer(&channel).await.unwrap();
    let note = Note::new(Kind::Promote, amifactory::pipeline::clock::rfc3339(mover.now()));
    // Whoever promoted it died after home had moved, before the regions followed.
    let wanted = Move { name: channel, expected, image, note, elsewhere: Default::default(), takes_over: false };
    mover.hold_move(&wanted).await.unwrap();
    for _ in 0..2 {
        let told = applied(&factory, &bench.target()).await;
        for region in &REGIONS[1..] {
            assert!(told[*region].contains("channel") && told[*region].contains("moving"), "{told:?}");
        }
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    // The same from the region itself, which asks home.
    let there = bench.target().place(&REGIONS[1].parse().unwrap(), None).unwrap();
    let busy = BTreeMap::new();
    let wanted = Wanted { factory: &factory, recipes: &recipes(), only: None, busy: &busy, home: None };
    let items = survey(&*there, there.shelf().unwrap(), &wanted).await.unwrap();
    let first = items.iter().find(|item| item.version.to_string() == "1.0.0").unwrap();
    assert!(!first.facts.at_home.is_empty() && !first.facts.moving.is_empty(), "{:?}", first.facts);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_between_regions_is_gone_on_by_the_same_command() {
    for request in [40, 70, 100, 130, 160, 200] {
        let (bench, factory) = world().await;
        let wire = Wire::cut(&bench.fake, request, Cut::ReplyLost);
        let target = AwsTarget::with_config(&wire.config());
        let dead = wire.dead();
        tokio::select! {
            biased;
            () = dead.notified() => {}
            _ = applied(&factory, &target) => {}
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut runs = 0;
        while !applied(&factory, &bench.target()).await.is_empty() {
            runs += 1;
            assert!(runs < 10, "request {request}: it comes to an end");
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        assert!(REGIONS[1..].iter().all(|region| bench.images(region).len() == 1), "request {request}");
    }
}

/// What the program says: its exit code and its last line.
fn run(cloud: &super::loopback::Cloud, factory: &TestFactory, arguments: &[&str]) -> (i32, Value) {
    let output = cloud.command(factory, &[arguments, &["--format", "json"]].concat()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), serde_json::from_str(last).unwrap())
}

#[test]
fn a_region_that_can_not_be_read_keeps_what_may_be_there_is_told_and_gives_exit_5() {
    let size = Size { recipes: 1, regions: 3 };
    let cloud = cloud(|world| world.regions = size.regions().into_iter().collect());
    scale::seed(&cloud.fake, size);
    let factory = TestFactory::tiny("true");
    factory.write("amifactory.yaml", &size.yaml());
    let first = |result: &Value| {
        let images = result["images"].as_array().unwrap().clone();
        images.into_iter().find(|row| row["version"] == "1.0.0" && row["region"] == "us-east-1").unwrap()
    };
    // All of them: four versions at home, the newest two in each other region.
    let (code, result) = run(&cloud, &factory, &["retire"]);
    assert_eq!((code, result["images"].as_array().unwrap().len()), (0, 4 + 2 * 2), "{result}");
    assert_eq!(first(&result)["outcome"], "deprecate", "{result}");
    assert!(result.get("unread").is_none());
    let text = String::from_utf8(cloud.command(&factory, &["retire"]).output().unwrap().stdout).unwrap();
    assert!(text.lines().next().unwrap().ends_with("REGION") && text.contains("us-west-1"), "{text}");

    cloud.fake.world().regions.retain(|region| region != "us-west-1");
    for arguments in [&["retire"][..], &["retire", "--apply"]] {
        let (code, result) = run(&cloud, &factory, arguments);
        assert_eq!((code, result["images"].as_array().unwrap().len()), (5, 4 + 2), "{result}");
        assert_eq!(result["unread"][0]["region"], "us-west-1");
        let row = first(&result);
        assert_eq!(row["outcome"], "keep", "{row}");
        assert_eq!(row["because"][0]["by"], "copies in us-west-1", "{row}");
    }
    let text = String::from_utf8(cloud.command(&factory, &["retire"]).output().unwrap().stdout).unwrap();
    assert!(text.contains("us-west-1 could not be read: every image there stays"), "{text}");

    // In a region of its own it is as it was: it sees that one alone.
    let mut there = cloud.command(&factory, &["retire", "--format", "json"]);
    let output = there.env("AWS_REGION", "us-east-2").output().unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), result["images"].as_array().unwrap().len()), (Some(0), 2), "{result}");

    cloud.fake.world().regions = size.regions().into_iter().collect();
    let (code, result) = run(&cloud, &factory, &["retire", "--apply"]);
    assert_eq!((code, &first(&result)["outcome"]), (0, &Value::from("deprecated")), "{result}");

    // Back again: by its version only where every region can be asked, by its id wherever it is found.
    let version = format!("{}@1.0.0", scale::name(0));
    cloud.fake.world().regions.retain(|region| region != "us-west-1");
    let (code, result) = run(&cloud, &factory, &["retire", "--restore", &version]);
    assert!(code == 1 && result["error"].is_string(), "{result}");
    cloud.fake.world().regions = size.regions().into_iter().collect();
    let (code, result) = run(&cloud, &factory, &["retire", "--restore", &version]);
    assert_eq!((code, result["restored"].as_array().unwrap().len()), (0, 1), "{result}");
    let (code, result) = run(&cloud, &factory, &["retire", "--restore", &version]);
    assert!(code != 0 && result["error"].as_str().unwrap().contains("was brought back"), "{result}");
}

/// No two regions have an image of the same id: from home a copy is found wherever it is on its way out.
#[test]
fn a_copy_in_another_region_is_brought_back_from_home() {
    let size = Size { recipes: 1, regions: 3 };
    let cloud = cloud(|world| world.regions = size.regions().into_iter().collect());
    scale::seed(&cloud.fake, size);
    let factory = TestFactory::tiny("true");
    factory.write("amifactory.yaml", &size.yaml());
    let (_, result) = run(&cloud, &factory, &["retire"]);
    let rows = result["images"].as_array().unwrap();
    let copy = rows.iter().find(|row| row["region"] == "us-west-1" && row["version"] == "1.0.2").unwrap();
    let copy = copy["image"].as_str().unwrap().to_owned();
    let there = Home { account: scale::OWNER.into(), region: "us-west-1".into() };
    {
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        let image = world.ec2.images.get_mut(&copy).unwrap();
        image.deprecated = Timeline::new(now, Some("2026-11-20T00:00:00.000Z".into()));
        let document = serde_json::json!({
            "name": {"recipe": scale::name(0), "arch": "x86_64", "slot": {"version": "1.0.2"}},
            "image": copy, "by": "x", "at": "2026-11-20T00:00:00Z",
            "rung": "deprecate", "deprecated_at": "2026-11-20T00:00:00Z",
        });
        let name = format!("/amifactory/{}/x86_64/retired/1.0.2", scale::name(0));
        let store = &mut world.ssm.place(&there).parameters;
        store.put(Put::by_hand(&name, &document.to_string()), now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    }
    let (code, result) = run(&cloud, &factory, &["retire", "--restore", &copy]);
    assert_eq!((code, &result["restored"][0]["image"]), (0, &Value::from(copy.as_str())), "{result}");
    {
        let world = cloud.fake.world();
        assert_eq!(*world.ec2.images[&copy].deprecated.at(world.clock.now()), None);
    }
    let (code, result) = run(&cloud, &factory, &["retire", "--restore", &copy]);
    assert!(code == 2 && result["error"].as_str().unwrap().contains("was brought back"), "{code}: {result}");
}
