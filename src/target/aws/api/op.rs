//! Every operation that is ever called, with its bucket and with what "not yet" looks like for it. What is not in this
//! table is not called: `iam-policy` is made from it, so each says which statement of the policy allows it.

use super::limit::Bucket;
use crate::target::aws::policy::Grant;

/// An operation of a service.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// As IAM writes it: `ec2:RunInstances`.
    pub action: &'static str,
    /// The statement of the operator's policy that allows it.
    pub grant: Grant,
    /// What it is held back by.
    pub bucket: Bucket,
    /// Error codes that mean "not yet".
    pub eventual: &'static [&'static str],
}

const fn op(action: &'static str, grant: Grant, bucket: Bucket, eventual: &'static [&'static str]) -> Operation {
    Operation { action, grant, bucket, eventual }
}

const INSTANCE: &[&str] = &["InvalidInstanceID.NotFound"];
const IMAGE: &[&str] = &["InvalidAMIID.NotFound"];
const SNAPSHOT: &[&str] = &["InvalidSnapshot.NotFound"];

/// `ec2:RunInstances`. A new image may not be known everywhere at once.
pub const RUN_INSTANCES: Operation = op("ec2:RunInstances", Grant::Launch, Bucket::Run, &["InvalidAMIID.NotFound"]);
/// `ec2:DescribeInstances`
pub const DESCRIBE_INSTANCES: Operation = op("ec2:DescribeInstances", Grant::Look, Bucket::Describe, &[]);
/// `ec2:ModifyInstanceAttribute`
pub const MODIFY_INSTANCE: Operation = op("ec2:ModifyInstanceAttribute", Grant::Builder, Bucket::Mutate, INSTANCE);
/// `ec2:StopInstances`
pub const STOP_INSTANCES: Operation = op("ec2:StopInstances", Grant::Builder, Bucket::Mutate, INSTANCE);
/// `ec2:TerminateInstances`
pub const TERMINATE_INSTANCES: Operation = op("ec2:TerminateInstances", Grant::Builder, Bucket::Remove, &[]);
/// `ec2:CreateImage`
pub const CREATE_IMAGE: Operation = op("ec2:CreateImage", Grant::Image, Bucket::Mutate, INSTANCE);
/// `ec2:DescribeImages`
pub const DESCRIBE_IMAGES: Operation = op("ec2:DescribeImages", Grant::Look, Bucket::Describe, &[]);
/// `ec2:DeregisterImage`
pub const DEREGISTER_IMAGE: Operation = op("ec2:DeregisterImage", Grant::Remove, Bucket::Remove, &[]);
/// `ec2:CreateTags`
pub const CREATE_TAGS: Operation = op("ec2:CreateTags", Grant::Tag, Bucket::Tag, IMAGE);
/// `ec2:DescribeSnapshots`
pub const DESCRIBE_SNAPSHOTS: Operation = op("ec2:DescribeSnapshots", Grant::Look, Bucket::Describe, &[]);
/// `ec2:DeleteSnapshot`
pub const DELETE_SNAPSHOT: Operation = op("ec2:DeleteSnapshot", Grant::Remove, Bucket::Remove, &[]);
/// `ec2:DescribeVolumes`
pub const DESCRIBE_VOLUMES: Operation = op("ec2:DescribeVolumes", Grant::Look, Bucket::Describe, &[]);
/// `ec2:DeleteVolume`
pub const DELETE_VOLUME: Operation = op("ec2:DeleteVolume", Grant::Remove, Bucket::Mutate, &[]);
/// `ec2:DescribeNetworkInterfaces`
pub const DESCRIBE_INTERFACES: Operation = op("ec2:DescribeNetworkInterfaces", Grant::Look, Bucket::Describe, &[]);
/// `ec2:DeleteNetworkInterface`
pub const DELETE_INTERFACE: Operation = op("ec2:DeleteNetworkInterface", Grant::Remove, Bucket::Mutate, &[]);
/// `ec2:DescribeSubnets`
pub const DESCRIBE_SUBNETS: Operation = op("ec2:DescribeSubnets", Grant::Look, Bucket::Describe, &[]);

/// `ssm:DescribeInstanceInformation`
pub const DESCRIBE_AGENTS: Operation = op("ssm:DescribeInstanceInformation", Grant::Look, Bucket::Command, &[]);
/// `ssm:SendCommand`. The agent may be known here and not yet there.
pub const SEND_COMMAND: Operation = op("ssm:SendCommand", Grant::Command, Bucket::Command, &["InvalidInstanceId"]);
/// `ssm:GetCommandInvocation`
pub const GET_INVOCATION: Operation =
    op("ssm:GetCommandInvocation", Grant::Look, Bucket::Command, &["InvocationDoesNotExist"]);
/// `ssm:ListCommandInvocations`
pub const LIST_INVOCATIONS: Operation = op("ssm:ListCommandInvocations", Grant::Look, Bucket::Command, &[]);
/// `ssm:GetParameters`
pub const GET_PARAMETERS: Operation = op("ssm:GetParameters", Grant::ReadPointer, Bucket::ReadParameter, &[]);
/// `ssm:GetParametersByPath`
pub const LIST_PARAMETERS: Operation = op("ssm:GetParametersByPath", Grant::ListPointers, Bucket::ReadParameter, &[]);
/// `ssm:GetParameterHistory`
pub const PARAMETER_HISTORY: Operation = op("ssm:GetParameterHistory", Grant::ListPointers, Bucket::History, &[]);
/// `ssm:DeleteParameter`
pub const DELETE_PARAMETER: Operation = op("ssm:DeleteParameter", Grant::Lock, Bucket::WriteParameter, &[]);
/// `ssm:PutParameter`
pub const PUT_PARAMETER: Operation = op("ssm:PutParameter", Grant::WritePointer, Bucket::WriteParameter, &[]);

/// `ebs:StartSnapshot`
pub const START_SNAPSHOT: Operation = op("ebs:StartSnapshot", Grant::StartRecord, Bucket::Snapshot, &[]);
/// `ebs:PutSnapshotBlock`
pub const PUT_BLOCK: Operation =
    op("ebs:PutSnapshotBlock", Grant::Record, Bucket::Block, &["ResourceNotFoundException"]);
/// `ebs:CompleteSnapshot`
pub const COMPLETE_SNAPSHOT: Operation =
    op("ebs:CompleteSnapshot", Grant::Record, Bucket::Snapshot, &["ResourceNotFoundException"]);
/// `ebs:ListSnapshotBlocks`
pub const LIST_BLOCKS: Operation =
    op("ebs:ListSnapshotBlocks", Grant::Record, Bucket::ListBlocks, &["ResourceNotFoundException"]);
/// `ebs:GetSnapshotBlock`
pub const GET_BLOCK: Operation =
    op("ebs:GetSnapshotBlock", Grant::Record, Bucket::Block, &["ResourceNotFoundException"]);

/// `sts:GetCallerIdentity`
pub const WHO_AM_I: Operation = op("sts:GetCallerIdentity", Grant::Doctor, Bucket::Other, &[]);
/// `servicequotas:GetServiceQuota`
pub const GET_QUOTA: Operation = op("servicequotas:GetServiceQuota", Grant::Doctor, Bucket::Other, &[]);
/// `logs:GetLogEvents`. The stream comes into being with its first line.
pub const GET_LOG_EVENTS: Operation = op("logs:GetLogEvents", Grant::Live, Bucket::Other, &[]);

/// `ec2:CopyImage`
pub const COPY_IMAGE: Operation = op("ec2:CopyImage", Grant::Distribute, Bucket::Copy, IMAGE);
/// `ec2:ModifyImageAttribute`
pub const SHARE_IMAGE: Operation = op("ec2:ModifyImageAttribute", Grant::Distribute, Bucket::Remove, IMAGE);
/// `ec2:DescribeImageAttribute`
pub const IMAGE_SHARES: Operation = op("ec2:DescribeImageAttribute", Grant::Distribute, Bucket::Describe, IMAGE);
/// `ec2:ModifySnapshotAttribute`
pub const SHARE_SNAPSHOT: Operation = op("ec2:ModifySnapshotAttribute", Grant::Distribute, Bucket::Mutate, SNAPSHOT);
/// `ec2:DescribeSnapshotAttribute`
pub const SNAPSHOT_SHARES: Operation =
    op("ec2:DescribeSnapshotAttribute", Grant::Distribute, Bucket::Describe, SNAPSHOT);
/// `sts:AssumeRole`
pub const ASSUME_ROLE: Operation = op("sts:AssumeRole", Grant::Distribute, Bucket::Other, &[]);

/// `ec2:DescribeRegions`
pub const DESCRIBE_REGIONS: Operation = op("ec2:DescribeRegions", Grant::Doctor, Bucket::Describe, &[]);
/// `ec2:DescribeRouteTables`
pub const DESCRIBE_ROUTES: Operation = op("ec2:DescribeRouteTables", Grant::Doctor, Bucket::Describe, &[]);
/// `ec2:DescribeVpcEndpoints`
pub const DESCRIBE_ENDPOINTS: Operation = op("ec2:DescribeVpcEndpoints", Grant::Doctor, Bucket::Describe, &[]);
/// `ec2:DescribeSecurityGroups`
pub const DESCRIBE_GROUPS: Operation = op("ec2:DescribeSecurityGroups", Grant::Doctor, Bucket::Describe, &[]);
/// `ec2:DescribeInstanceTypes`
pub const DESCRIBE_TYPES: Operation = op("ec2:DescribeInstanceTypes", Grant::Doctor, Bucket::Describe, &[]);
/// `ec2:DescribeInstanceTypeOfferings`
pub const DESCRIBE_OFFERINGS: Operation = op("ec2:DescribeInstanceTypeOfferings", Grant::Doctor, Bucket::Describe, &[]);
/// `logs:DescribeLogGroups`
pub const DESCRIBE_LOG_GROUPS: Operation = op("logs:DescribeLogGroups", Grant::Doctor, Bucket::Other, &[]);

/// `kms:DescribeKey`
pub const DESCRIBE_KEY: Operation = op("kms:DescribeKey", Grant::Distribute, Bucket::Other, &[]);

/// `ec2:DescribeLaunchTemplates`
pub const DESCRIBE_TEMPLATES: Operation = op("ec2:DescribeLaunchTemplates", Grant::Uses, Bucket::Describe, &[]);
/// `ec2:DescribeLaunchTemplateVersions`
pub const DESCRIBE_TEMPLATE_VERSIONS: Operation =
    op("ec2:DescribeLaunchTemplateVersions", Grant::Uses, Bucket::Describe, &[]);
/// `ec2:DescribeSpotInstanceRequests`
pub const DESCRIBE_SPOT_REQUESTS: Operation =
    op("ec2:DescribeSpotInstanceRequests", Grant::Uses, Bucket::Describe, &[]);
/// `ec2:DescribeSpotFleetRequests`
pub const DESCRIBE_SPOT_FLEETS: Operation = op("ec2:DescribeSpotFleetRequests", Grant::Uses, Bucket::Describe, &[]);
/// `ec2:DescribeFleets`
pub const DESCRIBE_FLEETS: Operation = op("ec2:DescribeFleets", Grant::Uses, Bucket::Describe, &[]);
/// `ec2:DescribeImageReferences`
pub const DESCRIBE_REFERENCES: Operation = op("ec2:DescribeImageReferences", Grant::Uses, Bucket::Describe, &[]);
/// `ec2:DescribeFastLaunchImages`
pub const DESCRIBE_FAST_LAUNCH: Operation = op("ec2:DescribeFastLaunchImages", Grant::Uses, Bucket::Describe, &[]);
/// `ec2:DescribeLockedSnapshots`
pub const DESCRIBE_LOCKED: Operation = op("ec2:DescribeLockedSnapshots", Grant::Uses, Bucket::Describe, &[]);
/// `ec2:DescribeFastSnapshotRestores`
pub const DESCRIBE_FAST_RESTORES: Operation =
    op("ec2:DescribeFastSnapshotRestores", Grant::Uses, Bucket::Describe, &[]);
/// `ssm:DescribeParameters`
pub const DESCRIBE_PARAMETERS: Operation = op("ssm:DescribeParameters", Grant::Uses, Bucket::DescribeParameter, &[]);

/// `ec2:EnableImageDeprecation`
pub const DEPRECATE: Operation = op("ec2:EnableImageDeprecation", Grant::Retire, Bucket::Mutate, &[]);
/// `ec2:DisableImageDeprecation`
pub const UNDEPRECATE: Operation = op("ec2:DisableImageDeprecation", Grant::Retire, Bucket::Mutate, &[]);
/// `ec2:DisableImage`
pub const DISABLE_IMAGE: Operation = op("ec2:DisableImage", Grant::Retire, Bucket::Mutate, &[]);
/// `ec2:EnableImage`
pub const ENABLE_IMAGE: Operation = op("ec2:EnableImage", Grant::Retire, Bucket::Mutate, &[]);

/// `autoscaling:DescribeAutoScalingGroups`
pub const DESCRIBE_SCALING_GROUPS: Operation =
    op("autoscaling:DescribeAutoScalingGroups", Grant::Fleet, Bucket::Other, &[]);
/// `autoscaling:DescribeLaunchConfigurations`
pub const DESCRIBE_LAUNCH_CONFIGURATIONS: Operation =
    op("autoscaling:DescribeLaunchConfigurations", Grant::Fleet, Bucket::Other, &[]);
/// `autoscaling:DescribeWarmPool`
pub const DESCRIBE_WARM_POOL: Operation = op("autoscaling:DescribeWarmPool", Grant::Fleet, Bucket::Other, &[]);
/// `autoscaling:DescribeInstanceRefreshes`
pub const DESCRIBE_REFRESHES: Operation = op("autoscaling:DescribeInstanceRefreshes", Grant::Uses, Bucket::Other, &[]);

/// `sns:Publish`
pub const PUBLISH: Operation = op("sns:Publish", Grant::Notify, Bucket::Other, &[]);
/// `ssm:CreateOpsItem`
pub const CREATE_OPS_ITEM: Operation = op("ssm:CreateOpsItem", Grant::Tickets, Bucket::Other, &[]);
/// `ssm:UpdateOpsItem`. Someone else may be changing it at the same moment.
pub const UPDATE_OPS_ITEM: Operation =
    op("ssm:UpdateOpsItem", Grant::Tickets, Bucket::Other, &["OpsItemConflictException"]);
/// `ssm:DescribeOpsItems`
pub const DESCRIBE_OPS_ITEMS: Operation = op("ssm:DescribeOpsItems", Grant::Tickets, Bucket::Other, &[]);
/// `cloudwatch:PutMetricData`
pub const PUT_METRICS: Operation = op("cloudwatch:PutMetricData", Grant::Measure, Bucket::Other, &[]);
/// `cloudwatch:DescribeAlarms`
pub const DESCRIBE_ALARMS: Operation = op("cloudwatch:DescribeAlarms", Grant::Alarm, Bucket::Other, &[]);
/// `cloudwatch:PutMetricAlarm`
pub const PUT_ALARM: Operation = op("cloudwatch:PutMetricAlarm", Grant::Alarm, Bucket::Other, &[]);

/// `ec2:CreateLaunchTemplateVersion`
pub const CREATE_TEMPLATE_VERSION: Operation =
    op("ec2:CreateLaunchTemplateVersion", Grant::Rollout, Bucket::Mutate, &["InvalidLaunchTemplateId.VersionNotFound"]);
/// `autoscaling:StartInstanceRefresh`
pub const START_REFRESH: Operation =
    op("autoscaling:StartInstanceRefresh", Grant::Rollout, Bucket::Other, &["ResourceContention"]);
/// `autoscaling:RollbackInstanceRefresh`
pub const ROLL_BACK_REFRESH: Operation = op("autoscaling:RollbackInstanceRefresh", Grant::Rollout, Bucket::Other, &[]);

/// `s3:PutObject`
pub const PUT_OBJECT: Operation = op("s3:PutObject", Grant::ComponentBucket, Bucket::Other, &[]);
/// `s3:DeleteObject`
pub const DELETE_OBJECT: Operation = op("s3:DeleteObject", Grant::ComponentBucket, Bucket::Other, &[]);
/// `s3:DeleteObject` of one version.
pub const DELETE_OBJECT_VERSION: Operation = op("s3:DeleteObjectVersion", Grant::ComponentBucket, Bucket::Other, &[]);
/// `s3:ListObjectsV2`, for which IAM has another name.
pub const LIST_OBJECTS: Operation = op("s3:ListBucket", Grant::ComponentBucketList, Bucket::Other, &[]);
/// `imagebuilder:CreateComponent`
pub const IB_CREATE_COMPONENT: Operation =
    op("imagebuilder:CreateComponent", Grant::ImageBuilderShared, Bucket::ImageBuilder, &[]);
/// `imagebuilder:GetComponent`
pub const IB_GET_COMPONENT: Operation =
    op("imagebuilder:GetComponent", Grant::ImageBuilderShared, Bucket::ImageBuilder, &[]);
/// `imagebuilder:CreateImageRecipe`
pub const IB_CREATE_RECIPE: Operation =
    op("imagebuilder:CreateImageRecipe", Grant::ImageBuilderShared, Bucket::ImageBuilder, &[]);
/// `imagebuilder:GetImageRecipe`
pub const IB_GET_RECIPE: Operation =
    op("imagebuilder:GetImageRecipe", Grant::ImageBuilderShared, Bucket::ImageBuilder, &[]);
/// `imagebuilder:CreateInfrastructureConfiguration`
pub const IB_CREATE_INFRASTRUCTURE: Operation =
    op("imagebuilder:CreateInfrastructureConfiguration", Grant::ImageBuilderShared, Bucket::ImageBuilder, &[]);
/// `imagebuilder:GetInfrastructureConfiguration`
pub const IB_GET_INFRASTRUCTURE: Operation =
    op("imagebuilder:GetInfrastructureConfiguration", Grant::ImageBuilderShared, Bucket::ImageBuilder, &[]);
/// `imagebuilder:CreateDistributionConfiguration`
pub const IB_CREATE_DISTRIBUTION: Operation =
    op("imagebuilder:CreateDistributionConfiguration", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:GetDistributionConfiguration`
pub const IB_GET_DISTRIBUTION: Operation =
    op("imagebuilder:GetDistributionConfiguration", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:DeleteDistributionConfiguration`
pub const IB_DELETE_DISTRIBUTION: Operation =
    op("imagebuilder:DeleteDistributionConfiguration", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:UpdateInfrastructureConfiguration`
pub const IB_UPDATE_INFRASTRUCTURE: Operation =
    op("imagebuilder:UpdateInfrastructureConfiguration", Grant::ImageBuilderMend, Bucket::ImageBuilder, &[]);
/// `imagebuilder:UpdateDistributionConfiguration`
pub const IB_UPDATE_DISTRIBUTION: Operation =
    op("imagebuilder:UpdateDistributionConfiguration", Grant::ImageBuilderMend, Bucket::ImageBuilder, &[]);
/// `imagebuilder:TagResource`. With whatever is created it is asked for too.
pub const IB_TAG: Operation = op("imagebuilder:TagResource", Grant::ImageBuilderPipeline, Bucket::ImageBuilder, &[]);
/// `imagebuilder:CreateImage`
pub const IB_CREATE_IMAGE: Operation =
    op("imagebuilder:CreateImage", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:GetImage`
pub const IB_GET_IMAGE: Operation = op("imagebuilder:GetImage", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:CancelImageCreation`
pub const IB_CANCEL: Operation =
    op("imagebuilder:CancelImageCreation", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:DeleteImage`
pub const IB_DELETE_IMAGE: Operation =
    op("imagebuilder:DeleteImage", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListWorkflowExecutions`
pub const IB_LIST_WORKFLOWS: Operation =
    op("imagebuilder:ListWorkflowExecutions", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListWorkflowStepExecutions`
pub const IB_LIST_STEPS: Operation =
    op("imagebuilder:ListWorkflowStepExecutions", Grant::ImageBuilderBuild, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListImageBuildVersions`
pub const IB_LIST_BUILDS: Operation =
    op("imagebuilder:ListImageBuildVersions", Grant::ImageBuilderLook, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListDistributionConfigurations`
pub const IB_LIST_DISTRIBUTIONS: Operation =
    op("imagebuilder:ListDistributionConfigurations", Grant::ImageBuilderLook, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListComponents`
pub const IB_LIST_COMPONENTS: Operation =
    op("imagebuilder:ListComponents", Grant::ImageBuilderLook, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListComponentBuildVersions`
pub const IB_LIST_COMPONENT_BUILDS: Operation =
    op("imagebuilder:ListComponentBuildVersions", Grant::ImageBuilderOld, Bucket::ImageBuilder, &[]);
/// `imagebuilder:DeleteComponent`
pub const IB_DELETE_COMPONENT: Operation =
    op("imagebuilder:DeleteComponent", Grant::ImageBuilderOld, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListImageRecipes`
pub const IB_LIST_RECIPES: Operation =
    op("imagebuilder:ListImageRecipes", Grant::ImageBuilderLook, Bucket::ImageBuilder, &[]);
/// `imagebuilder:DeleteImageRecipe`
pub const IB_DELETE_RECIPE: Operation =
    op("imagebuilder:DeleteImageRecipe", Grant::ImageBuilderOld, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListInfrastructureConfigurations`
pub const IB_LIST_INFRASTRUCTURES: Operation =
    op("imagebuilder:ListInfrastructureConfigurations", Grant::ImageBuilderLook, Bucket::ImageBuilder, &[]);
/// `imagebuilder:DeleteInfrastructureConfiguration`
pub const IB_DELETE_INFRASTRUCTURE: Operation =
    op("imagebuilder:DeleteInfrastructureConfiguration", Grant::ImageBuilderOld, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListImagePipelines`
pub const IB_LIST_PIPELINES: Operation =
    op("imagebuilder:ListImagePipelines", Grant::ImageBuilderLook, Bucket::ImageBuilder, &[]);
/// `imagebuilder:CreateImagePipeline`
pub const IB_CREATE_PIPELINE: Operation =
    op("imagebuilder:CreateImagePipeline", Grant::ImageBuilderPipeline, Bucket::ImageBuilder, &[]);
/// `imagebuilder:GetImagePipeline`
pub const IB_GET_PIPELINE: Operation =
    op("imagebuilder:GetImagePipeline", Grant::ImageBuilderPipeline, Bucket::ImageBuilder, &[]);
/// `imagebuilder:UpdateImagePipeline`
pub const IB_UPDATE_PIPELINE: Operation =
    op("imagebuilder:UpdateImagePipeline", Grant::ImageBuilderPipeline, Bucket::ImageBuilder, &[]);
/// `imagebuilder:DeleteImagePipeline`
pub const IB_DELETE_PIPELINE: Operation =
    op("imagebuilder:DeleteImagePipeline", Grant::ImageBuilderPipeline, Bucket::ImageBuilder, &[]);
/// `imagebuilder:StartImagePipelineExecution`
pub const IB_START_PIPELINE: Operation =
    op("imagebuilder:StartImagePipelineExecution", Grant::ImageBuilderPipeline, Bucket::ImageBuilder, &[]);
/// `imagebuilder:ListImagePipelineImages`
pub const IB_LIST_PIPELINE_IMAGES: Operation =
    op("imagebuilder:ListImagePipelineImages", Grant::ImageBuilderPipeline, Bucket::ImageBuilder, &[]);

/// All of them.
pub const ALL: &[Operation] = &[
    RUN_INSTANCES,
    DESCRIBE_INSTANCES,
    MODIFY_INSTANCE,
    STOP_INSTANCES,
    TERMINATE_INSTANCES,
    CREATE_IMAGE,
    DESCRIBE_IMAGES,
    DEREGISTER_IMAGE,
    CREATE_TAGS,
    DESCRIBE_SNAPSHOTS,
    DELETE_SNAPSHOT,
    DESCRIBE_VOLUMES,
    DELETE_VOLUME,
    DESCRIBE_INTERFACES,
    DELETE_INTERFACE,
    DESCRIBE_SUBNETS,
    DESCRIBE_AGENTS,
    SEND_COMMAND,
    GET_INVOCATION,
    LIST_INVOCATIONS,
    GET_PARAMETERS,
    LIST_PARAMETERS,
    PARAMETER_HISTORY,
    DELETE_PARAMETER,
    PUT_PARAMETER,
    START_SNAPSHOT,
    PUT_BLOCK,
    COMPLETE_SNAPSHOT,
    LIST_BLOCKS,
    GET_BLOCK,
    WHO_AM_I,
    GET_QUOTA,
    GET_LOG_EVENTS,
    COPY_IMAGE,
    SHARE_IMAGE,
    IMAGE_SHARES,
    SHARE_SNAPSHOT,
    SNAPSHOT_SHARES,
    ASSUME_ROLE,
    DESCRIBE_REGIONS,
    DESCRIBE_ROUTES,
    DESCRIBE_ENDPOINTS,
    DESCRIBE_GROUPS,
    DESCRIBE_TYPES,
    DESCRIBE_OFFERINGS,
    DESCRIBE_LOG_GROUPS,
    DESCRIBE_KEY,
    DESCRIBE_TEMPLATES,
    DESCRIBE_TEMPLATE_VERSIONS,
    DESCRIBE_SPOT_REQUESTS,
    DESCRIBE_SPOT_FLEETS,
    DESCRIBE_FLEETS,
    DESCRIBE_REFERENCES,
    DESCRIBE_FAST_LAUNCH,
    DESCRIBE_LOCKED,
    DESCRIBE_FAST_RESTORES,
    DESCRIBE_PARAMETERS,
    DEPRECATE,
    UNDEPRECATE,
    DISABLE_IMAGE,
    ENABLE_IMAGE,
    DESCRIBE_SCALING_GROUPS,
    DESCRIBE_LAUNCH_CONFIGURATIONS,
    DESCRIBE_WARM_POOL,
    PUBLISH,
    DESCRIBE_REFRESHES,
    CREATE_OPS_ITEM,
    UPDATE_OPS_ITEM,
    DESCRIBE_OPS_ITEMS,
    PUT_METRICS,
    DESCRIBE_ALARMS,
    PUT_ALARM,
    CREATE_TEMPLATE_VERSION,
    START_REFRESH,
    ROLL_BACK_REFRESH,
    PUT_OBJECT,
    DELETE_OBJECT,
    DELETE_OBJECT_VERSION,
    LIST_OBJECTS,
    IB_CREATE_COMPONENT,
    IB_GET_COMPONENT,
    IB_CREATE_RECIPE,
    IB_GET_RECIPE,
    IB_CREATE_INFRASTRUCTURE,
    IB_GET_INFRASTRUCTURE,
    IB_CREATE_DISTRIBUTION,
    IB_GET_DISTRIBUTION,
    IB_DELETE_DISTRIBUTION,
    IB_UPDATE_INFRASTRUCTURE,
    IB_UPDATE_DISTRIBUTION,
    IB_TAG,
    IB_CREATE_IMAGE,
    IB_GET_IMAGE,
    IB_CANCEL,
    IB_DELETE_IMAGE,
    IB_LIST_WORKFLOWS,
    IB_LIST_STEPS,
    IB_LIST_BUILDS,
    IB_LIST_DISTRIBUTIONS,
    IB_LIST_COMPONENTS,
    IB_LIST_COMPONENT_BUILDS,
    IB_DELETE_COMPONENT,
    IB_LIST_RECIPES,
    IB_DELETE_RECIPE,
    IB_LIST_INFRASTRUCTURES,
    IB_DELETE_INFRASTRUCTURE,
    IB_LIST_PIPELINES,
    IB_CREATE_PIPELINE,
    IB_GET_PIPELINE,
    IB_UPDATE_PIPELINE,
    IB_DELETE_PIPELINE,
    IB_START_PIPELINE,
    IB_LIST_PIPELINE_IMAGES,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_whole() {
        let is_one = |line: &&str| line.starts_with("pub const ") && line.contains(": Operation =");
        let declared = include_str!("op.rs").lines().filter(is_one).count();
        assert_eq!(ALL.len(), declared, "an operation is not in ALL");
        let actions: BTreeSet<&str> = ALL.iter().map(|operation| operation.action).collect();
        assert_eq!(actions.len(), ALL.len(), "an action is there twice");
    }
}
