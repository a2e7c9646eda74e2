//! Accounts that an image is shared with: those with a role are looked into, and keep it where they use it or can't be read.

use super::crash::distribution::{self, CONSUMER, ORGANIZATION, SHARED, UNIT, place};
use super::crash::machine::{Machine, recipe_with};
use super::ladder::recipes;
use super::retire::retention;
use crate::fake_aws::autoscaling::Group;
use crate::fake_aws::ec2::consumers::Template;
use amifactory::fleet::retire::{Reason, Verdict, Wanted, decide, survey};
use amifactory::identity::{AccountId, TargetKind};
use amifactory::recipe::{Factory, FleetAccount, OtherService, Retention};
use amifactory::report::Style;
use amifactory::report::view::{self, Outcome, Retired, RetiredRow};
use amifactory::target::Target;
use std::collections::BTreeMap;
use std::time::Duration;

/// 1.0.0 at home alone, shared with everybody of the factory; nobody has said of the account with a role that it is not used.
async fn world() -> (distribution::Bench, Factory) {
    let bench = distribution::Bench::new().await;
    bench.again().await;
    for revision in 1..3 {
        Machine::new(&bench.fake).build(&recipe_with(revision, distribution::AWS), "the next image").await;
    }
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    let mut factory = recipe_with(0, distribution::AWS);
    let not_used_by = [SHARED, ORGANIZATION, UNIT].map(str::to_owned).into();
    let kept = Retention { soak: Duration::ZERO, not_used_by, ..retention(&OtherService::ALL) };
    factory.recipes.values_mut().for_each(|recipe| recipe.retention = Some(kept.clone()));
    let mut known = bench.known.clone();
    known.regions.clear();
    factory.distribution = Some(known);
    (bench, factory)
}

/// Why 1.0.0 stays at home.
async fn reasons(bench: &distribution::Bench, factory: &Factory) -> Vec<Reason> {
    let (target, recipes, busy) = (bench.target(), recipes(), BTreeMap::new());
    let wanted = Wanted { factory, recipes: &recipes, only: None, busy: &busy, home: None };
    let items = survey(&target, target.shelf().unwrap(), &wanted).await.unwrap();
    let first = items.iter().find(|item| item.version.to_string() == "1.0.0").unwrap();
    match decide(&first.facts, first.retention.as_ref(), target.now()) {
        Verdict::Keep(reasons) => reasons,
        _ => Vec::new(),
    }
}

/// The image of 1.0.0 at home.
async fn first(bench: &distribution::Bench) -> String {
    let pointers = bench.target().pointers(&recipes()[0]).await.unwrap();
    let first = pointers.iter().find(|pointer| pointer.name.to_string().contains("1.0.0")).unwrap();
    first.image.to_string()
}

#[tokio::test(start_paused = true)]
async fn what_uses_an_image_in_an_account_with_a_role_is_named_and_an_account_that_uses_nothing_keeps_nothing() {
    let (bench, factory) = world().await;
    assert_eq!(reasons(&bench, &factory).await, [], "it is shared, and nobody uses it");
    let (image, there) = (first(&bench).await, place(CONSUMER, "us-east-1"));
    let template = Template { home: there.clone(), images: vec![image.clone()] };
    bench.fake.world().ec2.templates.insert("lt-00000000000000fff".into(), template);
    let named = reasons(&bench, &factory).await;
    assert_eq!((named.len(), named[0].kind), (1, "in-use"), "{named:?}");
    let arn = format!("arn:aws:ec2:us-east-1:{CONSUMER}:launch-template/lt-00000000000000fff:1");
    assert_eq!(named[0].by, Some(arn));
    bench.fake.world().ec2.templates.clear();
    // A launch configuration, and a group that launches by it.
    {
        let mut world = bench.fake.world();
        world.autoscaling.configurations.insert((there.clone(), "old".into()), image);
        let group = Group { configuration: Some("old".into()), ..Group::default() };
        world.autoscaling.groups.insert((there, "web".into()), group);
    }
    let named = reasons(&bench, &factory).await;
    assert!(named.len() == 2 && named.iter().all(|reason| reason.by.as_ref().unwrap().contains(CONSUMER)), "{named:?}");
}

