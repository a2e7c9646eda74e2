//! A revoked image is marked wherever it went, and all that uses it is named; what nobody could look at is told too.

use super::{
    Bench, CONSUMER, ORGANIZATION, OWNER, RECIPE, REGIONS, SHARED, Silent, UNIT, World, place, recipe_name, rules,
};
use crate::fake_aws::credentials::DEFAULT_KEY;
use crate::fake_aws::ec2::consumers::Template;
use amifactory::pipeline::tags;
use amifactory::recipe::OtherService;
use amifactory::release::distribute::{self, State};
use amifactory::release::places::Places;
use amifactory::release::revoke;
use amifactory::release::revoke_places::{self, NotUsed, Reached};
use amifactory::release::wanted::{self, Request};
use amifactory::target::{PointerName, Revocation, Slot, Target};

const TEMPLATE: &str = "lt-0123456789abcdef0";

async fn revoked(bench: &Bench) -> Reached {
    revoked_where(bench, NotUsed::default()).await
}

/// The same where nothing else is said to use images.
async fn revoked_where(bench: &Bench, said: NotUsed) -> Reached {
    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let revoked = revoke::revoke(&target, &recipe_name(), "1.0.0".parse().unwrap(), None, "leaked key").await.unwrap();
    let not_used = NotUsed { services: OtherService::ALL.into_iter().collect(), ..said };
    revoke_places::everywhere(&places, &rules(), &revoked, &not_used).await
}

/// 1.0.0 is in `prod` everywhere, and a launch template in another region names its copy there.
async fn world() -> Bench {
    let bench = Bench::released().await;
    let copy = bench.images("us-west-2")[0].clone();
    let template = Template { home: place(OWNER, "us-west-2"), images: vec![copy] };
    bench.fake.world().ec2.templates.insert(TEMPLATE.into(), template);
    bench
}

#[tokio::test(start_paused = true)]
async fn copies_are_marked_and_who_uses_them_is_named_everywhere() {
    let bench = world().await;
    let reached = revoked(&bench).await;
    assert!(reached.is_complete(), "{reached:#?}");
    assert_eq!(reached.copies.len(), 2);
    for region in &REGIONS[1..] {
        let world = bench.fake.world();
        let there = world.ec2.images.values().find(|image| image.home == place(OWNER, region)).unwrap();
        let own = world.ec2.tags_at(&there.id, world.clock.now());
        assert_eq!(own[tags::REVOKED], "leaked key", "{region}");
        assert!(own[tags::REVOKED_BY].contains("arn:aws:"), "{region}: {own:?}");
    }
    // `prod` in the other regions, and of the account with a role in all.
    let named: Vec<String> =
        reached.channels.iter().map(|named| format!("{} {}", named.place, named.channel)).collect();
    let mut expected: Vec<String> = REGIONS[1..].iter().map(|region| format!("{region} prod")).collect();
    expected.extend(REGIONS.iter().map(|region| format!("{region} of account {CONSUMER} prod")));
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(named), sorted(expected));
    let by_template: Vec<_> = reached.uses.iter().filter(|used| used.kind == "launch template").collect();
    assert!(by_template.len() == 1 && by_template[0].id.contains(TEMPLATE), "{:?}", reached.uses);
    assert_eq!(by_template[0].place.region.as_str(), "us-west-2");
    // Nobody can look into an account without a role, or into organizations: that is said, and not "none".
    let unknown = |what: &str| {
        reached
            .unknown
            .iter()
            .any(|unknown| unknown.what.contains(what) || unknown.places.iter().any(|place| place.contains(what)))
    };
    assert!(unknown(SHARED) && unknown("organization/o-a1b2c3d4e5"), "{:#?}", reached.unknown);

    // Again is no mistake, and writes nothing.
    let from = bench.fake.world().calls.len();
    assert!(revoked(&bench).await.is_complete());
    let world = bench.fake.world();
    assert!(!world.calls[from..].iter().any(|call| call.action == "CreateTags"));
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_is_unknown_and_the_same_again_marks_what_was_not_marked() {
    let bench = world().await;
    // A copy lost its mark: somebody took it away.
    assert!(revoked(&bench).await.is_complete());
    let copy = bench.images("eu-central-1")[0].clone();
    let bare = |own: &mut crate::fake_aws::ec2::Tags| own.retain(|key, _| !key.starts_with(tags::REVOKED));
    {
        let mut world = bench.fake.world();
        let now = world.clock.now();
        let mut own = world.ec2.tags_at(&copy, now);
        bare(&mut own);
        world.ec2.tags.insert(copy.clone(), crate::fake_aws::ec2::Timeline::new(now, own));
    }
    let drift = bench.drift().await;
    assert!(drift.iter().any(|drift| drift.contains(&copy) && drift.contains("revoked at home")), "{drift:?}");
    let deny = |bench: &Bench, actions: &[&str]| {
        let mut world = bench.fake.world();
        let credential = world.credentials.0.get_mut(DEFAULT_KEY).unwrap();
        credential.denied = actions.iter().map(|action| (*action).to_owned()).collect();
    };
    deny(&bench, &["ec2:CreateTags", "ec2:DescribeInstances"]);
    let reached = revoked(&bench).await;
    let failed: Vec<_> = reached.copies.iter().filter(|copy| copy.failed.is_some()).collect();
    assert!(failed.len() == 1 && failed[0].image.as_str() == copy && !reached.is_complete(), "{reached:#?}");
    assert!(failed[0].failed.as_ref().unwrap().contains("ec2:CreateTags"));
    let unread: Vec<_> = reached.unknown.iter().filter(|unknown| unknown.what.contains("instances")).collect();
    assert!(unread.iter().all(|unknown| unknown.why.contains("ec2:DescribeInstances")), "{unread:?}");
    for region in REGIONS {
        assert!(
            unread.iter().any(|unknown| unknown.places.iter().any(|place| place == region)),
            "{region}: {unread:?}"
        );
    }
    // What could be read is told all the same.
    assert!(reached.uses.iter().any(|used| used.id.contains(TEMPLATE)));
    deny(&bench, &[]);
    assert!(revoked(&bench).await.is_complete());
    let drift = bench.drift().await;
    assert!(!drift.iter().any(|drift| drift.contains("its copy")), "{drift:?}");
}

