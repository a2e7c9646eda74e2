"""S3: buckets, and what is in them for a moment."""

import datetime


def run(aws):
    s3 = aws.s3
    bucket = f"documents-{aws.run}"
    s3.create_bucket(Bucket=bucket)
    # In this region it has always been no error.
    s3.create_bucket(Bucket=bucket)
    with aws.refused("InvalidBucketName"):
        s3.create_bucket(Bucket="x")
    keys = [f"amifactory/components/{number}.yaml" for number in (1, 2, 3)]
    body = "name: ü <&>\n".encode()
    for key in keys:
        assert s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/yaml")["ETag"]
    s3.put_object(Bucket=bucket, Key="another/key with a space+", Body=b"")
    assert s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read() == body
    with aws.refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="amifactory/none")

    whole = s3.list_objects_v2(Bucket=bucket)
    assert [one["Key"] for one in whole["Contents"]] == [*keys, "another/key with a space+"]
    first = whole["Contents"][0]
    assert first["Size"] == len(body) and first["StorageClass"] == "STANDARD"
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs(now - first["LastModified"]) < datetime.timedelta(days=2), first
    pages, count = aws.pages(
        s3, "list_objects_v2", Bucket=bucket, Prefix="amifactory/components/", PaginationConfig={"PageSize": 2}
    )
    assert count == 2 and [one["Key"] for page in pages for one in page["Contents"]] == keys
    assert s3.list_objects_v2(Bucket=bucket, Prefix="none/")["KeyCount"] == 0

    with aws.refused("NoSuchBucket"):
        s3.list_objects_v2(Bucket=f"{bucket}-else")
    with aws.refused("NoSuchBucket"):
        s3.put_object(Bucket=f"{bucket}-else", Key="a", Body=b"")
    if aws.is_fake:
        for call in (
            lambda: s3.put_object(Bucket=bucket, Key="a", Body=b"", ExpectedBucketOwner="999999999999"),
            lambda: s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="999999999999"),
            lambda: s3.delete_object(Bucket=bucket, Key=keys[0], ExpectedBucketOwner="999999999999"),
        ):
            with aws.refused("AccessDenied"):
                call()
        with aws.refused("BadDigest"):
            s3.put_object(Bucket=bucket, Key="a", Body=b"a", ChecksumCRC32="AAAAAA==")
        _components(aws, bucket)
    with aws.refused("BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)
    for key in (*keys, "another/key with a space+"):
        s3.delete_object(Bucket=bucket, Key=key)
    # What is gone is gone.
    s3.delete_object(Bucket=bucket, Key=keys[0])
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)
    with aws.refused("NoSuchBucket"):
        s3.delete_bucket(Bucket=bucket)


def _components(aws, bucket):
    """Image Builder reads a document of 64 KB at most from there, in the caller's name."""
    builder, key = aws.imagebuilder, "amifactory/components/large.yaml"
    head = (
        "name: large\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: one\n"
        "        action: ExecuteBash\n        inputs:\n          commands:\n            - 'true'\n#"
    )
    create = {
        "name": f"large-{aws.run}",
        "semanticVersion": "1.0.0",
        "platform": "Linux",
        "uri": f"s3://{bucket}/{key}",
    }
    with aws.refused("InvalidParameterValueException"):
        builder.create_component(**create)
    aws.s3.put_object(Bucket=bucket, Key=key, Body=(head + "x" * (64_001 - len(head))).encode())
    with aws.refused("InvalidParameterValueException"):
        builder.create_component(**create)
    document = head + "x" * (64_000 - len(head))
    aws.s3.put_object(Bucket=bucket, Key=key, Body=document.encode())
    with aws.refused("InvalidParameterCombinationException"):
        builder.create_component(**create, data="name: small")
    made = builder.create_component(**create)["componentBuildVersionArn"]
    aws.s3.delete_object(Bucket=bucket, Key=key)
    # It has what it has read.
    assert builder.get_component(componentBuildVersionArn=made)["component"]["data"] == document
    builder.delete_component(componentBuildVersionArn=made)
