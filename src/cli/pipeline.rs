//! `pipeline`: what EC2 Image Builder builds by itself.

use super::exit::{CliError, Exit};
use super::interrupt::or_interrupted;
use super::session::{Open, Session};
use crate::identity::RecipeName;
use crate::pipeline::prepare::Planner;
use crate::pipeline::schedules::{self, Declared, Planned, Step, Whose};
use crate::pipeline::tags;
use crate::report::view::{self, PipelineRow, PipelineRunRow, PipelineStatus, PipelinesApplied, PipelinesStatus};
use crate::target::{Draft, Image, Pipeline as Seen, PipelineChange, PipelineRun, Pipelines, RunState};
use clap::{Args, Subcommand};
use std::collections::BTreeSet;

/// What EC2 Image Builder builds by itself, by the schedules of recipes.
#[derive(Debug, Args)]
pub struct Pipeline {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make pipelines what recipes say: show what differs, ask, then change only that
    Apply(Apply),
    /// Show pipelines and their last runs
    Status(Status),
}

impl Pipeline {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        match self.verb {
            Verb::Apply(verb) => verb.run(session).await,
            Verb::Status(verb) => verb.run(session).await,
        }
    }
}

/// The target's pipelines, or what to do where it has none.
pub fn of_target(open: &Open) -> Result<&dyn Pipelines, CliError> {
    open.target.pipelines().ok_or_else(|| {
        let kind = open.target.kind();
        CliError::Usage(format!("the target {kind} builds nothing by itself\n  give --target imagebuilder"))
    })
}

/// Make pipelines what recipes say.
#[derive(Debug, Args)]
#[command(after_help = APPLY_HELP)]
struct Apply {
    /// Which recipes
    #[arg(value_name = "RECIPE", required_unless_present = "all")]
    recipes: Vec<String>,
    /// All recipes of the factory; pipelines of recipes that have no schedule any more are removed, those of recipes that
    /// are gone only where amifactory.yaml has `aws: {owner: …}`
    #[arg(long, conflicts_with = "recipes")]
    all: bool,
    /// Begin a run now of each pipeline that has never run as it is declared
    #[arg(long)]
    start: bool,
    /// Don't ask
    #[arg(long, conflicts_with = "plan")]
    yes: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    plan: bool,
    /// Take over what another owner has declared for recipes of these names
    #[arg(long)]
    take_over: bool,
}

const APPLY_HELP: &str = "A pipeline builds what its recipe and groups were when it was applied: apply again after they \
    have changed. A base that is a public parameter (/aws/service/…) is read anew at each run; any other is the image \
    that it names when applied. `amifactory adopt` brings what pipelines have made into the first channel. \
    Exit 1: nothing could be done. Exit 5: some of it could not.";

impl Apply {
    async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = if self.all { session.open()? } else { session.open_for(&self.recipes)? };
        let pipelines = of_target(&open)?;
        open.reach().await?;
        let only: Option<Vec<RecipeName>> = match self.all {
            true => None,
            false => Some(self.recipes.iter().map(|name| open.recipe(name)).collect::<Result<_, _>>()?),
        };
        let look = look(&open, pipelines, only.as_deref(), self.take_over);
        let looking =
            session.looking("pipeline apply: what is declared, and what is there".into(), &*open.target, look);
        let (planned, unplanned) = looking.await?;
        let work =
            planned.iter().any(|planned| !(planned.is_left() || matches!(planned.step, Step::Keep | Step::Unclaimed)));
        if self.plan || !(work || self.start) {
            let is_whole = unplanned.is_empty() && !planned.iter().any(Planned::is_left);
            let outcome = match (self.plan, is_whole, planned.is_empty()) {
                (true, ..) => "planned",
                (false, true, _) => "up-to-date",
                (false, false, false) => "partly",
                (false, false, true) => "failed",
            };
            let shown = applied(outcome, &planned, unplanned, &[]);
            session.result(&shown, |style| view::pipelines_applied(&shown, style))?;
            return Ok(match (is_whole, planned.iter().any(|planned| !planned.is_left())) {
                (true, _) => Exit::Done,
                (false, true) => Exit::Partly,
                (false, false) => Exit::Failed,
            });
        }
        if !self.yes {
            let shown = applied("planned", &planned, unplanned.clone(), &[]);
            if !session.can_ask() {
                session.result(&shown, |style| view::pipelines_applied(&shown, style))?;
                let message = "nobody can be asked here, and nothing was changed\n  --yes changes it, --plan only shows \
                               what would be done";
                return Err(CliError::Usage(message.into()));
            }
            session.text(view::pipelines_applied(&shown, session.style()).as_bytes())?;
            if !session.ask("\nchange it?")? {
                session.text(b"nothing was changed\n")?;
                return Ok(Exit::Done);
            }
        }
        let Some(done) = or_interrupted(carry_out(pipelines, &planned, self.start)).await else {
            let shown = applied("interrupted", &planned, unplanned, &[]);
            session.result(&shown, |style| view::pipelines_applied(&shown, style))?;
            return Ok(Exit::Interrupted);
        };
        let failed = done.iter().filter(|done| done.is_err()).count() + unplanned.len();
        let (outcome, exit) = match failed {
            0 => ("applied", Exit::Done),
            failed if failed == done.len() + unplanned.len() => ("failed", Exit::Failed),
            _ => ("partly", Exit::Partly),
        };
        let shown = applied(outcome, &planned, unplanned, &done);
        session.result(&shown, |style| view::pipelines_applied(&shown, style))?;
        Ok(exit)
    }
}

