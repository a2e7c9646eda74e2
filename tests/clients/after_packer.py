#!/usr/bin/env python3
"""What Packer has made and what it has left: after_packer.py ENDPOINT IMAGE_NAME."""

import sys

from aws import Aws, untag

aws = Aws(sys.argv[1], "fake")
ec2 = aws.ec2
found = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [sys.argv[2]]}])["Images"]
assert len(found) == 1, found
image = found[0]
assert (image["State"], image["Description"]) == ("available", "made by Packer"), image
base = untag(image["Tags"])["base"]
assert untag(image["Tags"]) == {"made-by": "packer", "base": base} and base.startswith("ami-"), image["Tags"]
snapshots = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
assert [s["SnapshotId"] for s in snapshots] == [image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]], snapshots
assert untag(snapshots[0]["Tags"])["made-by"] == "packer", snapshots[0]["Tags"]

left = [i["State"]["Name"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
assert left == ["terminated"], left
assert ec2.describe_volumes()["Volumes"] == []
assert ec2.describe_key_pairs()["KeyPairs"] == []
assert {group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]} == {"default"}
print(f"{image['ImageId']} is available, and nothing else is left")
