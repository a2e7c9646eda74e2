//! Filters and pages.

use super::{client, settings};
use crate::fake_aws::ec2::matches;

#[test]
fn wildcards() {
    for (pattern, text, hit) in [
        ("al2023-*-x86_64", "al2023-ami-2023.1-x86_64", true),
        ("al2023-*-x86_64", "al2023-ami-2023.1-arm64", false),
        ("*", "", true),
        ("?", "", false),
        ("a?c", "abc", true),
        ("*a*b*", "xxaxxbxx", true),
        ("*aab", "aaab", true),
        (r"a\*c", "a*c", true),
        (r"a\*c", "abc", false),
        ("abc", "ABC", false),
    ] {
        assert_eq!(matches(pattern, text), hit, "{pattern} {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_is_found_by_owner_name_and_architecture() {
    let ec2 = client(settings());
    let find = [
        ("Owner.1", "amazon"),
        ("Filter.1.Name", "name"),
        ("Filter.1.Value.1", "al2023-ami-2023*"),
        ("Filter.2.Name", "architecture"),
        ("Filter.2.Value.1", "arm64"),
        ("Filter.3.Name", "root-device-type"),
        ("Filter.3.Value.1", "ebs"),
    ];
    let names = ec2.ok("DescribeImages", &find).await.all("name");
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.ends_with("kernel-6.1-arm64")));
    let debian = [("Owner.1", "136693071363"), ("Filter.1.Name", "name"), ("Filter.1.Value.1", "debian-12-amd64-*")];
    assert_eq!(ec2.ok("DescribeImages", &debian).await.all("rootDeviceName"), ["/dev/xvda", "/dev/xvda"]);
    assert!(ec2.ok("DescribeImages", &[("Owner.1", "self")]).await.all("imageId").is_empty());
}

#[tokio::test(start_paused = true)]
async fn filters_are_anded_and_their_values_ored() {
    let ec2 = client(settings());
    let (small, large) = (ec2.run(&[("InstanceType", "t3.small")]).await, ec2.run(&[]).await);
    ec2.run(&[("InstanceType", "t3.micro")]).await;
    ec2.ok("CreateTags", &[("ResourceId.1", &large), ("Tag.1.Key", "team"), ("Tag.1.Value", "web")]).await;
    let kinds = [
        ("Filter.1.Name", "instance-type"),
        ("Filter.1.Value.1", "t3.small"),
        ("Filter.1.Value.2", "m5.large"),
        ("Filter.2.Name", "instance-state-name"),
        ("Filter.2.Value.1", "running"),
    ];
    let mut found = ec2.ok("DescribeInstances", &kinds).await.all("instanceId");
    found.sort();
    let mut both = vec![small, large.clone()];
    both.sort();
    assert_eq!(found, both);
    for filter in [("tag:team", "w?b"), ("tag-key", "team"), ("tag-value", "web")] {
        let params = [("Filter.1.Name", filter.0), ("Filter.1.Value.1", filter.1)];
        assert_eq!(ec2.ok("DescribeInstances", &params).await.all("instanceId"), [large.as_str()], "{filter:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_does_not_exist_is_an_error() {
    let ec2 = client(settings());
    for action in ["DescribeInstances", "DescribeImages", "DescribeSnapshots", "DescribeVolumes", "DescribeSubnets"] {
        let params = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
        assert_eq!(ec2.code(action, &params).await, "InvalidParameterValue", "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_give_everything_once() {
    let ec2 = client(settings());
    let mut made = Vec::new();
    for _ in 0..12 {
        made.push(ec2.run(&[]).await);
    }
    made.sort();
    let (mut found, mut token, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let mut params = vec![("MaxResults", "5")];
        params.extend(token.as_deref().map(|token| ("NextToken", token)));
        let page = ec2.ok("DescribeInstances", &params).await;
        found.extend(page.all("instanceId"));
        pages += 1;
        token = page.all("nextToken").into_iter().next();
        if token.is_none() {
            break;
        }
    }
    found.sort();
    assert_eq!((found, pages), (made, 3));
}

#[tokio::test(start_paused = true)]
async fn wrong_pages_are_refused() {
    let ec2 = client(settings());
    let id = ec2.run(&[]).await;
    assert_eq!(ec2.code("DescribeInstances", &[("MaxResults", "4")]).await, "InvalidParameterValue");
    assert_eq!(ec2.code("DescribeInstances", &[("MaxResults", "1001")]).await, "InvalidParameterValue");
    assert_eq!(ec2.code("DescribeInstances", &[("NextToken", "x")]).await, "InvalidNextToken");
    let both = [("MaxResults", "5"), ("InstanceId.1", id.as_str())];
    assert_eq!(ec2.code("DescribeInstances", &both).await, "InvalidParameterCombination");
}
