//! Where the record of a channel was edited in one of its places, it is accepted there together with home's.

use super::{Bench, CONSUMER, HOME, OWNER, place, recipe_name, rules};
use crate::fake_aws::ssm::parameters::Put;
use amifactory::pipeline::clock;
use amifactory::release::places::Places;
use amifactory::release::rollback;
use serde_json::json;
use std::time::Duration;

const PROD: &str = "/amifactory/web/x86_64/channels/prod";

impl Bench {
    /// Someone writes `prod` in a place with what it names there, and with a note that follows what never stood there.
    fn break_chain(&self, account: &str, region: &str) {
        let place = place(account, region);
        let value = self.value(&place, PROD).unwrap();
        let mut world = self.fake.world();
        let at = clock::rfc3339(world.clock.wall(world.clock.now()));
        let note = json!({"at": at, "kind": "promote", "by": "arn:aws:iam::123456789012:user/colleague", "version": "1.0.0",
            "from": "dev", "before": "0".repeat(64)});
        let now = world.clock.now();
        let put = Put { description: note.to_string(), ..Put::by_hand(PROD, &value) };
        let store = &mut world.ssm.place(&place).parameters;
        store.put(put, now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_break_in_any_place_is_told_and_accepted_with_all_others() {
    let bench = Bench::released().await;
    let broken = [(OWNER, HOME), (OWNER, "us-west-2"), (CONSUMER, "eu-central-1")];
    for (account, region) in broken {
        bench.break_chain(account, region);
    }
    let drift = bench.drift().await;
    assert_eq!(drift.len(), 3, "{drift:#?}");
    assert!(drift.iter().all(|drift| drift.contains("--accept-break --why REASON")), "{drift:#?}");
    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let request = rollback::Request {
        accept: true,
        take_over: false,
        recipe: recipe_name(),
        channel: "prod".into(),
        arch: None,
        to: None,
        why: Some("terraform put it there".into()),
    };
    let done = rollback::roll_back_in(&target, Some(&places), &rules(), &request).await.unwrap();
    let told: Vec<String> = done.accepted.unwrap().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(done.rows.iter().all(|row| row.why.is_none()), "{:?}", done.rows);
    assert_eq!(bench.drift().await, [] as [String; 0]);
    assert_eq!(bench.prod(), ["1.0.0"; 6]);
}
