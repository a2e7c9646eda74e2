//! Parameter Store: writes that vanish, values that someone else wrote.

use super::CALM;
use super::place::{Place, called, seconds};
use crate::fake_aws::World;
use crate::fake_aws::ec2::model::Home;
use crate::fake_aws::ssm::parameters::Put;
use amifactory::pipeline::BuildOptions;

const CHANNEL: &str = "/amifactory/web/x86_64/channels/dev";
/// Parameter Store's answer is waited for that long before a write counts as dropped (`api::EVENTUAL`).
const READ_BACK: std::time::Duration = seconds(150 + 10);

/// Someone writes a parameter by hand.
fn write(world: &mut World, name: &str, value: &str) {
    let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
    let now = world.clock.now();
    let put = Put::by_hand(name, value);
    let store = &mut world.ssm.place(&home).parameters;
    store.delete(name);
    store.put(put, now, seconds(0)).unwrap();
}

/// Someone moves a channel as a build does.
pub fn overwrite(
    world: &mut World,
    name: &str,
    image: &str,
    now: tokio::time::Instant,
    validation: std::time::Duration,
) {
    let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
    let put = Put { data_type: Some("aws:ec2:image".to_owned()), ..Put::by_hand(name, image) };
    world.ssm.place(&home).parameters.put(put, now, validation).unwrap();
}

fn delete(world: &mut World, name: &str) {
    let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
    assert!(world.ssm.place(&home).parameters.delete(name));
}

fn value(place: &Place, name: &str) -> Option<String> {
    let world = place.fake.world();
    world.ssm.parameters().find(|(_, found, _)| *found == name).and_then(|(_, _, p)| Some(p.newest()?.value.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_write_that_vanishes_is_told_of_and_the_image_waits() {
    let place = Place::new(|_| {});
    place.fake.world().ssm.blind_writes = Some("");
    insta::assert_snapshot!(place.build().await.badly_within(CALM + READ_BACK));
    assert_eq!(value(&place, CHANNEL), None);
    place.fake.world().ssm.blind_writes = None;
    let again = place.build().await;
    again.well_within(seconds(60));
    assert_eq!(place.calls("CreateImage").0, 1);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_whose_write_vanishes_has_not_been_moved_on_by_others() {
    let place = Place::new(|_| {});
    let first = place.build().await.well_within(CALM).image.id.to_string();
    // The version is written, and the move of the channel is not.
    place.fake.world().ssm.blind_writes = Some("/channels/");
    let force = BuildOptions { force: true, version: None };
    insta::assert_snapshot!(place.build_with(|_| {}, &force).await.badly_within(CALM + READ_BACK));
    assert_eq!(value(&place, CHANNEL), Some(first.clone()));
    place.fake.world().ssm.blind_writes = None;
    place.build_with(|_| {}, &force).await.well_within(CALM);
    assert_ne!(value(&place, CHANNEL), Some(first));
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_with_garbage_is_named_and_mended_by_hand() {
    for garbage in ["latest, please", "ami-nonsense", "<script>alert(1)</script>\nrm -rf /"] {
        let place = Place::new(|_| {});
        write(&mut place.fake.world(), CHANNEL, garbage);
        let text = place.build().await.badly_within(CALM);
        assert!(text.contains(&format!("pointer {CHANNEL}")) && !text.contains('\u{1b}'), "{text}");
        if garbage.starts_with("latest") {
            insta::assert_snapshot!(text);
        }
        let left = place.leaks().await;
        assert!(!left.iter().any(|id| id.starts_with("i-")), "{left:?}");
        delete(&mut place.fake.world(), CHANNEL);
        place.build().await.well_within(seconds(60));
        assert_eq!(place.leaks().await, [] as [String; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_names_an_image_that_is_deleted() {
    let place = Place::new(|_| {});
    let first = place.build().await.well_within(CALM).image.id.to_string();
    let id = first.clone();
    place.fake.world().ec2.images.remove(&id);
    let second = place.build().await;
    let second = second.well_within(CALM);
    assert!(second.fresh && second.image.id.as_str() != first);
    assert_eq!(value(&place, CHANNEL).as_deref(), Some(second.image.id.as_str()));
}

#[tokio::test(start_paused = true)]
async fn someone_else_takes_the_version_meanwhile() {
    let place = Place::new(|_| {});
    place.when(
        |world| called(world, "CreateImage"),
        |world| {
            let other = world.ec2.latest_al2023("us-east-1", "x86_64").unwrap();
            for name in ["1.0", "1.0.0", "1.0.1"] {
                write(world, &format!("/amifactory/web/x86_64/versions/{name}"), &other);
            }
        },
    );
    let ended = place.build().await;
    let built = ended.well_within(CALM + seconds(30));
    insta::assert_snapshot!(format!("{}\n{}", built.record.version, place.told()));
    let name = format!("/amifactory/web/x86_64/versions/{}", built.record.version);
    assert_eq!(value(&place, &name).as_deref(), Some(built.image.id.as_str()));
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn someone_else_takes_just_the_version_that_was_asked_for() {
    let place = Place::new(|_| {});
    place.when(
        |world| called(world, "CreateImage"),
        |world| {
            let other = world.ec2.latest_al2023("us-east-1", "x86_64").unwrap();
            write(world, "/amifactory/web/x86_64/versions/1.0.7", &other);
        },
    );
    let asked = BuildOptions { force: false, version: Some("1.0.7".parse().unwrap()) };
    insta::assert_snapshot!(place.build_with(|_| {}, &asked).await.badly_within(CALM));
    let left = place.leaks().await;
    assert!(!left.iter().any(|id| id.starts_with("i-")), "{left:?}");
    assert_eq!(place.leaks_after_sweep().await, [] as [String; 0]);
}
