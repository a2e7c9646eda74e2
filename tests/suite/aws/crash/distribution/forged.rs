//! What a lock says of other places is believed only where it is so: it may be forged, and copies may be gone since.

use super::{Bench, CONSUMER, HOME, OWNER, REGIONS, Silent, place, recipe_name, rules};
use crate::fake_aws::ssm::parameters::Put;
use amifactory::identity::Arch;
use amifactory::release::distribute::{self, Row, State};
use amifactory::release::places::Places;
use amifactory::release::{everywhere, leftover, promote};
use amifactory::target::{PointerName, Settled, Slot, Target};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const OVER: Duration = Duration::from_secs(15 * 60 + 30);
const COLLEAGUES: &str = "ami-0e78cf9f90e972a99";

fn request() -> promote::Request {
    promote::Request {
        recipe: recipe_name(),
        version: Some("1.0.1".parse().unwrap()),
        to: "prod".into(),
        arch: None,
        why: None,
        overridden: None,
        approval: None,
        take_over: false,
    }
}

/// What `resume` does, and how long that takes.
async fn settle(bench: &Bench) -> (Settled, Vec<Row>, Duration) {
    let began = Instant::now();
    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let found = leftover::find(&target, &[recipe_name()]).await.unwrap();
    let mut settled = leftover::settle(&target, Some(&places), &rules(), found.moves).await;
    assert_eq!(settled.len(), 1);
    let (_, settled, rows) = settled.remove(0);
    (settled, rows, began.elapsed())
}

fn behind(rows: &[Row]) -> Vec<String> {
    let behind = rows.iter().filter(|row| row.state == State::Behind);
    behind.map(|row| format!("{}: {}", row.place, row.why.as_deref().unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn copies_that_are_gone_are_not_waited_for_and_there_is_a_way_out() {
    let bench = Bench::released().await;
    let old: Vec<Vec<String>> = REGIONS.iter().map(|region| bench.images(region)).collect();
    // It moves at home, and dies before any other place follows.
    {
        let target = bench.target();
        let places = Places::new(&target, &bench.known).unwrap();
        let promotion = promote::plan(&target, &rules(), &request()).await.unwrap();
        let done = distribute::distribute(&places, &promotion.wanted(), &Silent).await;
        assert!(done.is_complete(), "{done:#?}");
        let elsewhere = everywhere::ready(&places, &promotion.wanted(), &done.rows);
        target.hold_move(&promotion.as_move(elsewhere)).await.unwrap();
    }
    assert_eq!(bench.prod(), ["1.0.1", "1.0.0", "1.0.0", "1.0.0", "1.0.0", "1.0.0"]);
    for (region, old) in REGIONS.iter().zip(&old).skip(1) {
        let copies = bench.images(region);
        let copy = copies.iter().find(|copy| !old.contains(copy)).unwrap();
        bench.fake.world().ec2.images.remove(copy).unwrap();
    }
    sleep(OVER).await;
    let (settled, rows, took) = settle(&bench).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!((settled, bench.locks()), (Settled::Finished, 0));
    let behind = behind(&rows);
    assert_eq!((behind.len(), rows.len()), (4, 5), "{rows:#?}");
    for row in &behind {
        assert!(row.contains("it is gone") && row.contains("amifactory rollback web --channel prod"), "{row}");
    }
    // The place whose image is there has followed.
    assert_eq!(bench.prod(), ["1.0.1", "1.0.1", "1.0.0", "1.0.0", "1.0.0", "1.0.0"]);
    let back = bench.roll_back(&bench.target(), None).await.unwrap();
    assert!(back.moved, "{:#?}", back.rows);
    assert_eq!(bench.prod(), ["1.0.0"; 6]);
}

/// Copies are there and sound, and the account has a role: all the same the channel does not go there any more.
#[tokio::test(start_paused = true)]
async fn no_place_follows_that_the_factory_file_does_not_let_the_channel_reach() {
    let bench = Bench::released().await;
    {
        let target = bench.target();
        let places = Places::new(&target, &bench.known).unwrap();
        let promotion = promote::plan(&target, &rules(), &request()).await.unwrap();
        let done = distribute::distribute(&places, &promotion.wanted(), &Silent).await;
        let elsewhere = everywhere::ready(&places, &promotion.wanted(), &done.rows);
        target.hold_move(&promotion.as_move(elsewhere)).await.unwrap();
    }
    sleep(OVER).await;
    let mut rules = rules();
    rules[1].reach.regions.retain(|region| region.as_str() == "us-west-2");
    rules[1].reach.accounts.clear();
    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let found = leftover::find(&target, &[recipe_name()]).await.unwrap();
    let settled = leftover::settle(&target, Some(&places), &rules, found.moves).await;
    let (_, outcome, rows) = &settled[0];
    assert_eq!((outcome, bench.locks()), (&Settled::Finished, 0));
    // Home, and the one region; no account.
    assert_eq!(bench.prod(), ["1.0.1", "1.0.0", "1.0.1", "1.0.0", "1.0.0", "1.0.0"]);
    let behind = behind(rows);
    assert!(
        behind.len() == 4 && behind.iter().all(|row| row.contains("does not let the channel reach it")),
        "{rows:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lock_does_not_choose_what_other_places_name() {
    let bench = Bench::released().await;
    bench.promote(&bench.target(), "1.0.1").await.unwrap();
    let prod = PointerName { recipe: recipe_name(), arch: Arch::X86_64, slot: Slot::Channel("prod".parse().unwrap()) };
    let last = bench.target().history(&prod).await.unwrap().pop().unwrap();
    let copy = bench.value(&place(OWNER, "eu-central-1"), "/amifactory/web/x86_64/versions/1.0.0").unwrap();
    {
        let mut world = bench.fake.world();
        for (at, region) in REGIONS.iter().enumerate() {
            let mut image = world.ec2.images.values().find(|image| image.home == place(OWNER, region)).unwrap().clone();
            image.id = COLLEAGUES.replace("a99", &format!("a9{at}"));
            image.name = "a database".into();
            image.mappings.clear();
            world.ec2.images.insert(image.id.clone(), image);
        }
        // What home names stays: it is what the others are said to follow with that is not so.
        let lock = json!({
            "id": "00",
            "by": "x",
            "follows": last.revision - 1,
            "to": last.image,
            "note": serde_json::from_str::<Value>(&last.note).unwrap(),
            "elsewhere": {
                "regions": {HOME: "ami-0e78cf9f90e972a90", "us-west-2": "ami-0e78cf9f90e972a91", "eu-central-1": copy},
                "accounts": [CONSUMER],
            },
        });
        let now = world.clock.now();
        let put = Put::by_hand("/amifactory/web/x86_64/moves/prod", &lock.to_string());
        let store = &mut world.ssm.place(&place(OWNER, HOME)).parameters;
        store.put(put, now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    }
    sleep(OVER).await;
    let (_, rows, _) = settle(&bench).await;
    let behind = behind(&rows);
    assert_eq!((behind.len(), rows.len()), (6, 7), "{rows:#?}");
    for (place, why) in [
        (HOME, "amifactory.yaml does not let the channel reach it"),
        ("us-west-2", "no image of this recipe"),
        ("eu-central-1", "it is no copy of"),
    ] {
        assert_eq!(behind.iter().filter(|row| row.starts_with(place) && row.contains(why)).count(), 2, "{behind:#?}");
    }
    assert_eq!((bench.prod(), bench.locks()), (vec!["1.0.1".to_owned(); 6], 0));
}
