//! `distribute`, through the program.

use super::loopback::{Cloud, cloud};
use crate::fake_aws::World;
use crate::fake_aws::autoscaling::{Group, Mixed, Override};
use crate::fake_aws::ec2::consumers::Template;
use crate::fake_aws::ec2::model::Snapshot;
use crate::fake_aws::ec2::{Home, Timeline};
use crate::fake_aws::ssm::parameters::Put;
use crate::program::{TestFactory, stderr};
use crate::reports::fixture;
use amifactory::identity::TargetKind;
use amifactory::pipeline::tags;
use amifactory::release::{Kind, Note};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{ImageRecord, Move, PointerName, Slot, Tags, Target};
use serde_json::{Value, json};
use std::time::Duration;

pub const OWNER: &str = "123456789012";
const CONSUMER: &str = "111122223333";
pub const IMAGE: &str = "ami-0000000000000a001";
const FACTORY: &str = "\
default_target: aws
channels:
  - dev
  - name: prod
    regions: [us-west-2, eu-central-1]
    accounts: [\"111122223333\"]
aws: {instance_profile: amifactory-builder, volume: {kms_key: alias/images}}
distribution:
  home: us-east-1
  regions: {us-west-2: {kms_key: alias/images}, eu-central-1: {kms_key: alias/images}}
  accounts: {\"111122223333\": {role: consumer}}
";

fn key(region: &str) -> String {
    format!("arn:aws:kms:{region}:{OWNER}:key/images")
}

/// An image as a build leaves it: version 1.4.12 of `tiny`, with its record and its pointer.
pub fn built(cloud: &Cloud) -> ImageRecord {
    let (recipe, build) = ("tiny".parse().unwrap(), "tiny-5d0c2f7a91be-1".parse().unwrap());
    let record = ImageRecord { recipe, build, target: TargetKind::Aws, ..fixture::record() };
    let mut own = tags::of_record(&record);
    own.insert(tags::STATE.into(), "verified".into());
    {
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        image(&mut world, &own, now);
    }
    let target = AwsTarget::with_config(&crate::aws::wire::Wire::new(&cloud.fake).config());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        target.put_record(&IMAGE.parse().unwrap(), &record).await.unwrap();
        let slot = Slot::Version(record.version);
        let name = PointerName { recipe: record.recipe.clone(), arch: "x86_64".parse().unwrap(), slot };
        let note = Note::new(Kind::Publish, "2026-11-20T00:00:00Z".into());
        target.create_pointer(&name, &IMAGE.parse().unwrap(), &note).await.unwrap();
    });
    record
}

fn image(world: &mut World, own: &Tags, now: tokio::time::Instant) {
    let home = Home { account: OWNER.into(), region: "us-east-1".into() };
    let latest = world.ec2.latest_al2023("us-east-1", "x86_64").unwrap();
    let mut image = world.ec2.images[&latest].clone();
    let snapshot = "snap-0000000000000a001".to_owned();
    world.ec2.snapshots.insert(
        snapshot.clone(),
        crate::fake_aws::ec2::model::Snapshot {
            id: snapshot.clone(),
            home: home.clone(),
            volume: "vol-ffffffff".into(),
            size: 8,
            description: String::new(),
            encrypted: true,
            kms_key: Some(key("us-east-1")),
            started: now,
            visible: now,
            state: Timeline::new(now, "completed"),
            disk: None,
            shared_with: Default::default(),
        },
    );
    image.mappings.truncate(1);
    image.mappings[0].snapshot = Some(snapshot);
    image.mappings[0].encrypted = true;
    (image.id, image.name, image.home) = (IMAGE.into(), own[tags::BUILD].clone(), home);
    (image.owner_alias, image.public) = (None, false);
    world.ec2.images.insert(IMAGE.into(), image);
    world.ec2.tags.insert(IMAGE.into(), Timeline::new(now, own.clone()));
}

pub fn world() -> Cloud {
    cloud(|world| {
        world.sts.roles.insert(format!("arn:aws:iam::{CONSUMER}:role/consumer"), None);
        for region in ["us-east-1", "us-west-2", "eu-central-1"] {
            world.ec2.key_users.entry(key(region)).or_default().insert(CONSUMER.into());
        }
    })
}

