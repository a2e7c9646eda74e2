//! Security groups, key pairs, places.

use super::{client, settings};

#[tokio::test(start_paused = true)]
async fn a_group_lives_as_long_as_something_uses_it() {
    let ec2 = client(settings());
    let make = [("GroupName", "builder"), ("GroupDescription", "for a build")];
    let group = ec2.ok("CreateSecurityGroup", &make).await.one("groupId");
    assert_eq!(ec2.code("CreateSecurityGroup", &make).await, "InvalidGroup.Duplicate");
    let rule = [
        ("GroupId", group.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"),
    ];
    ec2.ok("AuthorizeSecurityGroupIngress", &rule).await;
    assert_eq!(ec2.code("AuthorizeSecurityGroupIngress", &rule).await, "InvalidPermission.Duplicate");
    let instance = ec2.run(&[("SecurityGroupId.1", &group)]).await;
    assert_eq!(ec2.code("DeleteSecurityGroup", &[("GroupId", &group)]).await, "DependencyViolation");
    ec2.ok("TerminateInstances", &[("InstanceId.1", &instance)]).await;
    ec2.ok("DeleteSecurityGroup", &[("GroupId", &group)]).await;
    assert_eq!(ec2.code("DescribeSecurityGroups", &[("GroupId.1", &group)]).await, "InvalidGroup.NotFound");
}

#[tokio::test(start_paused = true)]
async fn key_pairs_have_names_of_their_own() {
    let ec2 = client(settings());
    ec2.ok("CreateKeyPair", &[("KeyName", "k")]).await;
    assert_eq!(ec2.code("CreateKeyPair", &[("KeyName", "k")]).await, "InvalidKeyPair.Duplicate");
    ec2.run(&[("KeyName", "k")]).await;
    ec2.ok("DeleteKeyPair", &[("KeyName", "k")]).await;
    ec2.ok("DeleteKeyPair", &[("KeyName", "k")]).await;
    assert_eq!(ec2.code("DescribeKeyPairs", &[("KeyName.1", "k")]).await, "InvalidKeyPair.NotFound");
}

#[tokio::test(start_paused = true)]
async fn subnets_are_found_by_tag_and_belong_to_a_zone() {
    let ec2 = client(settings());
    let filter = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "private-*")];
    let mut zones = ec2.ok("DescribeSubnets", &filter).await.all("availabilityZone");
    zones.sort();
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
    let ids = ec2.ok("DescribeAvailabilityZones", &[]).await.all("zoneId");
    assert_eq!(ids, ["use1-az1", "use1-az2", "use1-az3"]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_made_is_what_an_account_has_left() {
    let ec2 = client(settings());
    let left = || {
        let world = ec2.fake.world();
        world.ec2.belongings(&world.account, world.clock.now())
    };
    assert!(left().is_empty(), "the network that was there from the start is nobody's leak");
    let instance = ec2.run(&[("InstanceMarketOptions.MarketType", "spot")]).await;
    let image = ec2.ok("CreateImage", &[("InstanceId", &instance), ("Name", "web-1")]).await.one("imageId");
    // Instance, volume, interface, request, image, snapshot.
    assert_eq!(left().len(), 6);
    ec2.ok("TerminateInstances", &[("InstanceId.1", &instance)]).await;
    assert_eq!(left().len(), 2);
    ec2.ok("DeregisterImage", &[("ImageId", &image), ("DeleteAssociatedSnapshots", "true")]).await;
    assert!(left().is_empty());
}
