//! Configurations that someone changes behind their names: it is seen, and mended.

use super::pipelines::{apply, declared, nightly, pipelines};
use super::shared::{self, changes, seconds};
use crate::aws::factory;
use crate::aws::weather::place::Place;
use crate::fake_aws::Fake;
use amifactory::pipeline::schedules::{Planned, Step};
use amifactory::pipeline::{BuildOptions, tags};
use serde_json::{Map, Value, json};

/// Someone changes what is of this kind.
pub fn alter(fake: &Fake, kind: &str, change: impl Fn(&mut Map<String, Value>)) {
    let mut world = fake.world();
    let mut found = world.imagebuilder.resources.values_mut().filter(|found| found.arn.contains(kind)).peekable();
    assert!(found.peek().is_some(), "there is no {kind}");
    found.for_each(|found| change(&mut found.body));
}

pub const INFRASTRUCTURE: &str = ":infrastructure-configuration/";
pub const DISTRIBUTION: &str = ":distribution-configuration/";
pub const PIPELINE: &str = ":image-pipeline/";

/// For everyone to launch, under another name and with no tags.
pub fn give_away(fake: &Fake) {
    alter(fake, DISTRIBUTION, |body| {
        let ami = json!({
            "name": "mine {{ imagebuilder:buildDate }}",
            "launchPermission": { "userGroups": ["all"] },
        });
        body["distributions"][0]["amiDistributionConfiguration"] = ami;
    });
}

pub fn make_small(fake: &Fake) {
    alter(fake, INFRASTRUCTURE, |body| drop(body.insert("instanceTypes".into(), json!(["t3.micro"]))));
}

fn differs(planned: &[Planned]) -> Vec<&'static str> {
    let Step::Change(changes) = &planned[0].step else { panic!("{planned:?}") };
    changes.iter().map(|change| change.what).collect()
}

#[tokio::test(start_paused = true)]
async fn what_someone_has_changed_behind_a_name_is_seen_and_mended() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    let [pipeline] = &pipelines(&target).there().await.unwrap()[..] else { panic!() };
    assert!(!pipeline.is_altered && pipeline.shape == draft.shape, "{pipeline:?}");

    let before = place.fake.world().calls.len();
    give_away(&place.fake);
    assert!(pipelines(&target).there().await.unwrap()[0].is_altered);
    assert_eq!(differs(&apply(&target, Some(&draft)).await), ["AMI name", "AMI tags", "launch permission"]);
    let mended: Vec<String> = changes(&place, before).into_iter().filter(|call| !call.starts_with("Create")).collect();
    assert_eq!(mended, ["UpdateDistributionConfiguration"]);

    let before = place.fake.world().calls.len();
    make_small(&place.fake);
    alter(&place.fake, INFRASTRUCTURE, |body| drop(body.insert("keyPair".into(), json!("mine"))));
    assert!(pipelines(&target).there().await.unwrap()[0].is_altered);
    assert_eq!(differs(&apply(&target, Some(&draft)).await), ["instance types", "key pair"]);
    let mended: Vec<String> = changes(&place, before).into_iter().filter(|call| !call.starts_with("Create")).collect();
    assert_eq!(mended, ["UpdateInfrastructureConfiguration"]);

    let [pipeline] = &pipelines(&target).there().await.unwrap()[..] else { panic!() };
    assert!(!pipeline.is_altered && pipeline.shape == draft.shape, "{pipeline:?}");
    assert_eq!(apply(&target, Some(&draft)).await[0].step, Step::Keep);
}