fn factory() -> TestFactory {
    let factory = TestFactory::tiny("true");
    factory.write("amifactory.yaml", FACTORY);
    factory
}

pub fn run(cloud: &Cloud, factory: &TestFactory, arguments: &[&str]) -> (i32, String) {
    let output = cloud.command(factory, arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output))
}

/// The channel that builds publish to names the image, as after a build.
fn in_dev(cloud: &Cloud, factory: &TestFactory) {
    let (code, text) = run(cloud, factory, &["promote", "tiny@1.4.12", "--to", "dev", "--yes", "--override", "a test"]);
    assert_eq!(code, 0, "{text}");
}

/// Ids of images are random.
fn without_ids(text: &str, cloud: &Cloud) -> String {
    let world = cloud.fake.world();
    let mut text = text.to_owned();
    for image in world.ec2.images.values().filter(|image| image.home.account == OWNER && image.id != IMAGE) {
        text = text.replace(&image.id, &format!("ami-in-{:<14}", image.home.region));
    }
    text
}

#[test]
fn what_is_where_is_a_table_and_what_is_missing_is_exit_5() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    // Nothing that works on this machine with the recipe is disturbed, and nobody asks where it is not home.
    let mut elsewhere = cloud.command(&factory, &["distribute", "tiny"]);
    let output = elsewhere.env("AWS_REGION", "us-west-2").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("images go out from us-east-1, and this is us-west-2"), "{}", stderr(&output));
    for (arguments, expected) in [
        (&["distribute", "tiny", "--to", "dev"][..], "channel dev reaches no other region"),
        (&["distribute", "tiny", "--to", "prod"], "name a version: tiny@VERSION"),
        (&["distribute", "tiny@9.9.9"], "the newest are: 1.4.12"),
        (&["distribute", "tinny"], "did you mean `tiny`"),
        (&["distribute", "tiny", "--target", "local"], "a local image is a rehearsal"),
    ] {
        let (code, text) = run(&cloud, &factory, arguments);
        assert!(code == 2 && text.contains(expected), "{arguments:?}: {code}: {text}");
    }

    {
        let mut world = cloud.fake.world();
        // Someone else's image has the name there.
        let mut foreign = world.ec2.images[IMAGE].clone();
        foreign.home.region = "us-west-2".into();
        foreign.id = "ami-00000000000000bad".into();
        world.ec2.images.insert(foreign.id.clone(), foreign);
        world.ec2.key_users.clear();
    }
    let (code, text) = run(&cloud, &factory, &["distribute", "tiny@1.4.12", "--to", "prod", "-q"]);
    assert_eq!(code, 5, "{text}");
    let text = without_ids(&text, &cloud);
    assert!(text.contains("it is in 2 of 6 places") && text.contains("kms:Decrypt"), "{text}");
    // Without the channel it would go to everybody whom any channel reaches.
    assert!(text.contains("amifactory distribute tiny@1.4.12 --to prod   # makes only what is missing"), "{text}");
    let table: Vec<&str> = text.lines().take(9).collect();
    insta::assert_snapshot!(table.join("\n"));

    cloud.fake.world().ec2.images.remove("ami-00000000000000bad");
    for region in ["us-east-1", "us-west-2", "eu-central-1"] {
        cloud.fake.world().ec2.key_users.entry(key(region)).or_default().insert(CONSUMER.into());
    }
    let (code, text) = run(&cloud, &factory, &["distribute", "tiny", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((code, &result["outcome"], &result["version"]), (0, &json!("distributed"), &json!("1.4.12")), "{text}");
    let places = result["places"].as_array().unwrap();
    assert_eq!(places.len(), 6);
    assert_eq!(places[1]["account"], CONSUMER);
    assert!(places.iter().all(|place| place["state"] == "ready" && place["image"].is_string()), "{text}");
    let arguments = ["promote", "tiny@1.4.12", "--to", "prod", "--yes", "--override", "a test", "--format", "json"];
    let (code, text) = run(&cloud, &factory, &arguments);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((code, &result["outcome"]), (0, &json!("promoted")), "{text}");
    let places = result["places"].as_array().unwrap();
    assert!(places.len() == 6 && places.iter().all(|place| place["state"] == "moved"), "{text}");
    let (code, text) = run(&cloud, &factory, &arguments);
    assert!(code == 0 && text.contains("up-to-date"), "{text}");
    let (code, text) = run(&cloud, &factory, &["rollback", "tiny", "--channel", "prod", "--to", "1.4.12"]);
    assert!(code == 0 && text.contains("prod names tiny 1.4.12 already"), "{text}");
    in_dev(&cloud, &factory);
    // Other verbs at home see what they saw before.
    let (code, text) = run(&cloud, &factory, &["verify", "--format", "json"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&cloud, &factory, &["sweep", "--yes", "--older-than", "0s"]);
    assert!(code == 0 && !text.contains("removed"), "{text}");
    // A copy of someone who died on the way, in another region.
    {
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        let mut left = world.ec2.images[IMAGE].clone();
        (left.id, left.name) = ("ami-0000000000000dead".into(), "left".into());
        left.home.region = "us-west-2".into();
        left.mappings.clear();
        let mut own = world.ec2.tags_at(IMAGE, now);
        own.extend(
            [(tags::STATE, "candidate"), (tags::BUILD, "tiny-000000000000-1")].map(|(k, v)| (k.into(), v.into())),
        );
        world.ec2.tags.insert(left.id.clone(), Timeline::new(now, own));
        world.ec2.images.insert(left.id.clone(), left);
    }
    let (code, text) = run(&cloud, &factory, &["sweep", "--yes", "--older-than", "0s"]);
    assert!(code == 0 && text.contains("ami-0000000000000dead") && text.contains("in us-west-2"), "{text}");
    assert!(!cloud.fake.world().ec2.images.contains_key("ami-0000000000000dead"));
}

#[test]
fn places_are_a_gate_and_history_names_those_that_differ() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    let json = |arguments: &[&str]| -> (i32, Value) {
        let (code, text) = run(&cloud, &factory, &[arguments, &["--format", "json"]].concat());
        (code, serde_json::from_str(text.lines().last().unwrap()).unwrap_or_else(|_| panic!("{text}")))
    };
    let gates = |result: &Value| -> Vec<String> {
        let unmet = result["unmet"].as_array().unwrap();
        unmet.iter().map(|unmet| unmet["gate"].as_str().unwrap().to_owned()).collect()
    };
    // All that is not met is in one list; a plan brings nothing anywhere.
    let (code, result) = json(&["promote", "tiny@1.4.12", "--to", "prod", "--plan"]);
    assert_eq!((code, &result["outcome"]), (3, &json!("refused")), "{result}");
    assert_eq!(gates(&result), ["from", "waivers", "places"], "{result}");
    let by_force = ["promote", "tiny@1.4.12", "--to", "prod", "--override", "a test"];
    let (code, result) = json(&[&by_force[..], &["--plan"]].concat());
    assert_eq!((code, &result["outcome"]), (3, &json!("refused")), "{result}");
    let places = result["unmet"].as_array().unwrap().last().unwrap().clone();
    for missing in ["us-west-2 (", "eu-central-1 (", "us-west-2 of account 111122223333 ("] {
        assert!(places["is"].as_str().unwrap().contains(missing), "{missing}: {places}");
    }
    assert!(places["mend"].as_str().unwrap().contains("amifactory distribute"), "{places}");
    assert!(
        !cloud.fake.world().calls.iter().any(|call| call.action == "CopyImage" || call.action.starts_with("Modify"))
    );
    let (_, text) = run(&cloud, &factory, &[&by_force[..], &["--plan"]].concat());
    assert!(text.contains("they don't count (but for places, which always count)"), "{text}");
    // No other reason helps: what helps is that the image comes there.
    let next = text.rsplit_once("nothing was moved").unwrap().1;
    let (first, second) = (
        "amifactory distribute tiny@1.4.12 --to prod\n",
        "amifactory promote tiny@1.4.12 --to prod --override 'a test' --yes\n",
    );
    assert!(next.contains(first) && next.contains(second) && !next.contains("REASON"), "{text}");

    // What can't be brought somewhere is the same gate, and no override moves the channel.
    {
        let mut world = cloud.fake.world();
        let mut foreign = world.ec2.images[IMAGE].clone();
        (foreign.home.region, foreign.id) = ("eu-central-1".into(), "ami-00000000000000bad".into());
        world.ec2.images.insert(foreign.id.clone(), foreign);
    }
    let (code, result) = json(&[&by_force[..], &["--yes"]].concat());
    assert_eq!((code, &result["outcome"]), (5, &json!("not-distributed")), "{result}");
    let places = result["unmet"].as_array().unwrap().last().unwrap().clone();
    let is = places["is"].as_str().unwrap();
    assert!(places["gate"] == "places" && is.contains("eu-central-1 (") && !is.contains("us-west-2"), "{places}");
    cloud.fake.world().ec2.images.remove("ami-00000000000000bad");
    let (code, result) = json(&[&by_force[..], &["--yes"]].concat());
    assert_eq!((code, &result["outcome"]), (0, &json!("promoted")), "{result}");
    assert!(!gates(&result).contains(&"places".to_owned()), "{result}");

    let (code, result) = json(&["history", "tiny"]);
    assert!(code == 0 && result["channels"][0].get("places").is_none(), "{result}");
    // One place was moved by hand, another one can't be asked any more.
    {
        use crate::fake_aws::ssm::parameters::Put;
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        let there = Home { account: OWNER.into(), region: "us-west-2".into() };
        let put = Put::by_hand("/amifactory/tiny/x86_64/channels/prod", "ami-00000000000000bad");
        let put = Put { kind: None, ..put };
        let store = &mut world.ssm.place(&there).parameters;
        store.put(put, now, Default::default()).unwrap();
        store.settle(now, &|_| true);
        world.sts.roles.clear();
    }
    let (code, result) = json(&["history", "tiny"]);
    let differs = result["channels"][0]["places"].as_array().unwrap();
    let told = |region: &str, account: Option<&str>| {
        let here = |place: &&Value| place["region"] == region && place["account"].as_str() == account;
        differs.iter().find(here).unwrap_or_else(|| panic!("{region}: {result}"))
    };
    assert_eq!((code, differs.len()), (0, 4), "{result}");
    let by_hand = told("us-west-2", None);
    assert!(
        by_hand["known"] == true && by_hand["why"].as_str().unwrap().contains("ami-00000000000000bad"),
        "{by_hand}"
    );
    assert_eq!(told("eu-central-1", Some(CONSUMER))["known"], false);
    let (_, text) = run(&cloud, &factory, &["history", "tiny"]);
    assert!(text.contains("differs in us-west-2") && text.contains("not known in eu-central-1 of account"), "{text}");
    let (code, text) = run(&cloud, &factory, &["revoke", "tiny@1.4.12", "--reason", "leaked key"]);
    let text = without_ids(&text, &cloud);
    assert!(code == 0 && text.contains("in us-west-2: marked too") && text.contains("not known: "), "{code}: {text}");
    assert!(text.contains("prod of tiny in eu-central-1 names"), "{text}");
}

/// The image that a channel's version names in a region.
fn copy_in(cloud: &Cloud, region: &str) -> String {
    let world = cloud.fake.world();
    let of_build = |id: &str| world.ec2.tags_at(id, world.clock.now()).contains_key(tags::COPY_OF);
    let copy = world.ec2.images.values().find(|image| image.home.region == region && of_build(&image.id)).unwrap();
    copy.id.clone()
}

#[test]
fn what_a_pointer_names_is_not_left_over_whatever_its_tags_say() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    let (code, text) =
        run(&cloud, &factory, &["promote", "tiny@1.4.12", "--to", "prod", "--yes", "--override", "a test"]);
    assert_eq!(code, 0, "{text}");
    let copy = copy_in(&cloud, "us-west-2");
    let whole = {
        let world = cloud.fake.world();
        world.ec2.tags_at(&copy, world.clock.now())
    };
    let write = |own: Tags| {
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        world.ec2.tags.insert(copy.clone(), Timeline::new(now, own));
    };
    for (key, value) in [
        (tags::DIGEST, Some("deadbeef")),
        (tags::STATE, Some("candidate")),
        (tags::RECIPE, Some("other")),
        (tags::VERSION, None),
        (tags::ARCH, Some("arm64")),
        (tags::BUILD, Some("other-000000000000-1")),
        (tags::BUILD, None),
    ] {
        let mut own = whole.clone();
        match value {
            Some(value) => drop(own.insert(key.into(), value.into())),
            None => drop(own.remove(key)),
        }
        write(own);
        let before = cloud.fake.world().ec2.snapshots.len();
        for arguments in [&["sweep", "--older-than", "0s"][..], &["sweep", "--yes", "--older-than", "0s"]] {
            let (code, text) = run(&cloud, &factory, arguments);
            assert_eq!((code, text.as_str()), (0, "nothing was left behind\n"), "{key}={value:?}");
        }
        let world = cloud.fake.world();
        assert!(world.ec2.images.contains_key(&copy) && world.ec2.snapshots.len() == before, "{key}={value:?}");
    }
}

