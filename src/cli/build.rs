//! `build`: one recipe, several, or all.

use super::exit::{CliError, Exit};
use super::interrupt::or_interrupted;
use super::session::{Open, Session};
use crate::identity::{BuildId, Channel, ImageId, RecipeName, Version};
use crate::pipeline::clock;
use crate::pipeline::prepare::Planner;
use crate::pipeline::schedule::{Finished, Run, RunError};
use crate::pipeline::{BuildError, BuildOptions, BuildResult, Event, Outcome, Sink, published, tags};
use crate::report::{files, json, summary, view};
use crate::target::{Image, ImageRecord, Pointer, PointerName, Slot};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

/// Build images: harden, audit, seal, test, publish.
#[derive(Debug, Args)]
pub struct Build {
    /// Which recipes
    #[arg(value_name = "RECIPE", required_unless_present = "all")]
    recipes: Vec<String>,
    /// All recipes of the factory
    #[arg(long, conflicts_with = "recipes")]
    all: bool,
    /// How many builds at once [default: one per processor]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,
    /// Build although nothing has changed
    #[arg(long)]
    force: bool,
    /// Give the image this version instead of counting up
    #[arg(long, value_name = "V", conflicts_with = "all")]
    version: Option<Version>,
    /// Publish to this channel instead of the recipe's [only the first channel can be built to]
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<Channel>,
}

impl Build {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let mut open = if self.all { session.open()? } else { session.open_for(&self.recipes)? };
        let recipes: Vec<RecipeName> = if self.all {
            open.factory.recipes.keys().cloned().collect()
        } else {
            self.recipes.iter().map(|name| open.recipe(name)).collect::<Result<_, _>>()?
        };
        if self.version.is_some() && recipes.len() > 1 {
            return Err(CliError::Usage("--version goes with one recipe".into()));
        }
        if let Some(channel) = &self.channel {
            publish_to(&mut open, &recipes, channel)?;
        }
        let options = BuildOptions { force: self.force, version: self.version };
        let jobs = self.jobs.map(usize::from).or_else(|| std::thread::available_parallelism().ok().map(Into::into));
        build(session, &open, &recipes, &options, jobs.unwrap_or(1)).await
    }
}

/// Images reach later channels by promotion alone: a build may go to the first one.
fn publish_to(open: &mut Open, recipes: &[RecipeName], channel: &Channel) -> Result<(), CliError> {
    match open.factory.channels.first() {
        Some(first) if first.name == *channel => {}
        first => {
            let known = open.factory.channels.iter().any(|rule| rule.name == *channel);
            let why =
                if known { "takes images by promotion only" } else { "is not among the channels of amifactory.yaml" };
            let first = first.map_or_else(|| "none".to_owned(), |first| first.name.to_string());
            return Err(CliError::Usage(format!("channel `{channel}` {why}\n  builds publish to: {first}")));
        }
    }
    for recipe in recipes {
        if let Some(recipe) = open.factory.recipes.get_mut(recipe) {
            recipe.publish = Some(channel.clone());
        }
    }
    Ok(())
}

