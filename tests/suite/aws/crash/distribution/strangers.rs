//! Launch permissions that someone gave or took by hand: `verify` names them, and a rollback leaves out who can't follow.

use super::{Bench, CONSUMER, HOME, OWNER, REGIONS, Silent, Wire, place, recipe_name, rules};
use amifactory::pipeline::tags;
use amifactory::release::distribute::{self, State};
use amifactory::release::places::Places;
use amifactory::release::verify;
use amifactory::release::verify::places::verify_everywhere;
use amifactory::release::wanted::{self, Request};
use std::time::Duration;

const STRANGER: &str = "999988887777";
const THEIRS: &str = "arn:aws:organizations::999988887777:organization/o-9z8y7x6w5v";

impl Bench {
    fn version(&self, region: &str, version: &str) -> String {
        self.value(&place(OWNER, region), &format!("/amifactory/web/x86_64/versions/{version}")).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn verify_names_strangers_and_the_command_that_closes_an_image_to_them() {
    let bench = Bench::released().await;
    bench.promote(&bench.target(), "1.0.1").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.drift().await, [] as [String; 0]);
    let (here, copy) = (bench.version(HOME, "1.0.1"), bench.version(REGIONS[1], "1.0.0"));
    {
        let mut world = bench.fake.world();
        let image = world.ec2.images.get_mut(&here).unwrap();
        image.shared_with.insert(STRANGER.into());
        image.shared_with_arns.insert(THEIRS.into());
        world.ec2.images.get_mut(&copy).unwrap().public = true;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let found = bench.drift().await;
    let [at_home, there] = found.as_slice() else { panic!("{found:#?}") };
    for part in [
        &*format!("image {here}: {STRANGER}, {THEIRS} may launch it"),
        &format!(
            "aws ec2 modify-image-attribute --image-id {here} --region {HOME} \
             --launch-permission \"Remove=[{{UserId={STRANGER}}},{{OrganizationArn={THEIRS}}}]\""
        ),
    ] {
        assert!(at_home.contains(part), "{part}: {at_home}");
    }
    assert!(there.contains(&format!("image {copy} in {}: it is public", REGIONS[1])), "{there}");
    assert!(
        there.contains(&format!("--image-id {copy} --region {}", REGIONS[1])) && there.contains("{Group=all}"),
        "{there}"
    );
    // The same at home alone, where nothing is distributed; there nobody has given anything to anyone: neither the image nor
    // its snapshot.
    let mut alone = rules();
    alone.iter_mut().for_each(|rule| rule.reach = Default::default());
    let verified = verify::verify(&bench.target(), &alone, &[recipe_name()]).await.unwrap();
    let opened = |drift: &&verify::Drift| drift.what == format!("image {here}") && drift.wrong.contains(CONSUMER);
    assert_eq!(verified.drift.iter().filter(opened).count(), 2, "{:#?}", verified.drift);
}

#[tokio::test(start_paused = true)]
async fn verify_names_who_may_read_a_snapshot_and_the_command_that_closes_it() {
    let bench = Bench::released().await;
    let copy = bench.version(REGIONS[1], "1.0.0");
    let snapshot = bench.fake.world().ec2.images[&copy].mappings[0].snapshot.clone().unwrap();
    bench.fake.world().ec2.snapshots.get_mut(&snapshot).unwrap().shared_with.insert(STRANGER.into());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let found = bench.drift().await;
    let [drift] = found.as_slice() else { panic!("{found:#?}") };
    for part in [
        &*format!("image {copy} in {}: {STRANGER} may make volumes of its snapshot {snapshot}", REGIONS[1]),
        &format!(
            "aws ec2 modify-snapshot-attribute --snapshot-id {snapshot} --region {} --attribute createVolumePermission \
             --operation-type remove --user-ids {STRANGER}",
            REGIONS[1]
        ),
    ] {
        assert!(drift.contains(part), "{part}: {drift}");
    }
}

/// Home decides; what nobody at home knows any more was deleted there.
#[tokio::test(start_paused = true)]
async fn verify_sees_a_channel_that_was_deleted_at_home_alone() {
    let bench = Bench::released().await;
    let name = "/amifactory/web/x86_64/channels/prod";
    // As the verb leaves it: an image says which channels have named it.
    let named = bench.version(HOME, "1.0.0");
    aws_sdk_ec2::Client::new(&Wire::new(&bench.fake).config())
        .create_tags()
        .resources(named)
        .tags(aws_sdk_ec2::types::Tag::builder().key(tags::CHANNELS).value("prod").build())
        .send()
        .await
        .unwrap();
    let ssm = aws_sdk_ssm::Client::new(&Wire::new(&bench.fake).config());
    ssm.delete_parameter().name(name).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let found = bench.drift().await;
    let gone = found.iter().find(|drift| drift.starts_with(name)).unwrap_or_else(|| panic!("{found:#?}"));
    let again = "amifactory promote web@1.0.0 --to prod --arch x86_64";
    for part in ["it is not there at home", REGIONS[1], REGIONS[2], CONSUMER, again] {
        assert!(gone.contains(part), "{part}: {gone}");
    }
    // One way out, and no other.
    assert_eq!(found.iter().filter(|drift| drift.starts_with(name)).count(), 1, "{found:#?}");
}

#[tokio::test(start_paused = true)]
async fn who_may_launch_an_image_is_unknown_where_that_can_not_be_asked() {
    let bench = Bench::released().await;
    bench.fake.world().credentials.default_mut().denied.insert("ec2:DescribeImageAttribute".into());
    let verified = verify::verify(&bench.target(), &[], &[recipe_name()]).await.unwrap();
    assert!(verified.drift.is_empty(), "{:?}", verified.drift);
    let [unknown] = verified.unknown.as_slice() else { panic!("{:?}", verified.unknown) };
    assert!(unknown.place.region.as_str() == HOME && unknown.why.contains("ec2:DescribeImageAttribute"), "{unknown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_says_which_account_lost_its_permission_and_what_brings_it_back() {
    let bench = Bench::released().await;
    bench.promote(&bench.target(), "1.0.1").await.unwrap();
    let (first, copy) = (bench.version(HOME, "1.0.0"), bench.version(REGIONS[1], "1.0.0"));
    bench.fake.world().ec2.images.get_mut(&copy).unwrap().shared_with.remove(CONSUMER);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let found = bench.drift().await;
    let [drift] = found.as_slice() else { panic!("{found:#?}") };
    for part in [
        &*format!("{copy}, which a rollback goes back to, lacks launch permission for account {CONSUMER}"),
        "amifactory distribute web@1.0.0 --to prod shares it anew",
    ] {
        assert!(drift.contains(part), "{part}: {drift}");
    }
    let done = bench.roll_back(&bench.target(), None).await.unwrap();
    assert_eq!(done.image.as_str(), first);
    let row = done.rows.iter().find(|row| row.place.region.as_str() == REGIONS[1] && row.place.account.is_some());
    let row = row.unwrap_or_else(|| panic!("{:#?}", done.rows));
    let why = row.why.as_deref().unwrap();
    assert!(row.state == State::Behind && why.contains("amifactory distribute web@1.0.0"), "{row:#?}");
    assert!(why.contains(&format!("launch permission for account {CONSUMER}")) && !why.contains("ssm"), "{row:#?}");
    // The regions of one's own have gone back; the account stays where it was, in all of them.
    assert_eq!(bench.prod(), ["1.0.0", "1.0.1", "1.0.0", "1.0.1", "1.0.0", "1.0.1"]);

    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let request =
        Request { recipe: recipe_name(), version: Some("1.0.0".parse().unwrap()), to: Some("prod".into()), arch: None };
    let wanted = wanted::find(&places, &rules(), &request).await.unwrap();
    assert!(distribute::distribute(&places, &wanted, &Silent).await.is_complete());
    bench.roll_back(&bench.target(), Some("1.0.0")).await.unwrap();
    assert_eq!(bench.prod(), ["1.0.0"; 6]);
    let verified = verify_everywhere(&places, &rules(), &[recipe_name()]).await.unwrap();
    assert_eq!(verified.drift, []);
}
