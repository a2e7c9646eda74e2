//! `adopt`: images that pipelines have made become images as any other.

use super::exit::{CliError, Exit};
use super::interrupt::or_interrupted;
use super::pipeline::{of_target, scheduled};
use super::session::{Open, Session};
use crate::identity::RecipeName;
use crate::pipeline::adopt::{self, Adopted, Waiting};
use crate::pipeline::prepare::{Planner, Prepared};
use crate::pipeline::{BuildError, Built, Engine, clock, tags};
use crate::plan::Plan;
use crate::report::view::{self, AdoptedAll, AdoptedRow};
use crate::report::{files, visible};
use crate::target::{LaunchBase, Pipelines, PointerName, Slot};
use clap::Args;

/// Bring what pipelines of EC2 Image Builder have made into the first channel, through the gates of a build.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Adopt {
    /// Which recipes
    #[arg(value_name = "RECIPE", required_unless_present = "all")]
    recipes: Vec<String>,
    /// All recipes that have a schedule
    #[arg(long, conflicts_with = "recipes")]
    all: bool,
}

const HELP: &str = "Of each pipeline the image of its newest run counts. Its results are read from the run's log: one that \
    is missing is no pass, and an image that can't be judged, or does not pass, is removed. \
    Exit 3: an image was refused. Exit 1: it failed. Exit 5: some of several.";

impl Adopt {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = if self.all { session.open()? } else { session.open_for(&self.recipes)? };
        let pipelines = of_target(&open)?;
        open.reach().await?;
        let named: Vec<RecipeName> = self.recipes.iter().map(|name| open.recipe(name)).collect::<Result<_, _>>()?;
        let recipes = scheduled(&open, (!self.all).then_some(&named));
        if let Some(recipe) = named.iter().find(|recipe| !recipes.contains(*recipe)) {
            let message = format!("{recipe} has no `schedule:`, so no pipeline builds it");
            return Err(CliError::Usage(message));
        }
        let sink = session.sink();
        let engine = Engine { target: &*open.target, state: &open.state, sink: &*sink };
        let planner = Planner::new(&open.factory, &open.library, &*open.target);
        let work = async {
            let mut rows = Vec::new();
            for recipe in &recipes {
                rows.push(row(&open, pipelines, &engine, &planner, recipe).await);
            }
            rows
        };
        let done = or_interrupted(work).await;
        sink.close();
        let Some(adopted) = done else {
            let result = Interrupted { outcome: "interrupted", next: "amifactory adopt" };
            session.result(&result, |_| "interrupted: amifactory adopt goes on with it\n".to_owned())?;
            return Ok(Exit::Interrupted);
        };
        let exit = exit(&adopted);
        let all = AdoptedAll { adopted };
        session.result(&all, |style| view::adopted(&all, style))?;
        Ok(exit)
    }
}

#[derive(serde::Serialize)]
struct Interrupted {
    outcome: &'static str,
    next: &'static str,
}

/// Some went wrong and some did not: partly. Otherwise the worst.
fn exit(rows: &[AdoptedRow]) -> Exit {
    let count = |outcome: &str| rows.iter().filter(|row| row.outcome == outcome).count();
    match (count("failed"), count("refused")) {
        (0, 0) => Exit::Done,
        (failed, refused) if failed + refused < rows.len() => Exit::Partly,
        (0, _) => Exit::Refused,
        _ => Exit::Failed,
    }
}

async fn row(
    open: &Open,
    pipelines: &dyn Pipelines,
    engine: &Engine<'_>,
    planner: &Planner<'_>,
    recipe: &RecipeName,
) -> AdoptedRow {
    match one(open, pipelines, engine, planner, recipe).await {
        Ok(row) => row,
        Err(error) => {
            let outcome = if matches!(error, CliError::Refused(_)) { "refused" } else { "failed" };
            AdoptedRow { recipe: recipe.clone(), outcome, image: None, version: None, why: Some(error.to_string()) }
        }
    }
}

async fn one(
    open: &Open,
    pipelines: &dyn Pipelines,
    engine: &Engine<'_>,
    planner: &Planner<'_>,
    recipe: &RecipeName,
) -> Result<AdoptedRow, CliError> {
    let told =
        |outcome, image, why| AdoptedRow { recipe: recipe.clone(), outcome, image, version: None, why: Some(why) };
    let _lock = engine.lock(recipe).await?;
    let now = planner.prepare(recipe).await?;
    let schedule = open.factory.recipes.get(recipe).and_then(|recipe| recipe.schedule.as_ref());
    let (Some(schedule), Some(launch)) = (schedule, &now.launch) else {
        return Ok(told("nothing", None, "the recipe that it builds on has no image".into()));
    };
    let draft = pipelines.draft(&now.plan, launch, schedule).await?;
    let made = match adopt::waiting(pipelines, &draft).await? {
        Waiting::Nothing(why) => return Ok(told("nothing", None, why)),
        Waiting::Outdated(why) => return Ok(told("outdated", None, why)),
        Waiting::Unfit(why) => return Ok(told("refused", None, why)),
        Waiting::Image(made) => made,
    };
    let base = made.base.as_deref().unwrap_or_default();
    let Some((plan, launch)) = planner.prepare_on(&now, base).await?.and_then(whole) else {
        let why = format!("it was made from `{}`, which the recipe does not build on now", visible::line(base));
        return Ok(told("outdated", Some(made.id), why));
    };
    match adopt::adopt(engine, pipelines, (&plan, &launch), &made, schedule.rebuild).await {
        Ok(Adopted::Superfluous(why)) => Ok(told("superfluous", Some(made.id), why)),
        Ok(Adopted::Withheld(why)) => Ok(told("refused", Some(made.id), why)),
        Ok(Adopted::Image(built)) => {
            // It was adopted before, and what became of it since counts.
            if let Some(reason) = tags::revoked(&built.image.tags).filter(|_| !built.fresh) {
                let why = format!("it is {}, which is revoked: {}", built.record.version, visible::line(reason));
                return Ok(told("refused", Some(made.id), why));
            }
            if built.fresh {
                let _lock = open.state.lock_evidence()?;
                files::write(&open.state.evidence(&built.image.id), &built.image.id, &built.record, clock::today())?;
            }
            let why = if built.fresh { held(open, &plan, &built).await } else { None };
            Ok(AdoptedRow {
                recipe: recipe.clone(),
                outcome: if built.fresh { "adopted" } else { "up-to-date" },
                image: Some(built.image.id.clone()),
                version: Some(built.record.version),
                why,
            })
        }
        Err(error @ BuildError::Refused { .. }) => Err(CliError::Refused(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Why the channel does not name it, where someone holds that. Who can't read it has adopted all the same.
async fn held(open: &Open, plan: &Plan, built: &Built) -> Option<String> {
    let channel = plan.publish.as_ref()?;
    let slot = Slot::Channel(channel.clone());
    let name = PointerName { recipe: plan.recipe.clone(), arch: plan.base.arch, slot };
    let pin = open.target.pin(&name).await.ok().flatten().filter(|pin| pin.holds(open.target.now()))?;
    let (by, end, version) = (&pin.by, pin.end(), built.record.version);
    Some(format!("channel {channel} is pinned by {by} {end}: {version} is published by its version alone"))
}

fn whole(prepared: Prepared) -> Option<(std::sync::Arc<Plan>, LaunchBase)> {
    Some((prepared.plan, prepared.launch?))
}