/// Builds recipes and shows how each ended.
pub async fn build(
    session: &Session,
    open: &Open,
    recipes: &[RecipeName],
    options: &BuildOptions,
    jobs: usize,
) -> Result<Exit, CliError> {
    let began = Instant::now();
    let sink = Remembering { inner: session.sink(), running: Mutex::default() };
    let target = &*open.target;
    target.check().await?;
    let planner = Planner::new(&open.factory, &open.library, target);
    let run = Run { factory: &open.factory, planner: &planner, target, state: &open.state, sink: &sink, jobs };
    let Some(finished) = or_interrupted(run.build(recipes, options)).await else {
        sink.inner.close();
        return interrupted(session, open, &sink);
    };
    let around = Around::read(open, &finished).await?;
    let mut results = Vec::new();
    let mut texts = Vec::new();
    let mut exits = Vec::new();
    for build in finished {
        let asked = recipes.contains(&build.recipe);
        let result = build.result(target.kind());
        // The build has ended as it has: files for people that can't be written don't change that.
        let evidence = evidence_of(open, &build).unwrap_or_else(|error| {
            let text = format!("its evidence could not be written: {error}\n  amifactory report writes it elsewhere");
            sink.event(&Event::Notice { build: result.build.clone(), text });
            None
        });
        let previous = around.previous(&build);
        // A base that was up to date is not what was asked for.
        if !asked && result.outcome == Outcome::UpToDate {
            continue;
        }
        // A base that was built on the way does not make a failure of what was asked for a half success.
        if asked {
            exits.push(exit_of(&build, result.outcome));
        }
        let channel = around.named_by(&build, channel_of(open, &build));
        texts.push(summary::summary(
            &summary::Finished {
                result: &result,
                record: record_of(&build),
                channel: channel.as_ref(),
                unpublished: unpublished(open, &build),
                evidence: evidence.as_deref(),
                previous,
            },
            session.style(),
        ));
        results.push((asked, result));
    }
    sink.inner.close();
    let exit = exit_of_all(&exits);
    let mut of_asked: Vec<BuildResult> =
        results.iter().filter(|(asked, _)| *asked).map(|(_, result)| result.clone()).collect();
    if recipes.len() == 1
        && let Some(result) = of_asked.pop()
    {
        session.result(&result, |_| texts.join("\n"))?;
    } else {
        let all: Vec<BuildResult> = results.into_iter().map(|(_, result)| result).collect();
        let table = view::builds(&all, session.style());
        let builds = json::Builds::of(all, began.elapsed().as_secs_f64());
        session.result(&builds, |_| format!("{}\n{table}", texts.join("\n")))?;
    }
    Ok(exit)
}

fn exit_of(build: &Finished, outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Built | Outcome::UpToDate => Exit::Done,
        Outcome::Refused => Exit::Refused,
        Outcome::Failed if build.is_on_revoked() => Exit::Refused,
        Outcome::Failed if build.is_wrong_input() => Exit::Usage,
        Outcome::Failed => Exit::Failed,
    }
}

/// Some failed and some did not: partly. Otherwise the worst of them.
fn exit_of_all(exits: &[Exit]) -> Exit {
    let done = exits.iter().filter(|exit| **exit == Exit::Done).count();
    match (done, exits.len()) {
        (done, all) if done == all => Exit::Done,
        (done, _) if done > 0 => Exit::Partly,
        _ => [Exit::Failed, Exit::Refused].into_iter().find(|exit| exits.contains(exit)).unwrap_or(Exit::Usage),
    }
}

/// The record, also that of an image that was refused.
fn record_of(build: &Finished) -> Option<&ImageRecord> {
    match &build.outcome {
        Ok(built) => Some(&built.record),
        Err(RunError::Build(BuildError::Refused { record, .. })) => Some(record),
        Err(_) => None,
    }
}

/// The folder with the record's files for people: written here when the image is new or they are missing.
fn evidence_of(open: &Open, build: &Finished) -> Result<Option<PathBuf>, CliError> {
    let _lock = open.state.lock_evidence()?;
    match &build.outcome {
        Ok(built) => {
            let folder = open.state.evidence(&built.image.id);
            if built.fresh || !folder.is_dir() {
                files::write(&folder, &built.image.id, &built.record, clock::today())?;
            }
            Ok(Some(folder))
        }
        Err(RunError::Build(BuildError::Refused { record, .. })) => {
            // An image that was not to be: its evidence stays with its build, under the id that it would have had.
            let folder = open.state.build(&record.build).join("evidence");
            if folder.parent().is_some_and(std::path::Path::is_dir) {
                let image = crate::target::local::image_id(record.build.as_str())?;
                files::write(&folder, &image, record, clock::today())?;
            }
            Ok(folder.is_dir().then_some(folder))
        }
        Err(_) => Ok(None),
    }
}

