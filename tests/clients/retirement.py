"""What takes images out of use and brings them back, and what may use them."""

import datetime

from aws import soon
from instances import launch


def run(aws):
    image = made(aws)
    deprecated(aws, image)
    disabled(aws, image)
    protected(aws, image)
    referred(aws, image)
    aws.ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    users(aws)
    elsewhere(aws)


def made(aws):
    builder = launch(aws, "builder")["InstanceId"]
    aws.ec2.get_waiter("instance_running").wait(InstanceIds=[builder], WaiterConfig=soon("running"))
    image = aws.ec2.create_image(InstanceId=builder, Name=f"retired-{aws.run}")["ImageId"]
    aws.ec2.get_waiter("image_exists").wait(ImageIds=[image], WaiterConfig=soon("exists"))
    aws.ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=soon("available"))
    aws.ec2.terminate_instances(InstanceIds=[builder])
    return image


def seen(aws, image):
    found = aws.ec2.describe_images(ImageIds=[image], IncludeDisabled=True, IncludeDeprecated=True)["Images"]
    return found[0]


def deprecated(aws, image):
    ec2 = aws.ec2
    now = datetime.datetime.now(datetime.timezone.utc)
    with aws.refused("InvalidParameterValue"):
        ec2.enable_image_deprecation(ImageId=image, DeprecateAt=now - datetime.timedelta(days=1))
    ec2.enable_image_deprecation(ImageId=image, DeprecateAt=now + datetime.timedelta(days=1))
    assert "DeprecationTime" in seen(aws, image)
    ec2.disable_image_deprecation(ImageId=image)
    assert "DeprecationTime" not in seen(aws, image)


def disabled(aws, image):
    ec2 = aws.ec2
    snapshot = seen(aws, image)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]

    def readers():
        answer = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
        return [permission["UserId"] for permission in answer["CreateVolumePermissions"]]

    ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission={"Add": [{"UserId": "210987654321"}]})
    assert readers() == ["210987654321"]
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    ec2.disable_image(ImageId=image)
    assert seen(aws, image)["State"] == "disabled"
    # It takes the launch permissions, and gives none back.
    ec2.enable_image(ImageId=image)
    assert seen(aws, image)["State"] == "available"
    shared = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")["LaunchPermissions"]
    assert (shared, readers()) == ([], ["210987654321"])


def protected(aws, image):
    ec2 = aws.ec2
    ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=False)
    with aws.refused("OperationNotPermitted"):
        ec2.deregister_image(ImageId=image)
    ec2.disable_image_deregistration_protection(ImageId=image)


def referred(aws, image):
    ec2 = aws.ec2
    assert ec2.describe_image_references(ImageIds=[image], IncludeAllResourceTypes=True)["ImageReferences"] == []
    with aws.refused("InvalidAMIID.NotFound"):
        ec2.describe_image_references(ImageIds=["ami-0000000000000dead"], IncludeAllResourceTypes=True)
    with aws.refused("MissingParameter"):
        ec2.describe_image_references(ImageIds=[image])


def users(aws):
    ec2 = aws.ec2
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
    assert ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"] == []
    assert ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"] == []
    assert ec2.describe_fleets()["Fleets"] == []
    assert ec2.describe_fast_launch_images()["FastLaunchImages"] == []
    assert ec2.describe_locked_snapshots()["Snapshots"] == []
    assert ec2.describe_fast_snapshot_restores()["FastSnapshotRestores"] == []


def elsewhere(aws):
    assert aws.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert aws.autoscaling.describe_launch_configurations()["LaunchConfigurations"] == []
    with aws.refused("ValidationError"):
        aws.autoscaling.describe_warm_pool(AutoScalingGroupName="nobody")
    with aws.refused("ValidationError"):
        aws.autoscaling.describe_instance_refreshes(AutoScalingGroupName="nobody")
    key = aws.kms.describe_key(KeyId="alias/images")["KeyMetadata"]
    assert key["Enabled"] and key["KeyManager"] == "CUSTOMER" and f":{aws.region}:" in key["Arn"]
    assert aws.kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["KeyManager"] == "AWS"
