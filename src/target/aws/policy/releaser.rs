//! What whoever releases may do: move channels, pin them, revoke images. Builds need none of it, and whoever runs them
//! need not be the one who decides what goes into production.

use super::Grant;
use super::document::{Policy, Statement};
use super::operator::{actions, everywhere, resource_tag};
use super::scope::Scope;
use crate::target::aws::api::op;

/// The policy of whoever releases.
pub fn releaser(scope: &Scope) -> Policy {
    let parameters = |kind: &str| scope.arn("ssm", &format!("parameter/amifactory/*/{kind}/*"));
    let look = [op::DESCRIBE_IMAGES, op::DESCRIBE_SNAPSHOTS, op::WHO_AM_I].map(|operation| operation.action);
    let evidence = [op::LIST_BLOCKS, op::GET_BLOCK].map(|operation| operation.action);
    let write = || actions(Grant::WritePointer);
    Policy::new(vec![
        everywhere(
            Statement::allow(
                "Look",
                look,
                "Finding images and their evidence, and who calls: that is recorded with every move. Parameter Store \
                 checks pointers (aws:ec2:image) with the caller's ec2:DescribeImages, after it has answered.",
            ),
            scope,
        ),
        Statement::allow("Evidence", evidence, "Score, tests, waivers and packages are read from an image's evidence.")
            .on([scope.public_arn("ec2", "snapshot/*")])
            .only_with(resource_tag()),
        Statement::allow(
            "Launchers",
            [op::IMAGE_SHARES.action],
            "`verify` looks who may launch images that nobody in amifactory.yaml gave them to.",
        )
        .on([scope.public_arn("ec2", "image/*")])
        .only_with(resource_tag()),
        Statement::allow(
            "ReadPointers",
            actions(Grant::ReadPointer).chain(actions(Grant::ListPointers)),
            "Pointers, pins, locks and what is revoked, and the history of each channel.",
        )
        .on([scope.arn("ssm", "parameter/amifactory"), scope.arn("ssm", "parameter/amifactory/*")]),
        Statement::allow("WriteChannels", write(), "A channel's pointer moves, and is pinned.")
            .on(["channels", "pins"].map(parameters)),
        Statement::allow(
            "RememberRevoked",
            write(),
            "That a version is revoked is written down beside its pointers too, once, so that the fleet knows it when the image \
             and its tags are gone.",
        )
        .on([parameters("revoked")])
        .only("StringNotEquals", "ssm:Overwrite", ["true"]),
        Statement::allow(
            "Moves",
            write().chain(actions(Grant::Lock)),
            "The lock of a move is made once and removed after it; nothing else in Parameter Store is ever removed.",
        )
        .on([parameters("moves")])
        .only("StringNotEquals", "ssm:Overwrite", ["true"]),
        Statement::allow("Revoke", actions(Grant::Tag), "An image that is revoked says so in its own amifactory tags.")
            .on([scope.public_arn("ec2", "image/*")])
            .only_with(resource_tag())
            .only("ForAllValues:StringLike", "aws:TagKeys", ["amifactory:*"]),
    ])
}
