//! STS and Service Quotas.

use super::bench::{Bench, between};
use serde_json::json;
use std::time::Duration;

const ROLE: &str = "arn:aws:iam::210987654321:role/build/er";

#[tokio::test(start_paused = true)]
async fn a_caller_is_told_who_it_is() {
    let bench = Bench::new();
    let (status, xml) = bench.sts("GetCallerIdentity", &[]).await;
    assert_eq!(status, 200);
    assert!(xml.contains("<Account>123456789012</Account>"), "{xml}");
    assert!(xml.contains("<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/operator</Arn>"), "{xml}");
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_until_it_expires() {
    let bench = Bench::new();
    let pairs = [("RoleArn", ROLE), ("RoleSessionName", "test"), ("DurationSeconds", "900")];
    let (status, xml) = bench.sts("AssumeRole", &pairs).await;
    assert_eq!(status, 403, "a role that is not there: {xml}");
    bench.fake.world().sts.roles.insert(ROLE.to_owned(), Some("x".to_owned()));
    assert_eq!(bench.sts("AssumeRole", &pairs).await.0, 403, "without its external id");
    let with_id: Vec<_> = pairs.into_iter().chain([("ExternalId", "x")]).collect();
    let (status, xml) = bench.sts("AssumeRole", &with_id).await;
    assert_eq!(status, 200, "{xml}");
    assert!(xml.contains("<Expiration>2026-11-20T08:15:0"), "{xml}");
    let key = between(&xml, "<AccessKeyId>", "</AccessKeyId>").to_owned();
    let assumed = Bench { fake: bench.fake.clone(), key };
    let (_, xml) = assumed.sts("GetCallerIdentity", &[]).await;
    assert!(xml.contains("arn:aws:sts::210987654321:assumed-role/er/test"), "{xml}");
    assumed.ssm("GetParametersByPath", json!({ "Path": "/" })).await.unwrap();
    tokio::time::sleep(Duration::from_secs(901)).await;
    let expired = assumed.ssm("GetParametersByPath", json!({ "Path": "/" })).await.unwrap_err();
    assert_eq!(expired.code, "ExpiredTokenException");
    assert_eq!(bench.sts("AssumeRole", &[("RoleArn", ROLE), ("RoleSessionName", "a b")]).await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn quotas_are_told_one_by_one_and_in_a_list() {
    let bench = Bench::new();
    let body = |code: &str| json!({ "ServiceCode": "ec2", "QuotaCode": code });
    let quota = bench.quotas("GetServiceQuota", body("L-1216C47A")).await.unwrap();
    assert_eq!(quota["Quota"]["Value"], 64.0);
    assert_eq!(bench.quotas("GetServiceQuota", body("L-0")).await.unwrap_err().code, "NoSuchResourceException");
    bench.fake.world().quotas.values.insert("L-34B43A08", 8.0);
    let page = json!({ "ServiceCode": "ec2", "MaxResults": 1 });
    let first = bench.quotas("ListServiceQuotas", page).await.unwrap();
    let token = first["NextToken"].as_str().unwrap();
    let second = json!({ "ServiceCode": "ec2", "NextToken": token });
    let second = bench.quotas("ListServiceQuotas", second).await.unwrap();
    assert_eq!(second["Quotas"][0]["Value"], 8.0);
    assert!(second.get("NextToken").is_none());
}