/// What there is beside the images that were built. Read once for all of them: hundreds of recipes can be built at once.
struct Around {
    /// All images; none where nothing was built.
    images: Vec<Image>,
    /// The channels that the recipes built publish to.
    channels: Vec<Pointer>,
}

impl Around {
    async fn read(open: &Open, finished: &[Finished]) -> Result<Around, CliError> {
        let built: Vec<&Finished> = finished.iter().filter(|build| build.outcome.is_ok()).collect();
        if built.is_empty() {
            return Ok(Around { images: Vec::new(), channels: Vec::new() });
        }
        let names: Vec<PointerName> =
            built.iter().filter_map(|build| channel_name(build, channel_of(open, build)?)).collect();
        let images = published::all(&*open.target).await?;
        Ok(Around { images, channels: open.target.pointers_named(&names).await? })
    }

    /// The published image before this one, to compare with.
    fn previous(&self, build: &Finished) -> Option<&ImageId> {
        let built = build.outcome.as_ref().ok()?;
        let older = self.images.iter().filter_map(|image| Some((tags::owner(&image.tags)?, image)));
        let newest = older
            .filter(|(_, image)| tags::ImageState::of(&image.tags) == tags::ImageState::Published && image.available)
            .filter(|(owner, _)| owner.recipe == build.recipe && owner.version < built.record.version)
            .max_by_key(|(owner, _)| owner.version);
        newest.map(|(_, image)| &image.id)
    }

    /// The channel, where it really names the image.
    fn named_by(&self, build: &Finished, channel: Option<Channel>) -> Option<Channel> {
        let (built, channel) = (build.outcome.as_ref().ok()?, channel?);
        let name = channel_name(build, channel.clone())?;
        let names_it = |pointer: &Pointer| pointer.name == name && pointer.image == built.image.id;
        self.channels.iter().any(names_it).then_some(channel)
    }
}

fn channel_of(open: &Open, build: &Finished) -> Option<Channel> {
    open.factory.recipes.get(&build.recipe)?.publish.clone()
}

/// The first channel, where builds of the recipe publish to none.
fn unpublished<'o>(open: &'o Open, build: &Finished) -> Option<&'o Channel> {
    let recipe = open.factory.recipes.get(&build.recipe)?;
    let first = open.factory.channels.first()?;
    (recipe.publish.is_none() && build.outcome.is_ok()).then_some(&first.name)
}

fn channel_name(build: &Finished, channel: Channel) -> Option<PointerName> {
    let arch = build.outcome.as_ref().ok()?.record.base.arch;
    Some(PointerName { recipe: build.recipe.clone(), arch, slot: Slot::Channel(channel) })
}

/// Remembers which builds were running, for the way out.
struct Remembering {
    inner: std::sync::Arc<dyn Sink>,
    running: Mutex<BTreeMap<RecipeName, BuildId>>,
}

impl Sink for Remembering {
    fn event(&self, event: &Event) {
        if let Ok(mut running) = self.running.lock() {
            match event {
                Event::BuildStarted { build, recipe, .. } => drop(running.insert(recipe.clone(), build.clone())),
                Event::BuildFinished(result) => drop(running.remove(&result.recipe)),
                _ => {}
            }
        }
        self.inner.event(event);
    }
}

fn interrupted(session: &Session, open: &Open, sink: &Remembering) -> Result<Exit, CliError> {
    let builds: Vec<BuildId> =
        sink.running.lock().map(|running| running.values().cloned().collect()).unwrap_or_default();
    #[derive(serde::Serialize)]
    struct Interrupted<'a> {
        outcome: &'static str,
        builds: &'a [BuildId],
        next: String,
    }
    let kind = open.target.kind();
    let option = if kind == open.factory.default_target { String::new() } else { format!(" --target {kind}") };
    let result = Interrupted { outcome: "interrupted", builds: &builds, next: format!("amifactory resume{option}") };
    session.result(&result, |style| summary::interrupted(&builds, (kind, &option), style))?;
    Ok(Exit::Interrupted)
}
