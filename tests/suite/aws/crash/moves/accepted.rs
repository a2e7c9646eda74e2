//! A record that was edited: it vouches for nothing, until someone says that they know how that came about.

use super::{Bench, CHANNEL, back, name, recipe_name, request, rules};
use crate::fake_aws::ec2::model::Home;
use crate::fake_aws::ssm::parameters::Put;
use amifactory::pipeline::clock;
use amifactory::release::promote::{self, Request};
use amifactory::release::{Account, History, ReleaseError, rollback, verify};
use amifactory::target::Target;
use serde_json::json;
use std::time::Duration;

/// Who writes by hand.
const COLLEAGUE: &str = "arn:aws:iam::123456789012:user/colleague";

impl Bench {
    /// Someone writes `staging` with a note that follows what never stood there.
    fn break_chain(&self, version: &str) {
        let value = self.image(version);
        let mut world = self.fake.world();
        let (at, before) = (clock::rfc3339(world.clock.wall(world.clock.now())), "0".repeat(64));
        let note =
            json!({"at": at, "kind": "promote", "by": COLLEAGUE, "version": version, "from": "dev", "before": before});
        let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
        let now = world.clock.now();
        let put = Put { description: note.to_string(), ..Put::by_hand(CHANNEL, &value) };
        let store = &mut world.ssm.place(&home).parameters;
        store.put(put, now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    }

    async fn accept(&self, to: Option<&str>) -> Result<rollback::RolledBack, ReleaseError> {
        let why = Some("terraform put it there, see 4711".into());
        let request = rollback::Request { accept: true, why, ..back(to) };
        rollback::roll_back(&self.target(), &rules(), &request).await
    }

    /// The gates that keep a version out of `prod`, and why.
    async fn kept_out(&self, version: &str) -> Vec<String> {
        let request = Request { to: "prod".into(), ..request(version) };
        let promotion = promote::plan(&self.target(), &rules(), &request).await.unwrap();
        promotion.unmet.into_iter().map(|unmet| format!("{}: {}", unmet.gate, unmet.is)).collect()
    }

    async fn wrong(&self) -> Vec<String> {
        let verified = verify::verify(&self.target(), &rules(), &[recipe_name()]).await.unwrap();
        verified.drift.into_iter().map(|drift| format!("{}: {}; {}", drift.what, drift.wrong, drift.mend)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_edited_vouches_again_once_someone_accepts_that() {
    let bench = Bench::new().await;
    bench.break_chain("1.0.1");
    let wrong = bench.wrong().await;
    assert!(
        wrong.len() == 1 && wrong[0].contains("rollback web --channel staging --accept-break --why REASON"),
        "{wrong:?}"
    );
    assert!(bench.kept_out("1.0.1").await[0].starts_with("from: the history of staging was edited: revision 2"));

    // It stays where it is, and goes nowhere by that.
    let error = bench.accept(Some("1.0.0")).await.err().unwrap().to_string();
    insta::assert_snapshot!(error);
    let done = bench.accept(Some("1.0.1")).await.unwrap();
    assert_eq!((done.moved, done.still_broken, done.accepted.unwrap().len()), (true, 0, 1));
    assert_eq!(bench.staging(), "1.0.1");
    let history = bench.history().await;
    assert!(history.is_whole(), "{}", history.verdict());
    assert_eq!((history.accepted[0].broken.revision, history.accepted[0].accepted_at), (2, 3));
    assert_eq!(history.accepted[0].why, "terraform put it there, see 4711");
    assert_eq!(bench.wrong().await, [] as [String; 0]);
    assert_eq!(bench.kept_out("1.0.1").await, [] as [String; 0]);
    // For what it named before that it does not vouch.
    let kept = bench.kept_out("1.0.0").await;
    assert!(
        kept.len() == 1 && kept[0].contains("which was accepted at revision 3: it vouches for what it names"),
        "{kept:?}"
    );
    // Once is enough.
    assert!(!bench.accept(None).await.unwrap().moved);

    // What is wrong after that nobody has accepted.
    bench.break_chain("1.0.1");
    assert!(bench.kept_out("1.0.1").await[0].starts_with("from: the history of staging was edited: revision 4"));
    assert_eq!(bench.wrong().await.len(), 1);
    bench.accept(None).await.unwrap();
    assert_eq!((bench.wrong().await.len(), bench.history().await.accepted.len()), (0, 2));
}

/// Whoever may write parameters may write this too; of what it does not know it says nothing.
#[tokio::test(start_paused = true)]
async fn what_is_said_in_anothers_name_or_of_something_else_accepts_nothing() {
    let bench = Bench::new().await;
    bench.break_chain("1.0.0");
    let entries = bench.target().history(&name()).await.unwrap();
    let (_, seal) = History::open(&entries, Account::Own).remove(0);
    let forged = |by: &str, accepts: &str| {
        let last = entries.last().unwrap();
        let before = amifactory::release::note::hash(&last.image, &last.note);
        let note = json!({"at": "2026-11-21T12:00:00Z", "kind": "rollback", "by": by, "version": "1.0.0", "why": "fine",
            "accepts": [accepts], "before": before});
        (last.image.clone(), note.to_string())
    };
    let told = |(image, note): (String, String)| {
        let mut world = bench.fake.world();
        let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
        let now = world.clock.now();
        let put = Put { description: note, ..Put::by_hand(CHANNEL, &image) };
        let store = &mut world.ssm.place(&home).parameters;
        store.put(put, now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    };
    told(forged("arn:aws:iam::123456789012:user/release", &seal));
    assert!(!bench.history().await.is_whole(), "the service says that it was a colleague");
    told(forged("arn:aws:iam::123456789012:user/colleague", &format!("2:{}", "0".repeat(32))));
    assert!(!bench.history().await.is_whole(), "that is another break");
    assert_eq!(bench.wrong().await.len(), 1);
}
