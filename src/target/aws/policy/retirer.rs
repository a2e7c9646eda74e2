//! What whoever retires images may do: see all that uses them, and change nothing. It reads values of parameters all over
//! the account, which neither builds nor releases need.

use super::Grant;
use super::document::{Policy, Statement};
use super::operator::{actions, everywhere};
use super::scope::Scope;
use crate::target::aws::api::op;

/// The policy of whoever retires images.
pub fn retirer(scope: &Scope) -> Policy {
    let look = [op::DESCRIBE_IMAGES, op::DESCRIBE_SNAPSHOTS, op::DESCRIBE_INSTANCES, op::IMAGE_SHARES, op::WHO_AM_I];
    let look = look.map(|op| op.action);
    Policy::new(vec![
        everywhere(
            Statement::allow(
                "Uses",
                look.into_iter().chain(actions(Grant::Uses)),
                "All that may use an image: instances, launch templates, fleets, spot requests, copies, accounts that it \
                 is shared with. What can't be read keeps every image.",
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
    ])
}
