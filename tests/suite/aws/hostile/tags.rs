//! Tags that are too long, and tags that someone else has written.

use super::CALM;
use crate::aws::weather::place::{Place, seconds};
use amifactory::pipeline::{BuildOptions, sweep};
use amifactory::plan::{Plan, PlannedGroup};
use amifactory::report::Style;
use amifactory::report::view::{self, Leftover, Swept};
use amifactory::target::Target as _;

fn long(plan: &mut Plan) {
    plan.description = "d".repeat(300);
    plan.groups = (0..40)
        .map(|n| PlannedGroup {
            name: format!("package-group-{n}").parse().unwrap(),
            version: "1.2.3".parse().unwrap(),
            packages: Vec::new(),
            parameters: Default::default(),
        })
        .collect();
    plan.aws.tags.insert("site:note".into(), "ü".repeat(300));
    plan.aws.owner = Some("o".repeat(300));
}

#[tokio::test(start_paused = true)]
async fn values_past_the_limit_are_shortened_and_the_record_has_all() {
    let place = Place::new(|_| {});
    let ended = place.build_with(long, &BuildOptions::default()).await;
    let built = ended.well_within(CALM);
    assert_eq!(built.record.groups.len(), 40);
    let world = place.fake.world();
    let now = world.clock.now();
    let groups = world.ec2.tags_at(built.image.id.as_str(), now)["amifactory:groups"].clone();
    assert_eq!(groups.chars().count(), 256);
    assert!(groups.starts_with("package-group-0=1.2.3,") && groups.ends_with('…'), "{groups}");
    drop(world);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

/// As many and as long as `validate` lets a factory have (`MOST_TAGS`), with all that amifactory adds.
#[tokio::test(start_paused = true)]
async fn as_many_tags_as_a_factory_may_have_fit_everywhere() {
    let place = Place::new(|_| {});
    let most = |plan: &mut Plan| {
        plan.profile = Some("cis-l1-server".into());
        plan.aws.owner = Some("platform".into());
        plan.aws.tags = (0..37).map(|n| (format!("{n:0>127}"), "v".repeat(256))).collect();
    };
    let force = BuildOptions { force: true, version: None };
    let ended = place.build_with(most, &force).await;
    let id = ended.well_within(CALM).image.id.to_string();
    {
        let world = place.fake.world();
        let tags = world.ec2.tags_at(&id, world.clock.now());
        assert!(tags.len() >= 49, "with a score it has one more: {}", tags.len());
    }
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

/// What someone may write who can tag, but not more.
const HOSTILE: &[&str] =
    &["<script>alert(1)</script>", "a\nb\r\n\u{1b}[31mred\u{1b}[0m", "../../etc/passwd", "", "ünïcödé\u{202e}"];

#[tokio::test(start_paused = true)]
async fn values_written_by_others_are_harmless_when_read_back() {
    for value in HOSTILE {
        for key in ["amifactory:build", "amifactory:recipe", "amifactory:version", "amifactory:groups", "Name"] {
            let place = Place::new(|_| {});
            // A candidate image is left: the credentials are gone before it was tested.
            place.when(
                |world| world.count("CreateImage") > 0,
                |world| world.credentials.default_mut().expires = Some(world.clock.now()),
            );
            place.build().await.badly_within(CALM);
            {
                let mut world = place.fake.world();
                world.credentials.default_mut().expires = None;
                let now = world.clock.now();
                let id = world.ec2.own_images(&world.account)[0].id.clone();
                let mut tags = world.ec2.tags_at(&id, now);
                tags.insert(key.to_owned(), (*value).to_owned());
                world.ec2.tags.get_mut(&id).unwrap().set(now, tags);
            }
            tokio::time::sleep(seconds(200)).await;
            let (target, state) = (place.target(), place.state());
            let images = target.images().await.unwrap();
            assert_eq!(images.len(), 1);
            let found = sweep::find(&target, &state).await.unwrap();
            let rows = found.iter().map(|left| Leftover {
                kind: "image".into(),
                id: left.resource.to_string(),
                build: left.build.as_ref().map(ToString::to_string),
                created_at: left.created_at.clone(),
                why: images[0].tags[key].clone(),
            });
            let shown = view::sweep(&Swept { found: rows.collect(), removed: false, ..Swept::default() }, Style::PLAIN);
            assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}') && !shown.contains('\r'), "{shown:?}");
            sweep::remove(&target, &state, found).await.unwrap();
            assert_eq!(place.leaks_after_sweep().await, [] as [String; 0], "{key}={value:?}");
        }
    }
}
