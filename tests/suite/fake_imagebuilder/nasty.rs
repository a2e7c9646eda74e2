//! What goes wrong around a build: capacity, lost replies, throttling, late sight, silence.

use super::bench::{Works, document, text};
use crate::fake_aws::faults::Fault;
use crate::fake_aws::{Broken, Consistency, Request};
use crate::fake_ssm::bench::REGION;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn the_next_type_is_taken_where_the_first_has_no_capacity() {
    let works = Works::new();
    let none = |kinds: &[&str]| {
        let mut world = works.bench.fake.world();
        for zone in ["a", "b", "c", "d", "e", "f"] {
            for kind in kinds {
                world.ec2.pokes.no_capacity.insert(((*kind).to_owned(), format!("{REGION}{zone}")));
            }
        }
    };
    none(&["m5.large"]);
    let recipe = works.recipe("recipe", &[], json!({})).await;
    let types = json!({ "instanceTypes": ["m5.large", "c5.large"] });
    let infrastructure = works.infrastructure("infrastructure", types).await;
    let arn = works.image(&recipe, &infrastructure, json!({})).await;
    works.until(&arn, "AVAILABLE").await;
    let build = works.instances(&arn)[0].1.clone();
    assert_eq!(works.bench.fake.world().ec2.instances[&build].kind, "c5.large");
    none(&["c5.large"]);
    let arn = works.image(&recipe, &infrastructure, json!({})).await;
    let (image, _) = works.ended(&arn).await;
    let reason = text(&image["state"], "reason");
    assert!(reason.contains("InsufficientInstanceCapacity"), "{reason}");
    assert_eq!(image["state"]["failureContext"]["failedStep"], "LaunchBuildInstance");
}

