//! What whoever builds with EC2 Image Builder may do, and what the role of its instances may. Which actions have which
//! resources is in the Service Authorization Reference (Amazon EC2 Image Builder).

use super::document::{Policy, Statement};
use super::operator::{Grant, actions, doctor, everywhere, keys, parts, pointers, resource_tag};
use super::scope::Scope;
use crate::pipeline::tags::{BUILD, PIPELINE, PURPOSE};

/// What the names of all that is ours begin with.
const OURS: &str = "amifactory-*";
/// The tag by which the service says which image build something is of.
const MADE_BY: &str = "aws:ResourceTag/Ec2ImageBuilderArn";

/// The policy of whoever builds with Image Builder, instead of the operator's.
pub fn image_builder(scope: &Scope) -> Policy {
    let statements = [
        look_there(scope),
        builds(scope),
        roles(scope),
        log(scope),
        leavings(scope),
        tags(scope),
        parts(scope),
        pointers(scope),
        keys(scope),
        doctor(scope),
    ];
    Policy::new(statements.concat())
}

fn ours(scope: &Scope, kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(|kind| scope.arn("imagebuilder", &format!("{kind}/{OURS}"))).collect()
}

/// What can't be narrowed down: finding what is there, and which of the image builds and configurations are ours.
fn look_there(scope: &Scope) -> Vec<Statement> {
    let reason = "Finding what is there. All image builds and configurations are listed at once: which of them are ours, \
                  their tags say. Parameter Store checks pointers with the caller's ec2:DescribeImages.";
    let actions = actions(Grant::Look).chain(actions(Grant::ImageBuilderLook));
    vec![everywhere(Statement::allow("Look", actions, reason), scope)]
}

fn builds(scope: &Scope) -> Vec<Statement> {
    let reason = "What plans are made of there is created and never changed: a name holds the hash of its content. What \
                  older plans were made of is removed by sweep, because the service allows so many of each. Image builds \
                  are begun, followed, cancelled and removed, with the configuration that each has.";
    let shared = actions(Grant::ImageBuilderShared).chain(actions(Grant::ImageBuilderOld));
    let all = shared.chain(actions(Grant::ImageBuilderBuild)).chain(["imagebuilder:TagResource"]);
    // Of all kinds, because each action knows one: five ARNs would not fit in.
    vec![
        Statement::allow("ImageBuilder", all, reason)
            .on(ours(scope, &["*"]))
            .on([scope.arn("imagebuilder", "workflow-execution/*")]),
    ]
}

fn roles(scope: &Scope) -> Vec<Statement> {
    let service = scope.image_builder_principal();
    vec![
        Statement::allow(
            "PassRole",
            ["iam:PassRole"],
            "Giving instances their role, and giving it to nothing but EC2.",
        )
        .on(scope.role_arns())
        .only("StringEquals", "iam:PassedToService", [scope.ec2_principal()]),
        Statement::allow(
            "ServiceRole",
            ["iam:CreateServiceLinkedRole"],
            "The first image build in an account makes the service's own role.",
        )
        .on([scope.image_builder_role()])
        .only("StringEquals", "iam:AWSServiceName", [service]),
    ]
}

fn log(scope: &Scope) -> Vec<Statement> {
    let reason = "Results come back through the log groups of image builds.";
    vec![
        Statement::allow("Results", actions(Grant::Live), reason)
            .on([scope.arn("logs", &format!("log-group:/aws/imagebuilder/{OURS}:*"))]),
    ]
}

/// Until an image is distributed it has the service's tags alone.
fn leavings(scope: &Scope) -> Vec<Statement> {
    let reason =
        "What a cancelled or failed image build leaves: AMIs and snapshots that say that one of ours made them.";
    vec![
        Statement::allow("Leavings", ["ec2:DeregisterImage", "ec2:DeleteSnapshot"], reason)
            .on(["image/*", "snapshot/*"].map(|resource| scope.public_arn("ec2", resource)))
            .only("StringLike", MADE_BY, [scope.arn("imagebuilder", &format!("image/{OURS}"))]),
    ]
}

