//! A whole build: what is asked of AWS, in which order, and what is there in the end.

use super::factory;
use super::weather::place::{Place, plain, seconds};
use crate::fake_aws::record::Call;
use amifactory::hardening::Library;
use amifactory::identity::Arch;
use amifactory::pipeline::BuildOptions;
use amifactory::pipeline::prepare::{Planner, PrepareError};
use amifactory::plan::Plan;
use amifactory::recipe::{Volume, load};
use amifactory::release::{Kind, Note};
use amifactory::target::{PointerName, Slot, Target as _};
use std::collections::BTreeMap;

/// As in calm weather.
const CALM: std::time::Duration = seconds(300);

fn everything(plan: &mut Plan) {
    plan.aws.owner = Some("platform".into());
    plan.aws.tags = BTreeMap::from([("cost-center".to_owned(), "4711".to_owned())]);
    plan.aws.volume = Volume { size_gib: Some(20), kms_key: Some("alias/images".into()) };
}

/// A call that changes something, with its parameters but for those that are long or by chance.
fn told(call: &Call) -> String {
    let mut text = call.action.clone();
    let chance = ["UserData", "ClientToken", "Version", "Action", "Parameters", "TagSpecification", "Tag."];
    for (key, value) in call.params.as_object().unwrap() {
        if !chance.iter().any(|word| key.starts_with(word)) && !value.is_array() {
            let mut value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if let Some(mut note) = Note::read(&value) {
                note.at = "…".into();
                value = note.text();
            }
            text.push_str(&format!("\n    {key}: {}", plain(&value)));
        }
    }
    text
}

#[tokio::test(start_paused = true)]
async fn the_pipeline_in_its_order() {
    let place = Place::new(|_| {});
    let ended = place.build_with(everything, &BuildOptions::default()).await;
    let id = ended.well_within(CALM).image.id.to_string();
    let before = {
        let world = place.fake.world();
        let look = |call: &&Call| !["Describe", "Get", "List"].iter().any(|word| call.action.starts_with(word));
        let calls: Vec<String> = world.calls.iter().filter(look).map(told).collect();
        insta::assert_snapshot!(calls.join("\n"));
        // The image, its snapshots and its evidence say whose they are, and carry what the factory gives to everything.
        let now = world.clock.now();
        for resource in world.ec2.belongings(&world.account, now) {
            let tags = world.ec2.tags_at(&resource, now);
            assert_eq!(tags.get("cost-center").map(String::as_str), Some("4711"), "{resource}: {tags:?}");
            assert_eq!(tags.get("amifactory:owner").map(String::as_str), Some("platform"), "{resource}");
            assert!(tags.contains_key("amifactory:build"), "{resource}");
        }
        let pointers: BTreeMap<String, (String, String)> = world
            .ssm
            .parameters()
            .filter(|(_, name, _)| name.starts_with("/amifactory/"))
            .map(|(_, name, parameter)| {
                let newest = parameter.newest().unwrap();
                (name.to_owned(), (newest.value.clone(), parameter.data_type.clone()))
            })
            .collect();
        let names: Vec<&str> = pointers.keys().map(String::as_str).collect();
        assert_eq!(names, ["/amifactory/web/x86_64/channels/dev", "/amifactory/web/x86_64/versions/1.0.0"]);
        for (value, data_type) in pointers.values() {
            assert_eq!((value.as_str(), data_type.as_str()), (id.as_str(), "aws:ec2:image"));
        }
        world.calls.len()
    };
    // A second run looks, and changes nothing.
    let again = place.build_with(everything, &BuildOptions::default()).await;
    assert!(!again.well_within(seconds(90)).fresh);
    {
        let world = place.fake.world();
        let changed = world.calls[before..]
            .iter()
            .find(|call| !["Describe", "Get", "List"].iter().any(|word| call.action.starts_with(word)));
        assert!(changed.is_none(), "{changed:?}");
    }
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn arm_builds_run_on_arm_and_their_channel_is_found_from_any_machine() {
    let place = Place::new(|_| {});
    let target = place.target();
    let base = factory::by_filter_of(Arch::Arm64);
    let (plan, launch) = factory::plan_of(&target, "web", "first", &base).await;
    assert_eq!(plan.base.arch, Arch::Arm64);
    place.build_on(&target, &plan, &launch, &BuildOptions::default()).await.well_within(CALM);
    {
        let world = place.fake.world();
        let run = world.calls.iter().find(|call| call.action == "RunInstances").unwrap();
        let kind = run.params["InstanceType"].as_str().unwrap();
        assert!(kind.contains('g'), "{kind} is an arm64 type");
        assert!(world.ssm.parameters().any(|(_, name, _)| name == "/amifactory/web/arm64/channels/dev"));
    }
    // A recipe on that channel is planned for the same, whatever this machine is.
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let rest = "description: on web\nversion: \"1.0\"\ngroups: []\npublish: {channel: dev}\n";
    write("amifactory.yaml", "default_target: aws\nchannels: [dev]\naws: {instance_profile: amifactory-builder}\n");
    write("recipes/web.yaml", &format!("recipe: web\nbase: {{aws: {{ami: ami-0123456789abcdef0}}}}\n{rest}"));
    write("recipes/child.yaml", &format!("recipe: child\nbase: {{recipe: web, channel: dev}}\n{rest}"));
    write("recipes/other.yaml", &format!("recipe: other\nbase: {{recipe: web, channel: dev, arch: x86_64}}\n{rest}"));
    let library = Library::embedded().unwrap();
    let factory = load(folder.path(), &library.catalogue(), time::macros::date!(2026 - 11 - 20)).unwrap();
    let target = place.target();
    let planner = Planner::new(&factory, &library, &target);
    let child = planner.prepare(&"child".parse().unwrap()).await.unwrap();
    assert_eq!(child.plan.base.arch, Arch::Arm64);
    let other = planner.prepare(&"other".parse().unwrap()).await.unwrap_err();
    assert!(matches!(other, PrepareError::EmptyChannel { .. }), "{other}");
    // Where there are both, one has to be chosen.
    let name = |arch| PointerName { recipe: "web".parse().unwrap(), arch, slot: Slot::Channel("dev".parse().unwrap()) };
    let image = target.pointer(&name(Arch::Arm64)).await.unwrap().unwrap().image;
    let note = Note::new(Kind::Publish, "2026-11-20T12:00:00Z".into());
    target.create_pointer(&name(Arch::X86_64), &image, &note).await.unwrap();
    tokio::time::sleep(seconds(10)).await;
    insta::assert_snapshot!(planner.prepare(&"child".parse().unwrap()).await.unwrap_err());
}