#[tokio::test(start_paused = true)]
async fn an_image_may_fail_without_a_reason_and_without_a_log() {
    let works = Works::new();
    {
        let mut world = works.bench.fake.world();
        (world.imagebuilder.pokes.unexplained, world.imagebuilder.pokes.lost_logs) = (true, true);
    }
    let arn = works.image_of(&[&document("build", "exit 1")], json!({})).await;
    let (image, _) = works.ended(&arn).await;
    assert_eq!(image["state"], json!({ "status": "FAILED" }));
    assert!(works.lines(&arn).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_never_comes_online_fails_the_image() {
    let works = Works::new();
    works.bench.fake.world().ssm.all_mute = true;
    let arn = works.image_of(&[], json!({})).await;
    let (image, _) = works.ended(&arn).await;
    let reason = text(&image["state"], "reason");
    assert!(reason.ends_with("SSM Agent verification failed"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_image_may_be_stuck_until_it_is_cancelled() {
    let works = Works::new();
    works.bench.fake.world().imagebuilder.pokes.stuck = Some("TESTING");
    let arn = works.image_of(&[], json!({})).await;
    works.until(&arn, "TESTING").await;
    sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(works.status(&arn).await, "TESTING");
    works.call("CancelImageCreation", json!({ "imageBuildVersionArn": arn })).await.unwrap();
    works.until(&arn, "CANCELLED").await;
}

#[tokio::test(start_paused = true)]
async fn there_are_so_many_builds_at_once() {
    let works = Works::new();
    works.bench.fake.world().imagebuilder.pokes.builds_at_once = Some(1);
    let recipe = works.recipe("recipe", &[], json!({})).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let first = works.image(&recipe, &infrastructure, json!({})).await;
    let body = json!({ "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure });
    assert_eq!(works.refused("CreateImage", body).await, "ServiceQuotaExceededException");
    works.until(&first, "AVAILABLE").await;
    works.image(&recipe, &infrastructure, json!({})).await;
}

/// A call whose fate is decided before; whether an answer came.
async fn raw(works: &Works, action: &str, body: &Value) -> Result<u16, Broken> {
    let headers = vec![(
        "Authorization".to_owned(),
        format!("AWS4-HMAC-SHA256 Credential={}/20261120/{REGION}/imagebuilder/aws4_request", works.bench.key),
    )];
    let (path, body) = (format!("/{action}"), body.to_string().into_bytes());
    let request = Request { method: "PUT".into(), path, headers, body, ..Request::default() };
    works.bench.fake.handle(request).await.map(|response| response.status)
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_asked_for_again_with_its_token() {
    let works = Works::new();
    let recipe = works.recipe("recipe", &[], json!({})).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let body =
        json!({ "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure, "clientToken": "one" });
    works.bench.fake.world().weather.next("CreateImage", Fault::LostReply);
    assert_eq!(raw(&works, "CreateImage", &body).await, Err(Broken::ConnectionReset));
    let made = works.call("CreateImage", body).await.unwrap();
    assert_eq!(works.bench.fake.world().imagebuilder.images.len(), 1);
    works.until(&text(&made, "imageBuildVersionArn"), "AVAILABLE").await;
}

#[tokio::test(start_paused = true)]
async fn errors_have_the_names_of_the_services_model() {
    let works = Works::new();
    let told = async |fault: Fault, action: &str, body: Value| {
        works.bench.fake.world().weather.next(action, fault);
        let refused = works.call(action, body).await.unwrap_err();
        (refused.status, refused.code)
    };
    let throttled = told(Fault::Throttle, "ListImages", json!({})).await;
    assert_eq!(throttled, (429, "CallRateLimitExceededException".to_owned()));
    let server = told(Fault::ServerError, "ListImages", json!({})).await;
    assert!([(500, "ServiceException".to_owned()), (503, "ServiceUnavailableException".to_owned())].contains(&server));
    let denied = works.bench.denied(&["imagebuilder:ListImages", "iam:PassRole"]);
    let denied = works.seen_by(denied);
    let refused = denied.call("ListImages", json!({})).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (403, "AccessDeniedException"));
    let body = json!({ "name": "infrastructure", "instanceProfileName": "amifactory-builder" });
    assert_eq!(denied.refused("CreateInfrastructureConfiguration", body).await, "AccessDeniedException");
    let request = Request { method: "PUT".into(), path: "/CreateWorkflow".into(), ..Request::default() };
    assert_eq!(works.send(request).await.unwrap_err().code, "UnknownOperationException");
    let unknown = &works.bench.fake.world().unknown_calls[0];
    assert_eq!((unknown.service.as_str(), unknown.action.as_str()), ("imagebuilder", "PUT /CreateWorkflow"));
}

#[tokio::test(start_paused = true)]
async fn buckets_run_empty() {
    let works = Works::new();
    works.bench.fake.world().throttle.enforced = true;
    works.bench.fake.world().latencies.call = Duration::ZERO;
    let mut refused = 0;
    for _ in 0..40 {
        refused += usize::from(works.call("ListImages", json!({})).await.is_err());
    }
    assert_eq!(refused, 20);
    sleep(Duration::from_secs(1)).await;
    works.call("ListImages", json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_new_is_seen_late_and_an_image_still_comes_of_it() {
    let works = Works::new();
    works.bench.fake.world().consistency =
        Consistency { hidden_rate: 1.0, hidden_for: Duration::from_secs(20), ..Consistency::none() };
    let recipe = works.recipe("recipe", &[], json!({})).await;
    let get = json!({ "imageRecipeArn": recipe });
    assert_eq!(works.refused("GetImageRecipe", get.clone()).await, "ResourceNotFoundException");
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let body = json!({ "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure });
    assert_eq!(works.refused("CreateImage", body).await, "ResourceNotFoundException");
    sleep(Duration::from_secs(20)).await;
    works.call("GetImageRecipe", get).await.unwrap();
    let arn = works.image(&recipe, &infrastructure, json!({})).await;
    assert_eq!(works.refused("GetImage", json!({ "imageBuildVersionArn": arn })).await, "ResourceNotFoundException");
    sleep(Duration::from_secs(20)).await;
    works.until(&arn, "AVAILABLE").await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_log_comes_after_the_end_of_its_build() {
    let works = Works::new();
    let arn = works.image_of(&[&document("test", "echo tested")], json!({})).await;
    works.until(&arn, "DISTRIBUTING").await;
    works.bench.fake.world().consistency =
        Consistency { hidden_rate: 1.0, hidden_for: Duration::from_secs(60), ..Consistency::none() };
    works.until(&arn, "AVAILABLE").await;
    let last = format!("Image transitioned to AVAILABLE state for Image ARN: {arn}");
    let early = works.lines(&arn).await;
    assert!(early.contains(&"Stdout: tested".to_owned()) && !early.contains(&last), "{early:?}");
    sleep(Duration::from_secs(60)).await;
    let late = works.lines(&arn).await;
    // What was read before is the beginning of what is read now.
    assert_eq!((late[..early.len()].to_vec(), late.last()), (early, Some(&last)));
}

#[tokio::test(start_paused = true)]
async fn an_older_state_may_be_shown() {
    let works = Works::new();
    let arn = works.image_of(&[], json!({})).await;
    works.until(&arn, "AVAILABLE").await;
    works.bench.fake.world().consistency =
        Consistency { stale_rate: 1.0, stale_by: Duration::from_secs(8), ..Consistency::none() };
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let image = works.get(&arn).await;
        let amis = image["outputResources"]["amis"].as_array().unwrap().len();
        let status = text(&image["state"], "status");
        assert_eq!(amis, usize::from(status == "AVAILABLE"), "{status}");
        seen.insert(status);
    }
    assert!(seen.contains("DISTRIBUTING"), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_resources_are_not_there() {
    let works = Works::new();
    let recipe = works.recipe("recipe", &[], json!({})).await;
    for elsewhere in [recipe.replace(REGION, "us-west-2"), recipe.replace(super::bench::ACCOUNT, "111122223333")] {
        assert_eq!(
            works.refused("GetImageRecipe", json!({ "imageRecipeArn": elsewhere })).await,
            "ResourceNotFoundException"
        );
    }
}
