"""Run Command: scripts that really run on an instance, their output and its limits, their end, and their log."""

import time

from botocore.exceptions import WaiterError

from aws import soon
from instances import PROFILE, launch

DOCUMENT = "AWS-RunShellScript"


def run(aws):
    ssm, ec2 = aws.ssm, aws.ec2
    one = launch(aws, "runs", IamInstanceProfile={"Name": PROFILE})["InstanceId"]
    with aws.refused("InvalidInstanceId"):
        ssm.send_command(InstanceIds=["i-0123456789abcdef0"], DocumentName=DOCUMENT, Parameters={"commands": ["true"]})
    online(aws, one)
    prints(aws, one)
    fails(aws, one)
    long_output(aws, one)
    logged(aws, one)
    cancelled(aws, one)
    listed(aws, one)
    refused(aws, one)
    ec2.terminate_instances(InstanceIds=[one])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[one], WaiterConfig=soon("terminated"))
    with aws.refused("InvalidInstanceId"):
        ssm.send_command(InstanceIds=[one], DocumentName=DOCUMENT, Parameters={"commands": ["true"]})


def online(aws, one):
    filters = [{"Key": "InstanceIds", "Values": [one]}]
    for _ in range(120):
        found = aws.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        if found and found[0]["PingStatus"] == "Online":
            break
        time.sleep(1)
    [agent] = found
    assert (agent["InstanceId"], agent["PlatformType"], agent["ResourceType"]) == (one, "Linux", "EC2Instance"), agent
    pages, _ = aws.pages(aws.ssm, "describe_instance_information", PaginationConfig={"PageSize": 5})
    assert one in [agent["InstanceId"] for page in pages for agent in page["InstanceInformationList"]]


def send(aws, one, *lines, **more):
    parameters = {"commands": list(lines), **more.pop("parameters", {})}
    answer = aws.ssm.send_command(InstanceIds=[one], DocumentName=DOCUMENT, Parameters=parameters, **more)
    return answer["Command"]


def ended(aws, command, one):
    """Its invocation, once it has ended."""
    waiter = aws.ssm.get_waiter("command_executed")
    try:
        waiter.wait(CommandId=command["CommandId"], InstanceId=one, WaiterConfig=soon("executed"))
    except WaiterError as error:
        # What this waiter says of a command that failed.
        assert "terminal failure state" in str(error), error
    # It takes "Cancelling" for an end.
    for _ in range(60):
        result = aws.ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=one)
        if result["Status"] != "Cancelling":
            break
        time.sleep(0.5)
    return result


def prints(aws, one):
    command = send(aws, one, "echo to stdout", "echo to stderr >&2", "id -u", Comment="a comment", TimeoutSeconds=60)
    assert command["Status"] in ("Pending", "InProgress") and command["Comment"] == "a comment"
    assert command["InstanceIds"] == [one] and command["DocumentName"] == DOCUMENT
    result = ended(aws, command, one)
    assert (result["Status"], result["StatusDetails"], result["ResponseCode"]) == ("Success", "Success", 0), result
    assert result["StandardOutputContent"] == "to stdout\n0\n", result
    assert result["StandardErrorContent"] == "to stderr\n", result
    assert result["PluginName"] == "aws:runShellScript" and result["ExecutionStartDateTime"]
    # What one command writes, the next one finds.
    ended(aws, send(aws, one, "echo kept > /etc/of-a-test"), one)
    assert ended(aws, send(aws, one, "cat /etc/of-a-test"), one)["StandardOutputContent"] == "kept\n"
    in_folder = send(aws, one, "pwd", parameters={"workingDirectory": ["/usr"]})
    assert ended(aws, in_folder, one)["StandardOutputContent"] == "/usr\n"


