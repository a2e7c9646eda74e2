"""The life of images: made, found, tagged, shared, copied, started from, removed; and their snapshots and volumes."""

from aws import soon, tags, untag
from instances import launch, newest_base


def run(aws):
    image, name, builder = made(aws)
    found(aws, image, name)
    attributes(aws, image)
    copy = copied(aws, image)
    registered(aws, image)
    snapshots_and_volumes(aws)
    if aws.is_fake:
        refused(aws, image, name, builder)
    removed(aws, image, copy)
    aws.ec2.terminate_instances(InstanceIds=[builder])


def made(aws):
    ec2 = aws.ec2
    builder = launch(aws, "builder")["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[builder], WaiterConfig=soon("running"))
    ec2.stop_instances(InstanceIds=[builder])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[builder], WaiterConfig=soon("stopped"))
    name = f"web-tier-{aws.run}"
    # Moto does not know tags for an image's snapshots.
    kinds = ("image", "snapshot") if aws.is_fake else ("image",)
    specifications = [{"ResourceType": kind, "Tags": tags(build=aws.run, kind=kind)} for kind in kinds]
    answer = ec2.create_image(InstanceId=builder, Name=name, Description="made", TagSpecifications=specifications)
    image = answer["ImageId"]
    assert image.startswith("ami-") and len(image) in (12, 21)
    ec2.get_waiter("image_exists").wait(ImageIds=[image], WaiterConfig=soon("exists"))
    ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=soon("available"))
    return image, name, builder


def found(aws, image, name):
    ec2 = aws.ec2
    seen = ec2.describe_images(ImageIds=[image])["Images"][0]
    assert (seen["Name"], seen["State"], seen["Public"]) == (name, "available", False)
    assert seen["Architecture"] == "x86_64"
    assert seen["RootDeviceType"] == "ebs" or not aws.is_fake
    assert seen["OwnerId"] == aws.sts.get_caller_identity()["Account"]
    assert untag(seen["Tags"]) == {"build": aws.run, "kind": "image"}
    mapping = seen["BlockDeviceMappings"][0]
    assert mapping["DeviceName"] == seen["RootDeviceName"]
    snapshot = mapping["Ebs"]["SnapshotId"]
    parts = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert parts["State"] == "completed"
    if aws.is_fake:
        assert untag(parts["Tags"]) == {"build": aws.run, "kind": "snapshot"}
    assert image in parts["Description"]

    def ids(**arguments):
        return [image["ImageId"] for image in ec2.describe_images(**arguments)["Images"]]

    assert ids(Owners=["self"], Filters=[{"Name": "name", "Values": [name]}]) == [image]
    assert image in ids(Owners=["self"], Filters=[{"Name": "name", "Values": ["web-ti?r-*"]}])
    assert ids(Owners=["self"], Filters=[{"Name": "tag:build", "Values": [aws.run]}]) == [image]
    assert image in ids(Filters=[{"Name": "tag-key", "Values": ["build"]}])
    assert ids(Owners=["amazon"], Filters=[{"Name": "image-id", "Values": [image]}]) == []
    assert ids(Owners=["self"], Filters=[{"Name": "image-id", "Values": [image]}, {"Name": "state", "Values": ["pending"]}]) == []
    # An image can be started from.
    started = launch(aws, "from-image", ImageId=image)
    assert started["ImageId"] == image
    ec2.terminate_instances(InstanceIds=[started["InstanceId"]])


def attributes(aws, image):
    ec2 = aws.ec2

    def shared():
        return ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")["LaunchPermissions"]

    assert shared() == []
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    assert shared() == [{"UserId": "210987654321"}]
    ec2.modify_image_attribute(ImageId=image, OperationType="remove", Attribute="launchPermission", UserIds=["210987654321"])
    assert shared() == []
    ec2.modify_image_attribute(ImageId=image, Description={"Value": "changed"})
    described = ec2.describe_image_attribute(ImageId=image, Attribute="description")
    # Moto accepts the change and forgets it.
    wanted = "changed" if aws.is_fake else "made"
    assert described["Description"]["Value"] == wanted
    assert ec2.describe_images(ImageIds=[image])["Images"][0]["Description"] == wanted


def copied(aws, image):
    """To another region; permissions and tags stay behind."""
    there = type(aws)(aws.endpoint, aws.kind, region="us-west-2")
    answer = there.ec2.copy_image(Name=f"copy-{aws.run}", SourceImageId=image, SourceRegion=aws.region)
    copy = answer["ImageId"]
    there.ec2.get_waiter("image_available").wait(ImageIds=[copy], WaiterConfig=soon("available"))
    seen = there.ec2.describe_images(ImageIds=[copy])["Images"][0]
    assert seen.get("Tags", []) == [] and seen["Name"] == f"copy-{aws.run}"
    with there.refused("InvalidAMIID.NotFound"):
        aws.ec2.describe_images(ImageIds=[copy])
    with there.refused("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidRequest", "InvalidParameterValue"):
        there.ec2.copy_image(Name="nothing", SourceImageId="ami-0123456789abcdef0", SourceRegion=aws.region)
    if aws.is_fake:
        token = f"copy-token-{aws.run}"
        twice = [
            there.ec2.copy_image(
                Name=f"twice-{aws.run}", SourceImageId=image, SourceRegion=aws.region, ClientToken=token, CopyImageTags=True
            )["ImageId"]
            for _ in range(2)
        ]
        assert twice[0] == twice[1]
        there.ec2.get_waiter("image_available").wait(ImageIds=twice[:1], WaiterConfig=soon("available"))
        assert untag(there.ec2.describe_images(ImageIds=twice[:1])["Images"][0]["Tags"])["build"] == aws.run
        there.ec2.deregister_image(ImageId=twice[0])
    for name, times in there.succeeded.items():
        aws.succeeded[name] = aws.succeeded.get(name, 0) + times
    return there, copy


