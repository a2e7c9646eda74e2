//! Credentials, throttling, faults, and how late the truth may be.

use super::{client, pass, seconds, settings, slow};
use crate::fake_aws::faults::Fault;
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Broken, Consistency, Faults, Settings};

#[tokio::test(start_paused = true)]
async fn credentials_are_known_expired_or_denied() {
    let mut ec2 = client(settings());
    let now = ec2.fake.world().clock.now();
    ec2.fake.world().credentials.default_mut().expires = Some(now + seconds(60));
    ec2.ok("DescribeInstances", &[]).await;
    pass(60).await;
    assert_eq!(ec2.code("DescribeInstances", &[]).await, "RequestExpired");
    ec2.fake.world().credentials.default_mut().expires = None;
    ec2.fake.world().credentials.default_mut().denied.insert("ec2:Describe*".to_owned());
    let answer = ec2.send("DescribeInstances", &[]).await.unwrap();
    assert_eq!((answer.status, answer.one("Code").as_str()), (403, "UnauthorizedOperation"));
    assert!(answer.has("is not authorized to perform: ec2:DescribeInstances"));
    assert!(answer.has("Encoded authorization failure message: "));
    ec2.key = "AKIANOBODY".to_owned();
    assert_eq!(ec2.code("DescribeInstances", &[]).await, "AuthFailure");
}

