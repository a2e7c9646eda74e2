//! Items in OpsCenter: one for each thing, whoever dies on the way.

use super::telling::{scene, told};
use super::{OWN, Scene, home};
use crate::aws::wire::{Cut, Wire};
use crate::fake_aws::faults::Fault;
use crate::fake_aws::ssm::ops::OpsItem;
use amifactory::fleet::freshness::Level;
use amifactory::fleet::notify::item::Seen;
use amifactory::fleet::notify::left::left;
use amifactory::fleet::notify::tell::Outcome;
use amifactory::recipe::{Audience, Notify};
use amifactory::report::{Style, view};
use amifactory::target::Target;
use amifactory::target::aws::AwsTarget;
use serde_json::Value;

fn notify() -> Notify {
    let audience = Audience { opscenter: true, ..Audience::default() };
    Notify { audiences: [("ops".parse().unwrap(), audience)].into(), ..Notify::default() }
}

fn items(scene: &Scene) -> Vec<OpsItem> {
    scene.fake.world().ssm.place(&home(OWN, "us-east-1")).items.values().cloned().collect()
}

fn open(scene: &Scene) -> usize {
    items(scene).iter().filter(|item| item.is_open()).count()
}

async fn outcome(scene: &Scene, target: &AwsTarget, seen: &Seen) -> Outcome {
    told(scene, target, &notify(), seen).await[0].outcome
}

fn none(seen: &Seen) -> Seen {
    Seen { items: Vec::new(), ..seen.clone() }
}

#[tokio::test(start_paused = true)]
async fn an_item_is_opened_brought_up_to_date_and_resolved() {
    let (scene, seen) = scene(2).await;
    let target = scene.target();
    assert_eq!(outcome(&scene, &target, &seen).await, Outcome::Told);
    let first = items(&scene);
    assert_eq!((first.len(), open(&scene)), (2, 2));
    let item = &first[0];
    assert!(item.title.starts_with("fail: web 1.0.0 behind: instances of group group-"), "{}", item.title);
    assert_eq!((item.severity.as_str(), item.source.as_str()), ("2", "amifactory"));
    assert!(item.description.lines().all(|line| line.starts_with("    ")), "{}", item.description);
    assert!(
        item.description.contains("fix: amifactory rollout web --channel prod --arch x86_64 --group group-"),
        "{}",
        item.description
    );
    let resources: Value = serde_json::from_str(&item.data["/aws/resources"].0).unwrap();
    assert_eq!(resources[0]["arn"], format!("arn:aws:ec2:us-east-1::image/{}", super::image(0, "us-east-1")));
    assert!(item.data["amifactory:key"].1 && item.data["amifactory:key"].0.starts_with("ops:"));
    // Nothing new: nothing is opened, and one that a person has closed stays closed.
    assert_eq!(outcome(&scene, &target, &seen).await, Outcome::Quiet);
    let close = |title: &str| {
        let mut world = scene.fake.world();
        let items = &mut world.ssm.place(&home(OWN, "us-east-1")).items;
        let found = items.values_mut().find(|item| item.title == title).unwrap();
        found.status = "Resolved".into();
    };
    close(&item.title);
    assert_eq!(outcome(&scene, &target, &seen).await, Outcome::Quiet);
    assert_eq!((items(&scene).len(), open(&scene)), (2, 1));
    // Worse: that one is opened anew, and the other is brought up to date.
    let mut worse = seen.clone();
    for item in &mut worse.items {
        item.count += 1000;
    }
    assert_eq!(outcome(&scene, &target, &worse).await, Outcome::Told);
    assert_eq!((items(&scene).len(), open(&scene)), (3, 2));
    assert!(items(&scene).iter().filter(|item| item.is_open()).all(|item| item.description.contains("count: 1001")));
    // What can't be read resolves nothing.
    let blind = Seen { blind: seen.places.clone(), ..none(&seen) };
    outcome(&scene, &target, &blind).await;
    assert_eq!(open(&scene), 2);
    assert_eq!(outcome(&scene, &target, &none(&seen)).await, Outcome::Told);
    assert_eq!((items(&scene).len(), open(&scene)), (3, 0));
}

