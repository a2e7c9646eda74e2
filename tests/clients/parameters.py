"""Parameter Store: create once, overwrite, history, labels, paths, tags, limits, and images that are checked later."""

import time

from aws import soon, tags, untag
from instances import launch, newest_base

NOBODY = "ami-0123456789abcdef0"


def run(aws):
    written_once(aws)
    history_and_labels(aws)
    paths(aws)
    of_aws(aws)
    tagged(aws)
    if aws.is_fake:
        images(aws)
        refused(aws)


def written_once(aws):
    ssm, name = aws.ssm, f"/{aws.run}/once"
    assert ssm.put_parameter(Name=name, Value="1", Type="String")["Version"] == 1
    with aws.refused("ParameterAlreadyExists"):
        ssm.put_parameter(Name=name, Value="2", Type="String")
    assert ssm.put_parameter(Name=name, Value="2", Type="String", Overwrite=True)["Version"] == 2
    seen = ssm.get_parameter(Name=name)["Parameter"]
    assert (seen["Name"], seen["Value"], seen["Version"], seen["Type"]) == (name, "2", 2, "String")
    assert seen["DataType"] == "text" and seen["ARN"].endswith(f":parameter{name}")
    assert ssm.get_parameter(Name=f"{name}:1")["Parameter"]["Value"] == "1"
    several = ssm.get_parameters(Names=[name, "/nothing/here"])
    assert [p["Value"] for p in several["Parameters"]] == ["2"] and several["InvalidParameters"] == ["/nothing/here"]
    with aws.refused("ParameterNotFound"):
        ssm.get_parameter(Name="/nothing/here")
    with aws.refused("ValidationException"):
        ssm.put_parameter(Name=name, Value="3", Type="String", Overwrite=True, Tags=tags(a="b"))
    secret = f"/{aws.run}/secret"
    ssm.put_parameter(Name=secret, Value="open sesame", Type="SecureString")
    assert ssm.get_parameter(Name=secret)["Parameter"]["Value"] != "open sesame"
    assert ssm.get_parameter(Name=secret, WithDecryption=True)["Parameter"]["Value"] == "open sesame"
    ssm.delete_parameter(Name=secret)
    with aws.refused("ParameterNotFound"):
        ssm.delete_parameter(Name=secret)


def history_and_labels(aws):
    ssm, name = aws.ssm, f"/{aws.run}/history"
    for value in range(1, 13):
        assert ssm.put_parameter(Name=name, Value=str(value), Type="String", Overwrite=True)["Version"] == value
    pages, count = aws.pages(ssm, "get_parameter_history", Name=name, PaginationConfig={"PageSize": 5})
    assert [p["Value"] for page in pages for p in page["Parameters"]] == [str(value) for value in range(1, 13)]
    assert count == 3, count
    ssm.label_parameter_version(Name=name, ParameterVersion=3, Labels=["prod", "stable"])
    assert ssm.get_parameter(Name=f"{name}:prod")["Parameter"]["Value"] == "3"
    ssm.label_parameter_version(Name=name, ParameterVersion=4, Labels=["prod"])
    assert ssm.get_parameter(Name=f"{name}:prod")["Parameter"]["Value"] == "4"
    refused = ssm.label_parameter_version(Name=name, ParameterVersion=4, Labels=["aws-no", "1st"])
    assert sorted(refused["InvalidLabels"]) == ["1st", "aws-no"], refused
    labelled = {
        p["Version"]: p["Labels"]
        for p in ssm.get_parameter_history(Name=name)["Parameters"]
        if p.get("Labels")
    }
    assert labelled == {3: ["stable"], 4: ["prod"]}, labelled
    if aws.is_fake:
        removed = ssm.unlabel_parameter_version(Name=name, ParameterVersion=4, Labels=["prod", "never"])
        assert (removed["RemovedLabels"], removed["InvalidLabels"]) == (["prod"], ["never"]), removed
        with aws.refused("ParameterVersionNotFound"):
            ssm.get_parameter(Name=f"{name}:prod")
    with aws.refused("ParameterVersionNotFound"):
        ssm.get_parameter(Name=f"{name}:99")