/// What is to be done, and the recipes for which that can't be said.
async fn look(
    open: &Open,
    pipelines: &dyn Pipelines,
    only: Option<&[RecipeName]>,
    take_over: bool,
) -> Result<(Vec<Planned>, Vec<PipelineRow>), CliError> {
    let declared: BTreeSet<RecipeName> = scheduled(open, None);
    let planner = Planner::new(&open.factory, &open.library, &*open.target);
    let (mut drafts, mut unplanned) = (Vec::new(), Vec::new());
    for recipe in scheduled(open, only) {
        match draft(open, pipelines, &planner, &recipe).await {
            Ok(draft) => drafts.push(draft),
            Err(error) => unplanned.push(PipelineRow {
                pipeline: crate::target::aws::imagebuilder::pipeline_name(&recipe),
                recipe,
                step: "unplanned",
                owner: None,
                changes: Vec::new(),
                schedule: None,
                base: None,
                started: None,
                failed: Some(error.to_string()),
            }),
        }
    }
    let seen = pipelines.there().await?;
    let owner = open.factory.aws.owner.as_deref();
    let known: BTreeSet<RecipeName> = open.factory.recipes.keys().cloned().collect();
    let declared = Declared { recipes: &declared, known: &known, only, owner, take_over };
    Ok((schedules::decide(drafts, &seen, &declared), unplanned))
}

/// The recipes that have a schedule, of these or of all.
pub fn scheduled(open: &Open, only: Option<&[RecipeName]>) -> BTreeSet<RecipeName> {
    let has_one = open.factory.recipes.values().filter(|recipe| recipe.schedule.is_some());
    let is_meant = |name: &RecipeName| only.is_none_or(|only| only.contains(name));
    has_one.map(|recipe| recipe.name.clone()).filter(is_meant).collect()
}

/// What is to be there for a recipe.
async fn draft(
    open: &Open,
    pipelines: &dyn Pipelines,
    planner: &Planner<'_>,
    recipe: &RecipeName,
) -> Result<Draft, CliError> {
    let prepared = planner.prepare(recipe).await?;
    let schedule = open.factory.recipes.get(recipe).and_then(|recipe| recipe.schedule.as_ref());
    let (Some(schedule), Some(launch)) = (schedule, &prepared.launch) else {
        let message = format!("the recipe that {recipe} builds on has no image yet\n  amifactory build {recipe}");
        return Err(CliError::Usage(message));
    };
    Ok(pipelines.draft(&prepared.plan, launch, schedule).await?)
}

/// Does it, each by itself. Answers for each with whether a run was begun, where that was asked for, or what went wrong.
async fn carry_out(pipelines: &dyn Pipelines, planned: &[Planned], start: bool) -> Vec<Result<Option<bool>, String>> {
    let mut done = Vec::new();
    for planned in planned {
        let outcome = async {
            schedules::carry_out(pipelines, planned).await?;
            if start && planned.draft.is_some() {
                schedules::start(pipelines, planned).await.map(Some)
            } else {
                Ok(None)
            }
        };
        done.push(outcome.await.map_err(|error| error.to_string()));
    }
    done
}

