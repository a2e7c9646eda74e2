"""SNS: writing to topics."""


def run(aws):
    sns = aws.sns
    name = f"fleet-{aws.run}"
    topic = sns.create_topic(Name=name)["TopicArn"]
    assert topic.endswith(f":{name}") and f":sns:{aws.region}:" in topic
    # It is there already.
    assert sns.create_topic(Name=name)["TopicArn"] == topic
    assert sns.publish(TopicArn=topic, Subject="3 new", Message="web 1.0.0\n<&>")["MessageId"]
    assert sns.publish(TopicArn=topic, Message="without a subject")["MessageId"]
    with aws.refused("InvalidParameter"):
        sns.publish(TopicArn=topic, Message="x" * 262_145)
    if aws.is_fake:
        for subject in ("two\nlines", "x" * 100, "", "\u00fc"):
            with aws.refused("InvalidParameter"):
                sns.publish(TopicArn=topic, Subject=subject, Message="x")
        with aws.refused("InvalidParameter"):
            sns.publish(TopicArn=topic.replace(aws.region, "eu-central-1"), Message="x")
    with aws.refused("NotFound"):
        sns.publish(TopicArn=f"{topic}-else", Message="x")
    sns.delete_topic(TopicArn=topic)
    with aws.refused("NotFound"):
        sns.publish(TopicArn=topic, Message="x")
