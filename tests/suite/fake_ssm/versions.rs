//! Parameter Store: versions and labels.

use super::bench::{Bench, code};
use serde_json::{Value, json};

async fn put(bench: &Bench, value: &str) -> Result<Value, super::bench::Refused> {
    let body = json!({ "Name": "/v", "Value": value, "Type": "String", "Overwrite": true });
    bench.ssm("PutParameter", body).await
}

async fn label(bench: &Bench, version: u64, labels: &[String]) -> Result<Value, super::bench::Refused> {
    let body = json!({ "Name": "/v", "ParameterVersion": version, "Labels": labels });
    bench.ssm("LabelParameterVersion", body).await
}

async fn value(bench: &Bench, name: &str) -> Value {
    bench.ssm("GetParameter", json!({ "Name": name })).await.unwrap()["Parameter"].clone()
}

#[tokio::test(start_paused = true)]
async fn versions_are_selected_by_number_and_label() {
    let bench = Bench::new();
    for text in ["one", "two", "three"] {
        put(&bench, text).await.unwrap();
    }
    label(&bench, 2, &["prod".to_owned()]).await.unwrap();
    assert_eq!(value(&bench, "/v").await["Value"], "three");
    assert_eq!(value(&bench, "/v:1").await["Value"], "one");
    let labelled = value(&bench, "/v:prod").await;
    assert_eq!((&labelled["Value"], &labelled["Selector"]), (&json!("two"), &json!(":prod")));
    for name in ["/v:9", "/v:nobody"] {
        assert_eq!(code(bench.ssm("GetParameter", json!({ "Name": name })).await), "ParameterVersionNotFound");
    }
    // The label moves.
    label(&bench, 3, &["prod".to_owned()]).await.unwrap();
    assert_eq!(value(&bench, "/v:prod").await["Value"], "three");
    let history = bench.ssm("GetParameterHistory", json!({ "Name": "/v", "MaxResults": 2 })).await.unwrap();
    let versions: Vec<_> = history["Parameters"].as_array().unwrap().iter().map(|v| v["Version"].clone()).collect();
    assert_eq!(versions, [1, 2]);
    let token = history["NextToken"].as_str().unwrap();
    let rest = bench.ssm("GetParameterHistory", json!({ "Name": "/v", "NextToken": token })).await.unwrap();
    assert_eq!(rest["Parameters"][0]["Labels"], json!(["prod"]));
    assert!(rest.get("NextToken").is_none());
    let off = json!({ "Name": "/v", "ParameterVersion": 3, "Labels": ["prod", "other"] });
    let off = bench.ssm("UnlabelParameterVersion", off).await.unwrap();
    assert_eq!(off, json!({ "RemovedLabels": ["prod"], "InvalidLabels": ["other"] }));
}

#[tokio::test(start_paused = true)]
async fn labels_have_rules() {
    let bench = Bench::new();
    put(&bench, "x").await.unwrap();
    let labels: Vec<String> = ["good", "1st", "aws-x", "a b"].map(String::from).to_vec();
    let answer = label(&bench, 1, &labels).await.unwrap();
    assert_eq!(answer, json!({ "InvalidLabels": ["1st", "aws-x", "a b"], "ParameterVersion": 1 }));
    let nine: Vec<String> = (0..9).map(|i| format!("l{i}")).collect();
    label(&bench, 1, &nine).await.unwrap();
    assert_eq!(code(label(&bench, 1, &["eleventh".to_owned()]).await), "ParameterVersionLabelLimitExceeded");
    assert_eq!(code(label(&bench, 5, &["x".to_owned()]).await), "ParameterVersionNotFound");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_versions_are_kept_and_a_labelled_oldest_one_blocks() {
    let bench = Bench::new();
    for index in 0..101 {
        put(&bench, &index.to_string()).await.unwrap();
    }
    assert_eq!(code(bench.ssm("GetParameter", json!({ "Name": "/v:1" })).await), "ParameterVersionNotFound");
    assert_eq!(value(&bench, "/v:2").await["Value"], "1");
    label(&bench, 2, &["keep".to_owned()]).await.unwrap();
    assert_eq!(code(put(&bench, "more").await), "ParameterMaxVersionLimitExceeded");
    label(&bench, 50, &["keep".to_owned()]).await.unwrap();
    assert_eq!(put(&bench, "more").await.unwrap()["Version"], 102);
}
