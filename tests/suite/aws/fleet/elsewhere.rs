//! What channels name in other places, as `serve` shows it.

use super::program::world;
use super::{OTHER, OWN, Scene, factory, image};
use crate::aws::wire::Wire;
use crate::program::TestFactory;
use crate::served::{Served, pages::text};
use amifactory::identity::TargetKind;
use amifactory::release::places::Places;
use amifactory::report::html::overview_page;
use amifactory::report::metrics;
use amifactory::serve::board::Seen;
use amifactory::serve::elsewhere::{ElsewhereRow, elsewhere};
use amifactory::serve::look;
use amifactory::target::Target;
use aws_sdk_ssm::types::ParameterType;
use insta::assert_snapshot;
use std::time::Duration;
use time::macros::datetime;

const PROD: &str = "/amifactory/web/x86_64/channels/prod";

/// `prod` reaches a region and an account with a role.
async fn scene() -> Scene {
    let mut scene = Scene::new("").await;
    scene.factory = factory("");
    for image in scene.fake.world().ec2.images.values_mut() {
        image.shared_with.insert(OTHER.to_owned());
    }
    let prod = scene.factory.channels.iter_mut().find(|rule| rule.name.as_str() == "prod").unwrap();
    prod.reach.regions = vec!["us-west-2".parse().unwrap()];
    prod.reach.accounts = vec![OTHER.parse().unwrap()];
    let known = scene.factory.distribution.as_mut().unwrap();
    let settings = amifactory::recipe::AccountSettings { role: Some("amifactory-fleet".parse().unwrap()) };
    known.accounts.insert(OTHER.parse().unwrap(), settings);
    scene
}

