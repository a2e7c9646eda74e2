//! amifactory's own EC2, Parameter Store and EBS direct calls against moto, a server that no one here wrote. `.ci/moto`
//! starts it and runs these. Each test has a region, so a world, to itself.
//!
//! Only what moto does as AWS does is asked of it: it runs no commands, knows no agents, takes a token twice and a name
//! twice, and everything is there at once.

use crate::reports::fixture;
use amifactory::identity::{Arch, BuilderId, ImageId, RecipeName};
use amifactory::pipeline::tags as keys;
use amifactory::recipe::{AwsBase, AwsBaseImage, AwsSettings, BaseSpec, Subnet, Volume};
use amifactory::release::{Kind, Note};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{
    BuilderState, ImageRecord, LaunchBase, LaunchRequest, PointerName, Slot, Tags, Target, TargetError,
};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_ec2::types::{Filter, InstanceAttributeName, ResourceType, Tag, TagSpecification, VolumeType};
use base64::Engine as _;

/// Made in moto by `.ci/moto`.
const PROFILE: &str = "amifactory-builder";
const NEWEST: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

/// With a size: EC2 has it from the image's own mapping where it is not given, moto has not.
fn settings() -> AwsSettings {
    AwsSettings { volume: Volume { size_gib: Some(20), kms_key: None }, ..AwsSettings::default() }
}

async fn target(region: &'static str) -> AwsTarget {
    let endpoint = std::env::var("AMIFACTORY_MOTO_ENDPOINT").expect("moto's address: run .ci/moto");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static(region))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("AKIAIOSFODNN7EXAMPLE", "not-verified", None, None, "the tests"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    AwsTarget::with_config(&config)
}

fn base(image: AwsBaseImage) -> BaseSpec {
    AwsBase { image, family: None }.into()
}

