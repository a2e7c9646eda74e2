//! Entries that someone forged so that they fit the chain: what the service says of who wrote them and when, and what their
//! image is, speaks against them.

use super::{Bench, CHANNEL, OVER, back, name, recipe_name, rules};
use crate::fake_aws::ec2::model::Home;
use crate::fake_aws::ssm::parameters::Put;
use amifactory::pipeline::clock;
use amifactory::release::{Kind, Note, ReleaseError, leftover, promote, rollback, verify};
use amifactory::report::Style;
use amifactory::report::view::{self, ChannelHistory, Histories};
use amifactory::target::{Settled, Target};
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

const FORGER: &str = "arn:aws:iam::123456789012:user/colleague";

impl Bench {
    /// A note as a promotion writes it now.
    async fn forged_note(&self, version: &str) -> Note {
        let target = self.target();
        let entries = target.history(&name()).await.unwrap();
        let last = entries.last().unwrap();
        let note = Note {
            by: Some(target.who().await.unwrap()),
            version: Some(version.parse().unwrap()),
            from: Some("dev".parse().unwrap()),
            ..Note::new(Kind::Promote, clock::rfc3339(target.now()))
        };
        note.after(Some((&last.image, &last.note)))
    }

    /// Someone else writes the channel with a note.
    fn forge_entry(&self, version: &str, note: &Note) {
        let value = self.image(version);
        let mut world = self.fake.world();
        let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
        let now = world.clock.now();
        let put = Put { description: note.text(), by: FORGER.to_owned(), ..Put::by_hand(CHANNEL, &value) };
        let store = &mut world.ssm.place(&home).parameters;
        store.put(put, now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    }

    async fn all_told(&self) -> Vec<String> {
        let found = verify::verify(&self.target(), &rules(), &[recipe_name()]).await.unwrap().drift;
        found.into_iter().map(|drift| format!("{}: {}; {}", drift.what, drift.wrong, drift.mend)).collect()
    }

    /// What `history` shows of the channel.
    async fn history_shown(&self) -> String {
        let history = self.history().await;
        let channel = ChannelHistory::of("staging".parse().unwrap(), name().arch, &history, |_| None, None);
        let all = Histories { recipe: recipe_name(), channels: vec![channel], first: Vec::new(), gone: Vec::new() };
        view::histories(&all, Style::PLAIN)
    }
}

#[tokio::test(start_paused = true)]
async fn a_forged_entry_is_told_by_its_writer() {
    let bench = Bench::new().await;
    let note = bench.forged_note("1.0.1").await;
    bench.forge_entry("1.0.1", &note);
    let history = bench.history().await;
    assert!(history.is_whole() && !history.is_sound(), "{}", history.verdict());
    let says = format!("its note says that {} wrote it, and by the service it was {FORGER}", note.by.as_ref().unwrap());
    let found = bench.all_told().await;
    let [told] = found.as_slice() else { panic!("{found:#?}") };
    assert!(told.starts_with(&format!("{CHANNEL}: what some entries say is not so: revision 2: {says}")), "{told}");
    assert!(told.contains("amifactory rollback web --channel staging"), "{told}");
    let shown = bench.history_shown().await.replace('\n', " ");
    assert!(shown.contains("└ what it says is not so: see below") && shown.contains(&says), "{shown}");

    // Put right, it stays in the record, and says so.
    bench.promote("1.0.2").await.unwrap();
    let found = bench.all_told().await;
    let [told] = found.as_slice() else { panic!("{found:#?}") };
    assert!(told.contains("amifactory rollback web --channel staging --accept-break --why REASON"), "{told}");
    // Under one's own name it looks like any other: that is what README says.
    let own = Note { by: Some(FORGER.to_owned()), ..bench.forged_note("1.0.1").await };
    bench.forge_entry("1.0.1", &own);
    assert_eq!(bench.history().await.contradicted.len(), 1);
}

/// However often it is written it opens no gate, is not there already, and nothing goes back to it.
#[tokio::test(start_paused = true)]
async fn a_forged_entry_opens_nothing_however_often_it_is_written() {
    let bench = Bench::new().await;
    let note = bench.forged_note("1.0.1").await;
    bench.forge_entry("1.0.1", &note);
    bench.forge_entry("1.0.1", &note);
    let history = bench.history().await;
    assert!(history.last_contradicted().is_some() && history.ours().count() == 1, "{history:?}");
    let request = promote::Request { to: "prod".into(), ..super::request("1.0.1") };
    let planned = promote::plan(&bench.target(), &rules(), &request).await.unwrap();
    assert!(
        planned.unmet.iter().any(|unmet| unmet.is.contains("what staging says of it is not so")),
        "{:?}",
        planned.unmet
    );
    // The channel names it, and it has not been promoted.
    let again = promote::plan(&bench.target(), &rules(), &super::request("1.0.1")).await.unwrap();
    assert!(!again.is_done() && again.by_hand, "{:?}", again.unmet);
    // It is put right, and a step back does not lead to it.
    bench.promote("1.0.2").await.unwrap();
    let done = rollback::roll_back(&bench.target(), &rules(), &back(None)).await.unwrap();
    assert_eq!(done.version.to_string(), "1.0.0");
    let refused = rollback::roll_back(&bench.target(), &rules(), &back(Some("1.0.1"))).await.err().unwrap();
    assert!(matches!(refused, ReleaseError::NeverNamed { .. }), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_forged_time_and_a_forged_version_are_told() {
    let bench = Bench::new().await;
    sleep(Duration::from_secs(3 * 24 * 3600)).await;
    let own = Some(FORGER.to_owned());
    let at = clock::rfc3339(bench.target().now() - time::Duration::days(2));
    bench.forge_entry("1.0.1", &Note { by: own.clone(), at: at.clone(), ..bench.forged_note("1.0.1").await });
    let told = bench.all_told().await.join("\n");
    assert!(
        told.contains(&format!("revision 2: its note says that it was decided at {at}, and by the service")),
        "{told}"
    );
    let wrong = Note { by: own, ..bench.forged_note("1.0.2").await };
    bench.forge_entry("1.0.1", &wrong);
    let told = bench.all_told().await.join("\n");
    let says = format!("revision 3: its note says 1.0.2, and {} is 1.0.1", bench.image("1.0.1"));
    assert!(told.contains(&says), "{told}");
}

/// Whoever finishes a move of someone else is not taken for a forger.
#[tokio::test(start_paused = true)]
async fn a_move_that_another_has_finished_says_so() {
    let bench = Bench::new().await;
    // Its mover has died before it wrote.
    let note = Note { by: Some(FORGER.to_owned()), before: None, ..bench.forged_note("1.0.1").await };
    let note: serde_json::Value = serde_json::from_str(&note.text()).unwrap();
    let lock = json!({"id": "00", "by": FORGER, "follows": 1, "to": bench.image("1.0.1"), "note": note});
    bench.write_beside("/amifactory/web/x86_64/moves/staging", &lock.to_string());
    sleep(OVER).await;
    let found = leftover::find(&bench.target(), &[recipe_name()]).await.unwrap();
    let settled = leftover::settle(&bench.target(), None, &rules(), found.moves).await;
    assert!(matches!(settled[0].1, Settled::Finished), "{:?}", settled[0].1);
    let history = bench.history().await;
    assert!(history.is_sound(), "{}", history.verdict());
    assert!(history.last().unwrap().note.as_ref().unwrap().finished);
    assert_eq!(bench.all_told().await, [] as [String; 0]);
    assert!(
        bench.history_shown().await.contains("└ finished in the place of colleague"),
        "{}",
        bench.history_shown().await
    );
}
