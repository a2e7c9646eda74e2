//! Tags.

use super::{client, settings};

#[tokio::test(start_paused = true)]
async fn hostile_values_come_back_as_xml_can_carry_them() {
    let ec2 = client(settings());
    let id = ec2.run(&[]).await;
    let value = "<a>&amp;\"'</tagSet>\r\n\t]]> {{x}} $(id) ü\u{1}";
    ec2.ok("CreateTags", &[("ResourceId.1", &id), ("Tag.1.Key", "<k>&"), ("Tag.1.Value", value)]).await;
    let answer = ec2.ok("DescribeTags", &[]).await;
    assert!(answer.has("<key>&lt;k&gt;&amp;</key>"), "{}", answer.xml);
    let written = "&lt;a&gt;&amp;amp;&quot;'&lt;/tagSet&gt;&#xD;\n\t]]&gt; {{x}} $(id) ü\u{fffd}";
    assert!(answer.has(&format!("<value>{written}</value>")), "{}", answer.xml);
    assert_eq!(ec2.fake.world().ec2.tags_at(&id, tokio::time::Instant::now())["<k>&"], value);
}

#[tokio::test(start_paused = true)]
async fn limits_are_those_of_ec2() {
    let ec2 = client(settings());
    let id = ec2.run(&[]).await;
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    for (key, value) in [(long_key.as_str(), "v"), ("k", long_value.as_str()), ("aws:k", "v"), ("AWS:k", "v")] {
        let params = [("ResourceId.1", id.as_str()), ("Tag.1.Key", key), ("Tag.1.Value", value)];
        assert_eq!(ec2.code("CreateTags", &params).await, "InvalidParameterValue", "{key}");
    }
    let many: Vec<(String, String)> = (1..=50).map(|n| (format!("Tag.{n}.Key"), format!("k{n}"))).collect();
    let mut params: Vec<(&str, &str)> = many.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
    params.push(("ResourceId.1", &id));
    ec2.ok("CreateTags", &params).await;
    // One that is there already may change; one more may not come.
    ec2.ok("CreateTags", &[("ResourceId.1", &id), ("Tag.1.Key", "k1"), ("Tag.1.Value", "new")]).await;
    let more = [("ResourceId.1", id.as_str()), ("Tag.1.Key", "k51")];
    assert_eq!(ec2.code("CreateTags", &more).await, "TagLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn a_call_about_several_resources_is_all_or_nothing() {
    let ec2 = client(settings());
    let id = ec2.run(&[]).await;
    let params = [("ResourceId.1", id.as_str()), ("ResourceId.2", "ami-00000000"), ("Tag.1.Key", "k")];
    assert_eq!(ec2.code("CreateTags", &params).await, "InvalidAMIID.NotFound");
    assert!(ec2.ok("DescribeTags", &[]).await.all("resourceId").iter().all(|tagged| *tagged != id));
}

#[tokio::test(start_paused = true)]
async fn deleting_with_a_value_deletes_only_that() {
    let ec2 = client(settings());
    let id = ec2.run(&[]).await;
    let resource = ("ResourceId.1", id.as_str());
    ec2.ok("CreateTags", &[resource, ("Tag.1.Key", "k"), ("Tag.1.Value", "v"), ("Tag.2.Key", "l")]).await;
    let keys = || {
        let world = ec2.fake.world();
        world.ec2.tags_at(&id, world.clock.now()).into_keys().collect::<Vec<_>>()
    };
    ec2.ok("DeleteTags", &[resource, ("Tag.1.Key", "k"), ("Tag.1.Value", "other")]).await;
    assert_eq!(keys(), ["k", "l"]);
    ec2.ok("DeleteTags", &[resource, ("Tag.1.Key", "k")]).await;
    assert_eq!(keys(), ["l"]);
    ec2.ok("DeleteTags", &[resource]).await;
    assert!(keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn everything_a_launch_makes_is_tagged_from_its_first_moment() {
    let ec2 = client(settings());
    let mut params = Vec::new();
    let names: Vec<String> = (1..=3).map(|n| format!("TagSpecification.{n}")).collect();
    let kinds = ["instance", "volume", "network-interface"];
    let fields: Vec<[String; 3]> = names
        .iter()
        .map(|name| ["ResourceType", "Tag.1.Key", "Tag.1.Value"].map(|field| format!("{name}.{field}")))
        .collect();
    for (field, kind) in fields.iter().zip(kinds) {
        params.extend([(field[0].as_str(), kind), (field[1].as_str(), "amifactory:build"), (field[2].as_str(), "b1")]);
    }
    ec2.run(&params).await;
    let filter = [("Filter.1.Name", "key"), ("Filter.1.Value.1", "amifactory:build")];
    let mut types = ec2.ok("DescribeTags", &filter).await.all("resourceType");
    types.sort();
    assert_eq!(types, ["instance", "network-interface", "volume"]);
    let wrong = [("TagSpecification.1.ResourceType", "image"), ("TagSpecification.1.Tag.1.Key", "k")];
    assert_eq!(ec2.run_code(&wrong).await, "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn tags_that_the_metadata_service_shows_are_plain() {
    let ec2 = client(settings());
    let with = |key: &'static str| {
        [
            ("MetadataOptions.InstanceMetadataTags", "enabled"),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", key),
        ]
    };
    assert_eq!(ec2.run_code(&with("a/b")).await, "InvalidParameterValue");
    ec2.run(&with("amifactory:build")).await;
}