/// People agree to what they were shown, and to nothing else.
#[tokio::test(start_paused = true)]
async fn what_has_changed_since_it_was_shown_is_left_and_told() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, first) = declared(&target, "first", &nightly()).await;
    let (_, _, second) = declared(&target, "second", &nightly()).await;
    let pipelines = pipelines(&target);

    // Two looked when there was none, and want something else.
    pipelines.declare(&first, None).await.unwrap();
    let refused = pipelines.declare(&second, None).await.unwrap_err().to_string();
    assert!(refused.contains("since it was looked at") && refused.contains("run the same command again"), "{refused}");
    // Two want the same.
    pipelines.declare(&first, None).await.unwrap();

    // Someone changes it while a person reads what would be changed.
    let seen = pipelines.there().await.unwrap().remove(0);
    alter(&place.fake, PIPELINE, |body| body["imageTestsConfiguration"]["imageTestsEnabled"] = false.into());
    tokio::time::sleep(seconds(30)).await;
    let refused = pipelines.declare(&second, Some(&seen)).await.unwrap_err().to_string();
    assert!(refused.contains("since it was looked at"), "{refused}");
    let now = pipelines.there().await.unwrap().remove(0);
    assert!(now.is_by_another_hand() && now.shape.content == first.shape.content, "{now:?}");
    pipelines.declare(&second, Some(&now)).await.unwrap();
    assert_eq!(pipelines.there().await.unwrap()[0].shape, second.shape);
}

/// The recipe has changed since, so that what is declared says nothing of what was changed: the names do.
#[tokio::test(start_paused = true)]
async fn it_is_seen_whatever_is_declared_by_now() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    give_away(&place.fake);
    let (_, _, other) = declared(&target, "second", &nightly()).await;
    let seen = pipelines(&target).there().await.unwrap();
    assert!(seen[0].is_altered && seen[0].shape.distribution != other.shape.distribution);
    assert_eq!(differs(&apply(&target, Some(&other)).await), ["content", "distribution"]);
    let [pipeline] = &pipelines(&target).there().await.unwrap()[..] else { panic!() };
    assert!(!pipeline.is_altered && pipeline.shape == other.shape, "{pipeline:?}");
}

#[tokio::test(start_paused = true)]
async fn configurations_of_others_are_not_mended() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    make_small(&place.fake);
    for found in place.fake.world().imagebuilder.resources.values_mut() {
        if found.arn.contains(INFRASTRUCTURE) {
            found.tags.clear();
        }
    }
    let seen = pipelines(&target).there().await.unwrap();
    let before = place.fake.world().calls.len();
    let error = pipelines(&target).declare(&draft, Some(&seen[0])).await.unwrap_err().to_string();
    assert!(error.contains("holds something else than its name says"), "{error}");
    assert!(!changes(&place, before).iter().any(|call| call.starts_with("Update")));
}

#[tokio::test(start_paused = true)]
async fn a_build_that_refuses_one_tells_a_way_out_that_works() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    make_small(&place.fake);
    let (plan, launch) = factory::plan_of(&target, "web", "first", &factory::by_parameter()).await;
    let refused = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    let error = refused.result.unwrap_err().to_string();
    assert!(error.contains("amifactory pipeline apply web --target imagebuilder makes it what it was"), "{error}");
    apply(&target, Some(&draft)).await;
    let target = shared::target(&place);
    let built = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    assert!(built.well_within(seconds(900)).fresh);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_says_whose_it_is_once_its_factory_does() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, mut draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    draft.order.tags.insert(tags::OWNER.into(), "platform".into());
    draft.shape.owner = Some("platform".into());
    assert_eq!(differs(&apply(&target, Some(&draft)).await), ["owner"]);
    let seen = pipelines(&target).there().await.unwrap();
    assert_eq!(seen[0].tags.get(tags::OWNER).map(String::as_str), Some("platform"));
    assert_eq!(apply(&target, Some(&draft)).await[0].step, Step::Keep);
}

/// What was applied before years were sent is as declared.
#[tokio::test(start_paused = true)]
async fn a_schedule_without_a_year_is_the_same() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    alter(&place.fake, ":image-pipeline/", |body| {
        assert_eq!(body["schedule"]["scheduleExpression"], "cron(0 3 * * ? *)");
        body["schedule"]["scheduleExpression"] = json!("cron(0 3 * * ?)");
    });
    assert_eq!(apply(&target, Some(&draft)).await[0].step, Step::Keep);
}
