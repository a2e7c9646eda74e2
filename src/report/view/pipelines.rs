//! Pipelines: what is to be done for them, how they stand, and what became of their images.

use crate::identity::{ImageId, RecipeName, Version};
use crate::report::table::Table;
use crate::report::{Style, visible, wording};
use crate::target::PipelineChange;
use serde::Serialize;

/// A pipeline, and what was or would be done for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineRow {
    /// The recipe.
    pub recipe: RecipeName,
    /// Its name in the service.
    pub pipeline: String,
    /// `create`, `change`, `keep`, `withdraw`, `unclaimed`, `others` or `stranger`.
    pub step: &'static str,
    /// Whose it is, where it is another owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PipelineChange>,
    /// When it is to run, where it is to.
    pub schedule: Option<String>,
    /// What it builds on: a parameter that it follows, or one image.
    pub base: Option<String>,
    /// Whether a run was begun now; false where one is under way, none where none was asked for.
    pub started: Option<bool>,
    /// Why it could not be done.
    pub failed: Option<String>,
}

/// The result of `pipeline apply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelinesApplied {
    /// `planned`, `applied`, `up-to-date`, `partly` or `failed`.
    pub outcome: &'static str,
    /// Recipe by recipe.
    pub pipelines: Vec<PipelineRow>,
}

/// What is to be done, or was, line by line with what differs.
pub fn pipelines_applied(applied: &PipelinesApplied, style: Style) -> String {
    if applied.pipelines.is_empty() {
        return "no recipe has a `schedule:`, and no pipeline is left of one that had\n".to_owned();
    }
    let mut text = String::new();
    for row in &applied.pipelines {
        let sign = match row.step {
            "create" => style.green("+"),
            "change" => style.yellow("~"),
            "withdraw" | "stranger" => style.red("-"),
            "unclaimed" | "others" => style.yellow("?"),
            _ => " ".to_owned(),
        };
        let mut line = format!("{sign} {}", visible::line(&row.pipeline));
        if let Some(schedule) = &row.schedule {
            line.push_str(&format!("  {}", visible::line(schedule)));
        }
        match row.step {
            "keep" => line.push_str(&style.dim("  as declared")),
            "withdraw" => line.push_str("  no longer declared: it is removed"),
            "unclaimed" => line.push_str(
                "  no recipe here has this name: it may be another factory's, and is left as it is\n    `aws: {owner: …}` in \
                 amifactory.yaml lets --all tell which are its own",
            ),
            "others" => line.push_str(&format!(
                "  is there, and {}'s: it is left as it is\n    where it is to be this factory's: amifactory pipeline apply {} \
                 --take-over",
                visible::line(row.owner.as_deref().unwrap_or("another owner")),
                row.recipe
            )),
            "stranger" => line.push_str("  is there, and none of amifactory's: it is left as it is"),
            _ => {}
        }
        text.push_str(&line);
        text.push('\n');
        if let Some(base) = row.base.as_ref().filter(|_| row.step == "create") {
            let base = visible::line(base);
            text.push_str(&match base.strip_prefix("ssm:") {
                Some(parameter) => format!("    base: what {parameter} names at each run\n"),
                None => format!("    base: {base}, until the pipeline is applied again\n"),
            });
        }
        row.changes.iter().for_each(|change| text.push_str(&format!("    {}\n", changed(change))));
        match row.started {
            Some(true) => text.push_str("    a run has begun\n"),
            Some(false) => text.push_str("    a run of it is under way: no other was begun\n"),
            None => {}
        }
        if let Some(failed) = &row.failed {
            text.push_str(&format!("    {}\n", style.red(&visible::joined(failed))));
        }
    }
    let done = |step: &str| applied.pipelines.iter().filter(|row| row.step == step && row.failed.is_none()).count();
    text.push_str(&format!(
        "\n{}: {} to create, {} to change, {} to remove{}\n",
        wording::count(applied.pipelines.len(), "pipeline"),
        done("create"),
        done("change"),
        done("withdraw"),
        match applied.outcome {
            "applied" => "; done",
            "partly" => "; not all of it could be done",
            "failed" => "; nothing of it could be done",
            _ => "",
        }
    ));
    text
}

/// `cron: 0 3 * * ? -> 0 4 * * ?`
fn changed(change: &PipelineChange) -> String {
    let word = |text: &str| if text.is_empty() { "nothing".to_owned() } else { visible::line(text).into_owned() };
    format!("{}: {} -> {}", change.what, word(&change.from), word(&change.to))
}

/// How a pipeline stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineStatus {
    /// The recipe.
    pub recipe: RecipeName,
    /// Its name in the service.
    pub pipeline: String,
    /// `on`, `off`, `changed` where someone has changed what it builds with or how, `outdated` where it is not what is
    /// declared by now, `unknown` where that can't be said, `missing` where one is declared, `undeclared` where none is,
    /// `others` where one is declared and it is another owner's, `unclaimed` where nothing says whose it is.
    pub state: &'static str,
    /// Whose it says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it runs.
    pub schedule: Option<String>,
    /// When it runs next, where the service says.
    pub next_run: Option<String>,
    /// How many runs have failed since the last one that did not.
    pub failures: u32,
    /// Why it can't be said whether it is what is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// In what it differs from what is declared, where that can be said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PipelineChange>,
    /// Its last runs, the newest first.
    pub runs: Vec<PipelineRunRow>,
}

