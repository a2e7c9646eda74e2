//! Telling audiences in process, under paused time: runs that die, calls that fail, memories of any size.

use super::{OWN, POLICY, Scene, home, image};
use crate::aws::wire::{Cut, Wire};
use crate::fake_aws::faults::Fault;
use crate::fake_aws::sns::Message;
use crate::fake_aws::ssm::parameters::Put;
use amifactory::fleet::notify::item::Seen;
use amifactory::fleet::notify::tell::{Outcome, Telling, tell};
use amifactory::recipe::{Audience, Notify};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Herald, Kept};
use std::time::Duration;

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:fleet";
const FAR: &str = "arn:aws:sns:eu-central-1:123456789012:far";
const HEAD: &str = "/amifactory/_notify/all.sns/head";

fn by(topic: &str) -> Audience {
    Audience { sns: Some(topic.parse().unwrap()), ..Audience::default() }
}

fn notify() -> Notify {
    Notify { audiences: [("all".parse().unwrap(), by(TOPIC))].into(), ..Notify::default() }
}

/// Old instances in so many groups, and a topic.
pub(super) async fn scene(groups: usize) -> (Scene, Seen) {
    let scene = Scene::new(POLICY).await;
    for group in 0..groups {
        let id = format!("i-{group:017x}");
        let tag = [("aws:autoscaling:groupName", format!("group-{group}-{}", noise(group)))];
        let tag: Vec<(&str, &str)> = tag.iter().map(|(key, value)| (*key, value.as_str())).collect();
        scene.instance(&id, &image(0, "us-east-1"), home(OWN, "us-east-1"), &tag).await;
    }
    for topic in [TOPIC, FAR] {
        scene.fake.world().sns.topics.insert(topic.to_owned(), Vec::new());
    }
    let seen = Seen::of(&scene.look().await);
    (scene, seen)
}

/// Names that no packing makes short.
fn noise(n: usize) -> String {
    let mut random = fastrand::Rng::with_seed(n as u64);
    (0..24).map(|_| random.alphanumeric()).collect()
}

fn written(scene: &Scene, topic: &str) -> Vec<Message> {
    scene.fake.world().sns.topics[topic].clone()
}

