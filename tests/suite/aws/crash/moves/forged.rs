//! Locks that someone wrote who may write parameters: none of them moves a channel to what passed no gate.

use super::{Bench, OVER, RECIPE, back, name, recipe_name, rules};
use crate::fake_aws::ec2::Timeline;
use amifactory::pipeline::tags;
use amifactory::recipe::ChannelRule;
use amifactory::release::intent::Foreign;
use amifactory::release::{leftover, rollback, verify};
use amifactory::target::{PointerName, Revocation, Settled, Slot, Target};
use serde_json::{Value, json};
use std::time::Duration;

const LOCK: &str = "/amifactory/web/x86_64/moves/staging";
const COLLEAGUES: &str = "ami-0e78cf9f90e972a99";

/// A promotion to this version, as the program itself would note it.
fn note(version: &str) -> Value {
    let by = "arn:aws:iam::123456789012:user/colleague";
    json!({"at": "2026-11-21T12:00:00Z", "kind": "promote", "by": by, "version": version, "from": "dev"})
}

impl Bench {
    /// A lock that follows what `staging` names at first.
    fn forge(&self, image: &str, note: &Value) {
        self.forge_after(1, image, note);
    }

    /// The same after this move.
    fn forge_after(&self, follows: usize, image: &str, note: &Value) {
        let lock = json!({"id": "00", "by": "x\u{1b}[31m", "follows": follows, "to": image, "note": note});
        self.write_beside(LOCK, &lock.to_string());
    }

    /// A release moves a channel to what it has named before.
    async fn goes_back(&self, channel: &str, version: &str) {
        let request = rollback::Request { channel: channel.into(), ..back(Some(version)) };
        rollback::roll_back(&self.target(), &rules(), &request).await.unwrap();
    }

    /// An image in the same account that is none of ours.
    fn colleagues_image(&self) {
        let ours = self.image("1.0.1");
        let mut world = self.fake.world();
        let mut image = world.ec2.images[&ours].clone();
        (image.id, image.name) = (COLLEAGUES.to_owned(), "a database".to_owned());
        image.mappings.clear();
        world.ec2.images.insert(image.id.clone(), image);
    }

    fn tag(&self, version: &str, key: &str, value: &str) {
        let image = self.image(version);
        let mut world = self.fake.world();
        let now = world.clock.now();
        let mut own = world.ec2.tags_at(&image, now);
        own.insert(key.to_owned(), value.to_owned());
        world.ec2.tags.insert(image, Timeline::new(now, own));
    }
}

