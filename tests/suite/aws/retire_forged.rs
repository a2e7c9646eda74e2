//! What someone wrote by hand into the record of a retirement opens no image to anybody and removes nothing.

use super::crash::machine::RECIPE;
use super::ladder::apply;
use super::retire::{Bench, DAY};
use crate::fake_aws::ec2::Timeline;
use serde_json::{Value, json};

const STRANGER: &str = "999988887777";

fn document(version: &str, image: &str, more: Value) -> String {
    let mut document = json!({
        "name": {"recipe": RECIPE, "arch": "x86_64", "slot": {"version": version}},
        "image": image, "by": "x", "at": "2026-11-01T00:00:00Z",
    });
    for (key, value) in more.as_object().unwrap() {
        document[key] = value.clone();
    }
    document.to_string()
}

fn path(version: &str) -> String {
    format!("/amifactory/{RECIPE}/x86_64/retired/{version}")
}

impl Bench {
    fn image_of(&self, version: &str) -> String {
        let pointers = super::crash::contract::parameters(&self.fake.world());
        pointers[&format!("/amifactory/{RECIPE}/x86_64/versions/{version}")].clone()
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_may_launch_an_image_because_a_parameter_says_that_they_could() {
    let mut bench = Bench::new().await;
    bench.soak(7 * DAY);
    // The newest one, and one that is on its way out.
    for (version, rung) in [("1.0.3", "deprecate"), ("1.0.0", "disable")] {
        let image = bench.image_of(version);
        let more = json!({"rung": rung, "permissions": [STRANGER, "all"], "disabled_at": "2026-11-02T00:00:00Z"});
        bench.put(&path(version), &document(version, &image, more)).await;
    }
    for _ in 0..4 {
        let told = apply(&bench, &bench.target()).await;
        assert!(told["1.0.3"].contains("does not say that these could launch it"), "{told:?}");
        for version in ["1.0.3", "1.0.0"] {
            let stands = bench.stands(&bench.image_of(version)).unwrap();
            assert!(stands.launchers.is_empty(), "{version}: {stands:?}");
        }
        tokio::time::sleep(DAY).await;
    }
    // The same by hand.
    let error = super::ladder::bring_back(&bench.target(), &bench.image_of("1.0.3")).await.unwrap_err();
    assert!(error.to_string().contains("999988887777"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_no_version_names_is_not_removed_however_it_is_written_down() {
    let mut bench = Bench::new().await;
    bench.soak(std::time::Duration::ZERO);
    let live = bench.build(&bench.image_of("1.0.3"));
    let foreign = "ami-09828ddd7cb541717".to_owned();
    {
        let first = bench.image_of("1.0.0");
        let mut world = bench.fake.world();
        let now = world.clock.now();
        let mut image = world.ec2.images[&first].clone();
        (image.id, image.name, image.state) = (foreign.clone(), "a colleague's".into(), Timeline::new(now, "disabled"));
        world.ec2.images.insert(foreign.clone(), image);
    }
    let done =
        json!({"rung": "remove", "deprecated_at": "2026-11-01T00:00:00Z", "disabled_at": "2026-11-02T00:00:00Z"});
    bench.put(&path("9.9.8"), &document("9.9.8", &foreign, done.clone())).await;
    let mut gone = done.clone();
    gone["build"] = json!(live);
    bench.put(&path("9.9.9"), &document("9.9.9", "ami-0deadbeefdeadbeef", gone.clone())).await;
    let before = bench.snapshots(&live);
    for _ in 0..3 {
        let told = apply(&bench, &bench.target()).await;
        assert!(!told.contains_key("9.9.8") && !told.contains_key("9.9.9"), "{told:?}");
        assert!(told["1.0.0"].contains("unknown"), "it is told, and keeps the recipe's images: {told:?}");
    }
    assert!(bench.fake.world().ec2.images.contains_key(&foreign));
    assert_eq!(bench.snapshots(&live), before);

    // Also where a version is written that names it.
    bench.put(&format!("/amifactory/{RECIPE}/x86_64/versions/9.9.8"), &foreign).await;
    bench.put(&format!("/amifactory/{RECIPE}/x86_64/versions/9.9.9"), "ami-0deadbeefdeadbeef").await;
    for _ in 0..3 {
        apply(&bench, &bench.target()).await;
    }
    assert!(bench.fake.world().ec2.images.contains_key(&foreign));
    assert_eq!(bench.snapshots(&live), before, "the evidence of an image that is there");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_stands_in_another_place_or_has_no_dates_is_told_and_keeps_everything() {
    let mut bench = Bench::new().await;
    bench.soak(std::time::Duration::ZERO);
    let image = bench.image_of("1.0.0");
    let elsewhere = document("1.0.1", &bench.image_of("1.0.1"), json!({}));
    let no_date = document("1.0.0", &image, json!({"removed_at": "\u{1b}[2J\nok"}));
    for wrong in [elsewhere, no_date, "junk".to_owned()] {
        bench.put(&path("1.0.0"), &wrong).await;
        let told = apply(&bench, &bench.target()).await;
        assert!(told["1.0.0"].contains("unknown") && told["1.0.1"].contains("unknown"), "{wrong}: {told:?}");
        let error = super::ladder::bring_back(&bench.target(), &image).await.unwrap_err().to_string();
        assert!(error.contains("retired/1.0.0") && !error.contains('\u{1b}'), "{wrong}: {error}");
    }
}
