//! No credentials, no network: said at once or soon, and not after ten minutes.

use super::factory;
use super::weather::place::{Place, seconds};
use crate::program::TestFactory;
use amifactory::target::Target as _;
use std::time::Duration;
use tokio::time::Instant;

/// How long a base is looked for where every connection drops.
async fn gives_up(answered: bool) -> Duration {
    let place = Place::new(|_| {});
    let target = place.target();
    if answered {
        target.resolve_base(&factory::by_filter()).await.unwrap();
    }
    place.fake.world().weather.rates.reset_rate = 1.0;
    let began = Instant::now();
    target.resolve_base(&factory::by_parameter()).await.unwrap_err();
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answered_is_given_up_soon() {
    let took = gives_up(false).await;
    assert!(took <= seconds(30) && took > seconds(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_has_answered_is_waited_for() {
    let took = gives_up(true).await;
    assert!(took > seconds(500) && took <= seconds(600), "{took:?}");
}

#[test]
fn without_credentials_every_verb_says_so_at_once() {
    let factory = TestFactory::tiny("true");
    let recipe = std::fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    let base = "{aws: {ami: ami-0123456789abcdef0}}";
    factory.write("recipes/tiny.yaml", &recipe.replace("{local: host}", base));
    let verbs: [&[&str]; 8] = [
        &["plan", "tiny"],
        &["build", "tiny"],
        &["images"],
        &["show", "tiny"],
        &["diff", "tiny", "tiny"],
        &["report", "tiny", "--junit", "x.xml"],
        &["resume"],
        &["sweep"],
    ];
    for verb in verbs {
        let mut command = factory.command(&[verb, &["--target", "aws"]].concat());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", factory.path()).env("AWS_REGION", "us-east-1");
        // Nobody answers there either: a call would take half a minute.
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        let began = std::time::Instant::now();
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains("AWS credentials"), "{verb:?}: {text}");
        assert_ne!(output.status.code(), Some(0), "{verb:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{verb:?} took {:?}", began.elapsed());
    }
}
