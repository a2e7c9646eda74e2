//! `iam-policy` as its users meet it.

use crate::program::{TestFactory, stderr};
use serde_json::Value;
use std::collections::BTreeSet;

const FACTORY: &str =
    "default_target: local\nchannels: [dev]\naws:\n  instance_profile: builders\n  log_group: /af/builds\n";

fn factory() -> TestFactory {
    let factory = TestFactory::tiny("true");
    factory.write("amifactory.yaml", FACTORY);
    factory
}

#[test]
fn one_policy_alone_is_json_that_iam_takes() {
    let output =
        factory().run(&["iam-policy", "--for", "builder", "--account", "123456789012", "--region", "eu-west-1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let keys: Vec<&String> = policy.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 2, "IAM takes nothing else: {keys:?}");
    let text = policy.to_string();
    assert!(text.contains("arn:aws:logs:eu-west-1:123456789012:log-group:/af/builds:*"), "{text}");
    assert!(!text.contains("ssm:GetParameter"), "no secrets are declared: {text}");
}

#[test]
fn what_a_roll_out_needs_beside_its_policy_is_told() {
    let output = factory().run(&["iam-policy", "--for", "rollout"]);
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(policy.as_object().unwrap().len(), 2, "{policy}");
    let told = stderr(&output);
    assert!(told.contains("iam:PassRole") && told.contains("arn:aws:iam::ACCOUNT:role/ROLE"), "{told}");
    assert!(!stderr(&factory().run(&["iam-policy", "--for", "fleet"])).contains("PassRole"));
    let all = String::from_utf8(factory().run(&["iam-policy"]).stdout).unwrap();
    assert!(all.contains("Whoever rolls out needs iam:PassRole too"), "{all}");
}

#[test]
fn all_of_them_come_with_reasons() {
    let factory = factory();
    let (code, result) = factory.json(&["iam-policy"]);
    assert_eq!(code, 0);
    for name in ["operator", "releaser", "builder", "trust"] {
        let statements = result["policies"][name]["Statement"].as_array().unwrap();
        assert!(!statements.is_empty());
        for statement in statements {
            let sid = statement["Sid"].as_str().unwrap();
            assert!(result["reasons"][name][sid].is_string(), "{name} {sid}");
        }
    }
    assert!(result["policies"]["operator"].to_string().contains(":role/builders\""));
    let text = String::from_utf8(factory.run(&["iam-policy"]).stdout).unwrap();
    assert!(text.contains("For whoever runs builds") && text.contains("Commands go to builders alone"), "{text}");
}

#[test]
fn the_role_may_have_a_name_of_its_own_and_must_be_known() {
    let factory = factory();
    let (_, result) = factory.json(&["iam-policy", "--for", "operator", "--role", "teams/images/role-x"]);
    assert!(result["policies"]["operator"].to_string().contains("role/teams/images/role-x"));
    assert!(result["policies"]["builder"].is_null());
    factory.write("amifactory.yaml", "default_target: local\nchannels: [dev]\n");
    let output = factory.run(&["iam-policy"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--role NAME"), "{}", stderr(&output));
    assert_eq!(factory.run(&["iam-policy", "--account", "12"]).status.code(), Some(2));
}

#[test]
fn help_says_what_it_prints() {
    let output = factory().run(&["iam-policy", "--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for word in [
        "--for <WHOM>",
        "operator",
        "retirer",
        "fleet-role",
        "fleet-notify",
        "fleet-alarms",
        "rollout",
        "builder",
        "trust",
        "--account <ID>",
        "--region <REGION>",
        "--role <NAME>",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

/// After a whole run of the suite with `AMIFACTORY_ACTIONS_SEEN=FILE`, which has all that the program asked the fake for.
#[test]
#[ignore = "compares with a whole run: `.ci/run` does it"]
fn nothing_is_missing_and_nothing_is_spare_over_the_whole_suite() {
    let file = std::env::var_os("AMIFACTORY_ACTIONS_SEEN").expect("the file of a whole run");
    let text = std::fs::read_to_string(file).unwrap();
    let seen: BTreeSet<&str> = text.lines().collect();
    let factory = factory();
    let distribution = "distribution:\n  home: us-east-1\n  accounts: {\"111122223333\": {role: consumer}}\n";
    let topic = "arn:aws:sns:us-east-1:123456789012:fleet";
    let notify =
        format!("fleet: {{notify: {{metrics: true, audiences: {{all: {{sns: \"{topic}\", opscenter: true}}}}}}}}\n");
    let aws = "  spot: true\n  volume: {kms_key: alias/images}\n";
    factory.write("amifactory.yaml", &format!("{FACTORY}{aws}{distribution}{notify}"));
    let (_, result) = factory.json(&["iam-policy"]);
    factory.write("amifactory.yaml", &format!("{FACTORY}{aws}  component_bucket: acme-image-components\n"));
    let (_, managed) = factory.json(&["iam-policy", "--target", "imagebuilder"]);
    let mut allowed = BTreeSet::new();
    // The suite builds, by either service, releases, distributes, retires, looks at fleets and rolls out.
    let fleet = ["fleet", "fleet-notify", "fleet-alarms", "rollout"];
    let whom = ["operator", "releaser", "distributor", "retirer", "retirer-apply"].into_iter().chain(fleet);
    for (result, whom) in
        whom.map(|whom| (&result, whom)).chain(["operator", "pipelines", "components"].map(|whom| (&managed, whom)))
    {
        for statement in result["policies"][whom]["Statement"].as_array().unwrap() {
            let actions = &statement["Action"];
            let actions = actions.as_array().map_or(std::slice::from_ref(actions), Vec::as_slice);
            allowed.extend(actions.iter().map(|action| action.as_str().unwrap()));
        }
    }
    let missing: Vec<_> = seen.difference(&allowed).collect();
    assert!(missing.is_empty(), "asked for, and not allowed: {missing:?}");
    // EC2 itself uses keys, and asks EC2 Image Builder, in the caller's name; the fake does neither.
    let in_its_name = |action: &&&str| action.starts_with("kms:") || action.starts_with("imagebuilder:");
    let spare: Vec<_> = allowed.difference(&seen).filter(|action| !in_its_name(action)).collect();
    assert!(spare.is_empty(), "allowed, and never asked for: {spare:?}");
    println!("{} actions, each of them asked for and allowed", seen.len());
}
