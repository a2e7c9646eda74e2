//! EBS direct APIs: a snapshot written and read block by block.

use super::bench::{Bench, Refused, read};
use crate::fake_aws::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

const BLOCK: usize = 524_288;

fn sum(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(bytes))
}

async fn start(bench: &Bench, body: Value) -> Result<Value, Refused> {
    read(bench.ebs("POST", "/snapshots", &[], body.to_string().into_bytes()).await)
}

async fn started(bench: &Bench) -> String {
    let body = json!({ "VolumeSize": 1, "ClientToken": "t", "Tags": [{ "Key": "amifactory:recipe", "Value": "web" }] });
    start(bench, body).await.unwrap()["SnapshotId"].as_str().unwrap().to_owned()
}

async fn put(bench: &Bench, id: &str, index: u32, bytes: &[u8], sum: &str) -> Response {
    let headers = [("x-amz-Data-Length", "524288"), ("x-amz-Checksum", sum), ("x-amz-Checksum-Algorithm", "SHA256")];
    bench.ebs("PUT", &format!("/snapshots/{id}/blocks/{index}"), &headers, bytes.to_vec()).await
}

async fn complete(bench: &Bench, id: &str, blocks: &str) -> Result<Value, Refused> {
    let path = format!("/snapshots/completion/{id}");
    read(bench.ebs("POST", &path, &[("x-amz-ChangedBlocksCount", blocks)], Vec::new()).await)
}

fn reason(answer: Result<Value, Refused>) -> String {
    answer.expect_err("a refusal").code
}

#[tokio::test(start_paused = true)]
async fn a_block_is_written_and_read() {
    let bench = Bench::new();
    let id = started(&bench).await;
    let block: Vec<u8> = (0..BLOCK).map(|index| (index % 251) as u8).collect();
    let answer = put(&bench, &id, 0, &block, &sum(&block)).await;
    assert_eq!(answer.status, 201);
    assert!(answer.headers.contains(&("x-amz-Checksum".to_owned(), sum(&block))));
    // Nothing is read before it is complete.
    let list = format!("/snapshots/{id}/blocks");
    assert_eq!(reason(read(bench.ebs("GET", &list, &[], Vec::new()).await)), "ValidationException");
    assert_eq!(reason(complete(&bench, &id, "2").await), "ValidationException");
    assert_eq!(complete(&bench, &id, "1").await.unwrap(), json!({ "Status": "pending" }));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(complete(&bench, &id, "1").await.unwrap(), json!({ "Status": "completed" }));
    let late = put(&bench, &id, 1, &block, &sum(&block)).await;
    assert_eq!(late.status, 400);

    let blocks = read(bench.ebs("GET", &list, &[], Vec::new()).await).unwrap();
    assert_eq!(blocks["BlockSize"], BLOCK);
    let token = blocks["Blocks"][0]["BlockToken"].as_str().unwrap();
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("blockToken", token).finish();
    let found = bench.ebs("GET", &format!("/snapshots/{id}/blocks/0?{query}"), &[], Vec::new()).await;
    assert_eq!(found.status, 200);
    assert!(found.body == block);
    assert!(found.headers.contains(&("x-amz-Checksum".to_owned(), sum(&block))));
    let wrong = bench.ebs("GET", &format!("/snapshots/{id}/blocks/0?blockToken=x"), &[], Vec::new()).await;
    assert_eq!(reason(read(wrong)), "ValidationException");
}

#[tokio::test(start_paused = true)]
async fn one_token_makes_one_snapshot() {
    let bench = Bench::new();
    let id = started(&bench).await;
    assert_eq!(started(&bench).await, id);
    let other = start(&bench, json!({ "VolumeSize": 2, "ClientToken": "t" })).await;
    assert_eq!(other.unwrap_err().code, "ConflictException");
    let second = start(&bench, json!({ "VolumeSize": 1, "ClientToken": "u" })).await.unwrap();
    assert_ne!(second["SnapshotId"], json!(id));
    assert_eq!(bench.fake.world().ec2.snapshots.values().filter(|s| s.home.account == "123456789012").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused() {
    let bench = Bench::new();
    let id = started(&bench).await;
    let block = vec![7; BLOCK];
    assert_eq!(put(&bench, &id, 0, &block, &sum(b"other")).await.status, 400);
    assert_eq!(put(&bench, &id, 0, &block[1..], &sum(&block[1..])).await.status, 400);
    assert_eq!(put(&bench, &id, 2048, &block, &sum(&block)).await.status, 400, "behind the end");
    assert_eq!(put(&bench, "snap-0123456789abcdef0", 0, &block, &sum(&block)).await.status, 404);
    let tags = json!([{ "Key": "aws:x", "Value": "" }]);
    for body in [json!({}), json!({ "VolumeSize": 0 }), json!({ "VolumeSize": 1, "Tags": tags })] {
        assert_eq!(reason(start(&bench, body).await), "ValidationException");
    }
    let refused = bench.denied(&["ebs:StartSnapshot"]);
    let refused = start(&refused, json!({ "VolumeSize": 1 })).await.unwrap_err();
    assert!(refused.message.contains("ebs:StartSnapshot"), "{}", refused.message);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_nobody_goes_on_with_fails() {
    let bench = Bench::new();
    let id = started(&bench).await;
    tokio::time::sleep(Duration::from_secs(3601)).await;
    assert_eq!(reason(complete(&bench, &id, "0").await), "ValidationException");
    let world = bench.fake.world();
    assert_eq!(*world.ec2.snapshots[&id].state.at(world.clock.now()), "error");
}

#[tokio::test(start_paused = true)]
async fn ec2_describes_and_deletes_it() {
    let bench = Bench::new();
    let id = started(&bench).await;
    complete(&bench, &id, "0").await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let filters = [("Filter.1.Name", "tag:amifactory:recipe"), ("Filter.1.Value.1", "web"), ("OwnerId.1", "self")];
    let xml = bench.ec2("DescribeSnapshots", &filters).await;
    assert!(xml.contains(&id) && xml.contains("completed"), "{xml}");
    bench.ec2("DeleteSnapshot", &[("SnapshotId", &id)]).await;
    assert_eq!(reason(complete(&bench, &id, "0").await), "ResourceNotFoundException");
    assert!(bench.fake.world().ebs.blocks(&id).is_none());
}
