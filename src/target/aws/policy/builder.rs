//! What the builders' role may do: be reached by Run Command, fetch the declared secrets, write live progress.

use super::document::{Policy, Statement};
use super::scope::Scope;

/// What the agent calls for Run Command. Of AmazonSSMManagedInstanceCore this leaves out sessions (data channels), State
/// Manager, inventory, patches, packages and reading any parameter.
const AGENT: [&str; 9] = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:OpenControlChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
];

/// The policy of the builders' role.
pub fn builder(scope: &Scope) -> Policy {
    let reason = "The agent says that it is there, fetches commands and answers: Run Command and nothing more. Agents \
                  use ssmmessages, older ones and some networks ec2messages. These actions know no resources.";
    let mut statements = vec![Statement::allow("RunCommand", AGENT, reason).on(["*".to_owned()])];
    if !scope.secrets.is_empty() {
        let arns: Vec<String> = scope.secrets.iter().map(|name| scope.parameter_arn(name)).collect();
        let reason = "The secrets that package groups declare, fetched on the builder by its own role.";
        statements.push(Statement::allow("Secrets", ["ssm:GetParameter"], reason).on(arns.clone()));
        let reason = "SecureStrings are decrypted by Parameter Store for just these parameters; the key may be any.";
        statements.push(
            Statement::allow("DecryptSecrets", ["kms:Decrypt"], reason)
                .on([scope.arn("kms", "key/*")])
                .only("StringLike", "kms:ViaService", [scope.via("ssm")])
                .only("StringLike", "kms:EncryptionContext:PARAMETER_ARN", arns),
        );
    }
    if !scope.log_groups.is_empty() {
        let reason = "What a command prints goes to the log group while it runs.";
        let write = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"];
        statements.push(Statement::allow("Progress", write, reason).on(scope.log_streams()));
        let reason = "The agent looks whether the log group is there; this action knows no resources.";
        statements.push(Statement::allow("ProgressGroups", ["logs:DescribeLogGroups"], reason).on(["*".to_owned()]));
    }
    Policy::new(statements)
}

/// Who may be the builders' role: instances.
pub fn trust(scope: &Scope) -> Policy {
    let mut statement = Statement::allow("Builders", ["sts:AssumeRole"], "Instances have the role, and nobody else.");
    statement.principal = Some(scope.ec2_principal());
    Policy::new(vec![statement])
}