/// By the world's clock: a target that was answered nothing yet has this machine's.
pub(super) async fn told(scene: &Scene, target: &AwsTarget, notify: &Notify, seen: &Seen) -> Vec<Telling> {
    let now = {
        let world = scene.fake.world();
        world.clock.wall(world.clock.now())
    };
    tell(target, notify, seen, now).await
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_tells_twice_at_most_and_never_not_at_all() {
    for groups in [1, 120] {
        let (scene, seen) = scene(groups).await;
        let target = scene.target();
        let before = scene.fake.world().calls.len();
        told(&scene, &target, &notify(), &seen).await;
        let calls = scene.fake.world().calls.len() - before;
        assert!(if groups == 1 { calls == 3 } else { calls > 4 }, "{calls} calls");
        let clean = |scene: &Scene| {
            let mut world = scene.fake.world();
            world.sns.topics.insert(TOPIC.to_owned(), Vec::new());
        };
        for at in 0..calls {
            for cut in [Cut::BeforeSend, Cut::ReplyLost] {
                clean(&scene);
                // Fewer, so that there is something to tell; then it dies on the way to telling of all of them again.
                let mut fewer = seen.clone();
                fewer.items.truncate(1);
                fewer.items[0].level = amifactory::fleet::freshness::Level::Fine;
                assert_eq!(told(&scene, &target, &notify(), &fewer).await[0].outcome, Outcome::Told);
                let had = written(&scene, TOPIC).len();
                let wire = Wire::cut(&scene.fake, at, cut);
                let dying = AwsTarget::with_config(&wire.config());
                let (dead, notify_all) = (wire.dead(), notify());
                tokio::select! {
                    _ = told(&scene, &dying, &notify_all, &seen) => panic!("request {at} was never made"),
                    () = dead.notified() => {}
                }
                let after = told(&scene, &target, &notify(), &seen).await;
                assert_ne!(after[0].outcome, Outcome::Failed, "{after:?}");
                let times = written(&scene, TOPIC).len() - had;
                assert!((1..=2).contains(&times), "{groups} groups, request {at}, {cut:?}: told {times} times");
                assert_eq!(told(&scene, &target, &notify(), &seen).await[0].outcome, Outcome::Quiet);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_memory_of_any_size_comes_back_and_a_damaged_one_says_so() {
    let (scene, seen) = scene(1).await;
    let target = scene.target();
    let mut sizes = vec![0, 1, 3999, 4000, 4001, 8000, 8001, 100_000];
    sizes.extend([300, 50_000, 4000]);
    for size in sizes {
        let text: String = noise(1).chars().cycle().take(size).collect();
        target.remember("x.sns", &text).await.unwrap();
        assert_eq!(target.recall("x.sns").await.unwrap(), Kept::Text(text), "{size}");
    }
    assert_eq!(target.recall("y.sns").await.unwrap(), Kept::Nothing);
    let longest = |world: &mut crate::fake_aws::World| {
        world.ssm.parameters().filter_map(|(_, _, found)| Some(found.newest()?.value.len())).max().unwrap()
    };
    assert!(longest(&mut scene.fake.world()) <= 4096);

    assert_eq!(told(&scene, &target, &notify(), &seen).await[0].outcome, Outcome::Told);
    for damage in ["not ours", "{\"text\":\"1.00.xx\"}", "{\"parts\":[\"a\",3]}", "{\"parts\":[\"b\",1000000]}", "[]"] {
        let put = Put::by_hand(HEAD, damage);
        let now = tokio::time::Instant::now();
        scene.fake.world().ssm.place(&home(OWN, "us-east-1")).parameters.put(put, now, Duration::ZERO).unwrap();
        let had = written(&scene, TOPIC).len();
        let telling = told(&scene, &target, &notify(), &seen).await.remove(0);
        assert_eq!((telling.outcome, telling.new), (Outcome::Told, 1), "{damage}");
        assert!(telling.damaged.is_some(), "{damage}");
        let last = written(&scene, TOPIC)[had].clone();
        assert!(last.body.starts_with("What was told before could not be read"), "{}", last.body);
        assert_eq!(told(&scene, &target, &notify(), &seen).await[0].outcome, Outcome::Quiet);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_told_keeps_nobody_else_from_hearing() {
    let (scene, seen) = scene(1).await;
    let target = scene.target();
    let gone = "arn:aws:sns:us-east-1:123456789012:gone";
    let audiences = [("a-gone", gone), ("all", TOPIC), ("far", FAR)];
    let audiences = audiences.map(|(name, topic)| (name.parse().unwrap(), by(topic)));
    let three = Notify { audiences: audiences.into(), ..Notify::default() };
    let tellings = told(&scene, &target, &three, &seen).await;
    let outcomes: Vec<Outcome> = tellings.iter().map(|telling| telling.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Told, Outcome::Told], "{tellings:?}");
    assert!(tellings[0].error.as_ref().unwrap().contains("Topic does not exist"), "{tellings:?}");
    assert_eq!((written(&scene, TOPIC).len(), written(&scene, FAR).len()), (1, 1));
    // Once its topic is there, it alone is told.
    scene.fake.world().sns.topics.insert(gone.to_owned(), Vec::new());
    let outcomes: Vec<Outcome> =
        told(&scene, &target, &three, &seen).await.iter().map(|telling| telling.outcome).collect();
    assert_eq!(outcomes, [Outcome::Told, Outcome::Quiet, Outcome::Quiet]);

    // What may not be done is told; what is throttled or fails for a while is done.
    for action in ["sns:Publish", "ssm:PutParameter", "ssm:GetParameters"] {
        let mut worse = seen.clone();
        for item in &mut worse.items {
            item.level = amifactory::fleet::freshness::Level::Fail;
            item.count += 1000;
        }
        scene.fake.world().credentials.default_mut().denied.insert(action.to_owned());
        let telling = told(&scene, &target, &notify(), &worse).await.remove(0);
        assert_eq!(telling.outcome, Outcome::Failed);
        assert!(telling.error.as_ref().unwrap().contains(action), "{telling:?}");
        scene.fake.world().credentials.default_mut().denied.remove(action);
    }
    let had = written(&scene, TOPIC).len();
    for fault in [Fault::Throttle, Fault::ServerError, Fault::Reset] {
        for action in ["Publish", "GetParameters", "PutParameter"] {
            scene.fake.world().weather.after(action, 1, fault);
        }
    }
    let none = Seen { items: Vec::new(), ..seen };
    assert_eq!(told(&scene, &target, &notify(), &none).await[0].outcome, Outcome::Told);
    let last = written(&scene, TOPIC);
    assert!(last.len() > had && last.last().unwrap().body.contains("\nRESOLVED\n- web 1.0.0 behind"), "{last:?}");
}
