"""Versions of launch templates, Auto Scaling groups, and the refreshes that bring one to the other."""

import time

from aws import soon
from instances import launch


def run(aws):
    images = made(aws)
    template = versions(aws, images)
    name = group(aws, template)
    refused(aws, name, template)
    succeeds(aws, name, template)
    goes_back(aws, name, template)
    is_cancelled(aws, name, template)
    mixed(aws, template)


def made(aws):
    builder = launch(aws, "rolled")["InstanceId"]
    aws.ec2.get_waiter("instance_running").wait(InstanceIds=[builder], WaiterConfig=soon("running"))
    names = [f"rolled-{aws.run}-{number}" for number in range(2)]
    images = [aws.ec2.create_image(InstanceId=builder, Name=name)["ImageId"] for name in names]
    aws.ec2.get_waiter("image_exists").wait(ImageIds=images, WaiterConfig=soon("exists"))
    aws.ec2.get_waiter("image_available").wait(ImageIds=images, WaiterConfig=soon("available"))
    aws.ec2.terminate_instances(InstanceIds=[builder])
    return images


def versions(aws, images):
    ec2, name = aws.ec2, f"web-{aws.run}"
    data = {
        "ImageId": images[0],
        "InstanceType": "m7i.large",
        "UserData": "IyEvYmluL3NoCg==",
        "IamInstanceProfile": {"Name": "web"},
        "MetadataOptions": {"HttpTokens": "required"},
        "SecurityGroupIds": ["sg-1", "sg-2"],
    }
    template = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)["LaunchTemplate"]
    assert template["LatestVersionNumber"] == 1 and template["LaunchTemplateName"] == name
    with aws.refused("InvalidLaunchTemplateName.AlreadyExistsException"):
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    asked = {
        "LaunchTemplateId": template["LaunchTemplateId"],
        "SourceVersion": "1",
        "LaunchTemplateData": {"ImageId": images[1]},
        "VersionDescription": "the second",
        "ClientToken": f"token-{aws.run}",
    }
    one = ec2.create_launch_template_version(**asked)["LaunchTemplateVersion"]
    again = ec2.create_launch_template_version(**asked)["LaunchTemplateVersion"]
    assert one["VersionNumber"] == again["VersionNumber"] == 2 and one["VersionDescription"] == "the second"
    # The rest is the source's, and the default stays.
    assert one["LaunchTemplateData"] == {**data, "ImageId": images[1]}
    larger = {**asked, "LaunchTemplateData": {"InstanceType": "m7i.xlarge"}, "ClientToken": f"larger-{aws.run}"}
    ec2.create_launch_template_version(**larger)
    every = ec2.describe_launch_template_versions(LaunchTemplateId=template["LaunchTemplateId"])
    by_number = {of["VersionNumber"]: of["LaunchTemplateData"] for of in every["LaunchTemplateVersions"]}
    assert by_number == {1: data, 2: {**data, "ImageId": images[1]}, 3: {**data, "InstanceType": "m7i.xlarge"}}
    assert not one["DefaultVersion"] and one["CreatedBy"].startswith("arn:aws:")
    with aws.refused("IdempotentParameterMismatch"):
        ec2.create_launch_template_version(**{**asked, "VersionDescription": "another"})
    with aws.refused("InvalidLaunchTemplateId.VersionNotFound"):
        ec2.create_launch_template_version(**{**asked, "SourceVersion": "9", "ClientToken": "other"})
    chosen = {"LaunchTemplateId": template["LaunchTemplateId"]}
    changed = ec2.modify_launch_template(**chosen, DefaultVersion="2")["LaunchTemplate"]
    assert (changed["DefaultVersionNumber"], changed["LatestVersionNumber"]) == (2, 3)
    assert ec2.describe_launch_template_versions(**chosen, Versions=["$Default"])["LaunchTemplateVersions"][0]["VersionNumber"] == 2
    with aws.refused("InvalidLaunchTemplateId.VersionNotFound"):
        ec2.modify_launch_template(**chosen, DefaultVersion="4")
    ec2.modify_launch_template(**chosen, DefaultVersion="1")
    return template["LaunchTemplateId"]


def group(aws, template):
    name = f"web-{aws.run}"
    source = {"LaunchTemplateId": template, "Version": "1"}
    asked = {"AutoScalingGroupName": name, "MinSize": 1, "MaxSize": 4, "DesiredCapacity": 3}
    aws.autoscaling.create_auto_scaling_group(**asked, LaunchTemplate=source, AvailabilityZones=["us-east-1a"])
    with aws.refused("AlreadyExists"):
        aws.autoscaling.create_auto_scaling_group(**asked, LaunchTemplate=source, AvailabilityZones=["us-east-1a"])
    assert len(seen(aws, name)["Instances"]) == 3
    # Answers name the template by its id and its name, whichever it was given by.
    by_name = {"LaunchTemplateName": name, "Version": "1"}
    asked["AutoScalingGroupName"] = f"named-{aws.run}"
    aws.autoscaling.create_auto_scaling_group(**asked, LaunchTemplate=by_name, AvailabilityZones=["us-east-1a"])
    for one in [name, asked["AutoScalingGroupName"]]:
        assert seen(aws, one)["LaunchTemplate"] == {**source, "LaunchTemplateName": name}
    return name


