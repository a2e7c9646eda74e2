//! The three bundles of a build, put together from groups, controls and tests.

use super::bundle::functions_for;
use super::make::{PlanError, ReadyGroup};
use super::{Bundle, BundleStep, Bundles, OnFailure};
use crate::hardening::shell::word;
use crate::hardening::{self, AuditKind, Library, SelectedControl};
use crate::identity::OsFamily;
use crate::recipe::{GroupAction, GroupStep, Recipe, TemplateError, render_content, render_script};
use std::time::Duration;

/// How long a group's packages may take to install.
const PACKAGES: Duration = Duration::from_secs(1200);
/// How long writing a file or enabling a service may take.
const SMALL: Duration = Duration::from_secs(60);
/// A first boot waits for networks, and for what user data asks for.
const FIRST_BOOT: Duration = Duration::from_secs(600);
/// The step that waits until the started image has started.
pub const BOOT_FINISHED: &str = "boot/finished";
/// The step whose whole output, in the log, is the list of packages.
pub const PACKAGE_LIST: &str = "packages/all";

/// Renders all three.
pub fn render(
    library: &Library,
    recipe: &Recipe,
    own: &[ReadyGroup<'_>],
    below: &[ReadyGroup<'_>],
    controls: &[SelectedControl],
    family: OsFamily,
) -> Result<Bundles, PlanError> {
    let wrong =
        |what: String| move |source: TemplateError| PlanError::Template { recipe: recipe.name.clone(), what, source };
    let mut apply = hardening::audit_steps(controls, &[AuditKind::Persisted]);
    for ready in own {
        apply.extend(of_group(ready, family).map_err(wrong(format!("package group {}", ready.group.name)))?);
    }
    apply.extend(hardening::apply_steps(controls));

    let mut seal = hardening::audit_steps(controls, &[AuditKind::Persisted]);
    seal.push(package_list());
    seal.extend(hardening::seal_steps());

    let mut boot_test = vec![boot_finished(), package_list()];
    boot_test.extend(hardening::audit_steps(controls, &[AuditKind::Persisted, AuditKind::Runtime]));
    for ready in below.iter().chain(own) {
        let step = health(ready).map_err(wrong(format!("health of package group {}", ready.group.name)))?;
        boot_test.extend(step);
    }
    for (number, test) in recipe.tests.iter().enumerate() {
        let body = test_script(recipe, number).map_err(wrong(format!("test \"{}\"", test.name)))?;
        boot_test.push(BundleStep {
            id: format!("test/{number}"),
            title: test.name.clone(),
            body,
            timeout: Some(test.script.timeout),
            on_failure: OnFailure::Continue,
        });
    }
    let bundle = |name, steps: &[BundleStep], functions: &str| {
        Bundle::with_functions(name, steps, functions).map_err(|source| PlanError::Unquotable {
            recipe: recipe.name.clone(),
            bundle: name,
            source,
        })
    };
    let on_the_builder = functions_for(&[&apply, &seal], library);
    Ok(Bundles {
        apply: bundle("apply", &apply, &on_the_builder)?,
        seal: bundle("seal", &seal, &on_the_builder)?,
        boot_test: bundle("boot-test", &boot_test, &functions_for(&[&boot_test], library))?,
    })
}

/// The steps that install a group.
pub fn of_group(ready: &ReadyGroup<'_>, family: OsFamily) -> Result<Vec<BundleStep>, TemplateError> {
    let group = ready.group;
    let mut steps = Vec::new();
    let packages = group.packages.get(&family).map_or(&[][..], Vec::as_slice);
    if !packages.is_empty() {
        let quoted: Vec<String> = packages.iter().map(|package| word(package)).collect();
        steps.push(BundleStep {
            id: format!("group/{}/packages", group.name),
            title: format!("{}: install {}", group.name, packages.join(", ")),
            body: format!("af_install {}", quoted.join(" ")),
            timeout: Some(PACKAGES),
            on_failure: OnFailure::Stop,
        });
    }
    let here = |step: &&GroupStep| step.families.is_empty() || step.families.contains(&family);
    for (number, step) in group.steps.iter().filter(here).enumerate() {
        let (body, timeout) = action(&step.action, ready)?;
        steps.push(BundleStep {
            id: format!("group/{}/{number}", group.name),
            title: format!("{}: {}", group.name, step.name),
            body,
            timeout: Some(timeout),
            on_failure: OnFailure::Stop,
        });
    }
    Ok(steps)
}

fn action(action: &GroupAction, ready: &ReadyGroup<'_>) -> Result<(String, Duration), TemplateError> {
    Ok(match action {
        GroupAction::Run(script) => (render_script(&script.template, &ready.values)?, script.timeout),
        GroupAction::File { path, content, mode, owner } => {
            let content = render_content(content, &ready.values)?;
            let (path, owner) = (word(path), word(owner));
            (format!("printf %s {} | af_write_file {path} {mode:04o} {owner}", word(&content)), SMALL)
        }
        GroupAction::Enable(service) => (format!("af_enable {}", word(service)), SMALL),
        GroupAction::Reboot => ("af_reboot".to_owned(), SMALL),
    })
}

/// The step that asks whether a group works, in the started image.
pub fn health(ready: &ReadyGroup<'_>) -> Result<Option<BundleStep>, TemplateError> {
    let Some(script) = &ready.group.health else { return Ok(None) };
    Ok(Some(BundleStep {
        id: format!("health/{}", ready.group.name),
        title: format!("{}: health", ready.group.name),
        body: render_script(&script.template, &ready.values)?,
        timeout: Some(script.timeout),
        on_failure: OnFailure::Continue,
    }))
}

/// One of the recipe's own tests, filled in.
pub fn test_script(recipe: &Recipe, number: usize) -> Result<String, TemplateError> {
    match recipe.tests.get(number) {
        Some(test) => render_script(&test.script.template, &recipe.parameters),
        None => Ok(String::new()),
    }
}

fn boot_finished() -> BundleStep {
    BundleStep {
        id: BOOT_FINISHED.into(),
        title: "the first boot is over".into(),
        body: "af_boot_finished".into(),
        timeout: Some(FIRST_BOOT),
        on_failure: OnFailure::Stop,
    }
}

fn package_list() -> BundleStep {
    BundleStep {
        id: PACKAGE_LIST.into(),
        title: "list packages".into(),
        body: "af_list_packages".into(),
        timeout: Some(SMALL),
        on_failure: OnFailure::Stop,
    }
}