#[test]
fn evidence_of_an_image_that_is_there_is_not_left_over_whatever_its_tags_say() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    let evidence = {
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        let is_it = |snapshot: &&Snapshot| snapshot.description == "amifactory evidence of tiny-5d0c2f7a91be-1";
        let id = world.ec2.snapshots.values().find(is_it).unwrap().id.clone();
        let mut own = world.ec2.tags_at(&id, now);
        own.insert(tags::BUILD.into(), "other-000000000000-1".into());
        world.ec2.tags.insert(id.clone(), Timeline::new(now, own));
        id
    };
    let sweep = ["sweep", "--yes", "--older-than", "0s"];
    assert_eq!(run(&cloud, &factory, &sweep), (0, "nothing was left behind\n".to_owned()));
    assert!(cloud.fake.world().ec2.snapshots.contains_key(&evidence));
    // Without its image it is.
    cloud.fake.world().ec2.images.remove(IMAGE);
    let (code, text) = run(&cloud, &factory, &sweep);
    assert!(code == 0 && text.contains(&evidence), "{text}");
    assert!(!cloud.fake.world().ec2.snapshots.contains_key(&evidence));
}

#[test]
fn one_thing_that_can_not_be_removed_keeps_nothing_else() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    let left = ["ami-0000000000000dead", "ami-0000000000000deae"];
    {
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        for (id, build) in left.iter().zip(["tiny-000000000000-1", "tiny-000000000000-2"]) {
            let mut image = world.ec2.images[IMAGE].clone();
            (image.id, image.name) = ((*id).to_owned(), build.to_owned());
            image.mappings.clear();
            let mut own = world.ec2.tags_at(IMAGE, now);
            own.extend([(tags::STATE, "candidate"), (tags::BUILD, build)].map(|(k, v)| (k.into(), v.into())));
            world.ec2.tags.insert(image.id.clone(), Timeline::new(now, own));
            world.ec2.images.insert(image.id.clone(), image);
        }
        // Deregistration protection: EC2 refuses.
        world.ec2.images.get_mut(left[0]).unwrap().protection =
            crate::fake_aws::ec2::model::Protection::On { cooldown: false };
    }
    let (code, text) = run(&cloud, &factory, &["sweep", "--yes", "--older-than", "0s"]);
    assert_eq!(code, 5, "{text}");
    assert!(
        text.contains(&format!("image {} could not be removed", left[0])) && text.contains("1 thing removed"),
        "{text}"
    );
    assert!(!cloud.fake.world().ec2.images.contains_key(left[1]));
    let (code, text) = run(&cloud, &factory, &["sweep", "--yes", "--older-than", "0s", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((code, &result["failed"][0]["id"], &result["found"]), (1, &json!(left[0]), &json!([])), "{text}");
}

#[test]
fn revoke_names_what_uses_an_image_in_an_account_with_a_role() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    let (code, text) =
        run(&cloud, &factory, &["promote", "tiny@1.4.12", "--to", "prod", "--yes", "--override", "a test"]);
    assert_eq!(code, 0, "{text}");
    let copy = copy_in(&cloud, "us-west-2");
    {
        let mut world = cloud.fake.world();
        let there = Home { account: CONSUMER.into(), region: "us-west-2".into() };
        let template = Template { home: there.clone(), images: vec!["ami-00000000000000bad".into()] };
        world.ec2.templates.insert("lt-00000000000000fff".into(), template);
        let own = Override { image: Some(copy.clone()), ..Override::default() };
        let template = ("lt-00000000000000fff".to_owned(), "1".to_owned());
        let mixed = Mixed { template, overrides: vec![own], ..Mixed::default() };
        world.autoscaling.groups.insert((there, "web".into()), Group { mixed: Some(mixed), ..Group::default() });
    }
    let (code, text) = run(&cloud, &factory, &["revoke", "tiny@1.4.12", "--reason", "leaked key", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(code, 0, "{text}");
    let uses = result["uses"].as_array().unwrap();
    let group = |used: &&Value| {
        let arn = format!("arn:aws:autoscaling:us-west-2:{CONSUMER}:");
        used["account"] == CONSUMER && used["image"] == copy.as_str() && used["id"].as_str().unwrap().starts_with(&arn)
    };
    assert!(uses.iter().any(|used| group(&used)), "{result:#}");
    let refused = |unknown: &&Value| unknown["what"].as_str().unwrap().contains("launch permissions");
    assert!(!result["unknown"].as_array().unwrap().iter().any(|unknown| refused(&unknown)), "{result:#}");
}

#[test]
fn verify_tells_places_it_can_not_look_at_and_what_was_left_in_others() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    let (code, text) =
        run(&cloud, &factory, &["promote", "tiny@1.4.12", "--to", "prod", "--yes", "--override", "a test"]);
    assert_eq!(code, 0, "{text}");
    in_dev(&cloud, &factory);
    let verify = || -> (i32, Value) {
        let (code, text) = run(&cloud, &factory, &["verify", "--format", "json"]);
        (code, serde_json::from_str(text.lines().last().unwrap()).unwrap_or_else(|_| panic!("{text}")))
    };
    let (code, result) = verify();
    assert_eq!((code, &result["drift"], &result["unknown"]), (0, &json!([]), &json!([])), "{result}");

    // An account that can't be asked is neither fine nor wrong, and keeps nobody from the rest.
    let roles = std::mem::take(&mut cloud.fake.world().sts.roles);
    let (code, result) = verify();
    assert_eq!((code, &result["drift"]), (5, &json!([])), "{result}");
    let unknown = result["unknown"].as_array().unwrap();
    let there = |place: &Value| place["account"] == CONSUMER && place["why"].as_str().unwrap().contains("AssumeRole");
    assert!(unknown.len() == 3 && unknown.iter().all(there), "{result}");
    let (_, text) = run(&cloud, &factory, &["verify"]);
    assert!(text.contains("could not be looked at") && text.contains("3 places unknown"), "{text}");
    assert!(!text.contains("\\n"), "lines of an error stand on their own: {text}");
    cloud.fake.world().sts.roles = roles;

    // Where a channel went once and goes no more, nobody moves it.
    factory.write("amifactory.yaml", &FACTORY.replace("[us-west-2, eu-central-1]", "[us-west-2]"));
    let (code, result) = verify();
    let drift = result["drift"].as_array().unwrap();
    assert_eq!((code, drift.len()), (4, 1), "{result}");
    assert!(drift[0]["wrong"].as_str().unwrap().contains("prod does not reach that place any more"), "{result}");
    assert!(drift[0]["mend"].as_str().unwrap().contains("--region eu-central-1"), "{result}");
    factory.write("amifactory.yaml", FACTORY);

    // A colleague moves the channel: home may be ahead of the others. What was removed by hand is seen all the same.
    let slot = Slot::Channel("prod".parse().unwrap());
    let channel = PointerName { recipe: "tiny".parse().unwrap(), arch: "x86_64".parse().unwrap(), slot };
    let there = Home { account: OWNER.into(), region: "us-west-2".into() };
    cloud.fake.world().ssm.place(&there).parameters.delete(&channel.to_string());
    assert_eq!(verify().0, 4);
    let colleague = AwsTarget::with_config(&crate::aws::wire::Wire::new(&cloud.fake).config());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let expected = colleague.pointer(&channel).await.unwrap();
        let image = expected.as_ref().unwrap().image.clone();
        let note = Note {
            by: Some("arn:aws:iam::123456789012:user/operator".into()),
            version: Some("1.4.12".parse().unwrap()),
            from: Some("dev".parse().unwrap()),
            overridden: Some("a test".into()),
            gates: vec!["from".into()],
            ..Note::new(Kind::Promote, amifactory::pipeline::clock::rfc3339(colleague.now()))
        };
        let elsewhere = Default::default();
        let wanted = Move { name: channel.clone(), expected, image, note, elsewhere, takes_over: false };
        colleague.hold_move(&wanted).await.unwrap();
    });
    let (code, result) = verify();
    assert_eq!((code, &result["drift"]), (0, &json!([])), "{result}");
    assert_eq!(result["moving"].as_array().unwrap().len(), 1, "{result}");
    let (_, text) = run(&cloud, &factory, &["verify"]);
    assert!(text.contains("is being moved by") && text.contains("not compared between places"), "{text}");

    let version = "/amifactory/tiny/x86_64/versions/1.4.12";
    let home = Home { account: OWNER.into(), region: "us-east-1".into() };
    assert!(cloud.fake.world().ssm.place(&home).parameters.delete(version));
    let (code, result) = verify();
    let mend = |drift: &Value| drift["what"] == version && drift["mend"].as_str().unwrap().contains("put-parameter");
    assert!(code == 4 && result["drift"].as_array().unwrap().iter().any(mend), "{result}");
}

