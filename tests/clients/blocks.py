"""EBS direct: a snapshot that is written and read block by block."""

import base64
import hashlib

from aws import tags, untag

BLOCK = 512 * 1024


def checksum(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def put(aws, snapshot, index, data, **more):
    arguments = {
        "SnapshotId": snapshot,
        "BlockIndex": index,
        "BlockData": data,
        "DataLength": len(data),
        "Checksum": checksum(data),
        "ChecksumAlgorithm": "SHA256",
        **more,
    }
    return aws.ebs.put_snapshot_block(**arguments)


def run(aws):
    ebs, ec2 = aws.ebs, aws.ec2
    token = f"start-{aws.run}"
    arguments = {"VolumeSize": 1, "Description": "evidence", "Tags": tags(record=aws.run), "ClientToken": token, "Timeout": 60}
    started = ebs.start_snapshot(**arguments)
    snapshot = started["SnapshotId"]
    assert (started["Status"], started["VolumeSize"]) == ("pending", 1), started
    assert untag(started["Tags"]) == {"record": aws.run}
    if aws.is_fake:
        assert started["BlockSize"] == BLOCK
        assert ebs.start_snapshot(**arguments)["SnapshotId"] == snapshot
        with aws.refused("ConflictException"):
            ebs.start_snapshot(**{**arguments, "Description": "other"})
    blocks = [bytes([n]) * BLOCK for n in range(3)]
    for index, data in enumerate(blocks):
        answer = put(aws, snapshot, index, data)
        assert answer["Checksum"] == checksum(data)
    if aws.is_fake:
        with aws.refused("ValidationException"):
            put(aws, snapshot, 3, blocks[0], Checksum=checksum(b"other"))
        with aws.refused("ValidationException"):
            put(aws, snapshot, 3, b"short")
        with aws.refused("ValidationException"):
            put(aws, snapshot, 2048, blocks[0])
        with aws.refused("ResourceNotFoundException"):
            put(aws, "snap-0123456789abcdef0", 0, blocks[0])
        # A snapshot that is not complete can't be read.
        with aws.refused("ValidationException", "ResourceNotFoundException", "ConflictException"):
            ebs.list_snapshot_blocks(SnapshotId=snapshot)
        with aws.refused("ValidationException"):
            ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=2)
    linear = checksum(b"".join(hashlib.sha256(data).digest() for data in blocks))
    ebs.complete_snapshot(
        SnapshotId=snapshot,
        ChangedBlocksCount=3,
        Checksum=linear,
        ChecksumAlgorithm="SHA256",
        ChecksumAggregationMethod="LINEAR",
    )
    seen = ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "tag:record", "Values": [aws.run]}])["Snapshots"]
    assert [s["SnapshotId"] for s in seen] == [snapshot]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    if aws.is_fake:
        with aws.refused("ConflictException", "ValidationException"):
            put(aws, snapshot, 3, blocks[0])
    listed = ebs.list_snapshot_blocks(SnapshotId=snapshot)
    assert [block["BlockIndex"] for block in listed["Blocks"]] == [0, 1, 2]
    for block in listed["Blocks"]:
        got = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"])
        data = got["BlockData"].read()
        assert data == blocks[block["BlockIndex"]]
        assert got["Checksum"] == checksum(data) and int(got["DataLength"]) == len(data)
    if aws.is_fake:
        first = ebs.list_snapshot_blocks(SnapshotId=snapshot, StartingBlockIndex=2)["Blocks"]
        assert [block["BlockIndex"] for block in first] == [2]
        with aws.refused("ValidationException"):
            ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=0, BlockToken="bm90LWEtdG9rZW4=")
    ec2.delete_snapshot(SnapshotId=snapshot)
    if aws.is_fake:
        with aws.refused("ResourceNotFoundException"):
            ebs.list_snapshot_blocks(SnapshotId=snapshot)
