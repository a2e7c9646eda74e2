"""Who calls, as what, and how much they may have."""

from aws import Aws
from instances import launch

ROLE = "arn:aws:iam::123456789012:role/amifactory-operator"


def run(aws):
    me = aws.sts.get_caller_identity()
    assert len(me["Account"]) == 12 and f":{me['Account']}:" in me["Arn"] and me["UserId"]
    if not aws.is_fake:
        return
    assumed(aws)
    quotas(aws)
    strangers(aws)


def assumed(aws):
    answer = aws.sts.assume_role(RoleArn=ROLE, RoleSessionName="of-a-test", DurationSeconds=900)
    keys = answer["Credentials"]
    assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/amifactory-operator/of-a-test")
    credentials = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    there = Aws(aws.endpoint, aws.kind, aws.region, credentials)
    assert there.sts.get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]
    there.ec2.describe_instances()
    with aws.refused("AccessDenied"):
        aws.sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/nobody", RoleSessionName="of-a-test")
    unchecked = Aws(aws.endpoint, aws.kind, aws.region, unchecked=True)
    with aws.refused("ValidationError"):
        unchecked.sts.assume_role(RoleArn=ROLE, RoleSessionName="of-a-test", DurationSeconds=10)


def quotas(aws):
    quotas = aws.service_quotas
    # Running on-demand standard instances, in vCPUs.
    seen = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]
    assert seen["ServiceCode"] == "ec2" and seen["Value"] > 0 and "On-Demand Standard" in seen["QuotaName"]
    pages, _ = aws.pages(quotas, "list_service_quotas", ServiceCode="ec2", PaginationConfig={"PageSize": 1})
    listed = {quota["QuotaCode"] for page in pages for quota in page["Quotas"]}
    assert "L-1216C47A" in listed and "L-34B43A08" in listed, listed
    with aws.refused("NoSuchResourceException"):
        quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")


def strangers(aws):
    """Keys that nobody knows are refused in each service's own words."""
    unknown = {"aws_access_key_id": "AKIANOBODYNOBODY0000", "aws_secret_access_key": "x"}
    nobody = Aws(aws.endpoint, aws.kind, aws.region, unknown)
    with aws.refused("AuthFailure"):
        nobody.ec2.describe_instances()
    with aws.refused("UnrecognizedClientException"):
        nobody.ssm.describe_parameters()
    with aws.refused("InvalidClientTokenId"):
        nobody.sts.get_caller_identity()
    with aws.refused("UnrecognizedClientException"):
        nobody.logs.describe_log_groups()
    with aws.refused("UnrecognizedClientException"):
        nobody.service_quotas.list_service_quotas(ServiceCode="ec2")
    with aws.refused("UnrecognizedClientException", "AccessDeniedException"):
        nobody.ebs.list_snapshot_blocks(SnapshotId="snap-0123456789abcdef0")
    with aws.refused("AuthFailure"):
        launch(nobody, "no")
