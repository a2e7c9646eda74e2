//! What whoever runs builds may do. Everything that is made carries `amifactory:build` from its first moment, so
//! everything that changes or removes something is allowed on what carries it, and on nothing else.
//!
//! Which actions have which resources and conditions is in the Service Authorization Reference (Amazon EC2, Amazon
//! Elastic Block Store, AWS Systems Manager, AWS KMS).

use super::document::{Policy, Statement};
use super::scope::Scope;
use crate::pipeline::tags::{BUILD, PURPOSE};
use crate::target::aws::api::op;

/// Which part of the policy allows an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Reading what has no resources for IAM.
    Look,
    /// Launching builders.
    Launch,
    /// Stopping and terminating them, and disarming their switch.
    Builder,
    /// Making images of them.
    Image,
    /// Tagging images later.
    Tag,
    /// Removing images and parts.
    Remove,
    /// Running commands on builders.
    Command,
    /// Reading progress while they run.
    Live,
    /// Beginning a record.
    StartRecord,
    /// Writing and reading records.
    Record,
    /// Reading pointers and bases by name.
    ReadPointer,
    /// Listing pointers.
    ListPointers,
    /// Writing pointers.
    WritePointer,
    /// Removing the lock of a move: for whoever releases.
    Lock,
    /// Copying images to other regions and sharing them: for whoever releases.
    Distribute,
    /// Finding what uses images: for whoever retires them.
    Uses,
    /// Taking images out of use, and bringing them back: for whoever retires them.
    Retire,
    /// Finding what Auto Scaling would launch: for whoever looks at the fleet.
    Fleet,
    /// Telling people what is new in the fleet.
    Notify,
    /// Items in OpsCenter.
    Tickets,
    /// Metrics of each check of the fleet.
    Measure,
    /// Alarms over them.
    Alarm,
    /// Bringing images to Auto Scaling groups: for whoever rolls out.
    Rollout,
    /// What plans have in common in EC2 Image Builder: for whoever builds with it.
    ImageBuilderShared,
    /// What builds of older plans were made of there.
    ImageBuilderOld,
    /// One build there.
    ImageBuilderBuild,
    /// Pipelines of Image Builder, and their runs.
    ImageBuilderPipeline,
    /// Making configurations of pipelines what they were.
    ImageBuilderMend,
    /// What knows no resources there.
    ImageBuilderLook,
    /// Documents of components in S3.
    ComponentBucket,
    /// Finding those that were left there.
    ComponentBucketList,
    /// What `doctor` alone asks.
    Doctor,
}

/// Under which all pointers are.
const POINTERS: &str = "parameter/amifactory/*";

/// The policy of whoever runs builds.
pub fn operator(scope: &Scope) -> Policy {
    let statements = [
        look(scope),
        launch(scope),
        builders(scope),
        images(scope),
        tags(scope),
        parts(scope),
        command(scope),
        live(scope),
        pointers(scope),
        keys(scope),
        doctor(scope),
    ];
    Policy::new(statements.concat())
}

pub(super) fn actions(grant: Grant) -> impl Iterator<Item = &'static str> {
    op::ALL.iter().filter(move |operation| operation.grant == grant).map(|operation| operation.action)
}

pub(super) fn resource_tag() -> String {
    format!("aws:ResourceTag/{BUILD}")
}

pub(super) fn request_tag() -> String {
    format!("aws:RequestTag/{BUILD}")
}

/// On everything, but in the one region, where that is known.
pub(super) fn everywhere(statement: Statement, scope: &Scope) -> Statement {
    let statement = statement.on(["*".to_owned()]);
    match &scope.region {
        Some(region) => statement.only("StringEquals", "aws:RequestedRegion", [region]),
        None => statement,
    }
}

fn look(scope: &Scope) -> Vec<Statement> {
    let reason = "Finding what is there and how commands went. EC2's Describe actions and these of Systems Manager \
                  know no resources. Parameter Store checks pointers (aws:ec2:image) with the caller's \
                  ec2:DescribeImages, after it has answered.";
    vec![everywhere(Statement::allow("Look", actions(Grant::Look), reason), scope)]
}