def registered(aws, image):
    ec2 = aws.ec2
    snapshot = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    answer = ec2.register_image(
        Name=f"registered-{aws.run}",
        Architecture="x86_64",
        RootDeviceName="/dev/xvda",
        VirtualizationType="hvm",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
    )
    ec2.get_waiter("image_available").wait(ImageIds=[answer["ImageId"]], WaiterConfig=soon("available"))
    if aws.is_fake:
        with aws.refused("InvalidSnapshot.InUse"):
            ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.deregister_image(ImageId=answer["ImageId"])


def snapshots_and_volumes(aws):
    ec2 = aws.ec2
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    specification = [{"ResourceType": "volume", "Tags": tags(left=aws.run)}]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=2, VolumeType="gp3", TagSpecifications=specification)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=soon("available"))
    made = []
    for _ in range(6):
        specification = [{"ResourceType": "snapshot", "Tags": tags(left=aws.run)}]
        made.append(ec2.create_snapshot(VolumeId=volume, Description="kept", TagSpecifications=specification)["SnapshotId"])
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=made, WaiterConfig=soon("completed"))
    only = [{"Name": "tag:left", "Values": [aws.run]}]
    pages, count = aws.pages(ec2, "describe_snapshots", OwnerIds=["self"], Filters=only, PaginationConfig={"PageSize": 5})
    ids = [snapshot["SnapshotId"] for page in pages for snapshot in page["Snapshots"]]
    assert sorted(ids) == sorted(made)
    assert count == 2 or not aws.is_fake, count
    # Made from a snapshot, a volume has its size.
    second = ec2.create_volume(AvailabilityZone=zone, SnapshotId=made[0])
    assert second["SnapshotId"] == made[0] and second["Size"] == 2, second
    for volume in (volume, second["VolumeId"]):
        ec2.delete_volume(VolumeId=volume)
    ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume], WaiterConfig=soon("deleted"))
    for snapshot in made:
        ec2.delete_snapshot(SnapshotId=snapshot)
    with aws.refused("InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=made[:1])
    with aws.refused("InvalidSnapshot.NotFound"):
        ec2.delete_snapshot(SnapshotId=made[0])
    with aws.refused("InvalidVolume.NotFound"):
        ec2.delete_volume(VolumeId=volume)
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] in (True, False)


def refused(aws, image, name, builder):
    ec2 = aws.ec2
    with aws.refused("InvalidAMIName.Duplicate") as caught:
        ec2.create_image(InstanceId=builder, Name=name)
    assert image in str(caught[0])
    unchecked = type(aws)(aws.endpoint, aws.kind, aws.region, unchecked=True)
    for bad in ("ab", "x" * 129, "no|pipes"):
        with aws.refused("InvalidAMIName.Malformed"):
            unchecked.ec2.create_image(InstanceId=builder, Name=bad)
    with aws.refused("InvalidInstanceID.NotFound"):
        ec2.create_image(InstanceId="i-0123456789abcdef0", Name=f"other-{aws.run}")
    with aws.refused("InvalidAMIID.NotFound"):
        ec2.describe_images(ImageIds=["ami-0123456789abcdef0"])
    with aws.refused("InvalidAMIID.Malformed"):
        ec2.describe_images(ImageIds=["nonsense"])
    with aws.refused("InvalidAMIID.NotFound", "InvalidID"):
        ec2.create_tags(Resources=["ami-0123456789abcdef0"], Tags=tags(a="b"))
    with aws.refused("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
        ec2.deregister_image(ImageId="ami-0123456789abcdef0")
    with aws.refused("DryRunOperation"):
        ec2.create_image(InstanceId=builder, Name=f"other-{aws.run}", DryRun=True)
    with aws.refused("AuthFailure", "OperationNotPermitted"):
        ec2.deregister_image(ImageId=newest_base(aws)["ImageId"])
    answered = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [f"other-{aws.run}"]}])
    assert answered["Images"] == []
    with aws.refused("InvalidParameterValue"):
        ec2.describe_images(Filters=[{"Name": "no-such-filter", "Values": ["x"]}])


def removed(aws, image, copy):
    ec2 = aws.ec2
    snapshot = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    answer = ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    assert ec2.describe_images(Owners=["self"], Filters=[{"Name": "image-id", "Values": [image]}])["Images"] == []
    if aws.is_fake:
        with aws.refused("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
            ec2.describe_images(ImageIds=[image])
        results = answer["DeleteSnapshotResults"]
        assert [(r["SnapshotId"], r["ReturnCode"]) for r in results] == [(snapshot, "success")], results
        with aws.refused("InvalidSnapshot.NotFound"):
            ec2.describe_snapshots(SnapshotIds=[snapshot])
        with aws.refused("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
            ec2.deregister_image(ImageId=image)
    there, image = copy
    there.ec2.deregister_image(ImageId=image)
