//! Plans whose bundles harm nobody: the shell agent runs them on this machine.

use amifactory::hardening::Library;
use amifactory::identity::Arch;
use amifactory::plan::{Bundle, BundleStep, Bundles, Inputs, OnFailure, Plan};
use amifactory::recipe::{AwsBase, AwsBaseImage, AwsSettings, BaseSpec, Gate, Limits};
use amifactory::target::{LaunchBase, Target};

/// The public parameter of Amazon Linux 2023.
pub const AL2023: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

pub fn step(id: &str, body: &str) -> BundleStep {
    BundleStep { id: id.into(), title: id.into(), body: body.into(), timeout: None, on_failure: OnFailure::Stop }
}

pub fn bundle(name: &'static str, steps: &[BundleStep]) -> Bundle {
    Bundle::render(name, steps, &Library::embedded().unwrap()).unwrap()
}

/// What a factory says of AWS.
pub fn settings() -> AwsSettings {
    AwsSettings { instance_profile: Some("amifactory-builder".into()), ..AwsSettings::default() }
}

/// A base by its public parameter.
pub fn by_parameter() -> BaseSpec {
    AwsBase { image: AwsBaseImage::Parameter(AL2023.into()), family: None }.into()
}

/// The newest image of a name.
pub fn by_filter() -> BaseSpec {
    by_filter_of(Arch::X86_64)
}

/// The same for an architecture.
pub fn by_filter_of(arch: Arch) -> BaseSpec {
    let newest = AwsBaseImage::Newest { name: format!("al2023-ami-2023.*-{arch}"), owner: "amazon".into(), arch };
    AwsBase { image: newest, family: None }.into()
}

pub async fn plan(target: &dyn Target) -> (Plan, LaunchBase) {
    plan_of(target, "web", "first", &by_parameter()).await
}

/// A plan of a recipe; another content is another plan.
pub async fn plan_of(target: &dyn Target, recipe: &str, content: &str, base: &BaseSpec) -> (Plan, LaunchBase) {
    let resolved = target.resolve_base(base).await.unwrap();
    let list = step("packages/all", "printf 'bash\\t5.2\\tx86_64\\trpm\\n'");
    let inputs = Inputs([("base".to_owned(), resolved.id.clone()), ("content".to_owned(), content.to_owned())].into());
    let plan = Plan {
        recipe: recipe.parse().unwrap(),
        description: "a web server".into(),
        version: "1.0".parse().unwrap(),
        base: resolved.clone(),
        groups: Vec::new(),
        profile: None,
        controls: Vec::new(),
        bundles: Bundles {
            apply: bundle("apply", &[step("group/hello/0", &format!("echo {content}"))]),
            seal: bundle("seal", &[list.clone(), step("seal/logs", "true")]),
            boot_test: bundle("boot-test", &[list, step("test/0", "echo tested")]),
        },
        network: Vec::new(),
        secrets: Vec::new(),
        aws: settings(),
        gate: Gate::default(),
        publish: Some("dev".parse().unwrap()),
        limits: Limits::default(),
        digest: inputs.digest(),
        inputs,
    };
    (plan, LaunchBase::Base(base.clone(), resolved))
}
