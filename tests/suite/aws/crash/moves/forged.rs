//! Locks that someone wrote who may write parameters: none of them moves a channel to what passed no gate.

use super::{Bench, OVER, RECIPE, name, recipe_name, rules};
use crate::fake_aws::ec2::Timeline;
use amifactory::pipeline::tags;
use amifactory::release::intent::Foreign;
use amifactory::release::{leftover, verify};
use amifactory::target::{Settled, Target};
use serde_json::{Value, json};

const LOCK: &str = "/amifactory/web/x86_64/moves/staging";
const COLLEAGUES: &str = "ami-0e78cf9f90e972a99";

/// A promotion to this version, as the program itself would note it.
fn note(version: &str) -> Value {
    let by = "arn:aws:iam::123456789012:user/colleague";
    json!({"at": "2026-11-21T12:00:00Z", "kind": "promote", "by": by, "version": version})
}

impl Bench {
    /// A lock that follows what `staging` names at first.
    fn forge(&self, image: &str, note: &Value) {
        let lock = json!({"id": "00", "by": "x\u{1b}[31m", "follows": 1, "to": image, "note": note});
        self.write_beside(LOCK, &lock.to_string());
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
    let settled = leftover::settle(&target, None, found).await.unwrap();
    let [(underway, Settled::Refused(Foreign::Another), rows)] = settled.as_slice() else { panic!("{settled:?}") };
    assert!(rows.is_empty());
    let told = leftover::told(underway, Settled::Refused(Foreign::Another));
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
        assert_eq!(bench.settle().await, [expected], "{what}");
        let named = bench.target().pointer(&name()).await.unwrap().unwrap().image.to_string();
        assert_eq!(named, if expected == Settled::Finished { new } else { old }, "{what}");
        assert_eq!(bench.locks(), [] as [String; 0], "{what}");
    }
}
