//! A plan: what a build would do, and why.

use crate::identity::{Digest, ImageId, RecipeName, Slug, Version};
use crate::report::wrap::fold;
use crate::report::{Style, duration, visible, wording};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The result of `plan`, as `cli.md` fixes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Planned {
    /// The recipe.
    pub recipe: RecipeName,
    /// The version that the image has or would get.
    pub version: Version,
    /// The plan's digest.
    pub digest: Digest,
    /// Build, or up to date.
    pub outcome: PlanVerdict,
    /// The image that is up to date, or that would be replaced.
    pub image: Option<ImageId>,
    /// Why that image must not be used, where it is up to date and revoked: nothing is built without `--force`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// What changed since that image; or why nothing needs doing.
    pub reasons: Vec<String>,
    /// What a build does, in order; empty where nothing needs doing.
    pub steps: Vec<PlanStep>,
    /// What the recipe says and most likely does not mean.
    pub warnings: Vec<String>,
    /// The controls of the image that can break something.
    pub can_break: Vec<CanBreak>,
    /// Calls to the target, about.
    pub calls: u64,
    /// How long it takes, about; none where nothing is known.
    pub about_s: Option<f64>,
    /// Where the scripts were written that would run, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<PathBuf>,
}

/// Build, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanVerdict {
    /// A build would make an image.
    Build,
    /// It would not.
    UpToDate,
}

/// A control that is applied and can break something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CanBreak {
    /// Which.
    pub control: Slug,
    /// What, each as `network: how`.
    pub breaks: Vec<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanStep {
    /// Its name: `apply`.
    pub step: String,
    /// What it does: `2 package groups, 61 controls in one bundle`.
    pub what: String,
}

/// The plan for people.
pub fn plan(planned: &Planned, style: Style) -> String {
    let name = style.bold(&format!("{} {}", planned.recipe, planned.version));
    let verdict = match (planned.outcome, &planned.revoked) {
        (PlanVerdict::Build, _) => style.yellow("build"),
        (PlanVerdict::UpToDate, None) => style.green("up to date"),
        (PlanVerdict::UpToDate, Some(_)) => style.red("revoked, and nothing has changed"),
    };
    let mut text = format!("{name} {verdict}   digest {}\n", planned.digest.short());
    if let Some(image) = &planned.image {
        let what = if planned.outcome == PlanVerdict::Build { "replaces" } else { "is" };
        text.push_str(&format!("  {what} {}\n", style.cyan(image.as_str())));
    }
    if !planned.reasons.is_empty() {
        text.push_str(&format!("\n{}\n", style.dim("why")));
        for reason in &planned.reasons {
            text.push_str(&format!("  · {}\n", visible::line(reason)));
        }
    }
    if !planned.warnings.is_empty() {
        text.push_str(&format!("\n{}\n", style.yellow("warnings")));
        for warning in &planned.warnings {
            for (n, line) in fold(&visible::line(warning), style.width.saturating_sub(4)).iter().enumerate() {
                text.push_str(&format!("  {} {line}\n", if n == 0 { "!" } else { " " }));
            }
        }
    }
    text.push_str(&can_break(&planned.can_break, style));
    if !planned.steps.is_empty() {
        text.push_str(&format!("\n{}\n", style.dim("steps")));
        for (n, step) in planned.steps.iter().enumerate() {
            let name = visible::line(&step.step);
            text.push_str(&format!("  {:>2}  {name:<10}  {}\n", n + 1, visible::line(&step.what)));
        }
        let about = match planned.about_s {
            Some(seconds) => format!("about {}", duration::seconds(seconds)),
            None => "never built here, so no guess at the time".to_owned(),
        };
        text.push_str(&format!("\n  {} to the target, {about}\n", wording::count(planned.calls as usize, "call")));
        text.push_str(&super::next(&[format!("amifactory build {}", planned.recipe)], style));
    }
    if planned.revoked.is_some() {
        text.push_str(&super::next(&[format!("amifactory build {} --force", planned.recipe)], style));
    }
    if !planned.scripts.is_empty() {
        text.push_str(&format!("\n{}\n", style.dim("scripts")));
        for path in &planned.scripts {
            text.push_str(&format!("  {}\n", visible::line(&path.to_string_lossy())));
        }
    }
    text
}

/// What can break, by its word, with the controls that can do it: `network  firewall-default-deny, …`.
fn can_break(controls: &[CanBreak], style: Style) -> String {
    let mut by_word: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for control in controls {
        for breaks in &control.breaks {
            let word = breaks.split(':').next().unwrap_or_default();
            let names = by_word.entry(word).or_default();
            if names.last() != Some(&control.control.as_str()) {
                names.push(control.control.as_str());
            }
        }
    }
    if by_word.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.dim("can break; `amifactory controls NAME` says how"));
    for (word, names) in by_word {
        let mut word = format!("{:<12}", visible::line(word));
        for line in fold(&names.join(", "), style.width.saturating_sub(14)) {
            text.push_str(&format!("  {word}{line}\n"));
            word = " ".repeat(12);
        }
    }
    text
}