fn applied(
    outcome: &'static str,
    planned: &[Planned],
    unplanned: Vec<PipelineRow>,
    done: &[Result<Option<bool>, String>],
) -> PipelinesApplied {
    let row = |(at, planned): (usize, &Planned)| PipelineRow {
        recipe: planned.recipe.clone(),
        pipeline: match (&planned.draft, &planned.seen) {
            (Some(draft), _) => draft.order.name.clone(),
            (None, Some(seen)) => seen.name.clone(),
            (None, None) => String::new(),
        },
        step: match planned.step {
            Step::Keep => "keep",
            Step::Create => "create",
            Step::Change(_) => "change",
            Step::Withdraw => "withdraw",
            Step::Unclaimed => "unclaimed",
            Step::Stranger => "stranger",
            Step::Others(_) => "others",
        },
        owner: match &planned.step {
            Step::Others(owner) => Some(owner.clone()),
            _ => None,
        },
        changes: match &planned.step {
            Step::Change(changes) => changes.clone(),
            _ => Vec::new(),
        },
        schedule: planned.draft.as_ref().map(|draft| words(&draft.shape.cron, &draft.shape.time_zone)),
        base: planned.draft.as_ref().map(|draft| draft.order.recipe.parent.clone()),
        started: match done.get(at) {
            Some(Ok(started)) => *started,
            _ => None,
        },
        failed: done.get(at).and_then(|done| done.as_ref().err().cloned()),
    };
    let mut pipelines: Vec<PipelineRow> = planned.iter().enumerate().map(row).collect();
    pipelines.extend(unplanned);
    pipelines.sort_by(|a, b| a.recipe.cmp(&b.recipe));
    PipelinesApplied { outcome, pipelines }
}

fn words(cron: &str, time_zone: &str) -> String {
    format!("{cron} {time_zone}")
}

/// Show pipelines and their last runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit 4: a pipeline is missing, off, changed, outdated, another owner's or not declared any more, or its last \
    run has failed. Those of recipes that nothing here knows don't count where nothing says whose they are. Changed: someone has changed what it builds with, or how. Outdated: its recipe, groups, schedule or base are not what they \
    were when it was applied. Unknown: what is declared can't be read or planned. `pipeline apply` makes it what is declared."
)]
struct Status {
    /// Only this recipe's
    #[arg(value_name = "RECIPE")]
    recipe: Option<String>,
}

/// So many of the last runs are told in JSON.
const RUNS: usize = 10;

impl Status {
    async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        let pipelines = of_target(&open)?;
        open.reach().await?;
        let declared = scheduled(&open, None);
        let seen = pipelines.there().await?;
        let images = open.target.images().await?;
        let planner = Planner::new(&open.factory, &open.library, &*open.target);
        let known: BTreeSet<RecipeName> = open.factory.recipes.keys().cloned().collect();
        let owner = open.factory.aws.owner.as_deref();
        let mut all: Vec<PipelineStatus> = Vec::new();
        for pipeline in &seen {
            let Some(recipe) = schedules::recipe_of(pipeline) else { continue };
            let standing = match declared.contains(&recipe) {
                _ if session.is_broken(&recipe) => {
                    let why = "its recipe can't be read: amifactory validate".to_owned();
                    Standing::Declared(Err(why))
                }
                true => differing(&open, pipelines, &planner, &recipe, pipeline).await,
                false => match schedules::whose(pipeline, &recipe, &known, owner) {
                    Whose::Ours => Standing::Undeclared,
                    Whose::Unclaimed => Standing::Unclaimed,
                    Whose::Others => continue,
                },
            };
            if self.recipe.as_deref().is_none_or(|asked| asked == recipe.as_str()) {
                let runs = pipelines.runs(&pipeline.name).await?;
                let mut status = status(recipe, pipeline, standing, &runs, &images);
                // What is waited for may have been refused.
                if let Some(run) = status.runs.first_mut().filter(|run| run.version.is_none() && run.why.is_none())
                    && let Some(image) = &run.image
                    && pipelines.made(image).await?.is_none()
                {
                    run.why = Some("its image is gone: it was refused, or removed since".into());
                }
                all.push(status);
            }
        }
        let there: BTreeSet<RecipeName> = all.iter().map(|status| status.recipe.clone()).collect();
        let is_meant = |recipe: &&RecipeName| self.recipe.as_deref().is_none_or(|asked| asked == recipe.as_str());
        for recipe in declared.difference(&there).filter(is_meant) {
            all.push(missing(&open, recipe));
        }
        if let Some(recipe) = self.recipe.as_deref().filter(|_| all.is_empty()) {
            open.recipe(recipe)?;
        }
        all.sort_by(|a, b| a.recipe.cmp(&b.recipe));
        let is_well = |status: &PipelineStatus| match status.state {
            "on" => status.runs.first().is_none_or(|run| run.why.is_none()),
            state => state == "unclaimed",
        };
        let exit = if all.iter().all(is_well) { Exit::Done } else { Exit::Stale };
        let shown = PipelinesStatus { pipelines: all };
        session.result(&shown, |style| view::pipelines_status(&shown, style))?;
        Ok(exit)
    }
}

