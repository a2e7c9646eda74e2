//! Recipes and configurations: what they may hold, what keeps them, their tags.

use super::bench::{Works, arn, document};
use crate::fake_aws::Request;
use crate::fake_ssm::bench::REGION;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn a_parent_image_may_be_named_in_three_ways() {
    let works = Works::new();
    let newest = works.bench.fake.world().ec2.latest_al2023(REGION, "arm64").unwrap();
    let parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";
    let managed = format!("arn:aws:imagebuilder:{REGION}:aws:image/amazon-linux-2023-arm64/x.x.x");
    let by_arn = format!("ssm:arn:aws:ssm:{REGION}::parameter{parameter}");
    for (number, parent) in [newest, format!("ssm:{parameter}"), by_arn, managed].iter().enumerate() {
        works.recipe(&format!("recipe-{number}"), &[], json!({ "parentImage": parent })).await;
    }
    let own = json!({ "Name": "/own/ami", "Value": "ami-0123456789abcdef0", "Type": "String" });
    works.bench.ssm("PutParameter", own).await.unwrap();
    for parent in ["ami-0123456789abcdef0", "ssm:/own/ami", "ssm:/nowhere", "a product", &arn("image/none/x.x.x")] {
        let body = json!({ "name": "wrong", "semanticVersion": "1.0.0", "parentImage": parent });
        assert_eq!(works.refused("CreateImageRecipe", body).await, "InvalidParameterValueException", "{parent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_recipe_has_twenty_components_at_most_and_each_once() {
    let works = Works::new();
    let mut all = Vec::new();
    for number in 0..21 {
        all.push(works.component(&format!("component-{number}"), &document("build", "true")).await);
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    works.recipe("twenty", &all[..20], json!({})).await;
    let parent = works.bench.fake.world().ec2.latest_al2023(REGION, "x86_64").unwrap();
    let body = |components: &[&str]| {
        let list: Vec<Value> = components.iter().map(|arn| json!({ "componentArn": arn })).collect();
        json!({ "name": "more", "semanticVersion": "1.0.0", "parentImage": parent, "components": list })
    };
    let refused = works.call("CreateImageRecipe", body(&all)).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (402, "ServiceQuotaExceededException"));
    // A wildcard and a build of one component are the same component.
    let wild = all[0].replace("1.0.0/1", "x.x.x");
    assert_eq!(works.refused("CreateImageRecipe", body(&[all[0], &wild])).await, "InvalidParameterValueException");
}

#[tokio::test(start_paused = true)]
async fn every_parameter_has_a_value() {
    let works = Works::new();
    let data =
        format!("{}parameters: [{{Needed: {{type: string}}}}, {{Usual: {{default: x}}}}]\n", document("build", "true"));
    let component = works.component("component", &data).await;
    let parent = works.bench.fake.world().ec2.latest_al2023(REGION, "x86_64").unwrap();
    let body = |parameters: Value| {
        let mut one = json!({ "componentArn": component });
        if !parameters.is_null() {
            one["parameters"] = parameters;
        }
        json!({ "name": "recipe", "semanticVersion": "1.0.0", "parentImage": parent, "components": [one] })
    };
    for wrong in [
        json!(null),
        json!([{ "name": "Usual", "value": ["y"] }]),
        json!([{ "name": "Needed", "value": ["y"] }, { "name": "Unknown", "value": ["y"] }]),
        json!([{ "name": "Needed" }]),
    ] {
        assert_eq!(
            works.refused("CreateImageRecipe", body(wrong.clone())).await,
            "InvalidParameterValueException",
            "{wrong}"
        );
    }
    works.call("CreateImageRecipe", body(json!([{ "name": "Needed", "value": ["y"] }]))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_used_is_not_deleted() {
    let works = Works::new();
    let component = works.component("component", &document("build", "true")).await;
    let wild = component.replace("1.0.0/1", "1.x.x");
    let recipe = works.recipe("recipe", &[&wild], json!({})).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let pipeline = json!({
        "name": "pipeline",
        "imageRecipeArn": recipe,
        "infrastructureConfigurationArn": infrastructure,
    });
    let pipeline = works.call("CreateImagePipeline", pipeline).await.unwrap()["imagePipelineArn"].clone();
    let delete = [
        ("DeleteComponent", json!({ "componentBuildVersionArn": component })),
        ("DeleteImageRecipe", json!({ "imageRecipeArn": recipe })),
        ("DeleteInfrastructureConfiguration", json!({ "infrastructureConfigurationArn": infrastructure })),
    ];
    for (action, body) in &delete {
        assert_eq!(works.refused(action, body.clone()).await, "ResourceDependencyException", "{action}");
    }
    works.call("DeleteImagePipeline", json!({ "imagePipelineArn": pipeline })).await.unwrap();
    for (action, body) in delete.iter().skip(1).chain(&delete[..1]) {
        works.call(action, body.clone()).await.unwrap();
    }
    assert!(works.bench.fake.world().imagebuilder.resources.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_replaces_everything() {
    let works = Works::new();
    let more = json!({ "description": "old", "resourceTags": { "a": "b" }, "terminateInstanceOnFailure": false });
    let infrastructure = works.infrastructure("infrastructure", more).await;
    let named = json!({ "infrastructureConfigurationArn": infrastructure });
    let mut update = named.clone();
    update["instanceProfileName"] = json!("amifactory-builder");
    works.call("UpdateInfrastructureConfiguration", update.clone()).await.unwrap();
    let found = works.call("GetInfrastructureConfiguration", named.clone()).await.unwrap();
    let found = &found["infrastructureConfiguration"];
    assert_eq!(found["terminateInstanceOnFailure"], true);
    assert!(found.get("description").is_none() && found.get("resourceTags").is_none(), "{found}");
    assert!(found["dateUpdated"].is_string());
    assert_eq!(works.refused("UpdateInfrastructureConfiguration", named).await, "InvalidParameterValueException");
}

#[tokio::test(start_paused = true)]
async fn tags_are_changed_by_key() {
    let works = Works::new();
    let infrastructure = works.infrastructure("infrastructure", json!({ "tags": { "a": "1", "b": "2" } })).await;
    let send = async |method: &str, arn: &str, query: &str, body: Value| {
        let encoded: String = form_urlencoded::byte_serialize(arn.as_bytes()).collect();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request {
            method: method.into(),
            path: format!("/tags/{encoded}"),
            query: query.into(),
            body,
            ..Request::default()
        };
        works.send(request).await
    };
    send("POST", &infrastructure, "", json!({ "tags": { "b": "3", "c d": "/=+" } })).await.unwrap();
    send("DELETE", &infrastructure, "tagKeys=a&tagKeys=nobody", json!(null)).await.unwrap();
    let found = send("GET", &infrastructure, "", json!(null)).await.unwrap();
    assert_eq!(found, json!({ "tags": { "b": "3", "c d": "/=+" } }));
    let missing = send("GET", &arn("image-recipe/none/1.0.0"), "", json!(null)).await.unwrap_err();
    assert_eq!((missing.status, missing.code.as_str()), (404, "ResourceNotFoundException"));
    let wrong = send("GET", "arn:aws:s3:::bucket", "", json!(null)).await.unwrap_err();
    assert_eq!(wrong.code, "InvalidParameterException");
    let nothing = send("DELETE", &infrastructure, "", json!(null)).await.unwrap_err();
    assert_eq!(nothing.code, "InvalidParameterException");
}
