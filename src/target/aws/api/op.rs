//! Every operation that is ever called, with its bucket and with what "not yet" looks like for it. What is not in this
//! table is not called: `iam-policy` is made from it.

use super::call::Operation;
use super::limit::Bucket;

const fn op(action: &'static str, bucket: Bucket, eventual: &'static [&'static str]) -> Operation {
    Operation { action, bucket, eventual }
}

const INSTANCE: &[&str] = &["InvalidInstanceID.NotFound"];
const IMAGE: &[&str] = &["InvalidAMIID.NotFound"];

/// `ec2:RunInstances`. A new image may not be known everywhere at once.
pub const RUN_INSTANCES: Operation = op("ec2:RunInstances", Bucket::Run, &["InvalidAMIID.NotFound"]);
/// `ec2:DescribeInstances`
pub const DESCRIBE_INSTANCES: Operation = op("ec2:DescribeInstances", Bucket::Describe, &[]);
/// `ec2:ModifyInstanceAttribute`
pub const MODIFY_INSTANCE: Operation = op("ec2:ModifyInstanceAttribute", Bucket::Mutate, INSTANCE);
/// `ec2:StopInstances`
pub const STOP_INSTANCES: Operation = op("ec2:StopInstances", Bucket::Mutate, INSTANCE);
/// `ec2:TerminateInstances`
pub const TERMINATE_INSTANCES: Operation = op("ec2:TerminateInstances", Bucket::Remove, &[]);
/// `ec2:CreateImage`
pub const CREATE_IMAGE: Operation = op("ec2:CreateImage", Bucket::Mutate, INSTANCE);
/// `ec2:DescribeImages`
pub const DESCRIBE_IMAGES: Operation = op("ec2:DescribeImages", Bucket::Describe, &[]);
/// `ec2:DeregisterImage`
pub const DEREGISTER_IMAGE: Operation = op("ec2:DeregisterImage", Bucket::Remove, &[]);
/// `ec2:CreateTags`
pub const CREATE_TAGS: Operation = op("ec2:CreateTags", Bucket::Tag, IMAGE);
/// `ec2:DescribeSnapshots`
pub const DESCRIBE_SNAPSHOTS: Operation = op("ec2:DescribeSnapshots", Bucket::Describe, &[]);
/// `ec2:DeleteSnapshot`
pub const DELETE_SNAPSHOT: Operation = op("ec2:DeleteSnapshot", Bucket::Remove, &[]);
/// `ec2:DescribeVolumes`
pub const DESCRIBE_VOLUMES: Operation = op("ec2:DescribeVolumes", Bucket::Describe, &[]);
/// `ec2:DeleteVolume`
pub const DELETE_VOLUME: Operation = op("ec2:DeleteVolume", Bucket::Mutate, &[]);
/// `ec2:DescribeNetworkInterfaces`
pub const DESCRIBE_INTERFACES: Operation = op("ec2:DescribeNetworkInterfaces", Bucket::Describe, &[]);
/// `ec2:DeleteNetworkInterface`
pub const DELETE_INTERFACE: Operation = op("ec2:DeleteNetworkInterface", Bucket::Mutate, &[]);
/// `ec2:DescribeSubnets`
pub const DESCRIBE_SUBNETS: Operation = op("ec2:DescribeSubnets", Bucket::Describe, &[]);

/// `ssm:DescribeInstanceInformation`
pub const DESCRIBE_AGENTS: Operation = op("ssm:DescribeInstanceInformation", Bucket::Command, &[]);
/// `ssm:SendCommand`. The agent may be known here and not yet there.
pub const SEND_COMMAND: Operation = op("ssm:SendCommand", Bucket::Command, &["InvalidInstanceId"]);
/// `ssm:GetCommandInvocation`
pub const GET_INVOCATION: Operation = op("ssm:GetCommandInvocation", Bucket::Command, &["InvocationDoesNotExist"]);
/// `ssm:ListCommandInvocations`
pub const LIST_INVOCATIONS: Operation = op("ssm:ListCommandInvocations", Bucket::Command, &[]);
/// `ssm:GetParameters`
pub const GET_PARAMETERS: Operation = op("ssm:GetParameters", Bucket::ReadParameter, &[]);
/// `ssm:GetParametersByPath`
pub const LIST_PARAMETERS: Operation = op("ssm:GetParametersByPath", Bucket::ReadParameter, &[]);
/// `ssm:PutParameter`
pub const PUT_PARAMETER: Operation = op("ssm:PutParameter", Bucket::WriteParameter, &[]);

/// `ebs:StartSnapshot`
pub const START_SNAPSHOT: Operation = op("ebs:StartSnapshot", Bucket::Snapshot, &[]);
/// `ebs:PutSnapshotBlock`
pub const PUT_BLOCK: Operation = op("ebs:PutSnapshotBlock", Bucket::Other, &["ResourceNotFoundException"]);
/// `ebs:CompleteSnapshot`
pub const COMPLETE_SNAPSHOT: Operation = op("ebs:CompleteSnapshot", Bucket::Snapshot, &["ResourceNotFoundException"]);
/// `ebs:ListSnapshotBlocks`
pub const LIST_BLOCKS: Operation = op("ebs:ListSnapshotBlocks", Bucket::Other, &["ResourceNotFoundException"]);
/// `ebs:GetSnapshotBlock`
pub const GET_BLOCK: Operation = op("ebs:GetSnapshotBlock", Bucket::Other, &["ResourceNotFoundException"]);

/// `sts:GetCallerIdentity`
pub const WHO_AM_I: Operation = op("sts:GetCallerIdentity", Bucket::Other, &[]);
/// `servicequotas:GetServiceQuota`
pub const GET_QUOTA: Operation = op("servicequotas:GetServiceQuota", Bucket::Other, &[]);
/// `logs:GetLogEvents`. The stream comes into being with its first line.
pub const GET_LOG_EVENTS: Operation = op("logs:GetLogEvents", Bucket::Other, &[]);