#[tokio::test(start_paused = true)]
async fn buckets_empty_and_fill_each_on_its_own() {
    let ec2 = client(Settings { throttle: true, ..settings() });
    let filtered = [("Filter.1.Name", "instance-state-name"), ("Filter.1.Value.1", "running")];
    for _ in 0..50 {
        ec2.ok("DescribeInstances", &[]).await;
    }
    let answer = ec2.send("DescribeInstances", &[]).await.unwrap();
    assert_eq!((answer.status, answer.one("Code").as_str()), (503, "RequestLimitExceeded"));
    ec2.ok("DescribeImages", &[("Owner.1", "self")]).await;
    pass(1).await;
    for _ in 0..10 {
        ec2.ok("DescribeInstances", &[]).await;
    }
    assert_eq!(ec2.code("DescribeInstances", &[]).await, "RequestLimitExceeded");
    pass(60).await;
    for _ in 0..100 {
        ec2.ok("DescribeInstances", &filtered).await;
    }
    assert_eq!(ec2.code("DescribeInstances", &filtered).await, "RequestLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn run_instances_has_the_smallest_bucket() {
    let ec2 = client(Settings { throttle: true, ..settings() });
    for _ in 0..5 {
        ec2.run(&[]).await;
    }
    assert_eq!(ec2.run_code(&[]).await, "RequestLimitExceeded");
    pass(1).await;
    ec2.run(&[]).await;
    ec2.run(&[]).await;
    assert_eq!(ec2.run_code(&[]).await, "RequestLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_has_had_its_effect_and_a_reset_has_not() {
    let ec2 = client(settings());
    let ami = ec2.ami();
    let params = [
        ("ImageId", ami.as_str()),
        ("InstanceType", "m5.large"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("ClientToken", "t"),
    ];
    ec2.fake.world().weather.next("RunInstances", Fault::Reset);
    assert_eq!(ec2.send("RunInstances", &params).await.unwrap_err(), Broken::ConnectionReset);
    assert_eq!(ec2.fake.world().ec2.instances.len(), 0);
    ec2.fake.world().weather.next("RunInstances", Fault::LostReply);
    assert_eq!(ec2.send("RunInstances", &params).await.unwrap_err(), Broken::ConnectionReset);
    assert_eq!(ec2.fake.world().ec2.instances.len(), 1);
    ec2.fake.world().weather.next("RunInstances", Fault::ServerErrorAfter);
    assert!(ec2.send("RunInstances", &params).await.unwrap().status >= 500);
    ec2.ok("RunInstances", &params).await;
    let world = ec2.fake.world();
    assert_eq!(world.ec2.instances.len(), 1, "the token has kept it one");
    let outcomes: Vec<_> = world.calls.iter().map(|call| call.outcome.clone()).collect();
    assert_eq!(outcomes[..2], [Outcome::Reset, Outcome::ReplyLost]);
    assert!(matches!(outcomes[2], Outcome::Error(_)) && outcomes[3] == Outcome::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_planned_fault_waits_for_its_turn() {
    let ec2 = client(settings());
    ec2.fake.world().weather.after("DescribeImages", 2, Fault::Throttle);
    let owner = [("Owner.1", "self")];
    ec2.ok("DescribeImages", &owner).await;
    ec2.ok("DescribeInstances", &[]).await;
    ec2.ok("DescribeImages", &owner).await;
    assert_eq!(ec2.code("DescribeImages", &owner).await, "RequestLimitExceeded");
    ec2.ok("DescribeImages", &owner).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_weather_at_the_rates_asked_for() {
    let sky = |seed| async move {
        let ec2 = client(Settings { seed, faults: Faults::bad_weather(), ..settings() });
        for _ in 0..1000 {
            let _ = ec2.send("DescribeRegions", &[]).await;
        }
        let world = ec2.fake.world();
        world.calls.iter().map(|call| call.outcome.clone()).collect::<Vec<_>>()
    };
    let first = sky(7).await;
    assert_eq!(first, sky(7).await);
    assert_ne!(first, sky(8).await);
    let count = |wanted: &Outcome| first.iter().filter(|outcome| *outcome == wanted).count();
    assert!((250..350).contains(&count(&Outcome::Error("RequestLimitExceeded".to_owned()))));
    assert!((70..130).contains(&count(&Outcome::ReplyLost)));
    let server = count(&Outcome::Error("InternalError".to_owned())) + count(&Outcome::Error("Unavailable".to_owned()));
    assert!((25..80).contains(&server), "{server}");
}

#[tokio::test(start_paused = true)]
async fn a_new_resource_may_not_be_seen_at_first() {
    let consistency = Consistency { hidden_rate: 1.0, hidden_for: seconds(20), ..Consistency::none() };
    let ec2 = client(Settings { consistency, ..slow() });
    let id = ec2.run(&[("ClientToken", "t")]).await;
    assert_eq!(ec2.code("DescribeInstances", &[("InstanceId.1", &id)]).await, "InvalidInstanceID.NotFound");
    assert_eq!(
        ec2.code("CreateTags", &[("ResourceId.1", &id), ("Tag.1.Key", "k")]).await,
        "InvalidInstanceID.NotFound"
    );
    assert_eq!(ec2.code("TerminateInstances", &[("InstanceId.1", &id)]).await, "InvalidInstanceID.NotFound");
    assert!(ec2.ok("DescribeInstances", &[]).await.all("instanceId").is_empty());
    assert_eq!(ec2.run(&[("ClientToken", "t")]).await, id, "the token knows it all the same");
    pass(20).await;
    ec2.state(&id).await;
}

#[tokio::test(start_paused = true)]
async fn a_describe_call_may_show_an_older_state() {
    let consistency = Consistency { stale_rate: 0.5, stale_by: seconds(8), ..Consistency::none() };
    let ec2 = client(Settings { consistency, ..slow() });
    let id = ec2.run(&[]).await;
    pass(13).await;
    let mut states = Vec::new();
    for _ in 0..40 {
        states.push(ec2.state(&id).await);
    }
    assert!(states.contains(&"pending".to_owned()) && states.contains(&"running".to_owned()));
    pass(10).await;
    assert_eq!(ec2.state(&id).await, "running");
}

#[tokio::test(start_paused = true)]
async fn what_the_fake_does_not_know_is_recorded() {
    let ec2 = client(settings());
    assert_eq!(ec2.code("DescribeCoffee", &[]).await, "InvalidAction");
    let world = ec2.fake.world();
    assert_eq!(world.unknown_calls.len(), 1);
    assert_eq!(world.unknown_calls[0].action, "DescribeCoffee");
}
