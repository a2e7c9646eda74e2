//! A large factory: what goes over all of it asks in listings, what moves one recipe asks about that one alone, and
//! nothing is ever refused for its rate. `cargo bench --bench scale` shows the same with larger numbers.

use super::wire::Wire;
use crate::fake_aws::agents::NoAgent;
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Fake, Latencies, Settings};
use crate::scale::{HOME, Size, name, named, seed};
use amifactory::fleet::retire::{Verdict, Wanted, decide, survey};
use amifactory::pipeline::{Event, Sink};
use amifactory::recipe::{Factory, OtherService};
use amifactory::release::places::Places;
use amifactory::release::verify::places as verify_places;
use amifactory::release::{distribute, everywhere, leftover, promote};
use amifactory::target::Target as _;
use amifactory::target::aws::AwsTarget;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

struct Silent;
impl Sink for Silent {
    fn event(&self, _: &Event) {}
}

struct Bench {
    fake: Fake,
    size: Size,
}

/// How often each action was called.
type Calls = BTreeMap<String, usize>;

impl Bench {
    fn new(recipes: usize, regions: usize) -> Bench {
        let size = Size { recipes, regions };
        let fake = Fake::new(Settings {
            latencies: Latencies { call: Duration::from_millis(80), ..Latencies::none() },
            start: time::OffsetDateTime::now_utc(),
            throttle: true,
            regions: size.regions(),
            ..Settings::new(Arc::new(NoAgent))
        });
        seed(&fake, size);
        Bench { fake, size }
    }

    fn target(&self) -> AwsTarget {
        AwsTarget::with_config(&Wire::new(&self.fake).config())
    }

    /// What was called since then; every call had an answer, and none was refused for its rate.
    fn calls(&self, from: usize) -> Calls {
        let world = self.fake.world();
        assert_eq!(world.throttle.refused, 0, "calls were refused for their rate");
        assert!(world.unknown_calls.is_empty(), "{:?}", world.unknown_calls);
        let mut calls = Calls::new();
        for call in &world.calls[from..] {
            assert_eq!(call.outcome, Outcome::Ok, "{call:?}");
            *calls.entry(call.action.clone()).or_default() += 1;
        }
        calls
    }

    /// What was written since then, by region and name.
    fn written(&self, from: usize) -> Vec<String> {
        let world = self.fake.world();
        let writes = world.calls[from..]
            .iter()
            .filter(|call| !["Describe", "Get", "List"].iter().any(|verb| call.action.starts_with(verb)));
        writes.map(|call| format!("{} {} {}", call.region, call.action, call.params["Name"])).collect()
    }

    async fn verify(&self) -> (Vec<String>, Calls) {
        self.verify_over(&self.target()).await
    }

    async fn verify_over(&self, target: &AwsTarget) -> (Vec<String>, Calls) {
        let known = self.size.distribution();
        let places = Places::new(target, &known).unwrap();
        let verified = verify_places::verify_everywhere(&places, &self.size.rules(), &self.size.names()).await.unwrap();
        // Four versions and three channels at home, two and two in each other region.
        assert_eq!(verified.pointers, self.size.recipes * (7 + 4 * (self.size.regions - 1)));
        (verified.drift.into_iter().map(|drift| format!("{}: {}", drift.what, drift.wrong)).collect(), self.calls(0))
    }

    async fn retire(&self) -> (usize, Calls) {
        self.retire_over(&self.target()).await
    }

    async fn retire_over(&self, target: &AwsTarget) -> (usize, Calls) {
        let retention = super::retire::retention(&OtherService::ALL);
        let factory = Factory { retention: Some(retention), ..super::crash::machine::recipe(0) };
        let (recipes, busy) = (self.size.names(), BTreeMap::new());
        let wanted = Wanted { factory: &factory, recipes: &recipes, only: None, busy: &busy, home: None };
        let items = survey(target, target.shelf().unwrap(), &wanted).await.unwrap();
        let goes = |item: &&amifactory::fleet::retire::Item| {
            decide(&item.facts, item.retention.as_ref(), target.now()) == Verdict::Remove
        };
        (items.iter().filter(goes).count(), self.calls(0))
    }

    /// Moves `prod` of one recipe to the newest version, everywhere.
    async fn promote(&self, recipe: &str) -> Calls {
        let from = self.fake.world().calls.len();
        let (target, known, rules) = (self.target(), self.size.distribution(), self.size.rules());
        let places = Places::new(&target, &known).unwrap();
        let recipe: amifactory::identity::RecipeName = recipe.parse().unwrap();
        let found = leftover::find(&target, std::slice::from_ref(&recipe)).await.unwrap();
        assert!(found.is_empty());
        let request = promote::Request {
            recipe,
            version: None,
            to: "prod".into(),
            arch: None,
            why: None,
            overridden: None,
            approval: None,
            take_over: false,
        };
        let promotion = promote::plan(&target, &rules, &request).await.unwrap();
        assert!(promotion.unmet.is_empty(), "{:?}", promotion.unmet);
        let done = distribute::distribute(&places, &promotion.wanted(), &Silent).await;
        assert!(done.is_complete(), "{done:#?}");
        let elsewhere = everywhere::ready(&places, &promotion.wanted(), &done.rows);
        assert!(everywhere::carry_out(&places, &promotion.as_move(elsewhere)).await.unwrap().is_complete());
        self.calls(from)
    }
}