/// Nothing lies in another account but what was written there, and whoever is there trusts it.
#[test]
fn verify_sees_versions_of_other_accounts_that_are_not_the_regions_own() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    let (code, text) =
        run(&cloud, &factory, &["promote", "tiny@1.4.12", "--to", "prod", "--yes", "--override", "a test"]);
    assert_eq!(code, 0, "{text}");
    in_dev(&cloud, &factory);
    let there = Home { account: CONSUMER.into(), region: "us-west-2".into() };
    let names = ["9.9.9", "1.4.12"].map(|version| format!("/amifactory/tiny/x86_64/versions/{version}"));
    {
        let mut world = cloud.fake.world();
        let now = tokio::time::Instant::now();
        for name in &names {
            let store = &mut world.ssm.place(&there).parameters;
            let data_type = Some("aws:ec2:image".to_owned());
            let put = Put { data_type, ..Put::by_hand(name, "ami-0000000000000bad0") };
            store.put(put, now, Duration::ZERO).unwrap();
            store.settle(now, &|_| true);
        }
    }
    let (code, text) = run(&cloud, &factory, &["verify", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let drift = result["drift"].as_array().unwrap();
    assert_eq!((code, drift.len()), (4, 2), "{result:#}");
    let starts = |drift: &&Value, name: &str| drift["what"].as_str().unwrap().starts_with(name);
    let of = |name: &str| drift.iter().find(|drift| starts(drift, name)).unwrap_or_else(|| panic!("{result:#}"));
    let (unknown, other) = (of(&names[0]), of(&names[1]));
    assert!(unknown["what"].as_str().unwrap().contains(CONSUMER), "{unknown}");
    assert!(unknown["wrong"].as_str().unwrap().contains("us-west-2 has no such version"), "{unknown}");
    assert!(!unknown["mend"].as_str().unwrap().contains("distribute"), "{unknown}");
    assert!(other["wrong"].as_str().unwrap().contains("and the version is ami-"), "{other}");
    assert!(other["mend"].as_str().unwrap().ends_with("then amifactory distribute tiny@1.4.12"), "{other}");
}

#[test]
fn doctor_looks_at_every_place_before_anything_goes_there() {
    let (cloud, factory) = (world(), factory());
    let doctor = || -> Vec<Value> {
        let (_, text) = run(&cloud, &factory, &["doctor", "--format", "json"]);
        let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap_or_else(|_| panic!("{text}"));
        result["checks"].as_array().unwrap().clone()
    };
    let told = |checks: &[Value], check: &str| -> (String, String) {
        let found =
            checks.iter().find(|found| found["check"] == check).unwrap_or_else(|| panic!("{check}: {checks:#?}"));
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        (text("severity"), format!("{}; {}", text("detail"), text("mend")))
    };
    let checks = doctor();
    for region in ["us-east-1", "us-west-2", "eu-central-1"] {
        assert_eq!(told(&checks, &format!("distribution to {region}")).0, "pass");
        assert_eq!(told(&checks, &format!("distribution to {region} of account {CONSUMER}")).0, "pass");
        assert_eq!(told(&checks, &format!("key alias/images in {region}")).0, "pass");
    }
    {
        let mut world = cloud.fake.world();
        world.ec2.dead_keys.insert(key("us-west-2"));
        world.kms.states.insert(key("eu-central-1"), "PendingDeletion");
        world.sts.roles.clear();
    }
    let checks = doctor();
    let (severity, text) = told(&checks, "key alias/images in us-west-2");
    assert!(severity == "fail" && text.contains("no such key") && text.contains("kms_key"), "{text}");
    let (severity, text) = told(&checks, "key alias/images in eu-central-1");
    assert!(severity == "fail" && text.contains("PendingDeletion") && text.contains("cancel-key-deletion"), "{text}");
    let (severity, text) = told(&checks, &format!("distribution to us-west-2 of account {CONSUMER}"));
    assert!(severity == "fail" && text.contains("sts:AssumeRole") && text.contains("trust policy"), "{text}");
    // An account without a role, and a program that is not at home.
    let silent = std::fs::read_to_string(factory.path().join("amifactory.yaml")).unwrap();
    factory.write("amifactory.yaml", &silent.replace("{role: consumer}", "{}"));
    let (severity, text) = told(&doctor(), &format!("account {CONSUMER}"));
    assert!(severity == "unknown" && text.contains("no role is given"), "{text}");
    let mut elsewhere = cloud.command(&factory, &["doctor", "--format", "json"]);
    let output = elsewhere.env("AWS_REGION", "us-west-2").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("images go out from us-east-1"));
}

