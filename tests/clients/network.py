"""What instances are placed in: regions, zones, types, networks, groups, keys."""

from aws import tags
from instances import launch


def run(aws):
    places(aws)
    types(aws)
    network(aws)
    groups(aws)
    keys(aws)
    if aws.is_fake:
        interfaces(aws)


def places(aws):
    ec2 = aws.ec2
    regions = {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert {"us-east-1", "us-west-2"} <= regions, regions
    one = ec2.describe_regions(RegionNames=["us-west-2"])["Regions"]
    assert [region["RegionName"] for region in one] == ["us-west-2"]
    zones = ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])["AvailabilityZones"]
    assert len(zones) >= 2 and all(zone["RegionName"] == aws.region for zone in zones)
    attributes = ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
    names = [a["AttributeName"] for a in attributes]
    # Moto gives them all, whatever is asked for.
    assert names == ["default-vpc"] if aws.is_fake else "default-vpc" in names, names


def types(aws):
    ec2 = aws.ec2
    found = ec2.describe_instance_types(InstanceTypes=["t3.micro", "m7g.large"])["InstanceTypes"]
    by_name = {kind["InstanceType"]: kind for kind in found}
    assert by_name["t3.micro"]["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"]
    assert by_name["m7g.large"]["ProcessorInfo"]["SupportedArchitectures"] == ["arm64"]
    assert by_name["m7g.large"]["VCpuInfo"]["DefaultVCpus"] == 2
    only = [{"Name": "instance-type", "Values": ["t3.micro"]}]
    offered = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=only)["InstanceTypeOfferings"]
    assert offered and {offer["LocationType"] for offer in offered} == {"availability-zone"}
    assert all(offer["Location"].startswith(aws.region) for offer in offered)
    if aws.is_fake:
        with aws.refused("InvalidInstanceType"):
            ec2.describe_instance_types(InstanceTypes=["t9.enormous"])


def network(aws):
    ec2 = aws.ec2
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]
    assert vpc["IsDefault"] and vpc["State"] == "available"
    inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    subnets = ec2.describe_subnets(Filters=inside + [{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert len(subnets) >= 2 and len({subnet["AvailabilityZone"] for subnet in subnets}) == len(subnets)
    assert all(subnet["AvailableIpAddressCount"] > 0 for subnet in subnets)
    tables = ec2.describe_route_tables(Filters=inside)["RouteTables"]
    assert any(a["Main"] for table in tables for a in table["Associations"])
    assert ec2.describe_vpc_endpoints(Filters=inside)["VpcEndpoints"] == []
    placed = launch(aws, "placed", SubnetId=subnets[1]["SubnetId"])
    assert placed["SubnetId"] == subnets[1]["SubnetId"]
    assert placed["Placement"]["AvailabilityZone"] == subnets[1]["AvailabilityZone"]
    ec2.terminate_instances(InstanceIds=[placed["InstanceId"]])


def groups(aws):
    ec2 = aws.ec2
    name = f"packer-{aws.run}"
    made = ec2.create_security_group(GroupName=name, Description="for a test")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[rule])
    with aws.refused("InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[rule])
    seen = ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"][0]
    assert (seen["GroupName"], seen["Description"]) == (name, "for a test")
    assert [(p["FromPort"], p["IpRanges"][0]["CidrIp"]) for p in seen["IpPermissions"]] == [(22, "10.0.0.0/8")]
    with aws.refused("InvalidGroup.Duplicate"):
        ec2.create_security_group(GroupName=name, Description="again")
    inside = launch(aws, "grouped", SecurityGroupIds=[made])
    assert [group["GroupId"] for group in inside["SecurityGroups"]] == [made]
    if aws.is_fake:
        with aws.refused("DependencyViolation"):
            ec2.delete_security_group(GroupId=made)
    ec2.terminate_instances(InstanceIds=[inside["InstanceId"]])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[inside["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    ec2.delete_security_group(GroupId=made)
    with aws.refused("InvalidGroup.NotFound"):
        ec2.describe_security_groups(GroupIds=[made])


def keys(aws):
    ec2 = aws.ec2
    name = f"key-{aws.run}"
    made = ec2.create_key_pair(KeyName=name)
    # The fake's is no key: nobody logs in there.
    assert made["KeyMaterial"]
    with aws.refused("InvalidKeyPair.Duplicate"):
        ec2.create_key_pair(KeyName=name)
    seen = ec2.describe_key_pairs(KeyNames=[name])["KeyPairs"][0]
    assert (seen["KeyPairId"], seen["KeyFingerprint"]) == (made["KeyPairId"], made["KeyFingerprint"])
    ec2.delete_key_pair(KeyName=name)
    ec2.delete_key_pair(KeyName=name)
    with aws.refused("InvalidKeyPair.NotFound"):
        ec2.describe_key_pairs(KeyNames=[name])
    if aws.is_fake:
        with aws.refused("InvalidKeyPair.NotFound"):
            launch(aws, "keyless", KeyName=name)


def interfaces(aws):
    """An interface that outlives its instance is left, and can be deleted."""
    ec2 = aws.ec2
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    specification = [{"ResourceType": "network-interface", "Tags": tags(run=aws.run, left="yes")}]
    made = launch(
        aws,
        "interface",
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "DeleteOnTermination": False}],
        TagSpecifications=specification,
    )
    interface = made["NetworkInterfaces"][0]["NetworkInterfaceId"]
    with aws.refused("InvalidParameterValue", "InvalidNetworkInterface.InUse", "OperationNotPermitted"):
        ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    ec2.get_waiter("network_interface_available").wait(
        NetworkInterfaceIds=[interface], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    only = [{"Name": "tag:left", "Values": ["yes"]}, {"Name": "status", "Values": ["available"]}]
    found = ec2.describe_network_interfaces(Filters=only)["NetworkInterfaces"]
    assert interface in [i["NetworkInterfaceId"] for i in found]
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    with aws.refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.delete_network_interface(NetworkInterfaceId=interface)
