//! What the policies allow, and that it is no more and no less than is called.

use super::*;
use crate::target::aws::api::op;
use std::collections::BTreeSet;

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// A factory that uses all there is.
fn full() -> Scope {
    Scope {
        account: Some("123456789012".into()),
        region: Some("eu-central-1".into()),
        roles: names(&["amifactory-builder"]),
        base_parameters: names(&["/golden/base"]),
        secrets: names(&["/app/token", "/app/key"]),
        log_groups: names(&["/amifactory/builds"]),
        component_buckets: names(&["acme-image-components"]),
        kms_keys: names(&[
            "alias/images",
            "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000",
        ]),
        spot: true,
        copy_keys: names(&["alias/images"]),
        consumers: [("111122223333".to_owned(), "amifactory-consumer".to_owned())].into(),
        fleet_roles: [("111122223333".to_owned(), "amifactory-fleet".to_owned())].into(),
        notifies: true,
        tickets: true,
        metrics: true,
        topics: names(&["arn:aws:sns:eu-central-1:123456789012:fleet"]),
        hooks: names(&["/fleet/webhook"]),
        home: Some("eu-central-1".into()),
    }
}

/// The shipped factory: no account, no region.
fn plain() -> Scope {
    Scope { roles: names(&["amifactory-builder"]), ..Scope::default() }
}

fn json(policy: &Policy) -> String {
    serde_json::to_string_pretty(policy).unwrap()
}

