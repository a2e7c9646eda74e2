"""The life of instances: launch, tokens, attributes, states, tags, and what goes with them."""

import base64
import time

from aws import soon, tags, untag

PROFILE = "amifactory-builder"
MAPPING = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 12, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}}]


def newest_base(aws):
    filters = [
        {"Name": "name", "Values": ["al2023-ami-2023.*-x86_64"]},
        {"Name": "architecture", "Values": ["x86_64"]},
        {"Name": "state", "Values": ["available"]},
    ]
    found = aws.ec2.describe_images(Owners=["amazon"], Filters=filters)["Images"]
    assert found, "no Amazon Linux 2023"
    return max(found, key=lambda image: image["CreationDate"])


def launch(aws, name, **more):
    arguments = {
        "ImageId": newest_base(aws)["ImageId"],
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags(Name=name, run=aws.run)} for kind in ("instance", "volume")
        ],
        **more,
    }
    return aws.ec2.run_instances(**arguments)["Instances"][0]


def state(aws, instance):
    answer = aws.ec2.describe_instances(InstanceIds=[instance])
    return answer["Reservations"][0]["Instances"][0]["State"]["Name"]


def run(aws):
    ec2 = aws.ec2
    one = life(aws)
    if aws.is_fake:
        tokens(aws)
        dry_runs(aws)
        wrong(aws)
    status_and_pages(aws)
    several(aws)
    spot(aws)
    ec2.terminate_instances(InstanceIds=[one])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[one], WaiterConfig=soon("terminated"))
    what_is_gone(aws, one)


def life(aws):
    ec2 = aws.ec2
    made = launch(
        aws,
        "life",
        BlockDeviceMappings=MAPPING,
        IamInstanceProfile={"Name": PROFILE},
        MetadataOptions={"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        InstanceInitiatedShutdownBehavior="terminate",
        UserData="#!/bin/sh\ntrue\n",
    )
    one = made["InstanceId"]
    assert made["State"]["Name"] == "pending", made["State"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[one], WaiterConfig=soon("running"))

    seen = ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    assert untag(seen["Tags"]) == {"Name": "life", "run": aws.run}
    assert seen["MetadataOptions"]["HttpTokens"] == "required"
    assert seen["IamInstanceProfile"]["Arn"].endswith(f"/{PROFILE}")
    assert seen["RootDeviceName"] == "/dev/xvda"
    assert seen["Architecture"] == "x86_64"
    assert seen["PrivateIpAddress"].count(".") == 3
    assert "KeyName" not in seen
    volume = seen["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    found = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
    assert (found["Size"], found["Encrypted"], found["State"]) == (12, True, "in-use"), found
    assert found["Attachments"][0]["InstanceId"] == one
    assert untag(found["Tags"])["run"] == aws.run
    interface = seen["NetworkInterfaces"][0]["NetworkInterfaceId"]
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]
    assert (found["Status"], found["Attachment"]["InstanceId"]) == ("in-use", one), found

    def attribute(name):
        return ec2.describe_instance_attribute(InstanceId=one, Attribute=name)

    assert attribute("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    assert base64.b64decode(attribute("userData")["UserData"]["Value"]) == b"#!/bin/sh\ntrue\n"
    assert attribute("instanceType")["InstanceType"]["Value"] == "t3.micro"
    ec2.modify_instance_attribute(InstanceId=one, InstanceInitiatedShutdownBehavior={"Value": "stop"})
    # Moto takes this for a change of security groups.
    wanted = "stop" if aws.is_fake else "terminate"
    assert attribute("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == wanted

    ec2.create_tags(Resources=[one, volume], Tags=tags(extra="1", Name="renamed"))
    listed = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [one]}])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in listed} == {"Name": "renamed", "run": aws.run, "extra": "1"}
    assert {tag["ResourceType"] for tag in listed} == {"instance"}
    ec2.delete_tags(Resources=[one], Tags=[{"Key": "extra"}])
    ec2.delete_tags(Resources=[one], Tags=[{"Key": "Name", "Value": "another value, so it stays"}])
    by_tag = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["rena*"]}, {"Name": "tag-key", "Values": ["run"]}])
    ids = [i["InstanceId"] for r in by_tag["Reservations"] for i in r["Instances"]]
    assert one in ids, ids
    by_tag = ec2.describe_instances(Filters=[{"Name": "tag:extra", "Values": ["1"]}])
    assert by_tag["Reservations"] == []

    associations = ec2.describe_iam_instance_profile_associations(Filters=[{"Name": "instance-id", "Values": [one]}])
    found = associations["IamInstanceProfileAssociations"]
    if aws.is_fake:
        assert [a["State"] for a in found] == ["associated"], found

    stopping = ec2.stop_instances(InstanceIds=[one])["StoppingInstances"][0]
    assert stopping["PreviousState"]["Name"] == "running" and stopping["CurrentState"]["Name"] in ("stopping", "stopped")
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[one], WaiterConfig=soon("stopped"))
    stopped = ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    ec2.start_instances(InstanceIds=[one])
    ec2.get_waiter("instance_running").wait(InstanceIds=[one], WaiterConfig=soon("running"))
    ec2.reboot_instances(InstanceIds=[one])
    assert state(aws, one) == "running"
    return one


