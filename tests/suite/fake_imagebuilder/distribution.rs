//! What becomes of an AMI in its own region and in others.

use super::bench::{Works, text};
use crate::fake_aws::ec2::ImageFate;
use crate::fake_ssm::bench::REGION;
use serde_json::{Value, json};
use std::time::Duration;

const OTHER: &str = "us-west-2";

fn at(region: &str, more: Value) -> Value {
    let mut ami =
        json!({ "name": "of mine {{ imagebuilder:buildDate }}", "description": "made", "amiTags": { "a": "b" } });
    super::bench::with(&mut ami, more);
    json!({ "region": region, "amiDistributionConfiguration": ami })
}

async fn image(works: &Works, distributions: &[Value]) -> String {
    let body = json!({ "name": "distribution", "distributions": distributions });
    let made = works.call("CreateDistributionConfiguration", body).await.unwrap();
    let recipe = works.recipe("recipe", &[], json!({ "amiTags": { "from": "recipe" }, "description": "recipe" })).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let distribution = text(&made, "distributionConfigurationArn");
    works.image(&recipe, &infrastructure, json!({ "distributionConfigurationArn": distribution })).await
}

#[tokio::test(start_paused = true)]
async fn an_image_is_tagged_shared_and_copied() {
    let works = Works::new();
    let shared = json!({ "launchPermission": { "userIds": ["111122223333", "444455556666"] } });
    let arn =
        image(&works, &[at(OTHER, json!({ "name": "there {{imagebuilder:buildDate}}" })), at(REGION, shared)]).await;
    let (image, _) = works.ended(&arn).await;
    assert_eq!(image["state"]["status"], "AVAILABLE", "{}", image["state"]);
    let [home, copy] = image["outputResources"]["amis"].as_array().unwrap().as_slice() else { panic!("{image}") };
    assert_eq!((text(home, "region"), text(copy, "region")), (REGION.into(), OTHER.into()));
    let world = works.bench.fake.world();
    let now = world.clock.now();
    let (home, copy) = (&world.ec2.images[&text(home, "image")], &world.ec2.images[&text(copy, "image")]);
    assert!(home.name.starts_with("of mine 2026-11-20T08-") && home.name.ends_with('Z'), "{}", home.name);
    assert!(copy.name.starts_with("there 2026-11-20T08-"), "{}", copy.name);
    assert_eq!((home.description.as_str(), copy.home.region.as_str()), ("made", OTHER));
    assert_eq!(copy.source_image, Some((home.id.clone(), REGION.to_owned())));
    assert_eq!(home.shared_with, ["111122223333".to_owned(), "444455556666".to_owned()].into());
    assert!(copy.shared_with.is_empty());
    let tags = |id: &str| world.ec2.tags_at(id, now);
    assert_eq!((tags(&home.id)["a"].as_str(), tags(&home.id)["from"].as_str()), ("b", "recipe"));
    // Tags of the recipe are not copied.
    assert_eq!((tags(&copy.id)["a"].as_str(), tags(&copy.id).get("from")), ("b", None));
    assert_eq!(tags(&copy.id)["Ec2ImageBuilderArn"], arn);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_fails_the_image_and_the_rest_stays() {
    let works = Works::new();
    let fails = vec![ImageFate::Fails(Duration::from_secs(30))];
    works.bench.fake.world().ec2.pokes.copies.insert(OTHER.into(), fails);
    let arn = image(&works, &[at(REGION, json!({})), at(OTHER, json!({}))]).await;
    let (image, _) = works.ended(&arn).await;
    let context = &image["state"]["failureContext"];
    assert_eq!((&image["state"]["status"], &context["imageStatus"]), (&json!("FAILED"), &json!("DISTRIBUTING")));
    let failure = &context["distributionFailure"]["regionFailures"][0];
    assert_eq!((&failure["region"], &failure["status"]), (&json!(OTHER), &json!("FAILED")));
    let left = works.bench.fake.world().ec2.own_images(super::bench::ACCOUNT).len();
    assert_eq!(left, 2, "the one at home, and the failed one");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_ec2_does_not_know_fails_the_build() {
    // The service's own pattern lets colons through, EC2's does not.
    let works = Works::new();
    let arn = image(&works, &[at(REGION, json!({ "name": "a:b {{ imagebuilder:buildDate }}" }))]).await;
    let (image, _) = works.ended(&arn).await;
    let reason = text(&image["state"], "reason");
    assert!(reason.contains("InvalidAMIName.Malformed"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn what_this_fake_does_not_have_is_refused() {
    let works = Works::new();
    for wrong in [
        at(REGION, json!({ "targetAccountIds": ["111122223333"] })),
        json!({ "region": REGION, "ssmParameterConfigurations": [{ "parameterName": "/x" }] }),
        json!({ "region": REGION, "launchTemplateConfigurations": [{ "launchTemplateId": "lt-0123456789abcdef0" }] }),
        at(REGION, json!({ "name": "always the same" })),
        at("mars-north-1", json!({})),
        json!({ "region": REGION }),
        at(REGION, json!({ "launchPermission": { "userGroups": ["some"] } })),
    ] {
        let body = json!({ "name": "wrong", "distributions": [wrong] });
        assert_eq!(
            works.refused("CreateDistributionConfiguration", body.clone()).await,
            "InvalidParameterValueException",
            "{body}"
        );
    }
    // Neither is a build that leaves nothing at home.
    let recipe = works.recipe("recipe", &[], json!({})).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    for (name, one) in [("elsewhere", at(OTHER, json!({}))), ("with-key", at(REGION, json!({ "kmsKeyId": "alias/x" })))]
    {
        let body = json!({ "name": name, "distributions": [one] });
        let made = works.call("CreateDistributionConfiguration", body).await.unwrap();
        let body = json!({
            "imageRecipeArn": recipe,
            "infrastructureConfigurationArn": infrastructure,
            "distributionConfigurationArn": made["distributionConfigurationArn"],
        });
        assert_eq!(works.refused("CreateImage", body).await, "InvalidParameterValueException", "{name}");
    }
}