#[test]
fn every_operation_is_allowed_and_nothing_else() {
    let (operator, releaser, retirer) = (operator(&full()), releaser(&full()), retirer(&full()));
    let (distributor, consumer) = (distributor(&full()), consumer(&full()));
    let apply = retirer_apply(&full());
    let (fleet, fleet_role, notify) = (fleet(&full()), fleet_role(&full()), fleet_notify(&full()).unwrap());
    let (rollout, alarms) = (rollout(&full()), fleet_alarms(&full()).unwrap());
    let called: BTreeSet<&str> = op::ALL.iter().map(|operation| operation.action).collect();
    let (service, instance) = (image_builder(&full()), image_builder_instance(&full()));
    let pipelines = image_builder_pipelines(&full());
    let components = image_builder_components(&full()).unwrap();
    assert_eq!(image_builder_components(&plain()), None);
    for action in &called {
        let all = [
            &service,
            &pipelines,
            &components,
            &operator,
            &releaser,
            &distributor,
            &retirer,
            &apply,
            &fleet,
            &notify,
            &alarms,
            &rollout,
        ];
        assert!(all.iter().any(|policy| policy.allows(action)), "{action} is called and not allowed");
    }
    // What the services do in the caller's name is called by nobody here.
    let in_our_name =
        |action: &str| ["iam:", "kms:", "imagebuilder:", "s3:GetObject"].iter().any(|one| action.starts_with(one));
    let all = operator.actions().into_iter().chain(releaser.actions()).chain(retirer.actions());
    let all = all.chain(distributor.actions()).chain(consumer.actions()).chain(apply.actions());
    let all = all.chain(fleet.actions()).chain(fleet_role.actions()).chain(notify.actions()).chain(rollout.actions());
    let all =
        all.chain(alarms.actions()).chain(service.actions()).chain(pipelines.actions()).chain(components.actions());
    let spare: Vec<_> = all.filter(|a| !called.contains(a) && !in_our_name(a)).collect();
    assert!(spare.is_empty(), "allowed and never called: {spare:?}");
    // Image Builder launches, stops and commands; whoever builds with it does not.
    for action in ["ec2:RunInstances", "ec2:TerminateInstances", "ec2:CreateImage", "ssm:SendCommand"] {
        assert!(operator.allows(action) && !service.allows(action), "{action}");
    }
    assert!(!operator.allows("imagebuilder:CreateImage") && instance.allows("imagebuilder:GetComponent"));
    assert!(pipelines.length() <= MANAGED_LIMIT && !service.allows("imagebuilder:CreateImagePipeline"));
    assert!(service.length() <= MANAGED_LIMIT && instance.length() <= INLINE_LIMIT, "{}", service.length());
    assert!(!operator.allows("ssm:DeleteParameter") && !operator.allows("ec2:DescribeInstanceAttribute"));
    // Whoever releases removes locks, and starts, stops, makes and removes nothing else.
    let removes = releaser.statement.iter().filter(|s| s.actions.iter().any(|action| action == "ssm:DeleteParameter"));
    for statement in removes {
        assert!(statement.resources.iter().all(|resource| resource.ends_with("parameter/amifactory/*/moves/*")));
    }
    let changes =
        |action: &&str| !["Describe", "Get", "List"].iter().any(|reads| action.contains(&format!(":{reads}")));
    assert_eq!(retirer.actions().into_iter().filter(changes).collect::<Vec<_>>(), ["sts:AssumeRole"]);
    assert!(!apply.allows("ec2:DeleteVolume") && !apply.allows("ssm:DeleteParameter"));
    let tagged = |statement: &Statement| statement.sid == "Record" || !statement.conditions.is_empty();
    assert!(apply.statement.iter().all(tagged), "only what carries a build's tag");
    assert_eq!(fleet.actions().into_iter().filter(changes).collect::<Vec<_>>(), ["sts:AssumeRole"]);
    assert_eq!(fleet_role.actions().into_iter().filter(changes).collect::<Vec<_>>(), [] as [&str; 0]);
    assert_eq!(
        notify.actions().into_iter().filter(changes).collect::<Vec<_>>(),
        ["cloudwatch:PutMetricData", "sns:Publish", "ssm:CreateOpsItem", "ssm:PutParameter", "ssm:UpdateOpsItem"]
    );
    // The check may not put to sleep what watches over it.
    assert!(!notify.allows("cloudwatch:PutMetricAlarm") && !fleet.allows("cloudwatch:PutMetricAlarm"));
    assert_eq!(alarms.actions().into_iter().filter(changes).collect::<Vec<_>>(), ["cloudwatch:PutMetricAlarm"]);
    assert_eq!(fleet_alarms(&Scope { metrics: false, ..full() }), None);
    let remembers = notify.statement.iter().find(|s| s.sid == "Remember").unwrap();
    assert_eq!(remembers.resources, ["arn:aws:ssm:*:123456789012:parameter/amifactory/_notify/*"]);
    assert_eq!(fleet_notify(&plain()), None);
    assert!(!releaser.allows("ec2:RunInstances") && !releaser.allows("ec2:DeregisterImage"));
    for action in ["ec2:RunInstances", "ssm:DeleteParameter", "ec2:CreateImage"] {
        assert!(!distributor.allows(action) && !consumer.allows(action), "{action}");
    }
    assert!(!consumer.allows("ec2:CreateTags") && !consumer.allows("ec2:ModifyImageAttribute"));
}

#[test]
fn what_a_factory_does_not_use_is_not_allowed() {
    let policy = operator(&plain());
    for action in ["logs:GetLogEvents", "kms:Decrypt", "kms:CreateGrant"] {
        assert!(!policy.allows(action), "{action}");
    }
    assert!(!json(&policy).contains("spot-instances-request"));
    let policy = builder(&plain());
    assert!(!policy.allows("ssm:GetParameter") && !policy.allows("kms:Decrypt") && !policy.allows("logs:PutLogEvents"));
}

#[test]
fn what_changes_something_is_narrowed_down() {
    let policies = [operator(&full()), releaser(&full()), distributor(&full())];
    for statement in policies.iter().flat_map(|policy| &policy.statement) {
        let reads = statement.actions.iter().all(|action| {
            let name = action.split_once(':').unwrap().1;
            ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb))
        });
        assert!(!statement.resources.is_empty(), "{}", statement.sid);
        if !reads {
            assert!(!statement.resources.iter().any(|resource| resource == "*"), "{} on everything", statement.sid);
            // A document has no tags, and what builders are launched from is anyone's.
            let free = ["Document", "LaunchFrom", "WriteChannels", "Roles"].contains(&statement.sid);
            assert!(free || !statement.conditions.is_empty(), "{} without a condition", statement.sid);
        }
    }
}

