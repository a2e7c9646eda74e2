//! RunInstances: its token, its checks, capacity.

use super::{client, pass, seconds, settings, slow};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

#[tokio::test(start_paused = true)]
async fn a_token_gives_the_same_instance_again() {
    let ec2 = client(settings());
    let first = ec2.run(&[("ClientToken", "build-1")]).await;
    assert_eq!(ec2.run(&[("ClientToken", "build-1")]).await, first);
    assert_ne!(ec2.run(&[("ClientToken", "build-2")]).await, first);
    assert_ne!(ec2.run(&[]).await, ec2.run(&[]).await);
}

#[tokio::test(start_paused = true)]
async fn a_token_with_other_parameters_is_a_mismatch() {
    let ec2 = client(settings());
    ec2.run(&[("ClientToken", "t")]).await;
    let code = ec2.run_code(&[("ClientToken", "t"), ("InstanceType", "m5.xlarge")]).await;
    assert_eq!(code, "IdempotentParameterMismatch");
}

#[tokio::test(start_paused = true)]
async fn a_token_outlives_its_instance_and_its_record() {
    let ec2 = client(settings());
    let id = ec2.run(&[("ClientToken", "t")]).await;
    ec2.ok("TerminateInstances", &[("InstanceId.1", &id)]).await;
    assert_eq!(ec2.run_code(&[("ClientToken", "t")]).await, "IdempotentInstanceTerminated");
    pass(20 * 3600).await;
    assert_eq!(ec2.run_code(&[("ClientToken", "t")]).await, "IdempotentInstanceTerminated");
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_failed_has_not_used_its_token() {
    let ec2 = client(settings());
    let here = ("m5.large".to_owned(), "us-east-1a".to_owned());
    ec2.fake.world().ec2.pokes.no_capacity.insert(here.clone());
    let params = [("ClientToken", "t"), ("Placement.AvailabilityZone", "us-east-1a")];
    assert_eq!(ec2.run_code(&params).await, "InsufficientInstanceCapacity");
    ec2.fake.world().ec2.pokes.no_capacity.remove(&here);
    ec2.run(&params).await;
}

#[tokio::test(start_paused = true)]
async fn capacity_is_per_type_and_zone_and_a_server_error() {
    let ec2 = client(settings());
    ec2.fake.world().ec2.pokes.no_capacity.insert(("m5.large".to_owned(), "us-east-1a".to_owned()));
    let params = ec2.launch(&[("Placement.AvailabilityZone", "us-east-1a")]);
    let params: Vec<_> = params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(ec2.send("RunInstances", &params).await.unwrap().status, 500);
    ec2.run(&[("Placement.AvailabilityZone", "us-east-1b")]).await;
    ec2.run(&[("Placement.AvailabilityZone", "us-east-1a"), ("InstanceType", "m5.xlarge")]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_offered_is_unsupported_and_limits_hold() {
    let ec2 = client(settings());
    ec2.fake.world().ec2.pokes.unsupported.insert(("m5.large".to_owned(), "us-east-1a".to_owned()));
    assert_eq!(ec2.run_code(&[("Placement.AvailabilityZone", "us-east-1a")]).await, "Unsupported");
    let elsewhere = [("Placement.AvailabilityZone", "us-east-1b")];
    ec2.fake.world().ec2.pokes.instance_limit = Some(1);
    ec2.run(&elsewhere).await;
    assert_eq!(ec2.run_code(&elsewhere).await, "InstanceLimitExceeded");
    ec2.fake.world().ec2.pokes.instance_limit = None;
    ec2.fake.world().ec2.pokes.vcpu_limit = Some(3);
    assert_eq!(ec2.run_code(&elsewhere).await, "VcpuLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn wrong_parameters_are_refused() {
    let ec2 = client(settings());
    let long = "x".repeat(65);
    let fat = BASE64_STANDARD.encode(vec![b'x'; 16 * 1024 + 1]);
    for (name, value, code) in [
        ("ImageId", "ami-00000000", "InvalidAMIID.NotFound"),
        ("ImageId", "web", "InvalidAMIID.Malformed"),
        ("InstanceType", "m5.huge", "InvalidParameterValue"),
        ("InstanceType", "m6g.large", "InvalidParameterValue"),
        ("MinCount", "0", "InvalidParameterValue"),
        ("MinCount", "", "MissingParameter"),
        ("SubnetId", "subnet-00000000", "InvalidSubnetID.NotFound"),
        ("SecurityGroupId.1", "sg-00000000", "InvalidGroup.NotFound"),
        ("IamInstanceProfile.Name", "nobody", "InvalidParameterValue"),
        ("KeyName", "none", "InvalidKeyPair.NotFound"),
        ("ClientToken", &long, "InvalidParameterValue"),
        ("UserData", "not base64!", "InvalidParameterValue"),
        ("UserData", &fat, "InvalidParameterValue"),
        ("MetadataOptions.HttpTokens", "maybe", "InvalidParameterValue"),
        ("InstanceInitiatedShutdownBehavior", "hibernate", "InvalidParameterValue"),
        ("Placement.AvailabilityZone", "us-east-1z", "InvalidParameterValue"),
    ] {
        assert_eq!(ec2.run_code(&[(name, value)]).await, code, "{name}={value}");
    }
    assert!(ec2.fake.world().ec2.instances.is_empty());
}

#[tokio::test(start_paused = true)]
async fn subnet_and_interface_do_not_go_together() {
    let ec2 = client(settings());
    let subnet = ec2.ok("DescribeSubnets", &[]).await.one("subnetId");
    let both = [("SubnetId", subnet.as_str()), ("NetworkInterface.1.DeviceIndex", "0")];
    assert_eq!(ec2.run_code(&both).await, "InvalidParameterCombination");
    let params = [
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.SubnetId", subnet.as_str()),
        ("NetworkInterface.1.AssociatePublicIpAddress", "false"),
    ];
    let id = ec2.run(&params).await;
    let world = ec2.fake.world();
    assert_eq!((&world.ec2.instances[&id].subnet, &world.ec2.instances[&id].public_ip), (&subnet, &None));
}

#[tokio::test(start_paused = true)]
async fn a_group_of_another_network_is_refused() {
    let ec2 = client(settings());
    let (group, subnet) = {
        let world = ec2.fake.world();
        let group = world.ec2.groups.values().find(|group| group.home.region == "us-east-1").unwrap().clone();
        let elsewhere = |subnet: &&crate::fake_aws::ec2::model::Subnet| {
            subnet.home.region == "us-east-1" && subnet.vpc != group.vpc
        };
        (group.id.clone(), world.ec2.subnets.values().find(elsewhere).unwrap().id.clone())
    };
    assert_eq!(ec2.run_code(&[("SecurityGroupId.1", &group), ("SubnetId", &subnet)]).await, "InvalidParameter");
}

#[tokio::test(start_paused = true)]
async fn devices_of_the_image_are_changed_by_name() {
    let ec2 = client(settings());
    let small = [("BlockDeviceMapping.1.DeviceName", "/dev/xvda"), ("BlockDeviceMapping.1.Ebs.VolumeSize", "4")];
    assert_eq!(ec2.run_code(&small).await, "InvalidBlockDeviceMapping");
    let id = ec2
        .run(&[
            ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "20"),
            ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
            ("BlockDeviceMapping.2.DeviceName", "/dev/sda1"),
            ("BlockDeviceMapping.2.Ebs.VolumeSize", "1"),
            ("BlockDeviceMapping.2.Ebs.DeleteOnTermination", "false"),
        ])
        .await;
    let sizes = || {
        let world = ec2.fake.world();
        let mut sizes: Vec<_> = world.ec2.volumes.values().map(|volume| (volume.size, volume.encrypted)).collect();
        sizes.sort_unstable();
        sizes
    };
    // A name that the image does not have is one more volume.
    assert_eq!(sizes(), [(1, false), (20, true)]);
    ec2.ok("TerminateInstances", &[("InstanceId.1", &id)]).await;
    assert_eq!(sizes(), [(1, false)], "only what goes with the instance goes");
    assert_eq!(ec2.ok("DescribeVolumes", &[]).await.one("status"), "available");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_checks_and_leaves_nothing() {
    let ec2 = client(settings());
    assert_eq!(ec2.run_code(&[("DryRun", "true")]).await, "DryRunOperation");
    assert_eq!(ec2.run_code(&[("DryRun", "true"), ("InstanceType", "m5.huge")]).await, "InvalidParameterValue");
    ec2.fake.world().credentials.default_mut().denied.insert("ec2:RunInstances".to_owned());
    assert_eq!(ec2.run_code(&[("DryRun", "true")]).await, "UnauthorizedOperation");
    let world = ec2.fake.world();
    assert!(world.ec2.instances.is_empty() && world.ec2.volumes.is_empty() && world.ec2.interfaces.is_empty());
}

#[tokio::test(start_paused = true)]
async fn tags_and_profiles_need_permissions_of_their_own() {
    let ec2 = client(settings());
    let tagged = [
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "a"),
        ("TagSpecification.1.Tag.1.Value", "b"),
    ];
    let profile = [("IamInstanceProfile.Name", "amifactory-builder")];
    ec2.fake.world().credentials.default_mut().denied.extend(["ec2:CreateTags", "iam:PassRole"].map(String::from));
    assert_eq!(ec2.run_code(&tagged).await, "UnauthorizedOperation");
    assert_eq!(ec2.run_code(&profile).await, "UnauthorizedOperation");
    ec2.fake.world().credentials.default_mut().denied.clear();
    ec2.run(&[tagged.as_slice(), profile.as_slice()].concat()).await;
    let world = ec2.fake.world();
    let call = world.calls.last().unwrap();
    assert_eq!(call.permissions, ["ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"]);
}

#[tokio::test(start_paused = true)]
async fn a_launch_can_fail_after_it_was_accepted() {
    let ec2 = client(slow());
    let reason = ("Client.VolumeLimitExceeded".to_owned(), "Volume limit exceeded".to_owned());
    ec2.fake.world().ec2.pokes.failing_launch = Some(reason);
    let id = ec2.run(&[]).await;
    assert_eq!(ec2.state(&id).await, "pending");
    tokio::time::sleep(seconds(13)).await;
    let answer = ec2.ok("DescribeInstances", &[("InstanceId.1", &id)]).await;
    assert!(answer.has("terminated") && answer.has("Client.VolumeLimitExceeded"));
    assert!(ec2.fake.world().ec2.volumes.is_empty());
}