fn build_tags(build: &str) -> Tags {
    [
        (keys::RECIPE, "web-tier"),
        (keys::VERSION, "1.4.12"),
        (keys::BUILD, build),
        (keys::PURPOSE, "build"),
        (keys::EXPIRES, "2030-01-01T00:00:00Z"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

async fn launch_request(target: &AwsTarget, build: &str, aws: AwsSettings) -> LaunchRequest {
    let spec = base(AwsBaseImage::Parameter(NEWEST.into()));
    let resolved = target.resolve_base(&spec).await.unwrap();
    LaunchRequest {
        token: format!("{build}-build"),
        base: LaunchBase::Base(spec, resolved),
        limits: Default::default(),
        aws: AwsSettings { instance_profile: Some(PROFILE.into()), ..aws },
        arch: Arch::X86_64,
        attempt: 1,
        tags: build_tags(build),
        bundles: None,
    }
}

async fn instance(target: &AwsTarget, id: &BuilderId) -> aws_sdk_ec2::types::Instance {
    let answer = target.api().ec2.describe_instances().instance_ids(id.as_str()).send().await.unwrap();
    answer.reservations()[0].instances()[0].clone()
}

/// What the instance does when it shuts itself down.
async fn on_shutdown(target: &AwsTarget, id: &BuilderId) -> String {
    let ask = target.api().ec2.describe_instance_attribute().instance_id(id.as_str());
    let answer = ask.attribute(InstanceAttributeName::InstanceInitiatedShutdownBehavior).send().await.unwrap();
    answer.instance_initiated_shutdown_behavior().unwrap().value().unwrap().to_owned()
}

/// Whether all of `expected` is among `tags`.
fn has(tags: &[Tag], expected: &Tags) -> bool {
    expected.iter().all(|(key, value)| tags.iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value)))
}

#[tokio::test]
#[ignore = "needs moto: .ci/moto runs it"]
async fn moto_resolves_each_kind_of_base() {
    let target = target("us-east-1").await;
    let by_parameter = target.resolve_base(&base(AwsBaseImage::Parameter(NEWEST.into()))).await.unwrap();
    assert_eq!((by_parameter.family.to_string().as_str(), by_parameter.arch), ("amazon-linux-2023", Arch::X86_64));
    assert!(by_parameter.os_name.contains("Amazon Linux 2023"), "{by_parameter:?}");

    let id: ImageId = by_parameter.id.parse().unwrap();
    let by_id = target.resolve_base(&base(AwsBaseImage::Ami(id))).await.unwrap();
    assert_eq!(by_id, by_parameter);

    let newest = |arch, name: &str| base(AwsBaseImage::Newest { name: name.into(), owner: "amazon".into(), arch });
    let by_name = target.resolve_base(&newest(Arch::X86_64, "al2023-ami-2023.*-x86_64")).await.unwrap();
    assert!(by_name.description.starts_with("al2023-ami-2023."), "{by_name:?}");
    let arm = target.resolve_base(&newest(Arch::Arm64, "al2023-ami-2023.*-arm64")).await.unwrap();
    assert_eq!(arm.arch, Arch::Arm64);

    for missing in [
        newest(Arch::Arm64, "al2023-ami-2023.*-x86_64"),
        base(AwsBaseImage::Ami("ami-0123456789abcdef0".parse().unwrap())),
        base(AwsBaseImage::Parameter("/nothing/here".into())),
    ] {
        let error = target.resolve_base(&missing).await.unwrap_err();
        assert!(matches!(error, TargetError::Base { .. }), "{missing:?}: {error}");
    }
}

#[tokio::test]
#[ignore = "needs moto: .ci/moto runs it"]
async fn moto_launches_with_all_that_a_builder_must_have() {
    let target = target("us-west-2").await;
    let ec2 = &target.api().ec2;
    let subnets = ec2.describe_subnets().filters(filter("default-for-az", "true")).send().await.unwrap();
    let subnet = subnets.subnets()[1].subnet_id().unwrap().to_owned();
    let tag = Tag::builder().key("for").value("builders").build();
    ec2.create_tags().resources(&subnet).tags(tag).send().await.unwrap();
    let groups = ec2.describe_security_groups().filters(filter("group-name", "default")).send().await.unwrap();
    let group = groups.security_groups()[0].group_id().unwrap().to_owned();

    let all = AwsSettings {
        subnet: Some(Subnet::Tags([("for".to_owned(), "builders".to_owned())].into())),
        security_groups: vec![group.clone()],
        owner: Some("team-web".into()),
        tags: [("cost/centre".to_owned(), "42".to_owned())].into(),
        ..settings()
    };
    let request = launch_request(&target, "web-tier-aaaaaaaaaaaa-1", all).await;
    let builder = target.launch(&request).await.unwrap();
    assert_eq!(builder.state, BuilderState::Pending);

    let seen = instance(&target, &builder.id).await;
    assert_eq!(seen.image_id().map(str::to_owned), Some(launched_from(&request)));
    assert_eq!(seen.instance_type().unwrap().as_str(), "m7i.large");
    assert_eq!(seen.subnet_id(), Some(subnet.as_str()));
    assert_eq!(seen.security_groups()[0].group_id(), Some(group.as_str()));
    assert_eq!(seen.key_name(), None);
    assert!(seen.iam_instance_profile().unwrap().arn().unwrap().ends_with(&format!("/{PROFILE}")));
    assert_eq!(seen.metadata_options().unwrap().http_tokens().unwrap().as_str(), "required");
    assert_eq!(seen.client_token(), Some(builder.token.as_str()));
    let mut all = request.tags.clone();
    all.insert(keys::OWNER.into(), "team-web".into());
    all.insert("cost/centre".into(), "42".into());
    all.insert("Name".into(), "amifactory web-tier-aaaaaaaaaaaa-1".into());
    assert!(has(seen.tags(), &all), "{:?}", seen.tags());
    assert_eq!(builder.tags, all);

    // The dead-man's switch: a timer, and a shutdown that ends the instance.
    assert_eq!(on_shutdown(&target, &builder.id).await, "terminate");
    let ask = ec2.describe_instance_attribute().instance_id(builder.id.as_str());
    let data = ask.attribute(InstanceAttributeName::UserData).send().await.unwrap();
    let script = data.user_data().unwrap().value().unwrap();
    let script = base64::engine::general_purpose::STANDARD.decode(script).unwrap();
    assert_eq!(
        String::from_utf8(script).unwrap(),
        amifactory::target::aws::command::user_data(AwsSettings::default().expires, &[])
    );

    let attached = filter("attachment.instance-id", builder.id.as_str());
    let volumes = ec2.describe_volumes().filters(attached).send().await.unwrap();
    let [volume] = volumes.volumes() else { panic!("{volumes:?}") };
    assert_eq!((volume.size(), volume.encrypted()), (Some(20), Some(true)));
    assert_eq!(volume.volume_type(), Some(&VolumeType::Gp3));
    assert!(has(volume.tags(), &all), "{:?}", volume.tags());

    // Spot is asked for on the first attempt alone.
    let on_spot = AwsSettings { spot: true, ..settings() };
    let mut request = launch_request(&target, "web-tier-bbbbbbbbbbbb-1", on_spot).await;
    let spot = target.launch(&request).await.unwrap();
    assert_eq!(instance(&target, &spot.id).await.instance_lifecycle().unwrap().as_str(), "spot");
    request.attempt = 2;
    request.token = "web-tier-bbbbbbbbbbbb-2-build".into();
    let on_demand = target.launch(&request).await.unwrap();
    assert_ne!(
        instance(&target, &on_demand.id).await.instance_lifecycle().map(|l| l.as_str().to_owned()),
        Some("spot".into())
    );

    target.terminate_all(&[builder.id.clone(), spot.id, on_demand.id]).await.unwrap();
    assert_eq!(target.builders().await.unwrap().len(), 0);
    assert_eq!(instance(&target, &builder.id).await.state().unwrap().name().unwrap().as_str(), "terminated");
    // Removing what is gone is success; so is removing what never was.
    target.terminate(&builder.id).await.unwrap();
    target.terminate(&"i-0123456789abcdef0".parse().unwrap()).await.unwrap();
}

fn launched_from(request: &LaunchRequest) -> String {
    match &request.base {
        LaunchBase::Base(_, resolved) => resolved.id.clone(),
        LaunchBase::Image(image) => image.to_string(),
    }
}

#[tokio::test]
#[ignore = "needs moto: .ci/moto runs it"]
async fn moto_makes_an_image_with_its_record_and_removes_it() {
    let target = target("eu-west-1").await;
    let build = "web-tier-cccccccccccc-1";
    let request = launch_request(&target, build, settings()).await;
    let builder = target.launch(&request).await.unwrap();
    target.why_gone(&builder.id).await.unwrap();

    // That this disarms the dead-man's switch is for the fake to show: moto takes ModifyInstanceAttribute's own form of
    // it for a change of security groups.
    target.stop(&builder.id).await.unwrap();
    let other = self::target("eu-west-1").await;
    let found = other.builders().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].id, found[0].state), (&builder.id, BuilderState::Stopped));
    assert_eq!(found[0].tags, builder.tags);
    assert_eq!(found[0].token, builder.token);

    let mut tags = build_tags(build);
    tags.insert(keys::STATE.into(), "candidate".into());
    let record = fixture::record();
    let image = create_image(&target, &builder.id, build, &tags).await;
    let images = other.images().await.unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!((&images[0].id, images[0].name.as_str(), images[0].available), (&image, build, true));
    assert_eq!(images[0].tags[keys::STATE], "candidate");

    target.put_record(&image, &record).await.unwrap();
    assert_eq!(record_in_moto(&target, build).await, record);

    target.tag_image(&image, &[(keys::STATE.to_owned(), "published".to_owned())].into()).await.unwrap();
    let third = self::target("eu-west-1").await;
    assert_eq!(third.images().await.unwrap()[0].tags[keys::STATE], "published");

    // It starts again from its image, as the boot test does.
    let mut again = request.clone();
    again.base = LaunchBase::Image(image.clone());
    again.tags.insert(keys::PURPOSE.into(), "boot-test".into());
    again.token = format!("{build}-boot-test");
    let test = target.launch(&again).await.unwrap();
    assert_eq!(instance(&target, &test.id).await.image_id(), Some(image.as_str()));
    target.terminate_all(&[builder.id, test.id]).await.unwrap();

    target.delete_image(&image).await.unwrap();
    assert_eq!(self::target("eu-west-1").await.images().await.unwrap(), []);
    let of_build = filter(&format!("tag:{}", keys::BUILD), build);
    let left = target.api().ec2.describe_snapshots().owner_ids("self").filters(of_build).send().await.unwrap();
    assert!(left.snapshots().is_empty(), "{left:?}");
    target.delete_image(&image).await.unwrap();
}