/// Calls that would grow with the recipes if each were asked for by itself.
fn listings(calls: &Calls) -> usize {
    let own = [
        "GetParameterHistory",
        "ListSnapshotBlocks",
        "GetSnapshotBlock",
        "DescribeImageAttribute",
        "DescribeSnapshotAttribute",
    ];
    calls.iter().filter(|(action, _)| !own.contains(&action.as_str())).map(|(_, count)| count).sum()
}

#[tokio::test(start_paused = true)]
async fn verify_reads_each_region_in_listings_and_finds_what_is_wrong_in_one_of_them() {
    let (recipes, regions) = (40, 4);
    let bench = Bench::new(recipes, regions);
    let (drift, calls) = bench.verify().await;
    assert_eq!(drift, [] as [String; 0]);
    // No call gives several histories, or several records: these are asked for one by one, and only once.
    assert_eq!(calls["GetParameterHistory"], recipes * (3 + 2 * (regions - 1)));
    assert_eq!((calls["ListSnapshotBlocks"], calls["GetSnapshotBlock"]), (recipes * 2, recipes * 2));
    // Ten parameters a page; at home seven of each recipe, four in each other region. The rest is a few calls a region.
    let pages = recipes * 7 / 10 + (regions - 1) * recipes * 4 / 10;
    assert_eq!(calls["GetParametersByPath"], pages);
    assert!(listings(&calls) - pages <= 6 * regions, "{calls:?}");

    // One copy's tags were edited, and another one's snapshot can be read no more by those that it is shared with.
    let edited = named(&bench.fake, "us-west-1", "/amifactory/many-007/x86_64/versions/1.0.2");
    let unshared = named(&bench.fake, "us-east-2", "/amifactory/many-008/x86_64/versions/1.0.2");
    {
        let mut world = bench.fake.world();
        let now = world.clock.now();
        let mut tags = world.ec2.tags_at(edited.as_str(), now);
        tags.insert("amifactory:score".into(), "100".into());
        world.ec2.tags.insert(edited.to_string(), crate::fake_aws::ec2::Timeline::new(now, tags));
        let snapshot = world.ec2.images[unshared.as_str()].mappings[0].snapshot.clone().unwrap();
        world.ec2.snapshots.get_mut(&snapshot).unwrap().shared_with.clear();
        world.calls.clear();
    }
    let (drift, _) = bench.verify().await;
    assert_eq!(drift.len(), 2, "{drift:?}");
    let told = |recipe: &str| drift.iter().find(|drift| drift.contains(recipe)).unwrap();
    assert!(told("many-007").contains("amifactory:score") && told("many-007").contains("in us-west-1"), "{drift:?}");
    assert!(told("many-008").contains("account 044455556666"), "{drift:?}");
}

#[tokio::test(start_paused = true)]
async fn retire_reads_all_recipes_in_one_listing() {
    let recipes = 40;
    let bench = Bench::new(recipes, 1);
    let (going, calls) = bench.retire().await;
    assert_eq!(going, recipes, "of each, 1.0.0: no channel goes back to it");
    assert_eq!(calls["GetParametersByPath"], recipes * 7 / 10);
    // Once as the record of moves, once for labels: what they hold is asked apart.
    assert_eq!(calls["GetParameterHistory"], recipes * 3 * 2);
    assert_eq!(calls["DescribeImageAttribute"], recipes, "only of what nothing else keeps");
    // EC2 takes ten images in a call that asks what refers to them; all else is a listing of the whole account.
    assert_eq!(calls["DescribeImageReferences"], recipes / 10);
    assert!(listings(&calls) - recipes * 7 / 10 - recipes / 10 <= 22, "{calls:?}");
}

/// Calls leave in the measure of the buckets; they don't arrive so.
#[tokio::test(start_paused = true)]
async fn however_uneven_the_way_is_no_call_is_refused_for_its_rate() {
    let bench = Bench::new(60, 3);
    let target = || AwsTarget::with_config(&Wire::uneven(&bench.fake, Duration::from_millis(600)).config());
    // `calls` holds that none was refused.
    let (drift, _) = bench.verify_over(&target()).await;
    assert_eq!(drift, [] as [String; 0]);
    bench.fake.world().calls.clear();
    assert_eq!(bench.retire_over(&target()).await.0, 60);
}

#[tokio::test(start_paused = true)]
async fn a_promotion_touches_its_own_recipe_alone_and_takes_as_many_calls_in_a_large_factory_as_in_a_small_one() {
    let (small, large) = (Bench::new(2, 4), Bench::new(600, 4));
    let few = small.promote(&name(1)).await;
    let from = large.fake.world().calls.len();
    let many = large.promote(&name(1)).await;
    assert_eq!(few, many);
    for write in large.written(from) {
        assert!(write.contains(&name(1)), "{write}");
    }
    let prod = |region: &str, recipe: usize| {
        let of = |slot: &str| named(&large.fake, region, &format!("/amifactory/{}/x86_64/{slot}", name(recipe)));
        of("channels/prod") == of("versions/1.0.3")
    };
    for region in large.size.regions() {
        assert!(prod(&region, 1) && !prod(&region, 0) && !prod(&region, 2), "{region}");
    }
    assert_eq!(large.size.regions()[0], HOME);
}