async fn verified(bench: &Bench) -> verify::Verified {
    verify::verify(&bench.target(), &rules(), &[recipe_name()]).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_image_of_someone_else_is_moved_to_by_no_lock() {
    let bench = Bench::new().await;
    bench.colleagues_image();
    bench.forge(COLLEAGUES, &json!({"at": "2026-11-21T12:00:00Z", "kind": "promote"}));
    for over in [false, true] {
        let found = verified(&bench).await;
        assert!(found.moving.is_empty(), "{over}: {:?}", found.moving);
        let [drift] = found.drift.as_slice() else { panic!("{over}: {:?}", found.drift) };
        assert!(drift.what == name().to_string() && drift.wrong.contains(COLLEAGUES), "{over}: {drift:?}");
        assert!(drift.wrong.contains("none of ours") && !drift.wrong.contains('\u{1b}'), "{over}: {drift:?}");
        assert!(drift.mend.contains("amifactory resume clears it"), "{over}: {drift:?}");
        if !over {
            assert_eq!(bench.settle().await, [Settled::Underway]);
            tokio::time::sleep(OVER).await;
        }
    }
    let target = bench.target();
    let found = leftover::find(&target, &[recipe_name()]).await.unwrap();
    let settled = leftover::settle(&target, None, &rules(), found.moves).await;
    let [(underway, Settled::Refused(Foreign::Another), rows)] = settled.as_slice() else { panic!("{settled:?}") };
    assert!(rows.is_empty());
    let told = leftover::told(underway, &Settled::Refused(Foreign::Another));
    assert!(told.contains("does not move to ami-0e78cf9f90e972a99") && !told.contains('\u{1b}'), "{told}");
    assert_eq!((bench.staging(), bench.locks()), ("1.0.0".to_owned(), Vec::new()));
    assert_eq!(bench.history().await.moves.len(), 1);
    assert!(verified(&bench).await.drift.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_next_promotion_goes_past_a_forged_lock_and_not_through_it() {
    let bench = Bench::new().await;
    bench.colleagues_image();
    bench.forge(COLLEAGUES, &note("1.0.1"));
    tokio::time::sleep(OVER).await;
    bench.promote("1.0.2").await.unwrap();
    let named: Vec<String> = bench.history().await.moves.iter().map(|m| m.image.to_string()).collect();
    assert_eq!(named, [bench.image("1.0.0"), bench.image("1.0.2")]);
    assert_eq!(bench.locks(), [] as [String; 0]);
}

/// What is wrong, the note, what else is done, and what comes of the lock.
type Tampered<'a> = (&'a str, Value, &'a dyn Fn(&Bench), Settled);

#[tokio::test(start_paused = true)]
async fn a_lock_is_finished_only_where_all_of_it_is_what_a_release_leaves() {
    let with = |key: &str, value: Value| {
        let mut note = note("1.0.1");
        note[key] = value;
        note
    };
    let tampered: [Tampered<'_>; 8] = [
        ("nothing", note("1.0.1"), &|_| {}, Settled::Finished),
        ("no version", with("version", Value::Null), &|_| {}, Settled::Refused(Foreign::Note)),
        ("another version", note("1.0.2"), &|_| {}, Settled::Refused(Foreign::Note)),
        ("a restore", with("kind", "restore".into()), &|_| {}, Settled::Refused(Foreign::Note)),
        (
            "a candidate",
            note("1.0.1"),
            &|bench| bench.tag("1.0.1", tags::STATE, "candidate"),
            Settled::Refused(Foreign::Untested),
        ),
        ("revoked", note("1.0.1"), &|bench| bench.tag("1.0.1", tags::REVOKED, "leak"), {
            Settled::Refused(Foreign::Revoked)
        }),
        (
            "of another architecture",
            note("1.0.1"),
            &|bench| bench.tag("1.0.1", tags::ARCH, "arm64"),
            Settled::Refused(Foreign::Another),
        ),
        (
            "without a version's pointer",
            note("1.0.1"),
            &|bench| bench.remove_by_hand(&format!("/amifactory/{RECIPE}/x86_64/versions/1.0.1")),
            Settled::Refused(Foreign::Unnamed),
        ),
    ];
    for (what, note, tamper, expected) in tampered {
        let bench = Bench::new().await;
        let (old, new) = (bench.image("1.0.0"), bench.image("1.0.1"));
        bench.forge(&new, &note);
        tamper(&bench);
        tokio::time::sleep(OVER).await;
        let told = verified(&bench).await.drift.iter().any(|drift| drift.wrong.contains("a lock says that"));
        assert_eq!(told, expected != Settled::Finished, "{what}");
        assert_eq!(bench.settle().await, std::slice::from_ref(&expected), "{what}");
        let named = bench.target().pointer(&name()).await.unwrap().unwrap().image.to_string();
        assert_eq!(named, if expected == Settled::Finished { new } else { old }, "{what}");
        assert_eq!(bench.locks(), [] as [String; 0], "{what}");
    }
}

/// Whoever revoked it died before its tags said so: the mark is enough.
#[tokio::test(start_paused = true)]
async fn a_move_to_what_is_marked_as_revoked_is_finished_by_nobody() {
    let bench = Bench::new().await;
    let image = bench.image("1.0.1");
    bench.forge(&image, &note("1.0.1"));
    let version = PointerName { slot: Slot::Version("1.0.1".parse().unwrap()), ..name() };
    let (image, at) = (image.parse().unwrap(), "2026-11-20T12:00:00Z".to_owned());
    let mark = Revocation { image, reason: "leak".into(), by: "ann".into(), at };
    bench.target().mark_revoked(&version, &mark).await.unwrap();
    tokio::time::sleep(OVER).await;
    let told = verified(&bench).await.drift.iter().any(|drift| drift.wrong.contains("a lock says that"));
    assert!(told);
    assert_eq!(bench.settle().await, [Settled::Refused(Foreign::Revoked)]);
    assert_eq!((bench.staging(), bench.locks()), ("1.0.0".to_owned(), Vec::new()));
}

/// What comes of a lock, in short.
fn short(settled: &Settled) -> String {
    match settled {
        Settled::Refused(Foreign::Gates(unmet)) => unmet.iter().map(|unmet| unmet.gate).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}

/// The rules, where those of `staging` are changed.
fn stricter(change: impl FnOnce(&mut ChannelRule)) -> Vec<ChannelRule> {
    let mut rules = rules();
    change(&mut rules[1]);
    rules
}

const HOUR: Duration = Duration::from_secs(3600);

/// A sound image of ours is not enough: the lock passes no gate that a promotion would not have passed.
#[tokio::test(start_paused = true)]
async fn a_lock_is_judged_by_the_rules_of_its_channel() {
    type Change = fn(&mut ChannelRule);
    let with = |more: Value| {
        let mut note = note("1.0.1");
        for (key, value) in more.as_object().unwrap() {
            note[key] = value.clone();
        }
        note
    };
    let approval: Change = |rule| rule.approval = true;
    let soak: Change = |rule| rule.soak = 24 * HOUR;
    let never: Change = |rule| rule.from = Some("qa".parse().unwrap());
    // What is refused leaves everything as it was, so one world will do; the rest comes after that.
    let tried: [(&str, Change, Value, &str); 17] = [
        ("no approval", approval, json!({}), "approval"),
        ("half an approval", approval, json!({"approved_by": "lead"}), "approval"),
        ("one's own approval", approval, json!({"approved_by": "Colleague", "approval": "ok"}), "approval"),
        ("too early", soak, json!({}), "soak"),
        ("too early, without a reason", soak, json!({"override": " ", "gates": ["soak"]}), "soak"),
        ("a reason for another gate", soak, json!({"override": "fire", "gates": ["approval"]}), "soak"),
        ("never there", never, json!({"from": "qa"}), "from"),
        ("from elsewhere", never, json!({}), "Refused(From)"),
        ("too bad", |rule| rule.minimum_score = Some(100.5), json!({}), "minimum_score"),
        ("too old", |rule| rule.maximum_age = Some(Duration::ZERO), json!({}), "maximum_age"),
        ("no channel", |rule| rule.name = "canary".parse().unwrap(), json!({}), "Refused(NoChannel)"),
        ("a way back to nowhere", |_| {}, json!({"kind": "rollback", "from": null}), "Refused(NeverNamed)"),
        ("an approval", approval, json!({"approved_by": "lead", "approval": "looked at it"}), "Finished"),
        // From here on the channel has gone back from it.
        ("what it went back from", |_| {}, json!({}), "rolled-back"),
        (
            "a way there with a reason",
            |_| {},
            json!({"kind": "rollback", "from": null, "override": "fire", "gates": ["all"]}),
            "Finished",
        ),
        ("too early, with a reason", soak, json!({"override": "fire", "gates": ["soak", "rolled-back"]}), "Finished"),
        (
            "never there, with a reason",
            never,
            json!({"from": "qa", "override": "fire", "gates": ["from", "rolled-back"]}),
            "Finished",
        ),
    ];
    let bench = Bench::new().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    for (what, change, more, expected) in tried {
        let rules = stricter(change);
        bench.forge_after(bench.history().await.moves.len(), &bench.image("1.0.1"), &with(more));
        tokio::time::sleep(OVER).await;
        let verified = verify::verify(&bench.target(), &rules, &[recipe_name()]).await.unwrap();
        let told = verified.drift.iter().any(|drift| drift.wrong.contains("a lock says that"));
        // What the record says is read only where it counts.
        assert_eq!(told, !["Finished", "minimum_score"].contains(&expected), "{what}: {:?}", verified.drift);
        let settled = bench.settle_by(&rules).await;
        assert_eq!(settled.iter().map(short).collect::<Vec<_>>(), [expected], "{what}");
        assert_eq!(bench.staging(), if expected == "Finished" { "1.0.1" } else { "1.0.0" }, "{what}");
        assert_eq!(bench.locks(), [] as [String; 0], "{what}");
        if expected == "Finished" {
            bench.goes_back("staging", "1.0.0").await;
        }
    }
}

/// What was begun rightly is finished, however long that takes: its gates are those of when its lock was written.
#[tokio::test(start_paused = true)]
async fn time_closes_no_gate_behind_a_move_that_was_begun() {
    let bench = Bench::new().await;
    let rules = stricter(|rule| (rule.soak, rule.maximum_age) = (2 * HOUR, Some(4 * HOUR)));
    bench.goes_back("dev", "1.0.1").await;
    tokio::time::sleep(3 * HOUR).await;
    bench.forge(&bench.image("1.0.1"), &note("1.0.1"));
    bench.goes_back("dev", "1.0.2").await;
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(bench.settle_by(&rules).await, [Settled::Finished]);
    assert_eq!(bench.staging(), "1.0.1");

    // And none is opened by the time that has passed since.
    let bench = Bench::new().await;
    bench.goes_back("dev", "1.0.1").await;
    tokio::time::sleep(HOUR).await;
    bench.forge(&bench.image("1.0.1"), &note("1.0.1"));
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(bench.settle_by(&rules).await.iter().map(short).collect::<Vec<_>>(), ["soak"]);
    assert_eq!(bench.staging(), "1.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_says_whose_move_it_has_cleared() {
    let bench = Bench::new().await;
    bench.promote("1.0.1").await.unwrap();
    let lock = json!({"id": "00", "by": "x", "follows": 2, "to": bench.image("1.0.2"), "note": note("1.0.2")});
    bench.write_beside(LOCK, &lock.to_string());
    tokio::time::sleep(OVER).await;
    let done = rollback::roll_back(&bench.target(), &rules(), &back(None)).await.unwrap();
    let cleared: Vec<String> = done.cleared.iter().map(|underway| underway.image.to_string()).collect();
    assert_eq!((cleared, bench.locks()), (vec![bench.image("1.0.2")], Vec::new()));
    assert_eq!(bench.staging(), "1.0.0");
}
