//! The shipped recipes: they load, their scripts are clean, their order is right.

use amifactory::hardening::Catalogue;
use amifactory::identity::{GroupName, OsFamily, RecipeName, Slug};
use amifactory::recipe::{
    AwsBase, AwsBaseImage, BaseSpec, Factory, GroupAction, LocalBase, ParameterValue, build_order, load, load_only,
    render_content, render_script,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A catalogue that knows what the shipped recipes and the corpus name, whatever the library holds.
pub fn catalogue() -> Catalogue {
    use amifactory::hardening::{ControlParameter, Form};
    use amifactory::recipe::{Parameter, ParameterKind};
    let parameter = |kind| ControlParameter {
        declaration: Parameter { kind, default: None, description: String::new() },
        bounds: Some((1, 60)),
        form: None,
    };
    let slugs = [
        "web-server-absent",
        "sshd-tcp-forwarding-disabled",
        "sshd-permit-root-login-disabled",
        "kernel-module-cramfs-disabled",
        "auditd-installed",
    ];
    let controls: BTreeSet<Slug> = slugs.iter().map(|slug| slug.parse().unwrap()).collect();
    // In the library, and in no profile.
    let others = ["disk-encrypted".parse().unwrap()];
    Catalogue {
        profiles: ["cis-l1-server", "cis-l2-server"].map(|name| (name.to_owned(), controls.clone())).into(),
        controls: controls.into_iter().chain(others).collect(),
        ids: [("5.2.1.1".to_owned(), vec!["`auditd-installed` (cis-al2023-1.0.0)".to_owned()])].into(),
        parameters: [
            (
                "sudo_log_file".to_owned(),
                ControlParameter { form: Some(Form::LogFile), ..parameter(ParameterKind::String) },
            ),
            ("sshd_login_grace_time".to_owned(), parameter(ParameterKind::Integer)),
            ("firewall".to_owned(), parameter(ParameterKind::Choice(vec!["nftables".into(), "firewalld".into()]))),
        ]
        .into(),
    }
}

pub fn today() -> time::Date {
    time::macros::date!(2026 - 06 - 15)
}

fn shipped() -> Factory {
    load(&root(), &catalogue(), today()).unwrap_or_else(|diagnostics| {
        let all: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        panic!("{}", all.join("\n\n"))
    })
}

fn name(text: &str) -> RecipeName {
    text.parse().unwrap()
}

/// Every script of the factory, with a name, rendered with the values that recipes and defaults give.
fn scripts(factory: &Factory) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for recipe in factory.recipes.values() {
        for test in &recipe.tests {
            let script = render_script(&test.script.template, &recipe.parameters).unwrap();
            all.push((format!("{}: {}", recipe.name, test.name), script));
        }
        for used in &recipe.groups {
            let group = &factory.groups[&used.name];
            let mut values: BTreeMap<String, ParameterValue> =
                group.parameters.iter().filter_map(|(name, p)| Some((name.clone(), p.default.clone()?))).collect();
            values.extend(used.parameters.clone());
            if let Some(health) = &group.health {
                all.push((format!("{}: health", group.name), render_script(&health.template, &values).unwrap()));
            }
            for step in &group.steps {
                match &step.action {
                    GroupAction::Run(script) => {
                        let script = render_script(&script.template, &values).unwrap();
                        all.push((format!("{}: {}", group.name, step.name), script));
                    }
                    GroupAction::File { content, .. } => drop(render_content(content, &values).unwrap()),
                    GroupAction::Enable(_) | GroupAction::Reboot => {}
                }
            }
        }
    }
    all
}

#[test]
fn the_shipped_recipes_load() {
    let factory = shipped();
    let recipes: Vec<&str> = factory.recipes.keys().map(RecipeName::as_str).collect();
    assert_eq!(recipes, ["app-tier", "bastion", "cis-base", "web-tier"]);
    let groups: Vec<&str> = factory.groups.keys().map(GroupName::as_str).collect();
    assert_eq!(groups, ["app-runtime", "bastion", "monitoring-agent", "nginx", "security-tools"]);
    for group in factory.groups.values() {
        let families: Vec<OsFamily> = group.packages.keys().copied().collect();
        assert_eq!(families, OsFamily::ALL, "{}", group.name);
    }
    let parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64".to_owned();
    let aws = AwsBase { image: AwsBaseImage::Parameter(parameter), family: None };
    assert_eq!(factory.recipes["cis-base"].base, BaseSpec::Own { local: Some(LocalBase::Host), aws: Some(aws) });
    assert_eq!(factory.recipes["web-tier"].aws.instance_profile.as_deref(), Some("amifactory-builder"));
}

#[test]
fn a_parameter_of_a_recipe_reaches_its_group_with_its_type() {
    let factory = shipped();
    let nginx = &factory.recipes["web-tier"].groups[0];
    assert_eq!(nginx.parameters["port"], ParameterValue::Integer(80));
    assert_eq!(nginx.parameters["page_title"], ParameterValue::Text("Built by amifactory".into()));
}

#[test]
fn bases_are_built_before_what_is_built_on_them() {
    let factory = shipped();
    let order = build_order(&factory, &[name("web-tier"), name("cis-base"), name("bastion"), name("web-tier")]);
    assert_eq!(order, [name("cis-base"), name("web-tier"), name("bastion")]);
}

#[test]
fn a_selection_has_its_bases_and_groups_and_nothing_else() {
    let factory = load_only(&root(), &catalogue(), today(), &[name("web-tier")]).unwrap();
    let recipes: Vec<&str> = factory.recipes.keys().map(RecipeName::as_str).collect();
    assert_eq!(recipes, ["cis-base", "web-tier"]);
    let groups: Vec<&str> = factory.groups.keys().map(GroupName::as_str).collect();
    assert_eq!(groups, ["monitoring-agent", "nginx", "security-tools"]);
}

#[test]
fn a_selected_recipe_that_does_not_exist_is_named_with_the_nearest() {
    let diagnostics = load_only(&root(), &catalogue(), today(), &[name("web-teir")]).unwrap_err();
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "unknown recipe `web-teir`");
    assert_eq!(diagnostics[0].help.as_deref(), Some("did you mean `web-tier`?"));
}

#[test]
fn shipped_scripts_are_valid_shell() {
    for (what, script) in scripts(&shipped()) {
        let output = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn shipped_scripts_pass_shellcheck() {
    if Command::new("shellcheck").arg("--version").output().is_err() {
        crate::skip::skipped("shipped_scripts_pass_shellcheck", "shellcheck is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (what, script) in scripts(&shipped()) {
        let file = folder.path().join("script.sh");
        std::fs::write(&file, format!("#!/bin/sh\nset -e\n{script}")).unwrap();
        let output = Command::new("shellcheck").args(["-s", "sh", "-S", "style"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{what}:\n{}", String::from_utf8_lossy(&output.stdout));
    }
}
