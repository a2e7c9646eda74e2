//! Pipelines: what they keep, and the images that they start.

use super::bench::{Works, document, text};
use serde_json::{Value, json};

async fn pipeline(works: &Works, data: &str, more: Value) -> String {
    let component = works.component("component", data).await;
    let recipe = works.recipe("recipe", &[&component], json!({})).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let mut body =
        json!({ "name": "pipe", "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure });
    super::bench::with(&mut body, more);
    text(&works.call("CreateImagePipeline", body).await.unwrap(), "imagePipelineArn")
}

async fn start(works: &Works, pipeline: &str) -> String {
    let answer = works.call("StartImagePipelineExecution", json!({ "imagePipelineArn": pipeline })).await.unwrap();
    text(&answer, "imageBuildVersionArn")
}

#[tokio::test(start_paused = true)]
async fn a_disabled_pipeline_is_started_by_hand() {
    let works = Works::new();
    let more = json!({ "status": "DISABLED", "schedule": { "scheduleExpression": "rate(1 day)" } });
    let pipe = pipeline(&works, &document("build", "true"), more).await;
    let image = start(&works, &pipe).await;
    works.until(&image, "AVAILABLE").await;
    assert_eq!(works.get(&image).await["sourcePipelineArn"], pipe.as_str());
    let made = works.call("ListImagePipelineImages", json!({ "imagePipelineArn": pipe })).await.unwrap();
    assert_eq!(made["imageSummaryList"].as_array().unwrap().len(), 1);
    // It can go while its images stay.
    let second = start(&works, &pipe).await;
    works.call("DeleteImagePipeline", json!({ "imagePipelineArn": pipe })).await.unwrap();
    works.until(&second, "AVAILABLE").await;
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_counts_failures_in_a_row() {
    let works = Works::new();
    let pipe = pipeline(&works, &document("build", "exit 1"), json!({})).await;
    for _ in 0..2 {
        let image = start(&works, &pipe).await;
        works.until(&image, "FAILED").await;
    }
    let found = works.call("GetImagePipeline", json!({ "imagePipelineArn": pipe })).await.unwrap();
    let found = &found["imagePipeline"];
    assert_eq!((&found["consecutiveFailures"], &found["lastRunStatus"]), (&json!(2), &json!("FAILED")));
}

#[tokio::test(start_paused = true)]
async fn schedules_are_checked() {
    let works = Works::new();
    let recipe = works.recipe("recipe", &[], json!({})).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let body = |number: usize, schedule: Value| {
        json!({
            "name": format!("pipe-{number}"),
            "imageRecipeArn": recipe,
            "infrastructureConfigurationArn": infrastructure,
            "schedule": schedule,
        })
    };
    for (number, good) in
        ["cron(0 0 * * ? *)", "cron(0/30 8-17 ? * MON-FRI)", "rate(1 day)", "rate(5 minutes)"].iter().enumerate()
    {
        works.call("CreateImagePipeline", body(number, json!({ "scheduleExpression": good }))).await.unwrap();
    }
    for wrong in [
        json!({ "scheduleExpression": "at(2026-01-01)" }),
        json!({ "scheduleExpression": "cron(0 0 * * *)" }),
        json!({ "scheduleExpression": "cron(0 0 ? * ?)" }),
        json!({ "scheduleExpression": "rate(1 days)" }),
        json!({ "scheduleExpression": "rate(1 day)", "timezone": "no zone" }),
        json!({ "scheduleExpression": "rate(1 day)", "timezone": "Mars/Phobos" }),
        json!({ "scheduleExpression": "rate(1 day)", "timezone": "europe/berlin" }),
        json!({ "scheduleExpression": "rate(1 day)", "pipelineExecutionStartCondition": "ALWAYS" }),
        json!({ "scheduleExpression": "rate(1 day)", "autoDisablePolicy": { "failureCount": 11 } }),
    ] {
        assert_eq!(
            works.refused("CreateImagePipeline", body(9, wrong.clone())).await,
            "InvalidParameterValueException",
            "{wrong}"
        );
    }
}

#[test]
fn the_next_time_of_a_schedule_is_known_in_utc() {
    use time::macros::datetime;
    // A Friday.
    let now = datetime!(2026-11-20 08:00 UTC);
    let next = |expression: &str, zone: &str| {
        crate::fake_aws::imagebuilder::next(&json!({ "scheduleExpression": expression, "timezone": zone }), now)
    };
    for (expression, at) in [
        ("cron(0 3 * * ? *)", datetime!(2026-11-21 03:00 UTC)),
        ("cron(0/30 8-17 ? * MON-FRI)", datetime!(2026-11-20 08:30 UTC)),
        ("cron(0 0 ? * SUN *)", datetime!(2026-11-22 00:00 UTC)),
        ("cron(0 0 ? * 2 *)", datetime!(2026-11-23 00:00 UTC)),
        ("cron(15 10 29 FEB ? *)", datetime!(2028-02-29 10:15 UTC)),
        ("cron(0 8 20 11 ? *)", datetime!(2027-11-20 08:00 UTC)),
    ] {
        assert_eq!(next(expression, "Etc/UTC"), Some(at), "{expression}");
    }
    assert_eq!(next("cron(0 3 * * ? *)", "Europe/Berlin"), None);
    assert_eq!(next("cron(0 3 * * ? 2020)", "Etc/UTC"), None);
    assert_eq!(next("rate(1 day)", "Etc/UTC"), None);
}
