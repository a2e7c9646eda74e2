//! Cancelled and deleted images, and what they leave.

use super::bench::{ACCOUNT, Works, document};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

async fn cancel(works: &Works, arn: &str) -> Result<Value, crate::fake_ssm::bench::Refused> {
    works.call("CancelImageCreation", json!({ "imageBuildVersionArn": arn })).await
}

/// Cancels an image in that state; what is left of it then.
async fn cancelled_in(state: &str) -> (Works, String) {
    let works = Works::new();
    let arn = works.image_of(&[&document("test", "true")], json!({})).await;
    works.until(&arn, state).await;
    cancel(&works, &arn).await.unwrap();
    // Not yet: it is the build that has to see it.
    assert_eq!(works.status(&arn).await, state);
    let (_, seen) = works.ended(&arn).await;
    assert_eq!(seen.last().map(String::as_str), Some("CANCELLED"), "{seen:?}");
    sleep(Duration::from_secs(60)).await;
    for (name, _, state) in works.instances(&arn) {
        assert_eq!(state, "terminated", "{name}");
    }
    (works, arn)
}

#[tokio::test(start_paused = true)]
async fn an_image_can_be_cancelled_in_every_state() {
    for state in ["PENDING", "CREATING", "BUILDING"] {
        let (works, _) = cancelled_in(state).await;
        assert!(works.bench.fake.world().ec2.own_images(ACCOUNT).is_empty(), "{state}");
    }
    for state in ["TESTING", "DISTRIBUTING"] {
        let (works, arn) = cancelled_in(state).await;
        // Its AMI was there, and stays; the image does not name it.
        assert_eq!(works.bench.fake.world().ec2.own_images(ACCOUNT).len(), 1, "{state}");
        assert_eq!(works.get(&arn).await["outputResources"]["amis"], json!([]));
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_killed() {
    let works = Works::new();
    let arn = works.image_of(&[&document("build", "echo begun > $AMIFACTORY_ROOT/begun; sleep 600")], json!({})).await;
    works.until(&arn, "BUILDING").await;
    works.bench.fake.world().latencies.call = Duration::ZERO;
    // While a script runs, paused time stands still and no sleep ends: time is moved on by hand.
    let build = loop {
        if let Some((_, build, _)) = works.instances(&arn).first().cloned()
            && works.agent.disk(&build).join("begun").exists()
        {
            break build;
        }
        std::thread::sleep(Duration::from_millis(5));
        tokio::time::advance(Duration::from_millis(250)).await;
    };
    cancel(&works, &arn).await.unwrap();
    works.until(&arn, "CANCELLED").await;
    assert_eq!(works.instances(&arn)[0].1, build);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_has_ended_can_not_be_cancelled() {
    let works = Works::new();
    let arn = works.image_of(&[], json!({})).await;
    works.until(&arn, "AVAILABLE").await;
    let refused = cancel(&works, &arn).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (400, "InvalidRequestException"));
    let nobody = cancel(&works, &arn.replace("/1.0.0/1", "/1.0.0/2")).await.unwrap_err();
    assert_eq!((nobody.status, nobody.code.as_str()), (404, "ResourceNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn an_image_is_deleted_when_it_has_ended_and_its_ami_stays() {
    let works = Works::new();
    let arn = works.image_of(&[], json!({})).await;
    let delete = json!({ "imageBuildVersionArn": arn });
    works.until(&arn, "BUILDING").await;
    assert_eq!(works.refused("DeleteImage", delete.clone()).await, "InvalidRequestException");
    works.until(&arn, "AVAILABLE").await;
    let recipe = arn.replace(":image/", ":image-recipe/").replace("/1.0.0/1", "/1.0.0");
    let recipe = json!({ "imageRecipeArn": recipe });
    assert_eq!(works.refused("DeleteImageRecipe", recipe.clone()).await, "ResourceDependencyException");
    works.call("DeleteImage", delete.clone()).await.unwrap();
    assert_eq!(works.refused("GetImage", delete).await, "ResourceNotFoundException");
    works.call("DeleteImageRecipe", recipe).await.unwrap();
    assert_eq!(works.bench.fake.world().ec2.own_images(ACCOUNT).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn instances_are_kept_where_that_was_asked_for() {
    let works = Works::new();
    let keep = json!({ "terminateInstanceOnFailure": false });
    let arn = works.image_of(&[&document("build", "exit 1")], keep).await;
    works.until(&arn, "FAILED").await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!(works.instances(&arn)[0].2, "running");
    let works = Works::new();
    let arn = works.image_of(&[], json!({ "terminateInstanceOnCompletion": false })).await;
    works.until(&arn, "AVAILABLE").await;
    sleep(Duration::from_secs(600)).await;
    let states: Vec<&str> = works.instances(&arn).into_iter().map(|(_, _, state)| state).collect();
    assert_eq!(states, ["running", "running"]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_taken_away_fails_the_image() {
    let works = Works::new();
    let arn = works.image_of(&[&document("build", "sleep 600")], json!({})).await;
    works.until(&arn, "BUILDING").await;
    let build = loop {
        match works.instances(&arn).first() {
            Some((_, build, "running")) => break build.clone(),
            _ => sleep(Duration::from_secs(1)).await,
        }
    };
    works.bench.ec2("TerminateInstances", &[("InstanceId.1", &build)]).await;
    let (image, _) = works.ended(&arn).await;
    let reason = super::bench::text(&image["state"], "reason");
    assert!(reason.ends_with(&format!("Instance {build} is not running any more.")), "{reason}");
}
