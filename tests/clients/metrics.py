"""CloudWatch: metrics, and alarms over them."""


def run(aws):
    cloudwatch = aws.cloudwatch
    datum = {"MetricName": "Uses", "Dimensions": [{"Name": "Level", "Value": "fail"}], "Value": 3.5, "Unit": "None"}
    # So many that clients pack them.
    cloudwatch.put_metric_data(Namespace="amifactory", MetricData=[datum] * 1000)
    with aws.refused("InvalidParameterValue"):
        cloudwatch.put_metric_data(Namespace="amifactory", MetricData=[datum] * 1001)
    for change in ({"MetricName": "x" * 256}, {"Value": 1e200}, {"Dimensions": [{"Name": "Level", "Value": "\u00fc"}]}):
        with aws.refused("InvalidParameterValue"):
            cloudwatch.put_metric_data(Namespace="amifactory", MetricData=[{**datum, **change}])
    with aws.refused("InvalidParameterValue"):
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=[datum])
    alarms(aws)


def alarms(aws):
    cloudwatch = aws.cloudwatch
    names = [f"fleet-{aws.run}-{number}" for number in range(3)]
    wanted = {
        "Namespace": "amifactory",
        "MetricName": "Runs",
        "Statistic": "Sum",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1.0,
        "Period": 86400,
        "EvaluationPeriods": 2,
        "TreatMissingData": "breaching",
        "AlarmActions": [f"arn:aws:sns:{aws.region}:123456789012:fleet"],
    }
    for name in names:
        # Twice is no mistake.
        cloudwatch.put_metric_alarm(AlarmName=name, **wanted)
        cloudwatch.put_metric_alarm(AlarmName=name, **wanted)
    pages, count = aws.pages(cloudwatch, "describe_alarms", AlarmNamePrefix=f"fleet-{aws.run}", PaginationConfig={"PageSize": 2})
    found = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    assert (sorted(found), count) == (names, 2)
    alarm = found[names[0]]
    # A whole number is a double too.
    cloudwatch.put_metric_alarm(AlarmName=names[0], **{**wanted, "Threshold": 1})
    assert isinstance(cloudwatch.describe_alarms(AlarmNames=names[:1])["MetricAlarms"][0]["Threshold"], float)
    assert (alarm["TreatMissingData"], alarm["Threshold"], alarm["Period"]) == ("breaching", 1.0, 86400)
    assert alarm["StateUpdatedTimestamp"].year > 2000
    assert cloudwatch.describe_alarms(AlarmNames=names[:1])["MetricAlarms"][0]["AlarmName"] == names[0]
    cloudwatch.set_alarm_state(AlarmName=names[0], StateValue="ALARM", StateReason="tried")
    assert cloudwatch.describe_alarms(AlarmNames=names[:1])["MetricAlarms"][0]["StateValue"] == "ALARM"
    with aws.refused("ResourceNotFound"):
        cloudwatch.set_alarm_state(AlarmName="nothing", StateValue="OK", StateReason="tried")
    with aws.refused("InvalidParameterValue"):
        cloudwatch.set_alarm_state(AlarmName=names[0], StateValue="RINGS", StateReason="tried")
    with aws.refused("ValidationError"):
        cloudwatch.put_metric_alarm(AlarmName="x", **{**wanted, "EvaluationPeriods": 8})
    with aws.refused("ValidationError"):
        cloudwatch.put_metric_alarm(AlarmName="x", **{**wanted, "AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:fleet"]})
    with aws.refused("InvalidParameterValue"):
        cloudwatch.put_metric_alarm(AlarmName="x", **{**wanted, "Period": 61})
    cloudwatch.delete_alarms(AlarmNames=names)
    assert cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []
