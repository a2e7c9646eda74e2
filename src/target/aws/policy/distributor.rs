//! What distribution needs beside the releaser's policy: copies in other regions, permissions for other accounts. And
//! what the role needs that is assumed in those.

use super::Grant;
use super::document::{Policy, Statement};
use super::operator::{actions, keys, request_tag, resource_tag};
use super::retirer::uses;
use super::scope::Scope;
use crate::pipeline::tags::COPY_OF;
use crate::target::aws::api::op;

/// The policy of whoever distributes; the releaser's goes with it.
pub fn distributor(scope: &Scope) -> Policy {
    let scope = &Scope { region: None, kms_keys: scope.copy_keys.clone(), ..scope.clone() };
    let made = || ["image/*", "snapshot/*"].map(|resource| scope.public_arn("ec2", resource));
    let share = [op::SHARE_IMAGE, op::IMAGE_SHARES, op::SHARE_SNAPSHOT, op::SNAPSHOT_SHARES];
    let remove = [op::DEREGISTER_IMAGE, op::DELETE_SNAPSHOT].map(|operation| operation.action);
    let copy_tag = format!("aws:ResourceTag/{COPY_OF}");
    let mut statements = vec![
        Statement::allow(
            "Copy",
            [op::COPY_IMAGE.action].into_iter().chain(actions(Grant::StartRecord)),
            "Copies and the snapshots that hold their evidence carry their build's tag from their first moment.",
        )
        .on(made())
        .only_with(request_tag()),
        Statement::allow("TagCopies", actions(Grant::Tag), "Those tags are given as the copies are made.")
            .on(made())
            .only_with(request_tag()),
        Statement::allow(
            "CopiesChange",
            actions(Grant::Tag),
            "A copy that is ready says so in its own amifactory tags, and so does one that is revoked.",
        )
        .on([scope.public_arn("ec2", "image/*")])
        .only_with(resource_tag())
        .only("ForAllValues:StringLike", "aws:TagKeys", ["amifactory:*"]),
        Statement::allow(
            "Share",
            share.map(|operation| operation.action),
            "Images and their snapshots are shared, and what is shared already is looked at first.",
        )
        .on(made())
        .only_with(resource_tag()),
        Statement::allow(
            "Evidence",
            actions(Grant::Record),
            "The evidence goes with each copy: written, and read back.",
        )
        .on([scope.public_arn("ec2", "snapshot/*")])
        .only_with(resource_tag()),
        Statement::allow(
            "RemoveCopies",
            remove,
            "A copy that has failed is removed before it is made again; only copies.",
        )
        .on(made())
        .only_with(copy_tag),
        Statement::allow(
            "Find",
            [op::DESCRIBE_IMAGES.action, op::DESCRIBE_SNAPSHOTS.action],
            "Finding copies in all regions.",
        )
        .on(["*".to_owned()]),
        Statement::allow(
            "ReadPlaces",
            actions(Grant::ReadPointer).chain(actions(Grant::ListPointers)),
            "Pointers and their history in all regions.",
        )
        .on([scope.arn("ssm", "parameter/amifactory"), scope.arn("ssm", "parameter/amifactory/*")]),
        Statement::allow(
            "WriteVersions",
            actions(Grant::WritePointer),
            "A version's pointer is written once in each region.",
        )
        .on([scope.arn("ssm", "parameter/amifactory/*/versions/*")])
        .only("StringNotEquals", "ssm:Overwrite", ["true"]),
    ];
    statements.push(
        Statement::allow("WriteChannels", actions(Grant::WritePointer), "Channels follow in all regions.")
            .on([scope.arn("ssm", "parameter/amifactory/*/channels/*")]),
    );
    if !scope.consumers.is_empty() {
        let reason = "The roles that distribution gives for other accounts.";
        statements.push(Statement::allow("Roles", [op::ASSUME_ROLE.action], reason).on(scope.consumer_arns()));
    }
    if !scope.kms_keys.is_empty() {
        let reason = "What is asked of keys before anything is shared: whether each is there, enabled, and not one of AWS's own.";
        let look = Statement::allow("LookAtKeys", [op::DESCRIBE_KEY.action], reason);
        statements.push(look.on([scope.arn("kms", "key/*")]));
    }
    statements.extend(keys(scope));
    Policy::new(statements)
}

/// The policy of the role in another account.
pub fn consumer(scope: &Scope) -> Policy {
    let owner = scope.account.clone();
    let keys = Scope { region: None, account: owner, ..scope.clone() }.arn("kms", "key/*");
    let scope = &Scope { region: None, account: None, ..scope.clone() };
    let blocks = [op::LIST_BLOCKS, op::GET_BLOCK].map(|operation| operation.action);
    let mut statements = vec![
        Statement::allow(
            "Look",
            [op::DESCRIBE_IMAGES.action],
            "Whether a shared image is seen here. Parameter Store checks pointers (aws:ec2:image) with it too, after it has \
             answered.",
        )
        .on(["*".to_owned()]),
        Statement::allow(
            "Blocks",
            blocks,
            "One block of each shared snapshot is read, to show that this account can use its key. Tags of others' \
             snapshots are not seen here.",
        )
        .on([scope.public_arn("ec2", "snapshot/*")]),
        Statement::allow("Key", ["kms:Decrypt", "kms:DescribeKey"], "The keys that shared images are encrypted with.")
            .on([keys]),
        Statement::allow(
            "ReadPointers",
            actions(Grant::ReadPointer).chain(actions(Grant::ListPointers)),
            "Pointers and their history.",
        )
        .on([scope.arn("ssm", "parameter/amifactory"), scope.arn("ssm", "parameter/amifactory/*")]),
        Statement::allow("WriteVersions", actions(Grant::WritePointer), "A version's pointer is written once.")
            .on([scope.arn("ssm", "parameter/amifactory/*/versions/*")])
            .only("StringNotEquals", "ssm:Overwrite", ["true"]),
        Statement::allow("WriteChannels", actions(Grant::WritePointer), "A channel's pointer follows that of the factory.")
            .on([scope.arn("ssm", "parameter/amifactory/*/channels/*")]),
    ];
    // Whoever retires images looks here too, by this role.
    statements.extend(uses(scope, []));
    Policy::new(statements)
}

/// Who may assume that role: the factory's account, which says itself who in it may. None where it is not known.
pub fn consumer_trust(scope: &Scope) -> Option<Policy> {
    let account = scope.account.as_ref()?;
    let reason = "The factory's account; its own policies say who in it may assume this role.";
    let mut statement = Statement::allow("Factory", [op::ASSUME_ROLE.action], reason);
    statement.principal = Some(scope.root_arn(account));
    Some(Policy::new(vec![statement]))
}