/// The record as it was written. Moto lists blocks with their numbers as text, which no SDK with types can read; so the
/// block is asked for directly.
async fn record_in_moto(target: &AwsTarget, build: &str) -> ImageRecord {
    let of_build = filter(&format!("tag:{}", keys::BUILD), build);
    let evidence = filter(&format!("tag:{}", keys::PURPOSE), "evidence");
    let ask = target.api().ec2.describe_snapshots().owner_ids("self").filters(of_build).filters(evidence);
    let answer = ask.send().await.unwrap();
    let [snapshot] = answer.snapshots() else { panic!("{answer:?}") };
    assert_eq!(snapshot.state().unwrap().as_str(), "completed");
    let get = target.api().ebs.get_snapshot_block().snapshot_id(snapshot.snapshot_id().unwrap());
    let block =
        get.block_index(0).block_token("any").send().await.unwrap().block_data.collect().await.unwrap().to_vec();
    assert_eq!(block.len(), 512 * 1024);
    let (length, packed) = block.strip_prefix(b"amifactory record 1\n").unwrap().split_first_chunk::<8>().unwrap();
    let packed = &packed[..usize::try_from(u64::from_be_bytes(*length)).unwrap()];
    serde_json::from_reader(flate2::read::GzDecoder::new(packed)).unwrap()
}