def paths(aws):
    ssm, root = aws.ssm, f"/{aws.run}/paths"
    names = [f"{root}/channels/{name}" for name in ("dev", "staging", "prod")]
    names += [f"{root}/versions/1.0.{patch}" for patch in range(12)] + [f"{root}/top"]
    for name in names:
        ssm.put_parameter(Name=name, Value=NOBODY, Type="String")

    def under(path, **more):
        pages, count = aws.pages(ssm, "get_parameters_by_path", Path=path, **more)
        return sorted(p["Name"] for page in pages for p in page["Parameters"]), count

    assert under(root, Recursive=True)[0] == sorted(names)
    found, count = under(root, Recursive=True, PaginationConfig={"PageSize": 10})
    assert (found, count) == (sorted(names), 2)
    assert under(root)[0] == [f"{root}/top"]
    assert under(f"{root}/channels")[0] == sorted(names[:3])
    assert under(f"{root}/chan", Recursive=True)[0] == []
    with aws.refused("ValidationException"):
        ssm.get_parameters_by_path(Path=root, MaxResults=11)
    with aws.refused("ValidationException"):
        ssm.get_parameters(Names=names[:11])
    filters = [{"Key": "Name", "Option": "BeginsWith", "Values": [f"{root}/versions/"]}]
    pages, count = aws.pages(ssm, "describe_parameters", ParameterFilters=filters, PaginationConfig={"PageSize": 5})
    described = [p for page in pages for p in page["Parameters"]]
    # Moto's pages always hold 10.
    assert (len(described), count) == (12, 3 if aws.is_fake else 2), (len(described), count)
    assert all("Value" not in p and p["Version"] == 1 and p["Tier"] == "Standard" for p in described)
    deleted = ssm.delete_parameters(Names=names[:9] + ["/nothing/here"])
    assert sorted(deleted["DeletedParameters"]) == sorted(names[:9]), deleted
    assert deleted["InvalidParameters"] == ["/nothing/here"]


def of_aws(aws):
    """AWS's own parameters name the newest Amazon Linux."""
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    seen = aws.ssm.get_parameter(Name=name)["Parameter"]
    assert aws.ec2.describe_images(ImageIds=[seen["Value"]])["Images"][0]["Architecture"] == "x86_64"
    if aws.is_fake:
        assert seen["DataType"] == "aws:ec2:image" and seen["Value"] == newest_base(aws)["ImageId"]
        with aws.refused("AccessDeniedException", "ValidationException"):
            aws.ssm.put_parameter(Name="/aws/mine", Value="1", Type="String")


def tagged(aws):
    ssm, name = aws.ssm, f"/{aws.run}/tagged"
    ssm.put_parameter(Name=name, Value="1", Type="String", Tags=tags(a="1", b="2"))

    def seen():
        return untag(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"])

    assert seen() == {"a": "1", "b": "2"}
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tags(b="3", c="4"))
    assert seen() == {"a": "1", "b": "3", "c": "4"}
    ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=["a", "zzz"])
    assert seen() == {"b": "3", "c": "4"}


def images(aws):
    """200 is not yet a write: an image that is not there makes it vanish."""
    ssm, ec2 = aws.ssm, aws.ec2
    builder = launch(aws, "pointed-at")["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[builder], WaiterConfig=soon("running"))
    image = ec2.create_image(InstanceId=builder, Name=f"pointed-at-{aws.run}", NoReboot=True)["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=soon("available"))
    name = f"/{aws.run}/image"
    arguments = {"Name": name, "Type": "String", "DataType": "aws:ec2:image", "Overwrite": True}

    def value(wanted):
        for _ in range(60):
            found = ssm.get_parameters(Names=[name])["Parameters"]
            if [p["Value"] for p in found] == wanted:
                return
            time.sleep(0.5)
        raise AssertionError(f"{name} is {found}, expected {wanted}")

    ssm.put_parameter(Value=NOBODY, **arguments)
    time.sleep(5)
    value([])
    ssm.put_parameter(Value=image, **arguments)
    value([image])
    ssm.put_parameter(Value=NOBODY, **arguments)
    time.sleep(5)
    value([image])
    ssm.put_parameter(Value="not an image", **arguments)
    time.sleep(5)
    value([image])
    with aws.refused("ValidationException", "HierarchyTypeMismatchException"):
        ssm.put_parameter(Name=name, Type="String", Value="x", DataType="text", Overwrite=True)
    ssm.delete_parameter(Name=name)
    ec2.terminate_instances(InstanceIds=[builder])
    ec2.deregister_image(ImageId=image)


def refused(aws):
    ssm = aws.ssm
    for name in (f"/{aws.run}/with space", f"/{aws.run}//double", "a/b/no/slash/first"):
        with aws.refused("ValidationException", "InvalidParameterValue"):
            ssm.put_parameter(Name=name, Value="1", Type="String")
    with aws.refused("HierarchyLevelLimitExceededException", "ValidationException"):
        ssm.put_parameter(Name="/" + "/".join("abcdefghijklmnopq"), Value="1", Type="String")
    with aws.refused("ValidationException"):
        ssm.put_parameter(Name=f"/{aws.run}/long", Value="x" * 4097, Type="String")
    # The hundred and first version pushes the oldest out, unless a label holds it.
    name = f"/{aws.run}/many"
    for value in range(100):
        ssm.put_parameter(Name=name, Value=str(value), Type="String", Overwrite=True)
    ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["kept"])
    with aws.refused("ParameterMaxVersionLimitExceeded"):
        ssm.put_parameter(Name=name, Value="no", Type="String", Overwrite=True)
    ssm.unlabel_parameter_version(Name=name, ParameterVersion=1, Labels=["kept"])
    assert ssm.put_parameter(Name=name, Value="yes", Type="String", Overwrite=True)["Version"] == 101