/// A parameter in a place, as somebody wrote it there.
async fn write(scene: &Scene, account: &str, region: &str, name: &str, value: &str) {
    let target = scene.target();
    let wire = Wire::new(&scene.fake);
    let config = wire.config().into_builder().region(aws_types::region::Region::new(region.to_owned())).build();
    let ssm = aws_sdk_ssm::Client::new(&config);
    if account == OWN {
        let put = ssm.put_parameter().name(name).value(value).overwrite(true);
        put.data_type("aws:ec2:image").r#type(ParameterType::String).send().await.unwrap();
    } else {
        let role = "amifactory-fleet".parse().unwrap();
        let there = target.place(&region.parse().unwrap(), Some((&account.parse().unwrap(), &role))).unwrap();
        let note = amifactory::release::Note::new(amifactory::release::Kind::Promote, "2040-03-30T00:00:00Z".into());
        let channel = amifactory::target::Slot::Channel("prod".parse().unwrap());
        let name = amifactory::target::PointerName {
            recipe: "web".parse().unwrap(),
            arch: "x86_64".parse().unwrap(),
            slot: channel,
        };
        let before = there.pointer(&name).await.unwrap();
        there.move_pointer(&name, before.as_ref(), &value.parse().unwrap(), &note).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
}

async fn looked(scene: &Scene) -> (look::Channels, Vec<ElsewhereRow>) {
    let target = scene.target();
    let recipes = vec!["web".parse().unwrap()];
    let channels = look::channels(&target, &scene.factory.channels, &recipes).await.unwrap();
    let places = Places::new(&target, scene.factory.distribution.as_ref().unwrap()).unwrap();
    let rows = elsewhere(&places, &scene.factory.channels, &channels.rows).await;
    (channels, rows)
}

fn told(rows: &[ElsewhereRow]) -> String {
    let told = |row: &ElsewhereRow| format!("{} {} in {}: {:?}\n", row.recipe, row.channel, row.place, row.how);
    rows.iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_names_something_else_elsewhere_is_shown_and_counted() {
    let scene = scene().await;
    let versions = "/amifactory/web/x86_64/versions/1.0.2";
    assert_snapshot!("nothing_there", told(&looked(&scene).await.1));
    write(&scene, OWN, "us-west-2", versions, &image(2, "us-west-2")).await;
    write(&scene, OWN, "us-west-2", PROD, &image(2, "us-west-2")).await;
    write(&scene, OTHER, "us-east-1", PROD, &image(2, "us-east-1")).await;
    write(&scene, OTHER, "us-west-2", PROD, &image(2, "us-west-2")).await;
    let from = scene.fake.world().calls.len();
    let (_, rows) = looked(&scene).await;
    assert_snapshot!("all_the_same", told(&rows));
    // One call for each place, by name: a look costs no more where there are many versions.
    let calls: Vec<(String, String)> = {
        let world = scene.fake.world();
        world.calls[from..].iter().map(|call| (call.action.clone(), call.region.clone())).collect()
    };
    let of = |action: &str| calls.iter().filter(|(of, region)| of == action && region == "us-west-2").count();
    assert_eq!((of("GetParameters"), of("GetParametersByPath")), (2, 0), "{calls:?}");
    // Somebody writes to it there.
    write(&scene, OWN, "us-west-2", PROD, &image(1, "us-west-2")).await;
    write(&scene, OTHER, "us-east-1", PROD, &image(0, "us-east-1")).await;
    let (channels, rows) = looked(&scene).await;
    assert_snapshot!("differs", told(&rows));
    let now = datetime!(2040-03-31 0:01 UTC);
    let mut seen = Seen::nothing(TargetKind::Aws, Duration::from_secs(300), true);
    seen.channels.looked(Ok(channels), now, Duration::ZERO);
    seen.places.looked(Ok(rows), now, Duration::ZERO);
    assert_snapshot!("page", text(&overview_page(&seen, now).unwrap()));
    let figures = metrics::all(&seen, now);
    let figures: Vec<&str> = figures
        .lines()
        .filter(|line| line.starts_with("amifactory_channel_differs") || line.starts_with("amifactory_channels_unread"))
        .collect();
    assert_snapshot!("metrics", figures.join("\n"));
    // Once that is too old, no figure says how it is.
    let later = now + Duration::from_secs(1000);
    assert!(!metrics::all(&seen, later).contains("amifactory_channel_differs"));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_can_not_be_read_is_unknown_and_hides_no_other() {
    let scene = scene().await;
    scene.fake.world().sts.roles.clear();
    write(&scene, OWN, "us-west-2", PROD, &image(1, "us-west-2")).await;
    let (channels, rows) = looked(&scene).await;
    let all = told(&rows);
    assert_eq!((all.matches("Unknown(").count(), all.matches("Differs(").count()), (2, 1), "{all}");
    let now = datetime!(2040-03-31 0:01 UTC);
    let mut seen = Seen::nothing(TargetKind::Aws, Duration::from_secs(300), true);
    seen.channels.looked(Ok(channels), now, Duration::ZERO);
    seen.places.looked(Ok(rows), now, Duration::ZERO);
    let figures = metrics::all(&seen, now);
    let unread = "amifactory_channels_unread{account=\"111122223333\",region=\"us-west-2\"} 1\n";
    assert!(figures.contains(unread), "{figures}");
    assert!(
        !figures.contains("amifactory_channel_differs{recipe=\"web\",arch=\"x86_64\",channel=\"prod\",account=\"1")
    );
}

#[test]
fn the_program_looks_there_and_stops_when_no_channel_reaches_it() {
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    let home = "default_target: aws\naws: {instance_profile: amifactory-builder}\ndistribution: {home: us-east-1, regions: {us-west-2: {}}}\n";
    factory.write("amifactory.yaml", &format!("{home}channels: [dev, {{name: prod, regions: [us-west-2]}}]\n"));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--every", "1s"];
    let served = Served::of(cloud.command(&factory, &serve));
    let differs = "channel=\"prod\",account=\"own\",region=\"us-west-2\"} 1\n";
    let figures = served.wait_for("/metrics", differs);
    assert!(figures.contains("amifactory_look_failed{part=\"places\"} 0\n"), "{figures}");
    assert!(served.get("/").contains("what home names is not there"));
    factory.write("amifactory.yaml", &format!("{home}channels: [dev, prod]\n"));
    let began = std::time::Instant::now();
    while served.get("/metrics").contains("part=\"places\"") {
        assert!(began.elapsed() < Duration::from_secs(60), "what is not looked at any more has figures");
        std::thread::sleep(Duration::from_millis(100));
    }
}