/// A run of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineRunRow {
    /// The service's word, in lower case.
    pub state: String,
    /// Why it ended so, where it failed.
    pub why: Option<String>,
    /// When it began, RFC 3339.
    pub created_at: String,
    /// What it has made.
    pub image: Option<ImageId>,
    /// As which version it was adopted, where it was.
    pub version: Option<Version>,
}

/// The result of `pipeline status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelinesStatus {
    /// Recipe by recipe.
    pub pipelines: Vec<PipelineStatus>,
}

/// A line for each pipeline and under it its last runs.
pub fn pipelines_status(status: &PipelinesStatus, style: Style) -> String {
    if status.pipelines.is_empty() {
        return "there are no pipelines: `schedule:` in a recipe or in amifactory.yaml declares them\n".to_owned();
    }
    let mut table = Table::new(&["RECIPE", "STATE", "SCHEDULE", "NEXT", "LAST RUN", "IMAGE", "VERSION"]).gives_way(2);
    let at = |time: &str| if time.is_empty() { "-".to_owned() } else { super::minute(time) };
    for pipeline in &status.pipelines {
        let last = pipeline.runs.first();
        let state = match pipeline.state {
            "on" if pipeline.failures > 0 => style.red(&format!("on, failed {} times", pipeline.failures)),
            "on" => "on".to_owned(),
            other => style.red(other),
        };
        table.row(vec![
            pipeline.recipe.to_string(),
            state,
            visible::line(pipeline.schedule.as_deref().unwrap_or("-")).into_owned(),
            at(pipeline.next_run.as_deref().unwrap_or_default()),
            last.map_or_else(|| "-".to_owned(), |run| format!("{} {}", at(&run.created_at), visible::line(&run.state))),
            last.and_then(|run| run.image.as_ref()).map_or_else(|| "-".to_owned(), ToString::to_string),
            last.and_then(|run| run.version).map_or_else(|| "-".to_owned(), |version| version.to_string()),
        ]);
        if let Some(why) = &pipeline.unknown {
            table.under(format!("  whether it is what is declared is not known: {}", visible::joined(why)));
        }
        if pipeline.state == "others" {
            let owner = visible::line(pipeline.owner.as_deref().unwrap_or_default());
            table.under(format!("  a recipe of this name is here, and it is {owner}'s"));
        }
        pipeline.changes.iter().for_each(|change| table.under(format!("  {}", changed(change))));
        if let Some(why) = last.and_then(|run| run.why.as_ref()) {
            table.under(format!("  {}", visible::joined(why)));
        }
    }
    let mut next = Vec::new();
    let applies = |state: &str| !["on", "unknown", "others", "unclaimed"].contains(&state);
    if status.pipelines.iter().any(|pipeline| applies(pipeline.state)) {
        next.push("amifactory pipeline apply --all".to_owned());
    }
    let waits = |run: &PipelineRunRow| run.image.is_some() && run.version.is_none() && run.why.is_none();
    if status.pipelines.iter().any(|pipeline| pipeline.runs.first().is_some_and(waits)) {
        next.push("amifactory adopt --all".to_owned());
    }
    match next.is_empty() {
        true => table.render(style),
        false => table.render(style) + &super::next(&next, style),
    }
}

/// What became of a pipeline's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdoptedRow {
    /// The recipe.
    pub recipe: RecipeName,
    /// `adopted`, `up-to-date`, `nothing`, `outdated`, `superfluous`, `refused` or `failed`.
    pub outcome: &'static str,
    /// The image.
    pub image: Option<ImageId>,
    /// Its version, once it has one.
    pub version: Option<Version>,
    /// Why, where it was not adopted, or no channel names it.
    pub why: Option<String>,
}

/// The result of `adopt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdoptedAll {
    /// Recipe by recipe.
    pub adopted: Vec<AdoptedRow>,
}

/// A row for each recipe.
pub fn adopted(all: &AdoptedAll, style: Style) -> String {
    if all.adopted.is_empty() {
        return "no recipe has a `schedule:`: there is nothing to adopt\n".to_owned();
    }
    let mut table = Table::new(&["RECIPE", "OUTCOME", "VERSION", "IMAGE", "WHY"]).gives_way(4);
    for row in &all.adopted {
        let outcome = match row.outcome {
            "adopted" => style.green(row.outcome),
            "refused" | "failed" => style.red(row.outcome),
            other => style.dim(other),
        };
        table.row(vec![
            row.recipe.to_string(),
            outcome,
            row.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
            row.image.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            row.why.as_deref().map_or_else(|| "-".to_owned(), visible::joined),
        ]);
    }
    table.render(style)
}
