//! What whoever rolls images out may do: read what channels name, make versions of launch templates, and refresh groups.

use super::Grant;
use super::document::{Policy, Statement};
use super::operator::{actions, everywhere};
use super::scope::Scope;
use crate::target::aws::api::op;

/// The policy of whoever runs `rollout`.
pub fn rollout(scope: &Scope) -> Policy {
    let reads =
        [op::DESCRIBE_SCALING_GROUPS, op::DESCRIBE_REFRESHES, op::DESCRIBE_WARM_POOL, op::DESCRIBE_TEMPLATE_VERSIONS];
    let look = [op::DESCRIBE_IMAGES].into_iter().chain(reads).map(|op| op.action);
    let group = scope.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*");
    let parts = ["instance/*", "volume/*", "network-interface/*", "subnet/*", "security-group/*", "key-pair/*"];
    let parts = parts.into_iter().chain(["launch-template/*"]).map(|resource| scope.arn("ec2", resource));
    let from = ["image/*", "snapshot/*"].map(|resource| scope.public_arn("ec2", resource));
    Policy::new(vec![
        everywhere(
            Statement::allow("Look", look, "Groups, their refreshes and templates, and the image that goes there."),
            scope,
        ),
        everywhere(
            Statement::allow("Alarms", [op::DESCRIBE_ALARMS.action], "Whether an alarm that watches over it rings already."),
            scope,
        ),
        Statement::allow(
            "Channels",
            actions(Grant::ReadPointer).chain(actions(Grant::ListPointers)),
            "What each channel names; nothing is written there.",
        )
        .on([scope.arn("ssm", "parameter/amifactory"), scope.arn("ssm", "parameter/amifactory/*")]),
        Statement::allow(
            "Versions",
            [op::CREATE_TEMPLATE_VERSION.action],
            "A version is made of the template of a group; none is changed or removed, and the default stays.",
        )
        .on([scope.arn("ec2", "launch-template/*")]),
        Statement::allow(
            "Refresh",
            [op::START_REFRESH, op::ROLL_BACK_REFRESH].map(|op| op.action),
            "A group's instances are replaced, and replaced once more where it goes back.",
        )
        .on([group]),
        Statement::allow(
            "Launch",
            [op::RUN_INSTANCES.action],
            "Auto Scaling asks whether whoever has a group launch from a template may launch from it themselves: with an \
             instance profile that is iam:PassRole too, which is for you to add for your groups' roles.",
        )
        .on(parts.chain(from)),
    ])
}