def tokens(aws):
    """The same token gives the same instance, until it is gone; other parameters are refused."""
    ec2 = aws.ec2
    token = f"token-{aws.run}"
    first = launch(aws, "token", ClientToken=token)["InstanceId"]
    again = launch(aws, "token", ClientToken=token)
    assert again["InstanceId"] == first and again["ClientToken"] == token
    with aws.refused("IdempotentParameterMismatch"):
        launch(aws, "token", ClientToken=token, InstanceType="t3.small")
    with aws.refused("InvalidParameterValue", "InvalidClientToken", "ValidationError"):
        launch(aws, "token", ClientToken="x" * 65)
    found = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])["Reservations"]
    assert len(found) == 1
    ec2.terminate_instances(InstanceIds=[first])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[first], WaiterConfig=soon("terminated"))
    with aws.refused("IdempotentInstanceTerminated"):
        launch(aws, "token", ClientToken=token)


def dry_runs(aws):
    before = len(aws.ec2.describe_instances()["Reservations"])
    with aws.refused("DryRunOperation") as caught:
        launch(aws, "dry", DryRun=True)
    assert caught[0].response["ResponseMetadata"]["HTTPStatusCode"] == 412
    with aws.refused("InvalidAMIID.NotFound"):
        launch(aws, "dry", DryRun=True, ImageId="ami-0123456789abcdef0")
    assert len(aws.ec2.describe_instances()["Reservations"]) == before


def wrong(aws):
    ec2 = aws.ec2
    with aws.refused("InvalidAMIID.NotFound"):
        launch(aws, "wrong", ImageId="ami-0123456789abcdef0")
    with aws.refused("InvalidAMIID.Malformed"):
        launch(aws, "wrong", ImageId="ami-x")
    with aws.refused("InvalidParameterValue"):
        launch(aws, "wrong", InstanceType="t9.enormous")
    with aws.refused("InvalidParameterValue", "InvalidIamInstanceProfile.NotFound"):
        launch(aws, "wrong", IamInstanceProfile={"Name": "nobody"})
    with aws.refused("InvalidSubnetID.NotFound"):
        launch(aws, "wrong", SubnetId="subnet-0123456789abcdef0")
    with aws.refused("InvalidGroup.NotFound"):
        launch(aws, "wrong", SecurityGroupIds=["sg-0123456789abcdef0"])
    with aws.refused("InvalidInstanceID.NotFound"):
        ec2.describe_instances(InstanceIds=["i-0123456789abcdef0"])
    with aws.refused("InvalidInstanceID.Malformed"):
        ec2.describe_instances(InstanceIds=["nonsense"])
    for operation in (ec2.stop_instances, ec2.start_instances, ec2.terminate_instances, ec2.reboot_instances):
        with aws.refused("InvalidInstanceID.NotFound"):
            operation(InstanceIds=["i-0123456789abcdef0"])
    with aws.refused("TagLimitExceeded"):
        specification = [{"ResourceType": "instance", "Tags": tags(**{f"k{n}": "v" for n in range(51)})}]
        launch(aws, "wrong", TagSpecifications=specification)
    with aws.refused("InvalidParameterValue"):
        launch(aws, "wrong", TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "aws:x", "Value": "1"}]}])
    with aws.refused("InvalidParameterValue"):
        launch(aws, "wrong", TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "k", "Value": "v" * 257}]}])


