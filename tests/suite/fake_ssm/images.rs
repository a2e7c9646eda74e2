//! Parameters whose values are images: looked up later, and vanishing without a word.

use super::bench::{Bench, REGION, code};
use serde_json::{Value, json};
use std::time::Duration;

async fn put(bench: &Bench, value: &str, overwrite: bool) -> Result<Value, super::bench::Refused> {
    let body = json!({ "Name": "/i", "Value": value, "Type": "String", "DataType": "aws:ec2:image",
        "Overwrite": overwrite });
    bench.ssm("PutParameter", body).await
}

async fn value(bench: &Bench) -> Result<Value, super::bench::Refused> {
    let found = bench.ssm("GetParameter", json!({ "Name": "/i" })).await?;
    Ok(json!([found["Parameter"]["Version"], found["Parameter"]["Value"]]))
}

fn amis(bench: &Bench) -> (String, String) {
    let world = bench.fake.world();
    let one = |arch: &str| world.ec2.latest_al2023(REGION, arch).unwrap();
    (one("x86_64"), one("arm64"))
}

#[tokio::test(start_paused = true)]
async fn an_image_appears_after_it_was_looked_up() {
    let bench = Bench::new();
    let (first, second) = amis(&bench);
    assert_eq!(put(&bench, &first, false).await.unwrap()["Version"], 1);
    assert_eq!(code(value(&bench).await), "ParameterNotFound");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(value(&bench).await.unwrap(), json!([1, first]));
    assert_eq!(put(&bench, &second, true).await.unwrap()["Version"], 2);
    assert_eq!(value(&bench).await.unwrap(), json!([1, first]), "the old value until then");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(value(&bench).await.unwrap(), json!([2, second]));
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_and_a_missing_permission_leave_no_trace() {
    let bench = Bench::new();
    let (first, second) = amis(&bench);
    assert_eq!(put(&bench, "ami-0123456789abcdef0", false).await.unwrap()["Version"], 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(code(value(&bench).await), "ParameterNotFound");
    put(&bench, &first, false).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    put(&bench.denied(&["ec2:DescribeImages"]), &second, true).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(value(&bench).await.unwrap(), json!([1, first]));
}

#[tokio::test(start_paused = true)]
async fn of_two_creations_at_once_the_first_stays() {
    let bench = Bench::new();
    let (first, second) = amis(&bench);
    put(&bench, &first, false).await.unwrap();
    put(&bench, &second, false).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(value(&bench).await.unwrap(), json!([1, first]));
    assert_eq!(code(put(&bench, &second, false).await), "ParameterAlreadyExists");
    let text = json!({ "Name": "/i", "Value": "x", "Overwrite": true, "DataType": "text" });
    assert_eq!(code(bench.ssm("PutParameter", text).await), "ValidationException");
    // Without a word of the data type it is still an image.
    let plain = json!({ "Name": "/i", "Value": "not-an-image", "Overwrite": true });
    bench.ssm("PutParameter", plain).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(value(&bench).await.unwrap(), json!([1, first]));
}

#[tokio::test(start_paused = true)]
async fn public_parameters_name_the_newest_amazon_linux() {
    let bench = Bench::new();
    let (x86, arm) = amis(&bench);
    let path = "/aws/service/ami-amazon-linux-latest";
    for (arch, image) in [("x86_64", x86), ("arm64", arm)] {
        let name = format!("{path}/al2023-ami-kernel-default-{arch}");
        let found = bench.ssm("GetParameter", json!({ "Name": name })).await.unwrap();
        assert_eq!(found["Parameter"]["Value"], json!(image));
        assert_eq!(found["Parameter"]["ARN"], json!(format!("arn:aws:ssm:us-east-1::parameter{name}")));
        let put = json!({ "Name": name, "Value": "x", "Type": "String", "Overwrite": true });
        assert_eq!(code(bench.ssm("PutParameter", put).await), "AccessDeniedException");
    }
    let all = bench.ssm("GetParametersByPath", json!({ "Path": path })).await.unwrap();
    assert_eq!(all["Parameters"].as_array().unwrap().len(), 4);
}
