//! Images and their snapshots.

use super::{Client, client, pass, seconds, settings, slow};
use crate::fake_aws::ec2::ImageFate;

async fn stopped(ec2: &Client) -> String {
    let id = ec2.run(&[]).await;
    pass(12).await;
    ec2.ok("StopInstances", &[("InstanceId.1", &id)]).await;
    pass(20).await;
    id
}

async fn image(ec2: &Client, instance: &str, name: &str) -> String {
    let params = [
        ("InstanceId", instance),
        ("Name", name),
        ("TagSpecification.1.ResourceType", "image"),
        ("TagSpecification.1.Tag.1.Key", "amifactory:build"),
        ("TagSpecification.1.Tag.1.Value", name),
        ("TagSpecification.2.ResourceType", "snapshot"),
        ("TagSpecification.2.Tag.1.Key", "amifactory:build"),
        ("TagSpecification.2.Tag.1.Value", name),
    ];
    ec2.ok("CreateImage", &params).await.one("imageId")
}

#[tokio::test(start_paused = true)]
async fn an_image_becomes_available_and_names_its_snapshots_then() {
    let ec2 = client(slow());
    let id = image(&ec2, &stopped(&ec2).await, "web-1").await;
    let pending = ec2.ok("DescribeImages", &[("ImageId.1", &id)]).await;
    assert_eq!((pending.one("imageState").as_str(), pending.all("snapshotId").len()), ("pending", 0));
    assert_eq!(ec2.run_code(&[("ImageId", &id)]).await, "InvalidAMIID.Unavailable");
    pass(90).await;
    let available = ec2.ok("DescribeImages", &[("ImageId.1", &id)]).await;
    assert_eq!(available.one("imageState"), "available");
    let filter = [("Owner.1", "self"), ("Filter.1.Name", "tag:amifactory:build"), ("Filter.1.Value.1", "web-1")];
    let snapshots = ec2.ok("DescribeSnapshots", &filter).await;
    assert_eq!(snapshots.all("snapshotId"), available.all("snapshotId"));
    assert!(snapshots.one("description").ends_with(&format!("for {id}")));
    ec2.run(&[("ImageId", &id)]).await;
}

#[tokio::test(start_paused = true)]
async fn names_are_unique_and_well_formed() {
    let ec2 = client(slow());
    let instance = stopped(&ec2).await;
    let first = image(&ec2, &instance, "web-1").await;
    let create = |name: String| {
        let (ec2, instance) = (&ec2, instance.clone());
        async move { ec2.code("CreateImage", &[("InstanceId", &instance), ("Name", &name)]).await }
    };
    assert_eq!(create("web-1".to_owned()).await, "InvalidAMIName.Duplicate");
    for bad in ["ab".to_owned(), "a*b".to_owned(), "ä-name".to_owned(), "x".repeat(129)] {
        assert_eq!(create(bad.clone()).await, "InvalidAMIName.Malformed", "{bad}");
    }
    ec2.ok("DeregisterImage", &[("ImageId", &first)]).await;
    image(&ec2, &instance, "web-1").await;
}

#[tokio::test(start_paused = true)]
async fn only_a_running_or_stopped_instance_can_be_imaged() {
    let ec2 = client(slow());
    let id = ec2.run(&[]).await;
    let create = [("InstanceId", id.as_str()), ("Name", "web-1")];
    assert_eq!(ec2.code("CreateImage", &create).await, "IncorrectState");
    pass(12).await;
    ec2.ok("StopInstances", &[("InstanceId.1", &id)]).await;
    assert_eq!(ec2.code("CreateImage", &create).await, "IncorrectState");
    pass(20).await;
    ec2.ok("CreateImage", &create).await;
}

#[tokio::test(start_paused = true)]
async fn imaging_a_running_instance_reboots_it_unless_told_not_to() {
    let ec2 = client(slow());
    let id = ec2.run(&[]).await;
    pass(12).await;
    let up = || {
        let world = ec2.fake.world();
        world.ec2.instances[&id].up_since(world.clock.now()).is_some()
    };
    ec2.ok("CreateImage", &[("InstanceId", &id), ("Name", "kept-up"), ("NoReboot", "true")]).await;
    assert!(up());
    ec2.ok("CreateImage", &[("InstanceId", &id), ("Name", "rebooted")]).await;
    assert!(!up());
}

