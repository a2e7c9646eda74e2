//! Pointers of versions that someone deleted or wrote by hand: `verify` names the one that is wrong, and what it tells
//! puts it right.

use super::{Bench, CONSUMER, HOME, OWNER, State, place, why};
use crate::fake_aws::ssm::parameters::Put;
use std::time::Duration;
use tokio::time::sleep;

const REGION: &str = "us-west-2";
const VERSION: &str = "/amifactory/web/x86_64/versions/1.0.0";
const PROD: &str = "/amifactory/web/x86_64/channels/prod";

fn delete(bench: &Bench, account: &str, region: &str) {
    assert!(bench.fake.world().ssm.place(&place(account, region)).parameters.delete(VERSION));
}

fn write_by_hand(bench: &Bench, account: &str, region: &str, name: &str, value: &str) {
    let mut world = bench.fake.world();
    let now = world.clock.now();
    let store = &mut world.ssm.place(&place(account, region)).parameters;
    let data_type = Some("aws:ec2:image".to_owned());
    store.put(Put { data_type, ..Put::by_hand(name, value) }, now, Duration::ZERO).unwrap();
    store.settle(now, &|_| true);
}

/// The only thing that is wrong.
async fn one(bench: &Bench) -> String {
    sleep(Duration::from_secs(10)).await;
    let mut found = bench.drift().await;
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_deleted_in_an_account_is_missed_there() {
    let bench = Bench::released().await;
    for region in [REGION, HOME] {
        delete(&bench, CONSUMER, region);
        let told = one(&bench).await;
        let begins =
            format!("{VERSION} in {region} of account {CONSUMER}: it is not there, and {PROD} has named its image");
        let way = "amifactory distribute web@1.0.0 --to prod puts it back";
        assert!(told.starts_with(&begins) && told.ends_with(way), "{told}");
        assert!(bench.again_of("1.0.0").await.is_complete());
        assert_eq!(bench.drift().await, [] as [String; 0]);
    }
    // Where no channel of the account has named it, it is shared with the account all the same.
    let done = bench.distribute_version(&bench.target(), Some("1.0.1")).await.unwrap();
    assert!(done.is_complete());
    assert_eq!(bench.drift().await, [] as [String; 0]);
    let newer = VERSION.replace("1.0.0", "1.0.1");
    assert!(bench.fake.world().ssm.place(&place(CONSUMER, REGION)).parameters.delete(&newer));
    let told = one(&bench).await;
    assert!(told.starts_with(&format!("{newer} in {REGION} of account {CONSUMER}")), "{told}");
    assert!(told.contains("is shared with that account") && told.contains("or it never came there"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_deleted_in_a_region_is_not_laid_at_its_accounts_door() {
    let bench = Bench::released().await;
    delete(&bench, OWNER, REGION);
    let told = one(&bench).await;
    assert!(told.starts_with(&format!("{VERSION} in {REGION}: it is not there, and ")), "{told}");
    assert!(told.contains("amifactory distribute web@1.0.0") && told.contains("puts it back"), "{told}");
    assert!(bench.again_of("1.0.0").await.is_complete());
    assert_eq!(bench.drift().await, [] as [String; 0]);
    // At home nothing is distributed from it before it is back.
    delete(&bench, OWNER, HOME);
    let told = one(&bench).await;
    assert!(told.starts_with(&format!("{VERSION}: it is not there")) && told.contains("put-parameter"), "{told}");
    // One that no channel has named there: its account says that it was there.
    let image = bench.images(HOME).into_iter().find(|image| told.contains(image.as_str())).unwrap();
    write_by_hand(&bench, OWNER, HOME, VERSION, &image);
    let newer = VERSION.replace("1.0.0", "1.0.1");
    assert!(bench.distribute_version(&bench.target(), Some("1.0.1")).await.unwrap().is_complete());
    assert!(bench.fake.world().ssm.place(&place(OWNER, REGION)).parameters.delete(&newer));
    let told = one(&bench).await;
    let begins = format!("{newer} in {REGION}: it is not there, and {REGION} of account {CONSUMER} names its image");
    assert!(told.starts_with(&begins), "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_was_written_by_hand_at_home_is_not_told_to_be_brought_anywhere() {
    let bench = Bench::released().await;
    assert!(bench.distribute_version(&bench.target(), Some("1.0.1")).await.unwrap().is_complete());
    let other = bench.value(&place(OWNER, HOME), &VERSION.replace("1.0.0", "1.0.1")).unwrap();
    write_by_hand(&bench, OWNER, HOME, PROD, &other);
    sleep(Duration::from_secs(10)).await;
    let found = bench.drift().await;
    // Home, two regions, three places of the account.
    assert_eq!(found.len(), 6, "{found:#?}");
    for told in &found {
        assert!(
            !told.contains("amifactory promote") && told.contains("amifactory rollback web --channel prod"),
            "{told}"
        );
    }
    let there = found.iter().find(|told| told.starts_with(&format!("{PROD} in {REGION}: "))).unwrap();
    let says = format!("home names 1.0.1 ({other}), which someone wrote there past its gates: put that right first");
    assert!(there.contains(&says), "{there}");
    bench.roll_back(&bench.target(), None).await.unwrap();
    assert_eq!(bench.prod(), ["1.0.0"; 6]);
    assert_eq!(bench.drift().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_a_forged_version_of_an_account_stops_says_what_deletes_it() {
    let bench = Bench::released().await;
    bench.promote(&bench.target(), "1.0.1").await.unwrap();
    write_by_hand(&bench, CONSUMER, REGION, VERSION, "ami-0000000000000bad0");
    let done = bench.roll_back(&bench.target(), None).await.unwrap();
    let is_it = |row: &&super::Row| row.place.account.is_some() && row.place.region.as_str() == REGION;
    let row = done.rows.iter().find(is_it).unwrap();
    let text = row.why.as_deref().unwrap();
    let delete_it = format!(
        "with the credentials of account {CONSUMER}: aws ssm delete-parameter --name {VERSION} --region {REGION}"
    );
    assert!(row.state == State::Behind && text.contains(&delete_it), "{text}");
    assert!(text.contains("then amifactory distribute web@1.0.0"), "{text}");
    // The same of a distribution, and what is told works.
    let text = why(&bench.again_of("1.0.0").await, REGION, Some(CONSUMER));
    assert!(text.contains(&delete_it), "{text}");
    delete(&bench, CONSUMER, REGION);
    assert!(bench.again_of("1.0.0").await.is_complete());
    bench.roll_back(&bench.target(), Some("1.0.0")).await.unwrap();
    assert_eq!(bench.prod(), ["1.0.0"; 6]);
}
