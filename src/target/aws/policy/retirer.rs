//! What whoever retires images may do: see all that uses them, and change nothing. It reads values of parameters all over
//! the account, which neither builds nor releases need. What `--apply` and `--restore` change stands apart.

use super::Grant;
use super::document::{Policy, Statement};
use super::operator::{actions, everywhere, resource_tag};
use super::scope::Scope;
use crate::target::aws::api::op;

/// What `ec2:DescribeImageReferences` itself asks of EC2 Image Builder, in the caller's name (EC2 user guide, "Identify your
/// resources referencing specified AMIs").
const REFERENCES: [&str; 3] =
    ["imagebuilder:ListImageRecipes", "imagebuilder:ListContainerRecipes", "imagebuilder:GetContainerRecipe"];

/// Where images are distributed they are retired in all their regions.
fn everywhere_it_distributes(scope: &Scope) -> Scope {
    match &scope.home {
        Some(_) => Scope { region: None, ..scope.clone() },
        None => scope.clone(),
    }
}

/// The policy of whoever retires images.
pub fn retirer(scope: &Scope) -> Policy {
    let scope = &everywhere_it_distributes(scope);
    let more = [op::DESCRIBE_SNAPSHOTS, op::IMAGE_SHARES, op::WHO_AM_I].map(|op| op.action);
    let mut statements = uses(scope, more);
    let roles: Vec<String> = scope.consumer_arns().into_iter().chain(scope.fleet_role_arns()).collect();
    if !roles.is_empty() {
        let reason = "The roles in accounts that images are shared with: what uses the images there.";
        statements.push(Statement::allow("Roles", [op::ASSUME_ROLE.action], reason).on(roles));
    }
    Policy::new(statements)
}

/// Reading all that may use an image, here or in an account that it is shared with.
pub(super) fn uses<const N: usize>(scope: &Scope, more: [&'static str; N]) -> Vec<Statement> {
    let look =
        [op::DESCRIBE_IMAGES, op::DESCRIBE_INSTANCES, op::DESCRIBE_SCALING_GROUPS, op::DESCRIBE_LAUNCH_CONFIGURATIONS];
    let look = look.map(|op| op.action);
    vec![
        everywhere(
            Statement::allow(
                "Uses",
                look.into_iter().chain(actions(Grant::Uses)).chain(REFERENCES).chain(more),
                "All that may use an image: instances, launch templates, Auto Scaling groups, launch configurations, fleets, \
                 spot requests, recipes of EC2 Image Builder, copies, accounts that it is shared with; what locks its \
                 snapshots. What can't be read keeps every image.",
            ),
            scope,
        ),
        Statement::allow(
            "Parameters",
            actions(Grant::ReadPointer).chain(actions(Grant::ListPointers)),
            "Any parameter of the account may name an image, now or in a version that has a label. Secrets are not \
             decrypted: that takes kms:Decrypt, which is not here.",
        )
        .on([scope.arn("ssm", "parameter/*")]),
    ]
}

/// The policy of whoever retires images with `--apply` or brings them back, beside [`retirer`]'s.
pub fn retirer_apply(scope: &Scope) -> Policy {
    let scope = &everywhere_it_distributes(scope);
    let images = || scope.public_arn("ec2", "image/*");
    let remove = [op::DEREGISTER_IMAGE, op::DELETE_SNAPSHOT].map(|op| op.action);
    Policy::new(vec![
        Statement::allow(
            "OutOfUse",
            actions(Grant::Retire).chain([op::SHARE_IMAGE.action, op::CREATE_TAGS.action]),
            "Images are deprecated and disabled, and brought back with the launch permissions that disabling took; a \
             tag says which these were. Only what carries a build's tag.",
        )
        .on([images()])
        .only_with(resource_tag()),
        Statement::allow(
            "Remove",
            remove,
            "At the end an image is deregistered and its snapshots are deleted, those of its evidence too. Only what \
             carries its build's tag.",
        )
        .on([images(), scope.public_arn("ec2", "snapshot/*")])
        .only_with(resource_tag()),
        Statement::allow(
            "Record",
            [op::PUT_PARAMETER.action],
            "How far each image is on its way out, and who could launch it: written down before anything happens to it, \
             and never removed.",
        )
        .on([scope.arn("ssm", "parameter/amifactory/*/retired/*")]),
    ])
}