/// Nobody is surprised: who loses the right to launch it is told before, and that it can be given back.
#[tokio::test(start_paused = true)]
async fn a_plan_names_the_launch_permissions_that_go() {
    let (bench, factory) = world().await;
    let (target, recipes, busy) = (bench.target(), recipes(), BTreeMap::new());
    let wanted = Wanted { factory: &factory, recipes: &recipes, only: None, busy: &busy, home: None };
    let items = survey(&target, target.shelf().unwrap(), &wanted).await.unwrap();
    let row = |version: &str, outcome: Outcome| {
        let item = items.iter().find(|item| item.version.to_string() == version).unwrap();
        RetiredRow::of(item, (TargetKind::Aws, None), outcome, None)
    };
    let going = row("1.0.0", Outcome::Deprecate);
    assert_eq!(going.launch_permissions, [SHARED, CONSUMER, ORGANIZATION, UNIT]);
    assert_eq!(row("1.0.0", Outcome::Keep(Vec::new())).launch_permissions, [] as [String; 0]);
    let shown = view::retired(&Retired::of(vec![going], false, true).with_recycle_bin(true), Style::PLAIN);
    let text = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "its launch permissions stay until it is disabled: 044455556666, 111122223333,",
        "--restore gives them back",
        "only a Recycle Bin rule of the account would keep it for a while, and whether there is one was not asked",
    ] {
        assert!(text.contains(part), "{part}: {shown}");
    }
}

/// The role may stand under `fleet:` as well: who measures the fleet there may look for uses too.
#[tokio::test(start_paused = true)]
async fn an_account_is_looked_into_with_the_role_that_measures_its_fleet() {
    let (bench, mut factory) = world().await;
    let known = factory.distribution.as_mut().unwrap();
    let role = known.accounts.remove(&CONSUMER.parse::<AccountId>().unwrap()).unwrap().role.unwrap();
    let kinds = |reasons: &[Reason]| reasons.iter().map(|reason| reason.kind).collect::<Vec<_>>();
    let by_permission = reasons(&bench, &factory).await;
    assert_eq!((kinds(&by_permission), by_permission[0].by.as_deref()), (vec!["in-use"], Some(CONSUMER)));
    factory.fleet.accounts.insert(CONSUMER.parse().unwrap(), FleetAccount { role, follow: None });
    assert_eq!(reasons(&bench, &factory).await, []);
    let image = first(&bench).await;
    let template = Template { home: place(CONSUMER, "us-east-1"), images: vec![image] };
    bench.fake.world().ec2.templates.insert("lt-00000000000000fff".into(), template);
    let named = reasons(&bench, &factory).await;
    assert!(named.len() == 1 && named[0].by.as_deref().unwrap().contains("lt-00000000000000fff"), "{named:?}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_can_not_be_read_wholly_keeps_the_image() {
    let (bench, factory) = world().await;
    // A template there that resolves a parameter that this account does not see.
    let image = "resolve:ssm:arn:aws:ssm:us-east-1:210987654321:parameter/golden".to_owned();
    let template = Template { home: place(CONSUMER, "us-east-1"), images: vec![image] };
    bench.fake.world().ec2.templates.insert("lt-00000000000000fff".into(), template);
    let unknown = reasons(&bench, &factory).await;
    assert_eq!((unknown.len(), unknown[0].kind), (1, "unknown"), "{unknown:?}");
    assert!(unknown[0].by.as_ref().unwrap().ends_with(&format!("in account {CONSUMER}")), "{unknown:?}");
    bench.fake.world().ec2.templates.clear();
    // A role that can't be assumed: the permission itself keeps it.
    bench.fake.world().sts.roles.clear();
    let kinds: Vec<&str> = reasons(&bench, &factory).await.iter().map(|reason| reason.kind).collect();
    assert_eq!(kinds, ["in-use", "unknown"]);
}

#[tokio::test(start_paused = true)]
async fn an_account_without_a_role_keeps_the_image_until_someone_says_that_it_is_not_used() {
    let (bench, mut factory) = world().await;
    for retention in factory.recipes.values_mut().flat_map(|recipe| &mut recipe.retention) {
        assert!(retention.not_used_by.remove(SHARED));
    }
    let named = reasons(&bench, &factory).await;
    assert_eq!((named.len(), named[0].by.as_deref()), (1, Some(SHARED)), "{named:?}");
}