def seen(aws, name):
    return aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]


def to(template, version):
    return {"LaunchTemplate": {"LaunchTemplateId": template, "Version": version}}


def start(aws, name, desired, **preferences):
    preferences = {"SkipMatching": True, "AutoRollback": True, **preferences}
    answer = aws.autoscaling.start_instance_refresh(
        AutoScalingGroupName=name, DesiredConfiguration=desired, Preferences=preferences
    )
    return answer["InstanceRefreshId"]


def refused(aws, name, template):
    scaling = aws.autoscaling
    for end in (scaling.cancel_instance_refresh, scaling.rollback_instance_refresh):
        with aws.refused("ActiveInstanceRefreshNotFound"):
            end(AutoScalingGroupName=name)
    with aws.refused("ValidationError"):
        scaling.describe_instance_refreshes(AutoScalingGroupName="nobody")
    for desired, preferences in [
        (to(template, "$Latest"), {}),
        (to(template, "17"), {}),
        (to(template, "2"), {"MinHealthyPercentage": 50, "MaxHealthyPercentage": 200}),
        (to(template, "2"), {"CheckpointPercentages": [50, 20]}),
    ]:
        with aws.refused("ValidationError"):
            start(aws, name, desired, **preferences)


def ended(aws, name, refresh):
    for _ in range(600):
        found = aws.autoscaling.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"]
        found = [one for one in found if one["InstanceRefreshId"] == refresh and "EndTime" in one]
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"{refresh} has no end")


def succeeds(aws, name, template):
    refresh = start(aws, name, to(template, "2"), CheckpointPercentages=[50, 100], CheckpointDelay=2, BakeTime=2)
    with aws.refused("InstanceRefreshInProgress"):
        start(aws, name, to(template, "2"))
    found = ended(aws, name, refresh)
    assert (found["Status"], found["PercentageComplete"], found["InstancesToUpdate"]) == ("Successful", 100, 0)
    assert found["Preferences"]["CheckpointPercentages"] == [50, 100]
    group = seen(aws, name)
    assert group["LaunchTemplate"]["Version"] == "2"
    assert {one["LaunchTemplate"]["Version"] for one in group["Instances"]} == {"2"} and len(group["Instances"]) == 3


def goes_back(aws, name, template):
    refresh = start(aws, name, to(template, "1"), BakeTime=3600)
    assert aws.autoscaling.rollback_instance_refresh(AutoScalingGroupName=name)["InstanceRefreshId"] == refresh
    found = ended(aws, name, refresh)
    assert found["Status"] == "RollbackSuccessful" and found["RollbackDetails"]["RollbackReason"]
    assert seen(aws, name)["LaunchTemplate"]["Version"] == "2"


def is_cancelled(aws, name, template):
    refresh = start(aws, name, to(template, "1"), AutoRollback=False, BakeTime=3600)
    assert aws.autoscaling.cancel_instance_refresh(AutoScalingGroupName=name)["InstanceRefreshId"] == refresh
    assert ended(aws, name, refresh)["Status"] == "Cancelled"
    # It goes to what the group launches from anyway: there is no way back from that.
    aws.autoscaling.start_instance_refresh(AutoScalingGroupName=name, Preferences={"BakeTime": 3600})
    with aws.refused("IrreversibleInstanceRefresh"):
        aws.autoscaling.rollback_instance_refresh(AutoScalingGroupName=name)
    aws.autoscaling.cancel_instance_refresh(AutoScalingGroupName=name)


def mixed(aws, template):
    name = f"mixed-{aws.run}"

    def policy(version):
        specification = {"LaunchTemplateId": template, "Version": version}
        overrides = [{"InstanceType": "m7i.large"}, {"InstanceType": "m6i.large"}]
        launch_template = {"LaunchTemplateSpecification": specification, "Overrides": overrides}
        return {"LaunchTemplate": launch_template, "InstancesDistribution": {"OnDemandBaseCapacity": 1}}

    asked = {"AutoScalingGroupName": name, "MinSize": 1, "MaxSize": 2, "AvailabilityZones": ["us-east-1a"]}
    aws.autoscaling.create_auto_scaling_group(**asked, MixedInstancesPolicy=policy("1"))
    refresh = start(aws, name, {"MixedInstancesPolicy": policy("2")})
    assert ended(aws, name, refresh)["Status"] == "Successful"
    now = policy("2")
    now["LaunchTemplate"]["LaunchTemplateSpecification"]["LaunchTemplateName"] = f"web-{aws.run}"
    assert seen(aws, name)["MixedInstancesPolicy"] == now