fn launch(scope: &Scope) -> Vec<Statement> {
    let ec2 = |resource: &str| scope.arn("ec2", resource);
    let from = [scope.public_arn("ec2", "image/*"), ec2("subnet/*"), ec2("security-group/*")];
    let mut parts = vec![ec2("volume/*"), ec2("network-interface/*")];
    if scope.spot {
        parts.push(ec2("spot-instances-request/*"));
    }
    let run = |sid, reason| Statement::allow(sid, actions(Grant::Launch), reason);
    vec![
        run("LaunchFrom", "What builders are launched from: any base, in any subnet.").on(from),
        run("Launch", "Builders carry their build's tag from their first moment, and their metadata needs IMDSv2.")
            .on([ec2("instance/*")])
            .only_with(request_tag())
            .only("StringEquals", "ec2:MetadataHttpTokens", ["required"]),
        run(
            "LaunchParts",
            "What comes with a builder carries the tag too, so that nothing is lost where it outlives it.",
        )
        .on(parts)
        .only_with(request_tag()),
        Statement::allow("PassRole", ["iam:PassRole"], "Giving builders their role, and giving it to nothing but EC2.")
            .on(scope.role_arns())
            .only("StringEquals", "iam:PassedToService", [scope.ec2_principal()]),
    ]
}

fn builders(scope: &Scope) -> Vec<Statement> {
    let reason = "Builders are stopped, imaged and terminated, and the switch by which they end themselves is disarmed \
                  before.";
    vec![
        Statement::allow("Builders", actions(Grant::Builder).chain(actions(Grant::Image)), reason)
            .on([scope.arn("ec2", "instance/*")])
            .only_with(resource_tag()),
    ]
}

/// Of an image there is the builder that it is made of, which carries the tag, and what is made, which gets it.
fn images(scope: &Scope) -> Vec<Statement> {
    let reason = "Images, their snapshots, and the snapshots that hold their evidence carry their build's tag from \
                  their first moment.";
    vec![
        Statement::allow("Make", actions(Grant::Image).chain(actions(Grant::StartRecord)), reason)
            .on(["image/*", "snapshot/*"].map(|resource| scope.public_arn("ec2", resource)))
            .only_with(request_tag()),
    ]
}

fn tags(scope: &Scope) -> Vec<Statement> {
    let tag = |sid, reason| Statement::allow(sid, actions(Grant::Tag), reason);
    let mut made: Vec<String> =
        ["instance/*", "volume/*", "network-interface/*"].map(|resource| scope.arn("ec2", resource)).into();
    if scope.spot {
        made.push(scope.arn("ec2", "spot-instances-request/*"));
    }
    made.extend(["image/*", "snapshot/*"].map(|resource| scope.public_arn("ec2", resource)));
    vec![
        tag("TagNew", "Tags are given in the calls that make things, and not to what is there already.").on(made).only(
            "StringEquals",
            "ec2:CreateAction",
            ["RunInstances", "CreateImage"],
        ),
        tag(
            "TagRecord",
            "Records are tagged as they are begun. No ec2:CreateAction is documented for ebs:StartSnapshot: where it \
             has one it must be that. Where it has none, this also lets the caller tag other snapshots as evidence.",
        )
        .on([scope.public_arn("ec2", "snapshot/*")])
        .only_with(request_tag())
        .only("StringEquals", format!("aws:RequestTag/{PURPOSE}"), ["evidence"])
        .only("StringEqualsIfExists", "ec2:CreateAction", ["StartSnapshot"]),
        tag("TagImage", "What becomes of an image (verified, published) is in its own amifactory tags.")
            .on([scope.public_arn("ec2", "image/*")])
            .only_with(resource_tag())
            .only("ForAllValues:StringLike", "aws:TagKeys", ["amifactory:*"]),
    ]
}

pub(super) fn parts(scope: &Scope) -> Vec<Statement> {
    let reason = "Sweep removes what dead builds left, and images that no pointer names. The blocks of evidence are \
                  written and read. Never what others made.";
    vec![
        Statement::allow("Parts", actions(Grant::Remove).chain(actions(Grant::Record)), reason)
            .on(["image/*", "snapshot/*"].map(|resource| scope.public_arn("ec2", resource)))
            .on(["volume/*", "network-interface/*"].map(|resource| scope.arn("ec2", resource)))
            .only_with(resource_tag()),
    ]
}