/// Nothing is worse, so there is no news: but whoever follows the item would do what mends nothing any more.
#[tokio::test(start_paused = true)]
async fn an_open_item_says_the_command_of_today() {
    let (scene, seen) = scene(2).await;
    let target = scene.target();
    outcome(&scene, &target, &seen).await;
    let updates = || scene.fake.world().calls.iter().filter(|call| call.action == "UpdateOpsItem").count();
    assert_eq!((outcome(&scene, &target, &seen).await, updates()), (Outcome::Quiet, 0));
    let mut now = seen.clone();
    now.items[0].fix = Some("amifactory rollout web --channel prod --group another".into());
    now.items[0].count += 1;
    assert_eq!((outcome(&scene, &target, &now).await, updates()), (Outcome::Quiet, 1));
    let found = |text: &str| items(&scene).iter().filter(|item| item.description.contains(text)).count();
    assert_eq!((found("--group another"), found("--group group-"), items(&scene).len()), (1, 1, 2));
    assert_eq!((outcome(&scene, &target, &now).await, updates()), (Outcome::Quiet, 1), "once is enough");
    // One of an earlier version, which does not show what it holds, is brought up to date once; one that a person has closed
    // is left alone.
    for item in scene.fake.world().ssm.place(&home(OWN, "us-east-1")).items.values_mut() {
        item.data.remove("amifactory:stamp");
        if item.description.contains("--group group-") {
            item.status = "Resolved".into();
        }
    }
    outcome(&scene, &target, &now).await;
    outcome(&scene, &target, &now).await;
    assert_eq!((updates(), open(&scene)), (2, 1));
    // A command that there is no more goes too.
    now.items[0].fix = None;
    outcome(&scene, &target, &now).await;
    assert_eq!((updates(), found("--group another")), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_leaves_no_item_twice_and_none_that_nobody_resolves() {
    let (scene, seen) = scene(2).await;
    let target = scene.target();
    let before = scene.fake.world().calls.len();
    outcome(&scene, &target, &seen).await;
    let opening = scene.fake.world().calls.len() - before;
    outcome(&scene, &target, &none(&seen)).await;
    for (now, then) in [(seen.clone(), none(&seen)), (none(&seen), seen.clone())] {
        for at in 0..opening {
            for cut in [Cut::BeforeSend, Cut::ReplyLost] {
                outcome(&scene, &target, &then).await;
                assert_eq!(open(&scene), then.items.len());
                let wire = Wire::cut(&scene.fake, at, cut);
                let (dying, dead, wanted) = (AwsTarget::with_config(&wire.config()), wire.dead(), notify());
                tokio::select! {
                    _ = told(&scene, &dying, &wanted, &now) => panic!("request {at} was never made"),
                    () = dead.notified() => {}
                }
                // It is there as it should be with the next run; or, where it was over before that, not any more.
                outcome(&scene, &target, &now).await;
                assert_eq!(open(&scene), now.items.len(), "request {at}, {cut:?}");
                outcome(&scene, &target, &then).await;
                assert_eq!(open(&scene), then.items.len(), "request {at}, {cut:?}");
                // The same, and nobody looked in between.
                let wire = Wire::cut(&scene.fake, at, cut);
                let (dying, dead) = (AwsTarget::with_config(&wire.config()), wire.dead());
                tokio::select! {
                    _ = told(&scene, &dying, &wanted, &now) => {}
                    () = dead.notified() => {}
                }
                outcome(&scene, &target, &then).await;
                assert_eq!(open(&scene), then.items.len(), "request {at}, {cut:?}");
            }
        }
    }
    let keys: std::collections::BTreeSet<String> =
        items(&scene).iter().map(|item| item.data["amifactory:key"].0.clone()).collect();
    assert_eq!(keys.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_opens_so_many_and_the_next_goes_on() {
    let (scene, seen) = scene(1).await;
    let target = scene.target();
    let mut many = seen.clone();
    many.items.clear();
    for n in 0..120 {
        let mut finding = seen.items[0].clone();
        finding.fingerprint = serde_json::from_value(serde_json::json!(format!("{n:016}"))).unwrap();
        finding.level = if n == 119 { Level::Fail } else { Level::Warn };
        many.items.push(finding);
    }
    many.items.sort_by_key(|item| item.level);
    for (run, expected) in [50, 100, 120, 120].into_iter().enumerate() {
        assert_eq!(outcome(&scene, &target, &many).await, if run < 3 { Outcome::Told } else { Outcome::Quiet });
        assert_eq!(open(&scene), expected);
        let keys: std::collections::BTreeSet<_> =
            items(&scene).iter().map(|i| i.data["/aws/dedup"].0.clone()).collect();
        assert_eq!(keys.len(), expected);
    }
    // Throttled and failing for a while, it goes on all the same; denied, it says what is missing.
    for fault in [Fault::Throttle, Fault::ServerError, Fault::Reset, Fault::LostReply] {
        for action in ["UpdateOpsItem", "DescribeOpsItems"] {
            scene.fake.world().weather.after(action, 1, fault);
        }
    }
    for expected in [70, 20, 0] {
        outcome(&scene, &target, &none(&seen)).await;
        assert_eq!(open(&scene), expected);
    }
    for action in ["ssm:CreateOpsItem", "ssm:DescribeOpsItems"] {
        scene.fake.world().credentials.default_mut().denied.insert(action.into());
        let telling = told(&scene, &target, &notify(), &seen).await.remove(0);
        assert!(telling.error.as_ref().is_some_and(|error| error.contains(action)), "{telling:?}");
        scene.fake.world().credentials.default_mut().denied.clear();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_beyond_the_memory_stays_open_and_what_waits_is_told() {
    let (scene, seen) = scene(1).await;
    let target = scene.target();
    let mut one = seen.clone();
    one.items.truncate(1);
    one.items[0].level = Level::Warn;
    assert_eq!(outcome(&scene, &target, &one).await, Outcome::Told);
    assert_eq!(open(&scene), 1);
    // More breaks the policy now than is remembered: what is only warned of has to give way, and is still there.
    let mut many = one.clone();
    for n in 0..2001 {
        let mut finding = one.items[0].clone();
        finding.fingerprint = serde_json::from_value(serde_json::json!(format!("{n:016}"))).unwrap();
        finding.level = Level::Fail;
        many.items.insert(0, finding);
    }
    let telling = told(&scene, &target, &notify(), &many).await.remove(0);
    assert_eq!((telling.new, telling.waiting, open(&scene)), (50, 1950, 51));
}

/// The items of an audience stay open when it, or its factory, gets another name: nobody else resolves them.
#[tokio::test(start_paused = true)]
async fn what_an_audience_of_another_name_left_open_is_told_with_the_command_that_resolves_it() {
    let (scene, seen) = scene(2).await;
    let target = scene.target();
    let of = |factory: Option<&str>, audience: &str| {
        let ops = Audience { opscenter: true, ..Audience::default() };
        let factory = factory.map(|name| name.parse().unwrap());
        Notify { factory, audiences: [(audience.parse().unwrap(), ops)].into(), ..Notify::default() }
    };
    let here = "us-east-1".parse().unwrap();
    let left = async |notify: &Notify| left(&target, notify, &here, target.now()).await.unwrap();
    told(&scene, &target, &of(Some("shop"), "ops"), &seen).await;
    assert!(left(&of(Some("shop"), "ops")).await.is_empty());
    // The audience has another name: what is under the factory's own is its own.
    let found = left(&of(Some("shop"), "on-call")).await;
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.opened_by.as_str(), one.count), ("shop.ops", 2));
    let command = view::told(&[], (None, &found), Style::PLAIN);
    insta::assert_snapshot!(command.replace(&ids(&scene), "oi-… oi-…"));
    // The factory has: they may be those of another one that still looks, until it has not for more than a week.
    for notify in [of(Some("store"), "ops"), of(None, "ops")] {
        assert!(left(&notify).await.is_empty());
    }
    tokio::time::sleep(super::DAY * 8).await;
    for notify in [of(Some("store"), "ops"), of(None, "ops")] {
        assert_eq!(left(&notify).await[0].why, "whoever opened them has not looked for 8 days");
    }
    // Whoever looks and finds nothing new, does so.
    told(&scene, &target, &of(Some("shop"), "ops"), &seen).await;
    assert!(left(&of(Some("store"), "ops")).await.is_empty());
}

/// Of those that are open, as a command lists them.
fn ids(scene: &Scene) -> String {
    let mut world = scene.fake.world();
    let items = &world.ssm.place(&home(OWN, "us-east-1")).items;
    items.iter().filter(|(_, item)| item.is_open()).map(|(id, _)| id.clone()).collect::<Vec<_>>().join(" ")
}
