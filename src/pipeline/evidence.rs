//! From what bundles answered to the record that travels with the image.

use super::build::Build;
use super::clock;
use super::error::BuildError;
use crate::hardening::{self, Check, ControlEvidence, Status, Tally};
use crate::identity::{ImageId, TargetKind};
use crate::plan::{PACKAGE_LIST, Plan, StepResult};
use crate::recipe::{Gate, NetworkAccess};
use crate::target::{BaseRecord, GateRecord, GroupRecord, ImageRecord, Package, Provenance, TestRecord};

/// The record as far as the builder can tell: before the image was started.
pub fn of_builder(
    build: &Build<'_>,
    applied: &[StepResult],
    sealed: &[StepResult],
    packages: Vec<Package>,
) -> ImageRecord {
    let plan = build.plan;
    let controls = hardening::evidence(&plan.controls, applied, applied, sealed, false);
    let bare = hardening::evidence(&plan.controls, &[], &[], applied, false);
    let mut record = ImageRecord {
        recipe: plan.recipe.clone(),
        description: plan.description.clone(),
        version: build.version,
        digest: plan.digest.clone(),
        build: build.id.clone(),
        target: build.target.kind(),
        base: BaseRecord {
            id: plan.base.id.clone(),
            description: plan.base.description.clone(),
            family: plan.base.family,
            os_name: plan.base.os_name.clone(),
            arch: plan.base.arch,
        },
        groups: plan
            .groups
            .iter()
            .map(|group| GroupRecord {
                name: group.name.clone(),
                version: group.version,
                packages: group.packages.clone(),
            })
            .collect(),
        profile: plan.profile.clone(),
        controls: Vec::new(),
        tally: Tally::default(),
        tally_by_level: Default::default(),
        score: None,
        score_before: Tally::of(bare.iter().map(|control| &control.status)).score(),
        gate: GateRecord { gate: plan.gate.clone(), unmet: Vec::new() },
        tests: Vec::new(),
        packages,
        provenance: Provenance {
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: build.started_at.clone(),
            finished_at: String::new(),
            inputs: plan.inputs.0.clone(),
        },
    };
    set_controls(&mut record, controls, plan);
    record
}

/// Adds what the started image showed: it is what counts from now on.
pub fn add_boot_test(record: &mut ImageRecord, plan: &Plan, started: &[StepResult], can_see_runtime: bool) {
    let mut controls = hardening::evidence(&plan.controls, &[], &[], started, can_see_runtime);
    for control in &mut controls {
        if let Some(on_builder) = record.controls.iter_mut().find(|other| other.slug == control.slug) {
            control.before = std::mem::take(&mut on_builder.before);
            control.apply = on_builder.apply.take();
        }
    }
    set_controls(record, controls, plan);
    record.tests = plan
        .bundles
        .boot_test
        .steps
        .iter()
        .filter(|(id, _)| !id.starts_with("control/") && id != PACKAGE_LIST)
        .map(|(id, title)| {
            let answer = started.iter().find(|result| result.step == *id);
            TestRecord {
                name: title.clone(),
                exit: answer.map_or(-1, |result| result.rc),
                ms: answer.map_or(0, |result| result.ms),
                output: answer.map_or_else(|| "no result came back".to_owned(), |result| result.out.clone()),
            }
        })
        .collect();
}

fn set_controls(record: &mut ImageRecord, mut controls: Vec<ControlEvidence>, plan: &Plan) {
    if record.target == TargetKind::Local && !plan.network.contains(&NetworkAccess::PackageRepositories) {
        for control in &mut controls {
            say_out_of_reach(control, plan);
        }
    }
    record.tally = Tally::of(controls.iter().map(|control| &control.status));
    record.score = record.tally.score();
    record.tally_by_level = controls.iter().map(|control| control.level).fold(Default::default(), |mut by, level| {
        by.entry(level).or_insert_with(|| {
            Tally::of(controls.iter().filter(|control| control.level == level).map(|control| &control.status))
        });
        by
    });
    record.controls = controls;
    record.gate.unmet = hardening::gate::judge(&record.gate.gate, &record.controls, clock::today());
}

/// Why a control fails whose packages could not be fetched: only the sandbox keeps builders from the network, and only
/// the recipe opens it.
fn say_out_of_reach(control: &mut ControlEvidence, plan: &Plan) {
    let selected = plan.controls.iter().find(|selected| selected.control.slug == control.slug);
    let Some(packages) = selected.and_then(|selected| selected.installs(plan.base.family)) else { return };
    let lacks = |check: &Check| {
        let names = (check.status == Status::Fail && check.observed == "not installed")
            .then(|| check.what.strip_prefix("packages "))
            .flatten()?;
        let asked = packages.iter().find(|asked| asked.join(" ") == names)?;
        Some(format!("{} is not installed", asked.join(" or ")))
    };
    // A script says by its exit status that it did not get what it wanted.
    let failed = control.apply.as_ref().is_some_and(|apply| apply.exit != 0);
    let what = match packages.is_empty() {
        true => failed.then(|| "what it needs is not installed".to_owned()),
        false => control.after.iter().flat_map(|audit| &audit.checks).find_map(lacks),
    };
    if let Some(what) = what.filter(|_| control.status == Status::Fail) {
        control.reason = Some(format!(
            "{what}, and this recipe has no access to package repositories: add `network: [package-repositories]` \
             below `hardening`"
        ));
    }
}

/// Refuses what does not meet the gate as it stands in the recipe today.
pub fn judge(record: &ImageRecord, gate: &Gate, image: Option<&ImageId>) -> Result<(), BuildError> {
    let unmet = hardening::gate::judge(gate, &record.controls, clock::today());
    if unmet.is_empty() {
        return Ok(());
    }
    Err(BuildError::Refused { unmet, image: image.cloned(), record: Box::new(record.clone()) })
}