/// What the factory file says of accounts and organizations that nobody here can look into holds for a revoke too.
#[tokio::test(start_paused = true)]
async fn who_is_said_not_to_use_images_is_not_unknown() {
    let bench = world().await;
    let is_unknown = |reached: &Reached, whom: &str| {
        reached.unknown.iter().any(|unknown| format!("{} {:?}", unknown.what, unknown.places).contains(whom))
    };
    let reached = revoked(&bench).await;
    for whom in [SHARED, ORGANIZATION, UNIT] {
        assert!(is_unknown(&reached, whom), "{whom}: {:#?}", reached.unknown);
    }
    let by = [SHARED, ORGANIZATION, UNIT].map(str::to_owned).into();
    let reached = revoked_where(&bench, NotUsed { by, ..NotUsed::default() }).await;
    assert_eq!(reached.unknown, [], "{:#?}", reached.unknown);
}

/// A mark says it where the tags of the image don't.
#[tokio::test(start_paused = true)]
async fn what_is_marked_while_it_is_distributed_is_ready_nowhere() {
    let bench = Bench::new().await;
    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let request = Request { recipe: recipe_name(), version: None, to: Some("prod".into()), arch: None };
    let wanted = wanted::find(&places, &rules(), &request).await.unwrap();
    let slot = Slot::Version(wanted.candidate.version);
    let name = PointerName { recipe: recipe_name(), arch: wanted.arch, slot };
    let (image, at) = (wanted.candidate.image.id.clone(), "2026-11-20T12:00:00Z".to_owned());
    let mark = Revocation { image, reason: "leaked key".into(), by: "ann".into(), at };
    target.mark_revoked(&name, &mark).await.unwrap();
    let done = distribute::distribute(&places, &wanted, &Silent).await;
    assert!(done.rows.iter().all(|row| matches!(row.state, State::Failed | State::Waiting)), "{:?}", done.rows);
    let why = done.rows[0].why.as_deref().unwrap();
    assert!(why.contains("is revoked: leaked key"), "{why}");
    let version = format!("/amifactory/{RECIPE}/x86_64/versions/1.0.0");
    for region in &REGIONS[1..] {
        assert_eq!(bench.value(&place(OWNER, region), &version), None, "{region}");
        let world = bench.fake.world();
        for copy in bench_images(&world, region) {
            assert_eq!(world.ec2.tags_at(&copy, world.clock.now())[tags::REVOKED], "leaked key", "{region}");
        }
    }
}

fn bench_images(world: &World, region: &str) -> Vec<String> {
    let there = world.ec2.images.values().filter(|image| image.home == place(OWNER, region));
    there.map(|image| image.id.clone()).collect()
}