#[test]
fn a_factory_that_stays_at_home_says_so() {
    let (cloud, factory) = (world(), factory());
    factory.write("amifactory.yaml", "default_target: aws\nchannels: [dev, prod]\n");
    let (code, text) = run(&cloud, &factory, &["distribute", "tiny"]);
    assert!(code == 2 && text.contains("has no `distribution:`"), "{text}");
    let (code, text) = run(&cloud, &factory, &["iam-policy", "--for", "consumer", "--role", "x"]);
    assert!(code == 2 && text.contains("shares nothing"), "{text}");
}

/// A plan is what people decide by: a channel that someone deleted at home is not said to be new.
#[test]
fn a_channel_that_is_gone_at_home_is_not_said_to_name_its_first_image() {
    let (cloud, factory) = (world(), factory());
    built(&cloud);
    let plan = ["promote", "tiny@1.4.12", "--to", "prod", "--override", "a test", "--plan"];
    let (_, text) = run(&cloud, &factory, &plan);
    assert!(text.contains("it is the first image of this channel"), "{text}");
    let (code, text) =
        run(&cloud, &factory, &["promote", "tiny@1.4.12", "--to", "prod", "--yes", "--override", "a test"]);
    assert_eq!(code, 0, "{text}");
    {
        let mut world = cloud.fake.world();
        let home = Home { account: OWNER.into(), region: "us-east-1".into() };
        assert!(world.ssm.place(&home).parameters.delete("/amifactory/tiny/x86_64/channels/prod"));
    }
    let (code, text) = run(&cloud, &factory, &plan);
    assert!(!text.contains("first image") && text.contains("prod names nothing at home"), "{code}: {text}");
    let (_, text) = run(&cloud, &factory, &[&plan[..], &["--format", "json"]].concat());
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let elsewhere = result["elsewhere"].as_array().unwrap();
    // Two regions and three places of the other account.
    assert_eq!(elsewhere.len(), 5, "{result}");
    assert!(elsewhere.iter().any(|there| there.as_str().unwrap().starts_with("us-west-2 names ami-")), "{result}");
}