fn command(scope: &Scope) -> Vec<Statement> {
    vec![
        Statement::allow("Document", actions(Grant::Command), "Commands are shell scripts: AWS's own document.")
            .on([scope.shell_document()]),
        Statement::allow("Command", actions(Grant::Command), "Commands go to builders alone.")
            .on([scope.arn("ec2", "instance/*")])
            .only("StringLike", format!("ssm:resourceTag/{BUILD}"), ["*"]),
    ]
}

fn live(scope: &Scope) -> Vec<Statement> {
    if scope.log_groups.is_empty() {
        return Vec::new();
    }
    let reason = "Progress is read from the log group while a command runs.";
    vec![Statement::allow("Progress", actions(Grant::Live), reason).on(scope.log_streams())]
}

pub(super) fn pointers(scope: &Scope) -> Vec<Statement> {
    let ours = || scope.arn("ssm", POINTERS);
    let bases = scope.base_parameters.iter().map(|name| scope.parameter_arn(name));
    let write = |sid, reason| Statement::allow(sid, actions(Grant::WritePointer), reason);
    vec![
        Statement::allow("Read", actions(Grant::ReadPointer), "Pointers, and bases that a parameter names.")
            .on([ours(), scope.public_parameters()])
            .on(bases),
        Statement::allow("ListPointers", actions(Grant::ListPointers), "The pointers of a recipe, and their history.")
            .on([ours()]),
        write("WriteVersions", "A version's pointer is written once and never over.")
            .on([scope.arn("ssm", "parameter/amifactory/*/versions/*")])
            // A request that does not say is one that does not overwrite.
            .only("StringNotEquals", "ssm:Overwrite", ["true"]),
        write("WriteChannels", "A channel's pointer moves.")
            .on([scope.arn("ssm", "parameter/amifactory/*/channels/*")]),
    ]
}

/// What EC2 does with a key of one's own, in the caller's name (EC2 user guide, "Requirements for Amazon EBS
/// encryption").
const KEY_ACTIONS: [&str; 5] =
    ["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"];

pub(super) fn keys(scope: &Scope) -> Vec<Statement> {
    if scope.kms_keys.is_empty() {
        return Vec::new();
    }
    let (mut arns, mut aliases) = (Vec::new(), Vec::new());
    for key in &scope.kms_keys {
        // The last part of an alias' ARN is the alias; policies know keys by their ids only.
        let name = key.rsplit(':').next().unwrap_or(key);
        if name.starts_with("alias/") {
            aliases.push(name.to_owned());
        } else if key.starts_with("arn:") {
            arns.push(key.clone());
        } else {
            arns.push(scope.arn("kms", &format!("key/{key}")));
        }
    }
    let mut statements = Vec::new();
    for (by_alias, use_sid, grant_sid) in [(false, "UseKey", "GrantKey"), (true, "UseAlias", "GrantAlias")] {
        let on_keys = |statement: Statement| match by_alias {
            false => statement.on(arns.clone()),
            true => statement.on([scope.arn("kms", "key/*")]).only(
                "ForAnyValue:StringEquals",
                "kms:ResourceAliases",
                aliases.clone(),
            ),
        };
        if (by_alias && aliases.is_empty()) || (!by_alias && arns.is_empty()) {
            continue;
        }
        let reason = "Builders' volumes and images are encrypted with this key: EC2 uses it in the caller's name.";
        let via = [scope.via("ec2")];
        statements.push(on_keys(Statement::allow(use_sid, KEY_ACTIONS, reason)).only(
            "StringLike",
            "kms:ViaService",
            via,
        ));
        let reason = "EC2 passes the key on to the instance that the volume belongs to, and to nothing else.";
        statements.push(on_keys(Statement::allow(grant_sid, ["kms:CreateGrant"], reason)).only(
            "Bool",
            "kms:GrantIsForAWSResource",
            ["true"],
        ));
    }
    statements
}

pub(super) fn doctor(scope: &Scope) -> Vec<Statement> {
    let reason = "What amifactory doctor alone asks: builds go on without it.";
    vec![everywhere(Statement::allow("Doctor", actions(Grant::Doctor), reason), scope)]
}
