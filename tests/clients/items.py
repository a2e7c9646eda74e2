"""OpsCenter: items that are opened, found, updated and closed."""

import json
import time


def run(aws):
    ssm = aws.ssm
    key = f"platform:{aws.run}"
    wanted = {
        "Title": "web 1.0.0 behind",
        "Description": "    text",
        "Source": "amifactory",
        "Severity": "2",
        "OperationalData": {
            "/aws/dedup": {"Value": json.dumps({"dedupString": key}), "Type": "SearchableString"},
            "/aws/resources": {"Value": json.dumps([{"arn": "arn:aws:ec2:us-east-1::image/ami-1"}]), "Type": "SearchableString"},
            "amifactory:key": {"Value": key, "Type": "SearchableString"},
            "note": {"Value": "for few", "Type": "String"},
        },
    }
    item = ssm.create_ops_item(**wanted)["OpsItemId"]
    with aws.refused("OpsItemAlreadyExistsException") as caught:
        ssm.create_ops_item(**wanted)
    assert caught[0].response["OpsItemId"] == item
    filters = [
        {"Key": "Source", "Values": ["amifactory"], "Operator": "Equal"},
        {"Key": "Status", "Values": ["Open", "InProgress"], "Operator": "Equal"},
        {"Key": "OperationalDataKey", "Values": ["amifactory:key"], "Operator": "Equal"},
    ]

    def listed():
        pages, _ = aws.pages(ssm, "describe_ops_items", OpsItemFilters=filters, PaginationConfig={"PageSize": 1})
        return {found["OpsItemId"]: found for page in pages for found in page["OpsItemSummaries"]}

    for _ in range(60):
        if item in listed():
            break
        time.sleep(1)
    data = listed()[item]["OperationalData"]
    assert data["amifactory:key"]["Value"] == key and "note" not in data
    ssm.update_ops_item(OpsItemId=item, Title="worse", Severity="1", Status="InProgress")
    whole = ssm.get_ops_item(OpsItemId=item)["OpsItem"]
    assert (whole["Title"], whole["Status"], whole["Description"]) == ("worse", "InProgress", "    text")
    assert whole["OperationalData"]["note"]["Value"] == "for few"
    ssm.update_ops_item(OpsItemId=item, Status="Resolved")
    assert item not in listed()
    # Once it is closed, the same is opened anew.
    again = ssm.create_ops_item(**wanted)["OpsItemId"]
    assert again != item
    ssm.update_ops_item(OpsItemId=again, Status="Resolved")
    refused(aws, wanted)


def refused(aws, wanted):
    ssm = aws.ssm
    for change in ({"Title": "x" * 1025}, {"Description": "x" * 2049}, {"Source": "x" * 129}):
        with aws.refused("ValidationException"):
            ssm.create_ops_item(**{**wanted, **change})
    for data in ({"aws:x": {"Value": "x"}}, {"/aws/dedup": {"Value": "x"}}, {"/aws/resources": {"Value": "{}"}}):
        with aws.refused("OpsItemInvalidParameterException"):
            ssm.create_ops_item(**{**wanted, "OperationalData": data})
    with aws.refused("OpsItemInvalidParameterException"):
        ssm.create_ops_item(**{**wanted, "Source": "my-aws-thing"})
    with aws.refused("OpsItemNotFoundException"):
        ssm.update_ops_item(OpsItemId="oi-000000000000", Status="Resolved")
    with aws.refused("OpsItemNotFoundException"):
        ssm.get_ops_item(OpsItemId="oi-000000000000")