def status_and_pages(aws):
    ec2 = aws.ec2
    made = [launch(aws, "page")["InstanceId"] for _ in range(7)]
    ec2.get_waiter("instance_running").wait(InstanceIds=made, WaiterConfig=soon("running"))
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=made, WaiterConfig=soon("ok"))
    only = [{"Name": "tag:Name", "Values": ["page"]}, {"Name": "tag:run", "Values": [aws.run]}]
    pages, count = aws.pages(ec2, "describe_instances", Filters=only, PaginationConfig={"PageSize": 5})
    ids = [i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]]
    assert sorted(ids) == sorted(made) and count == 2, (count, ids)
    if aws.is_fake:
        pages, count = aws.pages(ec2, "describe_instance_status", IncludeAllInstances=True, PaginationConfig={"PageSize": 5})
        assert count >= 2, count
        pages, count = aws.pages(ec2, "describe_volumes", Filters=only, PaginationConfig={"PageSize": 5})
        assert (count, sum(len(page["Volumes"]) for page in pages)) == (2, 7)
        with aws.refused("InvalidParameterValue", "InvalidParameterCombination"):
            ec2.describe_instances(MaxResults=1)
        with aws.refused("InvalidNextToken", "InvalidParameterValue"):
            ec2.describe_instances(NextToken="nonsense")
        with aws.refused("InvalidParameterCombination"):
            ec2.describe_instances(InstanceIds=made, MaxResults=5)
    gone = ec2.terminate_instances(InstanceIds=made)["TerminatingInstances"]
    assert sorted(change["InstanceId"] for change in gone) == sorted(made)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=made, WaiterConfig=soon("terminated"))


def several(aws):
    """Two in one reservation, and the group they are in."""
    made = launch_two(aws)
    ids = [instance["InstanceId"] for instance in made["Instances"]]
    assert len(ids) == 2 and made["ReservationId"].startswith("r-")
    aws.ec2.terminate_instances(InstanceIds=ids)
    # Terminating what is terminated already is no error.
    aws.ec2.terminate_instances(InstanceIds=ids)


def launch_two(aws):
    return aws.ec2.run_instances(
        ImageId=newest_base(aws)["ImageId"], InstanceType="t3.micro", MinCount=2, MaxCount=2
    )


def spot(aws):
    ec2 = aws.ec2
    market = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}}
    made = launch(aws, "spot", InstanceMarketOptions=market)
    assert made["InstanceLifecycle"] == "spot"
    if aws.is_fake:
        request = made["SpotInstanceRequestId"]
        found = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[request])["SpotInstanceRequests"][0]
        assert (found["InstanceId"], found["State"], found["Type"]) == (made["InstanceId"], "active", "one-time"), found
        cancelled = ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request])["CancelledSpotInstanceRequests"]
        assert cancelled[0]["SpotInstanceRequestId"] == request
        assert state(aws, made["InstanceId"]) in ("pending", "running"), "cancelling a request leaves the instance"
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])


def what_is_gone(aws, one):
    """A terminated instance is still described for a while; its volume and interface are gone."""
    ec2 = aws.ec2
    seen = ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    assert seen["State"]["Name"] == "terminated" and seen["State"]["Code"] == 48
    only = [{"Name": "tag:run", "Values": [aws.run]}, {"Name": "tag:Name", "Values": ["life", "renamed"]}]
    for _ in range(60):
        left = ec2.describe_volumes(Filters=only)["Volumes"]
        if not left:
            break
        time.sleep(1)
    assert left == [], left
    if aws.is_fake:
        with aws.refused("IncorrectInstanceState"):
            ec2.stop_instances(InstanceIds=[one])
        with aws.refused("IncorrectInstanceState"):
            ec2.start_instances(InstanceIds=[one])