#[test]
fn names_are_unique_and_each_has_a_reason() {
    let trusts = [trust(&full()), consumer_trust(&full()).unwrap()];
    let others = [
        operator(&full()),
        releaser(&full()),
        builder(&full()),
        distributor(&full()),
        consumer(&full()),
        retirer(&full()),
        retirer_apply(&full()),
        fleet(&full()),
        fleet_role(&full()),
        fleet_notify(&full()).unwrap(),
        fleet_alarms(&full()).unwrap(),
        rollout(&full()),
    ];
    for policy in others.into_iter().chain(trusts) {
        let sids: BTreeSet<_> = policy.statement.iter().map(|statement| statement.sid).collect();
        assert_eq!(sids.len(), policy.statement.len());
        for statement in &policy.statement {
            assert!(statement.sid.bytes().all(|b| b.is_ascii_alphanumeric()), "{}", statement.sid);
            assert!(statement.reason.len() > 20 && !statement.reason.contains('\n'), "{}", statement.sid);
        }
    }
}

#[test]
fn they_fit_into_iam() {
    for scope in [full(), plain()] {
        let (operator, builder) = (operator(&scope), builder(&scope));
        assert!(operator.length() <= MANAGED_LIMIT, "{}", operator.length());
        assert!(releaser(&scope).length() <= MANAGED_LIMIT);
        assert!(distributor(&scope).length() <= MANAGED_LIMIT && consumer(&scope).length() <= MANAGED_LIMIT);
        assert!(retirer(&scope).length() <= MANAGED_LIMIT && retirer_apply(&scope).length() <= MANAGED_LIMIT);
        assert!(fleet(&scope).length() <= MANAGED_LIMIT && fleet_role(&scope).length() <= MANAGED_LIMIT);
        assert!(rollout(&scope).length() <= MANAGED_LIMIT);
        assert!(builder.length() <= MANAGED_LIMIT && builder.length() <= INLINE_LIMIT, "{}", builder.length());
    }
    // Length is counted as IAM does.
    let text = json(&operator(&full()));
    assert_eq!(operator(&full()).length(), text.chars().filter(|c| !c.is_whitespace()).count());
}

#[test]
fn the_operators_policy() {
    insta::assert_snapshot!(json(&operator(&full())));
}

#[test]
fn the_operators_policy_of_the_shipped_factory() {
    insta::assert_snapshot!(json(&operator(&plain())));
}

#[test]
fn the_releasers_policy() {
    insta::assert_snapshot!(json(&releaser(&full())));
}

#[test]
fn the_distributors_policy() {
    insta::assert_snapshot!(json(&distributor(&full())));
}

#[test]
fn the_consumers_policy() {
    insta::assert_snapshot!(json(&consumer(&full())));
    assert!(consumer_trust(&plain()).is_none());
    let trust = serde_json::to_string(&consumer_trust(&full()).unwrap()).unwrap();
    insta::assert_snapshot!(trust, @r#"{"Version":"2012-10-17","Statement":[{"Sid":"Factory","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#);
}

#[test]
fn the_retirers_policy() {
    insta::assert_snapshot!(json(&retirer(&full())));
}

#[test]
fn the_policy_of_whoever_applies_retirement() {
    insta::assert_snapshot!(json(&retirer_apply(&full())));
}

#[test]
fn the_policies_for_the_fleet() {
    insta::assert_snapshot!(json(&fleet(&full())));
    insta::assert_snapshot!(json(&fleet_role(&full())));
    insta::assert_snapshot!(json(&fleet_notify(&full()).unwrap()));
    insta::assert_snapshot!(json(&fleet_alarms(&full()).unwrap()));
}

#[test]
fn the_policy_of_whoever_rolls_out() {
    insta::assert_snapshot!(json(&rollout(&full())));
}

#[test]
fn the_builders_policy() {
    insta::assert_snapshot!(json(&builder(&full())));
}

#[test]
fn the_trust_policy() {
    insta::assert_snapshot!(serde_json::to_string(&trust(&plain())).unwrap(), @r#"{"Version":"2012-10-17","Statement":[{"Sid":"Builders","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#);
}