fn tags(scope: &Scope) -> Vec<Statement> {
    vec![
        Statement::allow(
            "Record",
            actions(Grant::StartRecord),
            "Evidence carries its build's tag from its first moment.",
        )
        .on([scope.public_arn("ec2", "snapshot/*")])
        .only_with(format!("aws:RequestTag/{BUILD}")),
        Statement::allow("TagRecord", actions(Grant::Tag), "Records are tagged as they are begun.")
            .on([scope.public_arn("ec2", "snapshot/*")])
            .only_with(format!("aws:RequestTag/{BUILD}"))
            .only("StringEquals", format!("aws:RequestTag/{PURPOSE}"), ["evidence"])
            .only("StringEqualsIfExists", "ec2:CreateAction", ["StartSnapshot"]),
        Statement::allow("TagImage", actions(Grant::Tag), "What becomes of an image is in its own amifactory tags.")
            .on([scope.public_arn("ec2", "image/*")])
            .only_with(resource_tag())
            .only("ForAllValues:StringLike", "aws:TagKeys", ["amifactory:*"]),
    ]
}

/// The policy of whoever declares pipelines and adopts what they have made, beside the one of whoever builds.
pub fn image_builder_pipelines(scope: &Scope) -> Policy {
    let reason = "Pipelines are made, changed, begun and removed.";
    let all = actions(Grant::ImageBuilderPipeline);
    let pipelines = Statement::allow("Pipelines", all, reason).on(ours(scope, &["image-pipeline"]));
    let reason = "Configurations that someone has changed become again what their names say.";
    let kinds = ["infrastructure-configuration", "distribution-configuration"];
    let mend = Statement::allow("Mend", actions(Grant::ImageBuilderMend), reason).on(ours(scope, &kinds));
    let reason = "An image of a pipeline gets the tags that make it a build's.";
    let adopt = Statement::allow("Adopt", actions(Grant::Tag), reason)
        .on([scope.public_arn("ec2", "image/*")])
        .only_with(format!("aws:ResourceTag/{PIPELINE}"))
        .only("StringLike", MADE_BY, [scope.arn("imagebuilder", &format!("image/{OURS}"))])
        .only("ForAllValues:StringLike", "aws:TagKeys", ["Name", "amifactory:*"]);
    Policy::new(vec![pipelines, mend, adopt])
}

/// Under which documents of components are in a bucket.
const DOCUMENTS: &str = "amifactory/components/*";

/// The policy for large components, beside the one of whoever builds; none where no bucket is configured.
pub fn image_builder_components(scope: &Scope) -> Option<Policy> {
    if scope.component_buckets.is_empty() {
        return None;
    }
    let reason = "Large components go through a bucket: put there, read by the service in the caller's name, removed.";
    let find = "Sweep finds those that were left there, and doctor whether it is there.";
    let documents = Statement::allow("Documents", actions(Grant::ComponentBucket).chain(["s3:GetObject"]), reason)
        .on(scope.component_buckets.iter().map(|name| scope.bucket_arn(&format!("{name}/{DOCUMENTS}"))));
    let list = Statement::allow("FindDocuments", actions(Grant::ComponentBucketList), find)
        .on(scope.component_buckets.iter().map(|name| scope.bucket_arn(name)))
        .only("StringLike", "s3:prefix", [DOCUMENTS]);
    Some(Policy::new(vec![documents, list]))
}

/// What the role of the service's instances may do beside a builder's: fetch its components, and write to the log.
pub fn image_builder_instance(scope: &Scope) -> Policy {
    let mut statements = super::builder(scope).statement;
    let reason = "The service's agent fetches the components that it runs.";
    statements
        .push(Statement::allow("Components", ["imagebuilder:GetComponent"], reason).on(ours(scope, &["component"])));
    let reason = "What components print goes to the log group of their image, and results with it.";
    let write = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
    statements.push(
        Statement::allow("Results", write, reason)
            .on([scope.arn("logs", &format!("log-group:/aws/imagebuilder/{OURS}"))])
            .on([scope.arn("logs", &format!("log-group:/aws/imagebuilder/{OURS}:*"))]),
    );
    Policy::new(statements)
}