/// Moto refuses tags of the image's snapshots, which ours has, so this one call is not ours: the same without them.
async fn create_image(target: &AwsTarget, builder: &BuilderId, name: &str, tags: &Tags) -> ImageId {
    let tags = tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
    let tags = TagSpecification::builder().resource_type(ResourceType::Image).set_tags(Some(tags)).build();
    let create = target.api().ec2.create_image().instance_id(builder.as_str()).name(name).tag_specifications(tags);
    create.send().await.unwrap().image_id.unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "needs moto: .ci/moto runs it"]
async fn moto_keeps_pointers() {
    let target = target("eu-central-1").await;
    let recipe: RecipeName = "web-tier".parse().unwrap();
    let name = |slot| PointerName { recipe: recipe.clone(), arch: Arch::X86_64, slot };
    let version = |text: &str| name(Slot::Version(text.parse().unwrap()));
    let [old, new]: [ImageId; 2] = ["ami-0aaaaaaaaaaaaaaa1", "ami-0aaaaaaaaaaaaaaa2"].map(|id| id.parse().unwrap());

    let note = Note::new(Kind::Publish, "2026-11-20T12:00:00Z".into());
    let first = version("1.0.0");
    assert_eq!(target.pointer(&first).await.unwrap(), None);
    target.create_pointer(&first, &old, &note).await.unwrap();
    target.create_pointer(&first, &old, &note).await.unwrap();
    let error = target.create_pointer(&first, &new, &note).await.unwrap_err();
    assert!(matches!(&error, TargetError::Conflict { found, .. } if found == old.as_str()), "{error}");

    let dev = name(Slot::Channel("dev".parse().unwrap()));
    target.move_pointer(&dev, None, &old, &note).await.unwrap();
    let before = target.pointer(&dev).await.unwrap().unwrap();
    assert_eq!((&before.image, before.revision), (&old, 1));
    target.move_pointer(&dev, Some(&before), &new, &note).await.unwrap();
    let after = target.pointer(&dev).await.unwrap().unwrap();
    assert_eq!((&after.image, after.revision), (&new, 2));
    assert!(after.written_at >= before.written_at && after.written_at.ends_with('Z'), "{after:?}");
    assert_eq!(target.read_back(std::slice::from_ref(&dev), &new).await.unwrap(), [after]);

    // More than one call's names, more than one page, and what belongs to others.
    let versions: Vec<PointerName> = (1..=25).map(|patch| version(&format!("1.1.{patch}"))).collect();
    for name in &versions {
        target.create_pointer(name, &old, &note).await.unwrap();
    }
    let neighbour = RecipeName::to_string(&recipe) + "-two";
    let other = PointerName { recipe: neighbour.parse().unwrap(), ..first.clone() };
    target.create_pointer(&other, &new, &note).await.unwrap();
    let mut asked = versions.clone();
    asked.push(version("9.9.9"));
    assert_eq!(target.pointers_named(&asked).await.unwrap().len(), 25);
    let all = target.pointers(&recipe).await.unwrap();
    assert_eq!(all.len(), 27);
    assert!(all.iter().all(|pointer| pointer.name.recipe == recipe));
    assert_eq!(target.pointers(&"nothing".parse().unwrap()).await.unwrap(), []);
}

