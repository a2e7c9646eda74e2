//! Components: versions and builds, names, tokens, bounds.

use super::bench::{Works, arn, document, text};
use serde_json::{Value, json};

fn component(name: &str, more: Value) -> Value {
    let data = document("build", "true");
    let mut body = json!({ "name": name, "semanticVersion": "1.0.0", "platform": "Linux", "data": data });
    super::bench::with(&mut body, more);
    body
}

#[tokio::test(start_paused = true)]
async fn another_document_makes_another_build_and_the_same_one_none() {
    let works = Works::new();
    let first = works.call("CreateComponent", component("One", json!({}))).await.unwrap();
    assert_eq!(first["componentBuildVersionArn"], arn("component/one/1.0.0/1"));
    let again = works.call("CreateComponent", component("One", json!({}))).await.unwrap_err();
    assert_eq!((again.status, again.code.as_str()), (400, "ResourceAlreadyExistsException"));
    assert!(again.message.contains(&arn("component/one/1.0.0/1")), "{}", again.message);
    let other = json!({ "data": document("build", "false") });
    let second = works.call("CreateComponent", component("One", other)).await.unwrap();
    assert_eq!(second["componentBuildVersionArn"], arn("component/one/1.0.0/2"));
    // The first one's content is not the latest's.
    let third = works.call("CreateComponent", component("One", json!({}))).await.unwrap();
    assert_eq!(third["componentBuildVersionArn"], arn("component/one/1.0.0/3"));
}

#[tokio::test(start_paused = true)]
async fn names_that_differ_in_case_spaces_and_underscores_are_one() {
    let works = Works::new();
    works.call("CreateComponent", component("A name_of mine", json!({}))).await.unwrap();
    for same in ["a name of mine", "A-Name-Of-Mine", "a_NAME_of_mine"] {
        assert_eq!(
            works.refused("CreateComponent", component(same, json!({}))).await,
            "ResourceAlreadyExistsException"
        );
    }
    // Each version keeps the name that it was made with.
    let newer = json!({ "semanticVersion": "1.0.1" });
    works.call("CreateComponent", component("a-name-of-mine", newer)).await.unwrap();
    let found = works.call("ListComponents", json!({})).await.unwrap();
    let names: Vec<&Value> = found["componentVersionList"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["A name_of mine", "a-name-of-mine"]);
}

#[tokio::test(start_paused = true)]
async fn one_token_makes_one_component() {
    let works = Works::new();
    let token = json!({ "clientToken": "t" });
    let first = works.call("CreateComponent", component("one", token.clone())).await.unwrap();
    let mut again = works.call("CreateComponent", component("one", token.clone())).await.unwrap();
    assert_ne!(first["requestId"], again["requestId"]);
    again["requestId"] = first["requestId"].clone();
    assert_eq!(first, again);
    let refused = works.call("CreateComponent", component("two", token)).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (400, "IdempotentParameterMismatchException"));
    // The token outlives what it has made.
    let arn = text(&first, "componentBuildVersionArn");
    works.call("DeleteComponent", json!({ "componentBuildVersionArn": arn })).await.unwrap();
    let token = json!({ "clientToken": "t" });
    assert_eq!(works.call("CreateComponent", component("one", token)).await.unwrap()["componentBuildVersionArn"], arn);
    assert_eq!(
        works.refused("GetComponent", json!({ "componentBuildVersionArn": arn })).await,
        "ResourceNotFoundException"
    );
    // A token of another operation is another token.
    works.recipe("one", &[], json!({ "clientToken": "t" })).await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_checks_everything_and_makes_nothing() {
    let works = Works::new();
    let dry = json!({ "dryRun": true });
    let refused = works.call("CreateComponent", component("one", dry.clone())).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (412, "DryRunOperationException"));
    assert!(works.bench.fake.world().imagebuilder.resources.is_empty());
    works.call("CreateComponent", component("one", json!({}))).await.unwrap();
    assert_eq!(works.refused("CreateComponent", component("one", dry)).await, "ResourceAlreadyExistsException");
}

