//! Parameter Store: names, values, reading, lists.

use super::bench::{Bench, code};
use serde_json::{Value, json};

async fn put(bench: &Bench, name: &str, value: &str) -> u64 {
    let body = json!({ "Name": name, "Value": value, "Type": "String" });
    bench.ssm("PutParameter", body).await.unwrap()["Version"].as_u64().unwrap()
}

fn names(answer: &Value) -> Vec<String> {
    let list = answer["Parameters"].as_array().unwrap().iter();
    list.map(|parameter| parameter["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_parameter_is_read_back_with_its_version_and_arn() {
    let bench = Bench::new();
    assert_eq!(put(&bench, "/a/b", "one").await, 1);
    let found = bench.ssm("GetParameter", json!({ "Name": "/a/b" })).await.unwrap();
    assert_eq!(found["Parameter"]["Value"], "one");
    assert_eq!(found["Parameter"]["Version"], 1);
    assert_eq!(found["Parameter"]["DataType"], "text");
    let arn = found["Parameter"]["ARN"].as_str().unwrap();
    assert_eq!(arn, "arn:aws:ssm:us-east-1:123456789012:parameter/a/b");
    assert_eq!(bench.ssm("GetParameter", json!({ "Name": arn })).await.unwrap(), found);
    assert_eq!(code(bench.ssm("GetParameter", json!({ "Name": "/a" })).await), "ParameterNotFound");
}

#[tokio::test(start_paused = true)]
async fn a_creation_is_atomic_and_overwriting_is_asked_for() {
    let bench = Bench::new();
    put(&bench, "/a", "one").await;
    let again = json!({ "Name": "/a", "Value": "two", "Type": "String" });
    assert_eq!(code(bench.ssm("PutParameter", again).await), "ParameterAlreadyExists");
    let over = json!({ "Name": "/a", "Value": "two", "Overwrite": true });
    assert_eq!(bench.ssm("PutParameter", over).await.unwrap()["Version"], 2);
    let tags = json!([{ "Key": "k", "Value": "v" }]);
    let with_tags = json!({ "Name": "/a", "Value": "3", "Overwrite": true, "Tags": tags });
    assert_eq!(code(bench.ssm("PutParameter", with_tags).await), "ValidationException");
    let other_type = json!({ "Name": "/a", "Value": "3", "Overwrite": true, "Type": "SecureString" });
    assert_eq!(code(bench.ssm("PutParameter", other_type).await), "HierarchyTypeMismatchException");
    let other_data = json!({ "Name": "/a", "Value": "ami-1", "Overwrite": true, "DataType": "aws:ec2:image" });
    assert_eq!(code(bench.ssm("PutParameter", other_data).await), "ValidationException");
    let no_type = json!({ "Name": "/b", "Value": "x" });
    assert_eq!(code(bench.ssm("PutParameter", no_type).await), "ValidationException");
}

#[tokio::test(start_paused = true)]
async fn names_and_values_have_rules() {
    let bench = Bench::new();
    let deep = "/x".repeat(16);
    for (name, value, error) in [
        ("a b", "x", "ValidationException"),
        ("a/b", "x", "ValidationException"),
        ("/a//b", "x", "ValidationException"),
        ("awsome", "x", "ValidationException"),
        ("/aws/x", "x", "AccessDeniedException"),
        ("/ssm/x", "x", "AccessDeniedException"),
        (deep.as_str(), "x", "HierarchyLevelLimitExceededException"),
        ("/a", "", "ValidationException"),
        ("/a", "{{ssm:b}}", "ValidationException"),
        ("/a", &"x".repeat(4097), "ValidationException"),
    ] {
        let body = json!({ "Name": name, "Value": value, "Type": "String" });
        assert_eq!(code(bench.ssm("PutParameter", body).await), error, "{name} {value}");
    }
    put(&bench, "/a", &"x".repeat(4096)).await;
    put(&bench, &"/x".repeat(15), "x").await;
}

#[tokio::test(start_paused = true)]
async fn ten_names_at_once_and_the_invalid_ones_told_apart() {
    let bench = Bench::new();
    put(&bench, "/a", "one").await;
    let answer = bench.ssm("GetParameters", json!({ "Names": ["/a", "/b", "/a:7"] })).await.unwrap();
    assert_eq!(names(&answer), ["/a"]);
    assert_eq!(answer["InvalidParameters"], json!(["/a:7", "/b"]));
    let eleven: Vec<String> = (0..11).map(|i| format!("/{i}")).collect();
    assert_eq!(code(bench.ssm("GetParameters", json!({ "Names": eleven })).await), "ValidationException");
    assert_eq!(code(bench.ssm("GetParameters", json!({ "Names": [] })).await), "ValidationException");
}

#[tokio::test(start_paused = true)]
async fn a_path_is_read_in_pages_of_ten() {
    let bench = Bench::new();
    for index in 0..23 {
        put(&bench, &format!("/p/{index:02}"), "x").await;
    }
    put(&bench, "/p/deep/er", "x").await;
    put(&bench, "/pp", "x").await;
    let body =
        |recursive: bool, token: Option<&str>| json!({ "Path": "/p", "Recursive": recursive, "NextToken": token });
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let page = bench.ssm("GetParametersByPath", body(true, token.as_deref())).await.unwrap();
        assert!(names(&page).len() <= 10);
        all.extend(names(&page));
        token = page["NextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), 24);
    let flat = bench.ssm("GetParametersByPath", body(false, Some("page-20"))).await.unwrap();
    assert_eq!(names(&flat).len(), 3);
    let wrong = bench.ssm("GetParametersByPath", body(true, Some("nonsense"))).await;
    assert_eq!(code(wrong), "InvalidNextToken");
    let eleven = bench.ssm("GetParametersByPath", json!({ "Path": "/p", "MaxResults": 11 })).await;
    assert_eq!(code(eleven), "ValidationException");
    assert_eq!(code(bench.ssm("GetParametersByPath", json!({ "Path": "p" })).await), "ValidationException");
}

#[tokio::test(start_paused = true)]
async fn secrets_are_clear_only_where_asked_for() {
    let bench = Bench::new();
    let body = json!({ "Name": "/s", "Value": "hush", "Type": "SecureString" });
    bench.ssm("PutParameter", body).await.unwrap();
    let closed = bench.ssm("GetParameter", json!({ "Name": "/s" })).await.unwrap();
    assert!(!closed.to_string().contains("hush"), "{closed}");
    let open = bench.ssm("GetParameter", json!({ "Name": "/s", "WithDecryption": true })).await.unwrap();
    assert_eq!(open["Parameter"]["Value"], "hush");
    let history = bench.ssm("GetParameterHistory", json!({ "Name": "/s" })).await.unwrap();
    assert!(!history.to_string().contains("hush"), "{history}");
}

#[tokio::test(start_paused = true)]
async fn parameters_are_described_by_name_and_tag() {
    let bench = Bench::new();
    for (name, team) in [("/f/web/x", "a"), ("/f/web/y", "b"), ("/f/db", "a")] {
        let tags = json!([{ "Key": "team", "Value": team }]);
        let body = json!({ "Name": name, "Value": "x", "Type": "String", "Tags": tags });
        bench.ssm("PutParameter", body).await.unwrap();
    }
    let describe = async |filters: Value| bench.ssm("DescribeParameters", json!({ "ParameterFilters": filters })).await;
    let begins = json!([{ "Key": "Name", "Option": "BeginsWith", "Values": ["/f/web/"] }]);
    assert_eq!(names(&describe(begins).await.unwrap()), ["/f/web/x", "/f/web/y"]);
    let tagged = json!([{ "Key": "tag:team", "Values": ["a"] }]);
    assert_eq!(names(&describe(tagged).await.unwrap()), ["/f/db", "/f/web/x"]);
    assert_eq!(code(describe(json!([{ "Key": "Colour", "Values": ["a"] }])).await), "InvalidFilterKey");
    let option = json!([{ "Key": "Type", "Option": "Contains", "Values": ["a"] }]);
    assert_eq!(code(describe(option).await), "InvalidFilterOption");

    let resource = |more: Value| {
        let mut body = json!({ "ResourceType": "Parameter", "ResourceId": "/f/db" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let more = resource(json!({ "Tags": [{ "Key": "more", "Value": "1" }] }));
    bench.ssm("AddTagsToResource", more).await.unwrap();
    bench.ssm("RemoveTagsFromResource", resource(json!({ "TagKeys": ["team"] }))).await.unwrap();
    let list = bench.ssm("ListTagsForResource", resource(json!({}))).await.unwrap();
    assert_eq!(list["TagList"], json!([{ "Key": "more", "Value": "1" }]));
    let reserved = resource(json!({ "Tags": [{ "Key": "aws:x", "Value": "1" }] }));
    assert_eq!(code(bench.ssm("AddTagsToResource", reserved).await), "ValidationException");
    let many: Vec<Value> = (0..50).map(|i| json!({ "Key": format!("k{i}"), "Value": "" })).collect();
    let many = resource(json!({ "Tags": many }));
    assert_eq!(code(bench.ssm("AddTagsToResource", many).await), "TooManyTagsError");
}

#[tokio::test(start_paused = true)]
async fn deleting_tells_what_was_not_there() {
    let bench = Bench::new();
    put(&bench, "/a", "x").await;
    let both = bench.ssm("DeleteParameters", json!({ "Names": ["/a", "/b"] })).await.unwrap();
    assert_eq!(both, json!({ "DeletedParameters": ["/a"], "InvalidParameters": ["/b"] }));
    assert_eq!(code(bench.ssm("DeleteParameter", json!({ "Name": "/a" })).await), "ParameterNotFound");
}

#[tokio::test(start_paused = true)]
async fn a_denied_action_is_named() {
    let bench = Bench::new();
    let refused = bench.denied(&["ssm:PutParameter"]).ssm("PutParameter", json!({})).await.unwrap_err();
    assert_eq!(refused.code, "AccessDeniedException");
    assert!(refused.message.contains("is not authorized to perform: ssm:PutParameter"), "{}", refused.message);
}