#[tokio::test]
#[ignore = "needs moto: .ci/moto runs it"]
async fn moto_shows_and_removes_what_was_left() {
    let target = target("ap-southeast-2").await;
    let ec2 = &target.api().ec2;
    let tags: Vec<Tag> =
        build_tags("web-tier-dddddddddddd-1").iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
    let tagged =
        |kind: ResourceType| TagSpecification::builder().resource_type(kind).set_tags(Some(tags.clone())).build();
    let subnets = ec2.describe_subnets().send().await.unwrap();
    let (subnet, zone) = (subnets.subnets()[0].subnet_id().unwrap(), subnets.subnets()[0].availability_zone().unwrap());
    let create = ec2.create_volume().availability_zone(zone).size(1).tag_specifications(tagged(ResourceType::Volume));
    let volume = create.send().await.unwrap().volume_id.unwrap();
    let create = ec2.create_snapshot().volume_id(&volume).tag_specifications(tagged(ResourceType::Snapshot));
    let snapshot = create.send().await.unwrap().snapshot_id.unwrap();
    let create = ec2.create_network_interface().subnet_id(subnet);
    let create = create.tag_specifications(tagged(ResourceType::NetworkInterface));
    let interface = create.send().await.unwrap().network_interface.unwrap().network_interface_id.unwrap();
    // Someone else's volume is not ours to see.
    ec2.create_volume().availability_zone(zone).size(1).send().await.unwrap();

    let found = target.orphans().await.unwrap();
    let ids: Vec<(&str, &str)> = found.iter().map(|orphan| (orphan.kind, orphan.id.as_str())).collect();
    let expected = [("snapshot", &*snapshot), ("volume", &*volume), ("network interface", &*interface)];
    assert_eq!(ids, expected);
    for orphan in &found {
        assert_eq!(orphan.tags[keys::BUILD], "web-tier-dddddddddddd-1");
        target.remove_orphan(orphan).await.unwrap();
        target.remove_orphan(orphan).await.unwrap();
    }
    assert_eq!(target.orphans().await.unwrap(), []);
    assert_eq!(ec2.describe_volumes().send().await.unwrap().volumes().len(), 1);
}