#[tokio::test(start_paused = true)]
async fn what_is_out_of_bounds_is_refused() {
    let works = Works::new();
    let long = format!("{}# {}", document("build", "true"), "x".repeat(16_000));
    let tags = |count: usize| (0..count).map(|n| (format!("key{n}"), json!("value"))).collect::<Value>();
    for (more, code) in [
        (json!({ "name": "ab" }), "InvalidParameterValueException"),
        (json!({ "name": "ends with a space " }), "InvalidParameterValueException"),
        (json!({ "name": "no/slash" }), "InvalidParameterValueException"),
        (json!({ "name": "x".repeat(129) }), "InvalidParameterValueException"),
        (json!({ "name": null }), "InvalidParameterValueException"),
        (json!({ "name": 7 }), "SerializationException"),
        (json!({ "semanticVersion": "1.0" }), "InvalidParameterValueException"),
        (json!({ "semanticVersion": "1.0.x" }), "InvalidParameterValueException"),
        (json!({ "semanticVersion": "1.0.1073741824" }), "InvalidVersionNumberException"),
        (json!({ "platform": "Plan9" }), "InvalidParameterValueException"),
        (json!({ "description": "x".repeat(1025) }), "InvalidParameterValueException"),
        (json!({ "data": long }), "InvalidParameterValueException"),
        (json!({ "data": null }), "InvalidParameterCombinationException"),
        (json!({ "data": null, "uri": "s3://bucket/key" }), "InvalidParameterValueException"),
        (json!({ "data": null, "uri": "https://elsewhere" }), "InvalidParameterValueException"),
        (json!({ "tags": tags(51) }), "InvalidParameterValueException"),
        (json!({ "tags": { "aws:mine": "x" } }), "InvalidParameterValueException"),
        (json!({ "clientToken": "x".repeat(65) }), "InvalidParameterValueException"),
    ] {
        assert_eq!(works.refused("CreateComponent", component("one", more.clone())).await, code, "{more}");
    }
    works
        .call("CreateComponent", component("one", json!({ "semanticVersion": "1.0.1073741823", "tags": tags(50) })))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn versions_are_ordered_as_numbers() {
    let works = Works::new();
    for version in ["1.0.10", "1.0.9", "1.2.0", "2.0.0"] {
        works.call("CreateComponent", component("one", json!({ "semanticVersion": version }))).await.unwrap();
    }
    for (wanted, newest) in [("1.0.x", "1.0.10"), ("1.x.x", "1.2.0"), ("x.x.x", "2.0.0"), ("1.0.9", "1.0.9")] {
        let arn = arn(&format!("component/one/{wanted}"));
        let found = works.call("GetComponent", json!({ "componentBuildVersionArn": arn })).await.unwrap();
        assert_eq!(found["component"]["version"], newest, "{wanted}");
    }
    let wrong = json!({ "componentBuildVersionArn": arn("component/one/1.x.0") });
    assert_eq!(works.refused("GetComponent", wrong).await, "InvalidVersionNumberException");
}

#[tokio::test(start_paused = true)]
async fn pages_go_on_where_the_last_one_ended() {
    let works = Works::new();
    for number in 0..26 {
        works.call("CreateComponent", component(&format!("one-{number:02}"), json!({}))).await.unwrap();
    }
    let first = works.call("ListComponents", json!({})).await.unwrap();
    assert_eq!(first["componentVersionList"].as_array().unwrap().len(), 25);
    let rest = works.call("ListComponents", json!({ "nextToken": first["nextToken"] })).await.unwrap();
    assert_eq!(rest["componentVersionList"].as_array().unwrap().len(), 1);
    assert!(rest.get("nextToken").is_none());
    let elsewhere = json!({ "nextToken": first["nextToken"] });
    assert_eq!(works.refused("ListImages", elsewhere).await, "InvalidPaginationTokenException");
    assert_eq!(works.refused("ListComponents", json!({ "maxResults": 101 })).await, "InvalidParameterValueException");
}
