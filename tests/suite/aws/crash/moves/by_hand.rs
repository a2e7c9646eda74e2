//! A channel that someone wrote by hand, with what it names already: nothing has changed but its history, and there is a
//! way to put that right.

use super::{Bench, back, name, promote, recipe_name, request, rules};
use amifactory::release::{promote as verb, rollback, verify};
use amifactory::report::Style;
use amifactory::report::view::{self, Promoted};

async fn drift(bench: &Bench) -> Vec<verify::Drift> {
    verify::verify(&bench.target(), &rules(), &[recipe_name()]).await.unwrap().drift
}

/// `staging` has named 1.0.0 and 1.0.1, and 1.0.1 once more by hand.
async fn written_once_more() -> Bench {
    let bench = Bench::new().await;
    bench.promote("1.0.1").await.unwrap();
    assert_eq!(drift(&bench).await, []);
    bench.write_by_hand(&bench.image("1.0.1"));
    bench
}

#[tokio::test(start_paused = true)]
async fn what_verify_tells_writes_down_that_it_stays() {
    let bench = written_once_more().await;
    let found = drift(&bench).await;
    let [told] = found.as_slice() else { panic!("{found:?}") };
    assert!(told.what == name().to_string() && told.wrong.contains("it passed no gate"), "{told:?}");
    let way = "amifactory rollback web --channel staging --to 1.0.1 writes down that it stays";
    assert!(told.mend.contains(way), "{told:?}");

    let ask = back(Some("1.0.1"));
    let done = rollback::roll_back(&bench.target(), &rules(), &ask).await.unwrap();
    assert!(done.moved && !done.forward);
    assert_eq!(bench.staging(), "1.0.1");
    let history = bench.history().await;
    assert!(history.is_whole() && history.unrecorded().is_none(), "{}", history.verdict());
    assert_eq!(history.moves.len(), 4, "the write by hand stays in the record: {:?}", history.moves);
    assert_eq!(drift(&bench).await, []);

    // Said once it is enough, and what comes after that is as before.
    let again = rollback::roll_back(&bench.target(), &rules(), &ask).await.unwrap();
    assert!(!again.moved);
    rollback::roll_back(&bench.target(), &rules(), &back(None)).await.unwrap();
    assert_eq!(bench.staging(), "1.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_promotion_to_what_it_names_writes_that_down_too() {
    let bench = written_once_more().await;
    let promotion = verb::plan(&bench.target(), &rules(), &request("1.0.1")).await.unwrap();
    assert!(promotion.by_hand && !promotion.is_done());
    let told = view::promotion(&Promoted::of(&promotion, "planned"), Style::PLAIN);
    assert!(told.contains("staging was last written by hand, past its gates: what it names is recorded"), "{told}");
    promote(&bench.target(), "1.0.1").await.unwrap();
    assert_eq!(drift(&bench).await, []);
    assert_eq!(bench.history().await.moves.len(), 4);
    assert!(verb::plan(&bench.target(), &rules(), &request("1.0.1")).await.unwrap().is_done());
}

/// What came there by hand alone is not told to stay: it passed no gate.
#[tokio::test(start_paused = true)]
async fn what_no_move_of_ours_brought_there_is_told_to_go() {
    let bench = Bench::new().await;
    bench.write_by_hand(&bench.image("1.0.1"));
    let found = drift(&bench).await;
    let [told] = found.as_slice() else { panic!("{found:?}") };
    assert!(!told.mend.contains("stays") && told.mend.contains("rollback web --channel staging"), "{told:?}");
    // Whoever wants it there says so, with a reason.
    let ask = |why: Option<&str>| rollback::Request { why: why.map(str::to_owned), ..back(Some("1.0.1")) };
    assert!(rollback::roll_back(&bench.target(), &rules(), &ask(None)).await.is_err());
    assert!(rollback::roll_back(&bench.target(), &rules(), &ask(Some("fire"))).await.unwrap().moved);
    assert_eq!(drift(&bench).await, []);
}

/// Nobody is told to build anew where a good image waits in the channel before.
#[tokio::test(start_paused = true)]
async fn what_waits_in_the_channel_before_is_told_where_nothing_is_left_to_go_back_to() {
    let bench = Bench::new().await;
    let image = bench.image("1.0.0");
    bench.fake.world().ec2.images.remove(&image).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let told = |found: Vec<verify::Drift>| found.into_iter().find(|told| told.what == name().to_string()).unwrap().mend;
    let mend = told(drift(&bench).await);
    assert!(mend.starts_with("amifactory promote web@1.0.2 --to staging"), "{mend}");
    bench.promote("1.0.2").await.unwrap();
    assert!(drift(&bench).await.iter().all(|told| told.what != name().to_string()));
}
