//! An image is revoked while it goes to other places.

use super::super::moves::frozen::{Frozen, Stands};
use super::{Bench, HOME, OWNER, REGIONS, place, recipe_name, rules};
use amifactory::pipeline::tags;
use amifactory::release::distribute::State;
use amifactory::release::places::Places;
use amifactory::release::revoke_places::NotUsed;
use amifactory::release::{revoke, revoke_places};
use amifactory::target::aws::AwsTarget;

async fn revoke(bench: &Bench) -> bool {
    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let version = "1.0.0".parse().unwrap();
    let revoked = revoke::revoke(&target, &recipe_name(), version, None, "a key was left in it").await.unwrap();
    let reached = revoke_places::everywhere(&places, &rules(), &revoked, &NotUsed::default()).await;
    !reached.channels.is_empty() || !revoked[0].channels.is_empty()
}

/// Copies that say that they are verified, and not that they are revoked.
fn unmarked(bench: &Bench) -> Vec<String> {
    let world = bench.fake.world();
    let now = world.clock.now();
    let copies = world.ec2.images.values().filter(|image| image.home.account == OWNER && image.home.region != HOME);
    let is_unmarked = |id: &&String| {
        let tags = world.ec2.tags_at(id, now);
        tags.get(tags::STATE).is_some_and(|state| state == "verified") && !tags.contains_key(tags::REVOKED)
    };
    copies.map(|image| &image.id).filter(is_unmarked).cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_what_is_revoked_meanwhile_is_marked_and_is_no_success() {
    let calls: [(&'static str, &'static [&'static str]); 4] = [
        ("CopyImage", &[]),
        ("PutParameter", &["/versions/1.0.0"]),
        ("ModifyImageAttribute", &[]),
        ("CreateTags", &["verified"]),
    ];
    for (action, words) in calls {
        let bench = Bench::new().await;
        let wire = Frozen::before(&bench.fake, action, words);
        let target = AwsTarget::with_config(&wire.config());
        let (done, revoked) = wire.run(bench.distribute(&target), revoke(&bench)).await;
        assert!(revoked.is_some(), "{action} is never called");
        let done = done.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(300)).await;
        assert!(!done.is_complete(), "{action}: {done:#?}");
        let told = |row: &&amifactory::release::distribute::Row| {
            row.state == State::Failed && row.why.as_deref().is_some_and(|why| why.contains("a key was left in it"))
        };
        assert!(done.rows.iter().filter(told).count() >= REGIONS.len(), "{action}: {done:#?}");
        assert_eq!(unmarked(&bench), [] as [String; 0], "{action}");
    }
}

/// At each request of a promotion that reaches all places.
#[tokio::test(start_paused = true)]
async fn whoever_revokes_or_whoever_moves_is_told_in_whichever_place_it_is_named() {
    let mut named = 0;
    for at in (0..).step_by(7) {
        let bench = Bench::new().await;
        let wire = Frozen::new(&bench.fake, at, Stands::BeforeSend);
        let target = AwsTarget::with_config(&wire.config());
        let (moved, revoked) = wire
            .run(bench.promote(&target, "1.0.0"), async {
                let version = "1.0.0".parse().unwrap();
                let home = bench.target();
                let places = Places::new(&home, &bench.known).unwrap();
                let revoked = revoke::revoke(&home, &recipe_name(), version, None, "a key was left in it").await;
                match revoked {
                    Ok(revoked) => {
                        let reached = revoke_places::everywhere(&places, &rules(), &revoked, &NotUsed::default()).await;
                        let prod = |channel: &amifactory::identity::Channel| channel.as_str() == "prod";
                        reached.channels.iter().any(|named| prod(&named.channel))
                            || revoked.iter().any(|one| one.channels.iter().any(prod) || !one.moving.is_empty())
                    }
                    Err(error) => panic!("{at}: {error}"),
                }
            })
            .await;
        let Some(told) = revoked else {
            assert!(at > 50, "{at}");
            assert!(named > 0);
            return;
        };
        tokio::time::sleep(std::time::Duration::from_secs(300)).await;
        let channel = "/amifactory/web/x86_64/channels/prod";
        let anywhere = REGIONS.iter().any(|region| bench.value(&place(OWNER, region), channel).is_some());
        if anywhere {
            named += 1;
            let well = moved.as_ref().is_ok_and(|rows| rows.iter().all(|row| row.state == State::Moved));
            assert!(told || !well, "{at}: {moved:?}");
        }
        assert_eq!(unmarked(&bench), [] as [String; 0], "{at}");
    }
}