def fails(aws, one):
    result = ended(aws, send(aws, one, "echo before", "exit 7"), one)
    assert (result["Status"], result["ResponseCode"]) == ("Failed", 7), result
    assert result["StandardOutputContent"] == "before\n"
    assert "exit status 7" in result["StandardErrorContent"], result["StandardErrorContent"]
    late = send(aws, one, "sleep 30", parameters={"executionTimeout": ["2"]})
    result = ended(aws, late, one)
    assert (result["Status"], result["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut"), result


def long_output(aws, one):
    """Cut at 24,000 and 8,000 characters, and that is said."""
    script = "i=0; while [ $i -lt 3000 ]; do echo 0123456789; echo abcdefghij >&2; i=$((i+1)); done"
    result = ended(aws, send(aws, one, script), one)
    assert result["Status"] == "Success", result["Status"]
    out, err = result["StandardOutputContent"], result["StandardErrorContent"]
    assert 20_000 < len(out) <= 24_000 and "output truncated" in out.lower(), (len(out), out[-60:])
    assert 7_000 < len(err) <= 8_000 and "output truncated" in err.lower(), (len(err), err[-60:])


def logged(aws, one):
    """CloudWatch Logs has the whole of it."""
    logs, group = aws.logs, f"/of-a-test/{aws.run}"
    output = {"CloudWatchLogGroupName": group, "CloudWatchOutputEnabled": True}
    command = send(aws, one, "for i in $(seq 1 40); do echo line $i; done", CloudWatchOutputConfig=output)
    ended(aws, command, one)
    stream = f"{command['CommandId']}/{one}/aws-runShellScript/stdout"
    groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [g["logGroupName"] for g in groups] == [group]
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=command["CommandId"])["logStreams"]
    assert [s["logStreamName"] for s in streams] == [stream], streams
    answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    text = "\n".join(event["message"] for event in answer["events"])
    assert text.splitlines() == [f"line {i}" for i in range(1, 41)], text
    again = logs.get_log_events(logGroupName=group, logStreamName=stream, nextToken=answer["nextForwardToken"])
    assert again["events"] == [] and again["nextForwardToken"] == answer["nextForwardToken"]
    found = logs.filter_log_events(logGroupName=group, filterPattern='"line 40"')["events"]
    assert len(found) == 1 and found[0]["logStreamName"] == stream
    with aws.refused("ResourceNotFoundException"):
        logs.get_log_events(logGroupName=group, logStreamName="nothing")
    with aws.refused("ResourceNotFoundException"):
        logs.describe_log_streams(logGroupName="/nothing")


def cancelled(aws, one):
    ssm = aws.ssm
    command = send(aws, one, "sleep 60", "echo never")
    for _ in range(60):
        seen = ssm.list_command_invocations(CommandId=command["CommandId"])["CommandInvocations"]
        if seen and seen[0]["Status"] == "InProgress":
            break
        time.sleep(0.5)
    running = ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=one)
    assert (running["ResponseCode"], running["StandardOutputContent"]) == (-1, ""), running
    ssm.cancel_command(CommandId=command["CommandId"])
    result = ended(aws, command, one)
    assert result["Status"] == "Cancelled" and "never" not in result["StandardOutputContent"], result


def listed(aws, one):
    ssm = aws.ssm
    pages, count = aws.pages(ssm, "list_command_invocations", InstanceId=one, Details=True, PaginationConfig={"PageSize": 5})
    seen = [invocation for page in pages for invocation in page["CommandInvocations"]]
    assert len(seen) >= 8 and count >= 2, (len(seen), count)
    assert {s["Status"] for s in seen} >= {"Success", "Failed", "TimedOut", "Cancelled"}
    assert all(len(plugin["Output"]) <= 2500 for s in seen for plugin in s["CommandPlugins"])
    pages, count = aws.pages(ssm, "list_commands", InstanceId=one, PaginationConfig={"PageSize": 5})
    assert sorted(c["CommandId"] for page in pages for c in page["Commands"]) == sorted(s["CommandId"] for s in seen)
    only = [{"key": "Status", "value": "Cancelled"}]
    assert len(ssm.list_commands(InstanceId=one, Filters=only)["Commands"]) == 1


def refused(aws, one):
    ssm = aws.ssm
    # boto3 itself would refuse some of it.
    ssm = type(aws)(aws.endpoint, aws.kind, aws.region, unchecked=True).ssm
    shell = {"InstanceIds": [one], "DocumentName": DOCUMENT, "Parameters": {"commands": ["true"]}}
    with aws.refused("InvalidDocument"):
        ssm.send_command(**{**shell, "DocumentName": "AWS-NoSuchThing"})
    with aws.refused("InvalidParameters"):
        ssm.send_command(**{**shell, "Parameters": {"command": ["true"]}})
    with aws.refused("InvalidParameters"):
        ssm.send_command(**{**shell, "Parameters": {"commands": ["true"], "executionTimeout": ["soon"]}})
    with aws.refused("ValidationException"):
        ssm.send_command(**shell, TimeoutSeconds=29)
    with aws.refused("ValidationException"):
        ssm.send_command(**shell, Comment="x" * 101)
    with aws.refused("ValidationException"):
        ssm.send_command(**{**shell, "InstanceIds": [one] * 51})
    with aws.refused("ValidationException", "MaxDocumentSizeExceeded", "InvalidParameters"):
        ssm.send_command(**{**shell, "Parameters": {"commands": ["x" * 70_000]}})
    with aws.refused("InvalidParameters", "InvalidDocumentContent", "ParameterNotFound"):
        ssm.send_command(**{**shell, "Parameters": {"commands": ["echo {{ssm:/nothing/here}}"]}})
    with aws.refused("InvocationDoesNotExist"):
        ssm.get_command_invocation(CommandId="00000000-0000-4000-8000-000000000000", InstanceId=one)
    with aws.refused("InvalidCommandId"):
        ssm.cancel_command(CommandId="00000000-0000-4000-8000-000000000000")