/// How a pipeline stands to what is declared.
enum Standing {
    /// In what it differs from what `apply` would make it now; or why that can't be said.
    Declared(Result<Vec<PipelineChange>, String>),
    /// A recipe of its name is declared here, and it is another owner's.
    Others,
    /// It is this factory's, and declared no more.
    Undeclared,
    /// Nothing says whose it is.
    Unclaimed,
}

async fn differing(
    open: &Open,
    pipelines: &dyn Pipelines,
    planner: &Planner<'_>,
    recipe: &RecipeName,
    pipeline: &Seen,
) -> Standing {
    match draft(open, pipelines, planner, recipe).await {
        Ok(draft) if schedules::other_owner(pipeline, &draft).is_some() => Standing::Others,
        Ok(draft) => Standing::Declared(Ok(pipeline.shape.changes(&draft.shape))),
        Err(error) => Standing::Declared(Err(error.to_string())),
    }
}

fn status(
    recipe: RecipeName,
    pipeline: &Seen,
    standing: Standing,
    runs: &[PipelineRun],
    images: &[Image],
) -> PipelineStatus {
    let row = |run: &PipelineRun| {
        let (state, why) = match &run.state {
            RunState::Underway(word) => (word.to_lowercase(), None),
            RunState::Available => ("available".to_owned(), None),
            RunState::Over(word, why) => (word.to_lowercase(), Some(why.clone())),
        };
        let adopted = images.iter().find(|image| Some(&image.id) == run.image.as_ref());
        PipelineRunRow {
            state,
            why,
            created_at: run.created_at.clone(),
            image: run.image.clone(),
            version: adopted.and_then(tags::version_of),
        }
    };
    PipelineStatus {
        state: match &standing {
            Standing::Others => "others",
            Standing::Undeclared => "undeclared",
            Standing::Unclaimed => "unclaimed",
            Standing::Declared(_) if !pipeline.shape.enabled => "off",
            Standing::Declared(_) if pipeline.is_by_another_hand() => "changed",
            Standing::Declared(Err(_)) => "unknown",
            Standing::Declared(Ok(changes)) if !changes.is_empty() => "outdated",
            Standing::Declared(Ok(_)) => "on",
        },
        owner: pipeline.shape.owner.clone(),
        recipe,
        pipeline: pipeline.name.clone(),
        schedule: Some(words(&pipeline.shape.cron, &pipeline.shape.time_zone)),
        next_run: pipeline.next_run.clone(),
        failures: pipeline.failures,
        unknown: match &standing {
            Standing::Declared(Err(why)) => Some(why.clone()),
            _ => None,
        },
        changes: match standing {
            Standing::Declared(Ok(changes)) => changes,
            _ => Vec::new(),
        },
        runs: runs.iter().rev().take(RUNS).map(row).collect(),
    }
}

fn missing(open: &Open, recipe: &RecipeName) -> PipelineStatus {
    let schedule = open.factory.recipes.get(recipe).and_then(|recipe| recipe.schedule.as_ref());
    PipelineStatus {
        recipe: recipe.clone(),
        pipeline: crate::target::aws::imagebuilder::pipeline_name(recipe),
        state: "missing",
        schedule: schedule.map(|schedule| words(&schedule.cron.to_string(), &schedule.time_zone)),
        next_run: None,
        failures: 0,
        owner: None,
        unknown: None,
        changes: Vec::new(),
        runs: Vec::new(),
    }
}