#[tokio::test(start_paused = true)]
async fn an_image_may_fail_or_take_hours() {
    let ec2 = client(slow());
    let instance = stopped(&ec2).await;
    ec2.fake.world().ec2.pokes.images = vec![ImageFate::Fails(seconds(30)), ImageFate::Takes(seconds(3 * 3600))];
    let (fails, takes) = (image(&ec2, &instance, "fails").await, image(&ec2, &instance, "takes").await);
    pass(30).await;
    let failed = ec2.ok("DescribeImages", &[("ImageId.1", &fails)]).await;
    assert!(failed.has("<imageState>failed</imageState>") && failed.has("<stateReason>"));
    pass(3 * 3600 - 31).await;
    assert_eq!(ec2.image_state(&takes).await, "pending");
    pass(1).await;
    assert_eq!(ec2.image_state(&takes).await, "available");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_an_image_can_only_go_after_it() {
    let ec2 = client(settings());
    let instance = stopped(&ec2).await;
    let id = image(&ec2, &instance, "web-1").await;
    let snapshot = ec2.ok("DescribeImages", &[("ImageId.1", &id)]).await.one("snapshotId");
    assert_eq!(ec2.code("DeleteSnapshot", &[("SnapshotId", &snapshot)]).await, "InvalidSnapshot.InUse");
    ec2.ok("DeregisterImage", &[("ImageId", &id)]).await;
    assert_eq!(ec2.code("DescribeImages", &[("ImageId.1", &id)]).await, "InvalidAMIID.NotFound");
    ec2.ok("DeleteSnapshot", &[("SnapshotId", &snapshot)]).await;
    assert_eq!(ec2.code("DeleteSnapshot", &[("SnapshotId", &snapshot)]).await, "InvalidSnapshot.NotFound");
}

#[tokio::test(start_paused = true)]
async fn deregistering_with_snapshots_tells_of_each() {
    let ec2 = client(settings());
    let id = image(&ec2, &stopped(&ec2).await, "web-1").await;
    let params = [("ImageId", id.as_str()), ("DeleteAssociatedSnapshots", "true")];
    let answer = ec2.ok("DeregisterImage", &params).await;
    assert_eq!(answer.all("returnCode"), ["success"]);
    assert!(ec2.ok("DescribeSnapshots", &[("Owner.1", "self")]).await.all("snapshotId").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_a_token_and_new_snapshots_but_not_the_permissions() {
    let mut ec2 = client(settings());
    let id = image(&ec2, &stopped(&ec2).await, "web-1").await;
    let share = [("ImageId", id.as_str()), ("LaunchPermission.Add.1.UserId", "210987654321")];
    ec2.ok("ModifyImageAttribute", &share).await;
    ec2.region = "us-west-2";
    let copy = [
        ("SourceImageId", id.as_str()),
        ("SourceRegion", "us-east-1"),
        ("Name", "web-1"),
        ("ClientToken", "copy-1"),
        ("CopyImageTags", "true"),
    ];
    let there = ec2.ok("CopyImage", &copy).await.one("imageId");
    assert_eq!(ec2.ok("CopyImage", &copy).await.one("imageId"), there);
    let answer = ec2.ok("DescribeImages", &[("ImageId.1", &there)]).await;
    assert!(answer.has("<key>amifactory:build</key>"));
    let world = ec2.fake.world();
    assert!(world.ec2.images[&there].shared_with.is_empty());
    assert_ne!(world.ec2.images[&there].mappings[0].snapshot, world.ec2.images[&id].mappings[0].snapshot);
}

#[tokio::test(start_paused = true)]
async fn another_account_sees_what_is_shared_with_it_and_no_tags() {
    let mut ec2 = client(settings());
    let id = image(&ec2, &stopped(&ec2).await, "web-1").await;
    let other = crate::fake_aws::credentials::Credential::user("210987654321", "guest");
    ec2.fake.world().credentials.0.insert("AKIAGUEST".to_owned(), other);
    let owner = std::mem::replace(&mut ec2.key, "AKIAGUEST".to_owned());
    assert_eq!(ec2.code("DescribeImages", &[("ImageId.1", &id)]).await, "InvalidAMIID.NotFound");
    let guest = std::mem::replace(&mut ec2.key, owner);
    let share = [("ImageId", id.as_str()), ("LaunchPermission.Add.1.UserId", "210987654321")];
    ec2.ok("ModifyImageAttribute", &share).await;
    ec2.key = guest;
    let seen = ec2.ok("DescribeImages", &[("ExecutableBy.1", "self")]).await;
    assert_eq!(seen.all("imageId"), [id.as_str()]);
    assert!(!seen.has("amifactory:build"));
    assert_eq!(ec2.code("DeregisterImage", &[("ImageId", &id)]).await, "AuthFailure");
}
