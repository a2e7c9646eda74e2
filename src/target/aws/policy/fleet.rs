//! What whoever looks at the fleet may do: see what runs and what would be launched, here and by roles in other accounts,
//! and change nothing.

use super::Grant;
use super::document::{Policy, Statement};
use super::operator::actions;
use super::retirer::uses;
use super::scope::Scope;
use crate::target::aws::api::op;

/// The policy of whoever runs `fleet`. It looks at several regions, so it is bound to none.
pub fn fleet(scope: &Scope) -> Policy {
    let scope = &Scope { region: None, ..scope.clone() };
    let mut statements = seen(scope, [op::WHO_AM_I.action]);
    statements.push(
        Statement::allow(
            "Pointers",
            actions(Grant::ListPointers),
            "What each channel names, and what it named before and until when.",
        )
        .on([scope.arn("ssm", "parameter/amifactory/*")]),
    );
    if !scope.fleet_roles.is_empty() {
        let reason = "The roles that fleet gives for other accounts.";
        statements.push(Statement::allow("Roles", [op::ASSUME_ROLE.action], reason).on(scope.fleet_role_arns()));
    }
    Policy::new(statements)
}

/// The policy of the role in another account.
pub fn fleet_role(scope: &Scope) -> Policy {
    let scope = &Scope { region: None, account: None, ..scope.clone() };
    // Whoever retires images looks there too, by this role.
    Policy::new([seen(scope, []), uses(scope, [])].concat())
}

/// The policy of whoever runs `fleet --notify`, beside that. None where nobody is told.
pub fn fleet_notify(scope: &Scope) -> Option<Policy> {
    let scope = &Scope { region: None, ..scope.clone() };
    if !scope.notifies {
        return None;
    }
    let memory = "Remembering who was told what. It is read with what the policy of fleet allows.";
    let mut statements = vec![
        Statement::allow("Remember", [op::PUT_PARAMETER.action], memory)
            .on([scope.arn("ssm", "parameter/amifactory/_notify/*")]),
    ];
    if !scope.topics.is_empty() {
        let reason = "The topics of the audiences. One that is encrypted needs kms:Decrypt and kms:GenerateDataKey on its key too.";
        statements.push(Statement::allow("Topics", actions(Grant::Notify), reason).on(scope.topics.iter().cloned()));
    }
    if !scope.hooks.is_empty() {
        let reason = "Where addresses of webhooks stand. One under a key of your own needs kms:Decrypt on that too.";
        let hooks = scope.hooks.iter().map(|name| scope.parameter_arn(name));
        statements.push(Statement::allow("Webhooks", actions(Grant::ReadPointer), reason).on(hooks));
    }
    if scope.tickets {
        let reason =
            "Items in OpsCenter: opening and listing them know no resources, and nobody knows an id beforehand.";
        statements.push(Statement::allow("Items", actions(Grant::Tickets), reason).on(["*".to_owned()]));
    }
    if scope.metrics {
        let reason = "Metrics of each check, which have no resources: only in the namespace amifactory.";
        let put = Statement::allow("Metrics", actions(Grant::Measure), reason).on(["*".to_owned()]);
        statements.push(put.only("StringEquals", "cloudwatch:namespace", ["amifactory"]));
    }
    Some(Policy::new(statements))
}

/// The policy of whoever declares the alarms over the check's metrics (`fleet --alarms --yes`): not of the check itself, which
/// they watch over. None where there are no metrics.
pub fn fleet_alarms(scope: &Scope) -> Option<Policy> {
    let scope = &Scope { region: None, ..scope.clone() };
    if !scope.notifies || !scope.metrics {
        return None;
    }
    let reason = "Alarms that ring where the check stops, or does not see everything: not for whoever runs the check.";
    let alarms = Statement::allow("Alarms", [op::PUT_ALARM.action], reason);
    let reason = "Those that are left of a name that the factory had before are found by how their names begin.";
    let list = Statement::allow("ListAlarms", [op::DESCRIBE_ALARMS.action], reason);
    Some(Policy::new(vec![alarms.on([scope.arn("cloudwatch", "alarm:amifactory-*")]), list.on(["*".to_owned()])]))
}

fn seen<const N: usize>(scope: &Scope, more: [&'static str; N]) -> Vec<Statement> {
    let look = [op::DESCRIBE_INSTANCES, op::DESCRIBE_IMAGES, op::DESCRIBE_TEMPLATE_VERSIONS].map(|op| op.action);
    vec![
        Statement::allow(
            "Fleet",
            look.into_iter().chain(actions(Grant::Fleet)).chain(more),
            "Instances, launch templates and Auto Scaling groups with their warm pools; images, to tell others' images \
             from those that are gone. What can't be read is told, and never taken for fine.",
        )
        .on(["*".to_owned()]),
        Statement::allow(
            "Resolve",
            actions(Grant::ReadPointer),
            "A launch template may name its image by any parameter. Secrets are not decrypted: that takes kms:Decrypt, \
             which is not here.",
        )
        .on([scope.arn("ssm", "parameter/*")]),
    ]
}
