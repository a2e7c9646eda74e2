//! A copy that someone deregistered: EC2 answers the token that made it with its id all the same.

use super::{Bench, CONSUMER, HOME, OWNER, State, place, why};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const REGION: &str = "us-west-2";
const VERSION: &str = "/amifactory/web/x86_64/versions/1.0.0";

/// Someone deregisters the copy, as the console does: its snapshots stay, and so does its record.
async fn deregistered(bench: &Bench) -> String {
    let copy = bench.value(&place(OWNER, REGION), VERSION).unwrap();
    bench.fake.world().ec2.images.remove(&copy).unwrap();
    sleep(Duration::from_secs(10)).await;
    copy
}

/// What the delete commands that are told do.
fn delete_versions(bench: &Bench) {
    for account in [OWNER, CONSUMER] {
        assert!(bench.fake.world().ssm.place(&place(account, REGION)).parameters.delete(VERSION), "{account}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_copy_is_made_at_once_as_often_as_it_goes() {
    let bench = Bench::released().await;
    let mut gone = Vec::new();
    for time in 1..=3 {
        gone.push(deregistered(&bench).await);
        delete_versions(&bench);
        let began = Instant::now();
        let done = bench.promote(&bench.target(), "1.0.0").await.unwrap();
        assert!(done.iter().all(|row| row.state == State::Moved), "{time}: {done:#?}");
        assert!(began.elapsed() < Duration::from_secs(60), "{time}: {:?}", began.elapsed());
        let copy = bench.value(&place(OWNER, REGION), VERSION).unwrap();
        assert!(!gone.contains(&copy), "{time}: {copy}");
        assert_eq!(bench.images(REGION), [copy], "{time}");
        assert_eq!(bench.prod(), ["1.0.0"; 6], "{time}");
        sleep(Duration::from_secs(10)).await;
        assert_eq!(bench.drift().await, [] as [String; 0], "{time}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_pointers_that_name_it_are_told_at_once_with_what_deletes_them() {
    let bench = Bench::released().await;
    let copy = deregistered(&bench).await;
    let delete = format!("aws ssm delete-parameter --name {VERSION} --region {REGION}");

    let done = bench.promote(&bench.target(), "1.0.0").await.unwrap();
    let row = done.iter().find(|row| row.state == State::Failed).unwrap();
    let why_not = row.why.as_deref().unwrap();
    assert!(why_not.contains(&copy) && why_not.contains("it is gone"), "{why_not}");
    for command in [delete.clone(), format!("with the credentials of account {CONSUMER}: {delete}")] {
        assert!(why_not.contains(&command), "{command}: {why_not}");
    }

    // Whoever deletes that of the region alone is told of the other one.
    assert!(bench.fake.world().ssm.place(&place(OWNER, REGION)).parameters.delete(VERSION));
    let text = why(&bench.again_of("1.0.0").await, REGION, Some(CONSUMER));
    assert!(text.contains(&copy) && text.contains(&format!("account {CONSUMER}: {delete}")), "{text}");
    assert!(bench.fake.world().ssm.place(&place(CONSUMER, REGION)).parameters.delete(VERSION));
    assert!(bench.again_of("1.0.0").await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn verify_names_each_of_them_at_first_and_what_home_names() {
    let bench = Bench::released().await;
    let copy = deregistered(&bench).await;
    let home = bench.value(&place(OWNER, HOME), VERSION).unwrap();
    let channel = VERSION.replace("versions/1.0.0", "channels/prod");
    let found = bench.drift().await;
    let of = |what: &str| {
        found
            .iter()
            .find(|drift| drift.starts_with(&format!("{what}: ")))
            .unwrap_or_else(|| panic!("{what}: {found:#?}"))
    };
    let delete = format!("aws ssm delete-parameter --name {VERSION} --region {REGION}");
    for (what, parts) in [
        (format!("{VERSION} in {REGION}"), [&*delete, "then amifactory distribute web@1.0.0"]),
        (format!("{VERSION} in {REGION} of account {CONSUMER}"), [&*delete, "then amifactory distribute web@1.0.0"]),
        (
            format!("{channel} in {REGION}"),
            [&*format!("home names 1.0.0 ({home})"), "amifactory promote web@1.0.0 --to prod --yes"],
        ),
        (
            format!("{channel} in {REGION} of account {CONSUMER}"),
            [&*format!("home names 1.0.0 ({home})"), "amifactory promote web@1.0.0 --to prod --yes"],
        ),
    ] {
        let told = of(&what);
        assert!(told.contains(&copy) && parts.iter().all(|part| told.contains(part)), "{parts:?}: {told}");
        assert!(!told.contains("rollback") && !told.contains("where home names"), "{told}");
    }
    assert_eq!(found.len(), 4, "{found:#?}");
}
