//! What all verbs share: the factory folder, the state folder, the target, and the way out for results.

use super::args::Global;
use super::exit::{CliError, Exit};
use crate::hardening::Library;
use crate::identity::{ImageId, RecipeName, TargetKind, Version};
use crate::pipeline::{Sink, StateFolder, clock};
use crate::pipeline::{published, tags};
use crate::recipe::{self, Factory};
use crate::release::places::Places;
use crate::report::ecs::Ecs;
use crate::report::looking::Looking;
use crate::report::sink::{Both, Format, Surroundings, Wish};
use crate::report::{Style, json, pasted, sink, visible};
use crate::source::{Diagnostic, Diagnostics, nearest};
use crate::target::local::LocalTarget;
use crate::target::{Image, Target};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use serde::Serialize;
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// One run of the program.
pub struct Session {
    global: Global,
    surroundings: Surroundings,
    log: Option<Arc<Log>>,
    begun: Instant,
    /// The target that was named, once it is known that the factory file names another.
    other_target: OnceLock<TargetKind>,
}

/// `--log`.
pub type Log = Ecs<Box<dyn Write + Send>>;

/// A factory folder, read and checked, and the target that it builds on.
pub struct Open {
    /// Recipes and groups.
    pub factory: Factory,
    /// Controls and profiles.
    pub library: Library,
    /// Journals, logs, evidence.
    pub state: StateFolder,
    /// Where builds run.
    pub target: Box<dyn Target>,
}

/// A file, or a device such as `/dev/null`. A pipe that nobody reads would hold the whole run up: as it is opened, or when it
/// is full.
fn open_log(path: &Path) -> std::io::Result<File> {
    let is_device = || path.metadata().is_ok_and(|found| found.file_type().is_char_device());
    let flags = if is_device() { OFlag::empty() } else { OFlag::O_NONBLOCK };
    let pipe = || {
        let what = "it is no file, and what nobody reads would hold the run up; `--log -` writes to standard error";
        std::io::Error::new(std::io::ErrorKind::InvalidInput, what)
    };
    let file = match OpenOptions::new().create(true).append(true).custom_flags(flags.bits()).open(path) {
        // What a pipe without a reader, or a socket, answers with.
        Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => return Err(pipe()),
        file => file?,
    };
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_char_device() { Ok(file) } else { Err(pipe()) }
}

/// Mistakes in the factory file, and the others.
fn apart(mistakes: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    mistakes.into_iter().partition(|mistake| mistake.span.file.path == recipe::FACTORY_FILE)
}

impl Session {
    pub fn new(global: Global) -> Session {
        Session {
            global,
            surroundings: Surroundings::now(),
            log: None,
            begun: Instant::now(),
            other_target: OnceLock::new(),
        }
    }

    /// Opens the file of `--log`.
    pub fn open_log(&mut self) -> Result<(), CliError> {
        let Some(path) = &self.global.log else { return Ok(()) };
        let out: Box<dyn Write + Send> = if self.logs_to_stderr() {
            Box::new(std::io::stderr())
        } else {
            let help = "name a file in a folder that you may write to";
            let failed = |error| CliError::Usage(format!("--log {}: {error}\n  {help}", path.display()));
            Box::new(open_log(path).map_err(failed)?)
        };
        self.log = Some(Arc::new(Ecs::new(out)));
        Ok(())
    }

    fn logs_to_stderr(&self) -> bool {
        self.global.log.as_deref() == Some(Path::new("-"))
    }

    /// Says in the log how the run ended.
    pub fn log_end(&self, verb: &str, exit: Exit, error: Option<&CliError>) {
        if let Some(log) = &self.log {
            let error = error.map(|error| match error {
                CliError::Invalid(mistakes) => {
                    let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                    format!("{error}\n{}", mistakes.join("\n"))
                }
                error => error.to_string(),
            });
            log.ended(verb, exit as u8, error.as_deref(), self.begun.elapsed());
        }
    }

    /// `--log`, for what is no event of a build.
    pub fn log(&self) -> Option<&Log> {
        self.log.as_deref()
    }

    /// Runs a verb that waits for things.
    pub fn block_on(&self, verb: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let outcome = runtime.block_on(verb);
        // What still runs in the background has no one left to wait for it.
        runtime.shutdown_background();
        outcome
    }

    pub fn is_json(&self) -> bool {
        self.global.format == Format::Json
    }

    pub fn format(&self) -> Format {
        self.global.format
    }

    pub fn style(&self) -> Style {
        self.surroundings.stdout_style(self.global.color)
    }

    fn wish(&self) -> Wish {
        Wish {
            format: self.global.format,
            color: self.global.color,
            no_progress: self.global.no_progress,
            quiet: self.global.quiet || self.logs_to_stderr(),
            verbose: self.global.verbose > 0,
        }
    }

    /// Does what takes long and has no events of its own, and shows meanwhile how far it is.
    pub async fn looking<T>(&self, what: String, target: &dyn Target, work: impl Future<Output = T>) -> T {
        let kind = sink::kind(&self.wish(), &self.surroundings);
        let mut looking = Looking::new(what, kind, self.surroundings.stderr_style(self.global.color));
        let (begun, before) = (Instant::now(), target.calls().unwrap_or(0));
        let mut ticks = tokio::time::interval(looking.interval());
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => looking.tell(begun.elapsed(), target.calls().unwrap_or(0).saturating_sub(before)),
            }
        }
    }

    /// Where events go.
    pub fn sink(&self) -> Arc<dyn Sink> {
        let shown = sink::open(&self.wish(), &self.surroundings);
        match &self.log {
            Some(log) => Arc::new(Both(shown, Arc::clone(log) as Arc<dyn Sink>)),
            None => shown,
        }
    }

    /// The result, in the form that was asked for.
    pub fn result<T: Serialize>(&self, result: &T, human: impl FnOnce(Style) -> String) -> Result<(), CliError> {
        let written = if self.is_json() {
            json::result(std::io::stdout().lock(), result)
        } else {
            std::io::stdout().lock().write_all(self.pasted(&human(self.style())).as_bytes())
        };
        match written {
            // The reader has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// Text for people whose commands work where they are pasted.
    pub fn pasted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        pasted::with_target(text, self.other_target.get().copied())
    }

    /// Whether only what came of it is to be said.
    pub fn is_quiet(&self) -> bool {
        self.global.quiet
    }

    /// Something worth a line before the result is there.
    pub fn event<T: Serialize>(&self, event: &T, human: impl FnOnce() -> String) -> Result<(), CliError> {
        let text = match self.is_json() {
            true => serde_json::to_string(event).map_err(std::io::Error::other)? + "\n",
            false => human(),
        };
        write_all(text.as_bytes())
    }

    /// Says on standard error what someone should know who asked for this.
    pub fn warn(&self, text: &str) {
        let style = self.surroundings.stderr_style(self.global.color);
        let line = format!("{} {}\n", style.yellow("warning:"), visible::block(&self.pasted(text)));
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    /// Text that is its own result: schemas, completions, logs.
    pub fn text(&self, text: &[u8]) -> Result<(), CliError> {
        write_all(text)
    }

    /// Says why a verb ended early.
    pub fn fail(&self, error: &CliError) -> Exit {
        let exit = error.exit();
        if self.is_json() {
            print_json_error(error, self.pasted(&error.to_string()).into_owned());
            return exit;
        }
        if self.log.is_some() && self.logs_to_stderr() {
            return exit;
        }
        let style = self.surroundings.stderr_style(self.global.color);
        let mut text = String::new();
        if let CliError::Invalid(diagnostics) = error {
            for diagnostic in diagnostics {
                text.push_str(&format!("{diagnostic}\n\n"));
            }
        }
        // It can quote what others wrote: parameters, tags, answers of services.
        // What a gate, a window or a pin keeps from being done is no mistake of anybody.
        let head = if exit == Exit::Refused { "refused:" } else { "error:" };
        text.push_str(&format!("{} {}\n", style.red(head), visible::block(&self.pasted(&error.to_string()))));
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
        exit
    }

    /// Says something beside the result.
    pub fn remark(&self, text: impl FnOnce(Style) -> String) {
        let text = text(self.surroundings.stderr_style(self.global.color));
        let text = self.pasted(&text);
        // Nobody is left to hear that it could not be said.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// The factory folder: named, or the nearest parent with an `amifactory.yaml`.
    pub fn folder(&self) -> Result<PathBuf, CliError> {
        if let Some(folder) = &self.global.factory {
            if folder.join("amifactory.yaml").is_file() {
                return Ok(folder.canonicalize()?);
            }
            return Err(CliError::Usage(format!(
                "{} holds no amifactory.yaml\n  `amifactory init {}` makes one",
                folder.display(),
                folder.display()
            )));
        }
        let here = std::env::current_dir()?;
        here.ancestors().find(|folder| folder.join("amifactory.yaml").is_file()).map(Path::to_owned).ok_or_else(|| {
            CliError::Usage(format!(
                "no amifactory.yaml in {} or above it\n  go to a factory folder, name one with --factory DIR, or make one: amifactory init DIR",
                here.display()
            ))
        })
    }

    /// The hardening library: the factory's own, or the one that comes with the program.
    pub fn library(&self, folder: &Path, diagnostics: &mut Diagnostics) -> Result<Library, CliError> {
        let own = folder.join("hardening");
        if own.is_dir() { Ok(Library::load(&own, diagnostics)) } else { Library::embedded().map_err(CliError::Invalid) }
    }

    /// Reads and checks everything, and opens the target.
    pub fn open(&self) -> Result<Open, CliError> {
        let folder = self.folder()?;
        let (factory, library) = self.read(&folder)?;
        self.open_with(&folder, factory, library)
    }

    /// The same for a few recipes: mistakes in others don't stop them.
    pub fn open_for(&self, names: &[String]) -> Result<Open, CliError> {
        let folder = self.folder()?;
        let exists = |name: &String| folder.join("recipes").join(format!("{name}.yaml")).is_file();
        if !names.iter().all(exists) {
            // The caller says which name is wrong, with the nearest that exists.
            return self.open_to_look();
        }
        let (factory, library) = self.read_some(&folder, names)?;
        self.open_with(&folder, factory, library)
    }

    /// Whether a recipe is there but has mistakes.
    pub fn is_broken(&self, recipe: &RecipeName) -> bool {
        let Ok(folder) = self.folder() else { return false };
        let file = folder.join("recipes").join(format!("{recipe}.yaml"));
        file.is_file() && self.read_some(&folder, &[recipe.to_string()]).is_err()
    }

    /// Where builds run: as asked for, or as the factory file says.
    pub fn kind(&self, factory: &Factory) -> TargetKind {
        self.global.target.unwrap_or(factory.default_target)
    }

    fn open_with(&self, folder: &Path, factory: Factory, library: Library) -> Result<Open, CliError> {
        let state = self.state()?;
        let kind = self.kind(&factory);
        if kind != factory.default_target {
            // Verbs that open it again open the same.
            let _ = self.other_target.set(kind);
        }
        let target: Box<dyn Target> = match kind {
            TargetKind::Local => Box::new(LocalTarget::open(state.root(), folder)?),
            #[cfg(feature = "aws")]
            TargetKind::Aws => Box::new(aws()),
            #[cfg(feature = "aws")]
            TargetKind::ImageBuilder => Box::new(aws().by_image_builder(factory.component_buckets())),
            #[cfg(not(feature = "aws"))]
            TargetKind::Aws | TargetKind::ImageBuilder => {
                return Err(CliError::Usage(
                    "this program was compiled without AWS\n  compile it with the feature `aws`, which is on by default, or build with --target local".into(),
                ));
            }
        };
        Ok(Open { factory, library, state, target })
    }

    /// The same for verbs that look at what there is, or remove what was left behind: a mistake in a recipe, or a
    /// waiver that has expired since, keeps nobody from that.
    pub fn open_to_look(&self) -> Result<Open, CliError> {
        let mistakes = match self.open() {
            Err(CliError::Invalid(mistakes)) => mistakes,
            other => return other,
        };
        let (of_factory, of_others) = apart(mistakes);
        let folder = self.folder()?;
        let library = match self.library(&folder, &mut Diagnostics::new()) {
            Ok(library) => library,
            Err(_) => Library::embedded().map_err(CliError::Invalid)?,
        };
        let readable = recipe::load_readable(&folder, &library.catalogue(), clock::today());
        // Another target than the one that is meant would look empty.
        if readable.is_none() && self.global.target.is_none() {
            return Err(CliError::Invalid(if of_factory.is_empty() { of_others } else { of_factory }));
        }
        for mistake in &of_factory {
            self.warn(&mistake.to_string());
        }
        let factory = readable.unwrap_or(Factory {
            default_target: TargetKind::Local,
            channels: Vec::new(),
            aws: Default::default(),
            distribution: None,
            retention: None,
            schedule: None,
            fleet: Default::default(),
            rollout: Default::default(),
            recipes: Default::default(),
            groups: Default::default(),
        });
        self.open_with(&folder, factory, library)
    }

    /// The same for verbs that bring images to where they were not: a mistake in a recipe keeps nobody from that; one in
    /// `amifactory.yaml` does, because a gate whose name is misspelt is none.
    pub fn open_to_move(&self) -> Result<Open, CliError> {
        if let Err(CliError::Invalid(mistakes)) = self.read(&self.folder()?) {
            let (of_factory, _) = apart(mistakes);
            if !of_factory.is_empty() {
                return Err(CliError::Invalid(of_factory));
            }
        }
        self.open_to_release()
    }

    /// The same for verbs that look at releases, hold them, or go back: a mistake in `amifactory.yaml` is told.
    pub fn open_to_release(&self) -> Result<Open, CliError> {
        let open = self.open_to_look()?;
        if open.factory.channels.is_empty() {
            // Its own mistakes are the only reason.
            self.read(&self.folder()?)?;
        }
        // From another region nothing of what home decides can be seen or held.
        if open.target.is_remote()
            && let Some(known) = &open.factory.distribution
        {
            Places::new(&*open.target, known)?;
        }
        Ok(open)
    }

    /// Whether a person sits there who can be asked.
    pub fn can_ask(&self) -> bool {
        use std::io::IsTerminal;
        !self.is_json() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks; anything but a yes is a no.
    pub fn ask(&self, question: &str) -> Result<bool, CliError> {
        write!(std::io::stderr().lock(), "{question} [y/N] ")?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// The state folder.
    pub fn state(&self) -> Result<StateFolder, CliError> {
        let root = match &self.global.state {
            Some(root) => root.clone(),
            None => self.folder()?.join(".amifactory"),
        };
        let failed = |why: &dyn std::fmt::Display| {
            CliError::Usage(format!("state folder {}: {why}\n  choose another with --state DIR", root.display()))
        };
        // What a sandbox and its helpers are told is text.
        let full = std::path::absolute(&root).map_err(|error| failed(&error))?;
        if full.to_str().is_none() {
            return Err(failed(&"its path is not UTF-8"));
        }
        StateFolder::open(&root).map_err(|error| failed(&error))
    }

    /// Where folders go that are gone when the verb ends: in the state folder where one is named, else with the
    /// machine's other temporary files.
    pub fn scratch(&self) -> Result<PathBuf, CliError> {
        match &self.global.state {
            Some(_) => Ok(self.state()?.root().to_owned()),
            None => Ok(std::env::temp_dir()),
        }
    }

    /// Reads and checks recipes, groups and the hardening library.
    pub fn read(&self, folder: &Path) -> Result<(Factory, Library), CliError> {
        self.read_some(folder, &[])
    }

    /// The same, but only mistakes in these recipes and what they use count; all where none is named.
    pub fn read_some(&self, folder: &Path, names: &[String]) -> Result<(Factory, Library), CliError> {
        let mut diagnostics = Diagnostics::new();
        let library = self.library(folder, &mut diagnostics)?;
        let (catalogue, today) = (library.catalogue(), clock::today());
        let loaded = if names.is_empty() {
            recipe::load(folder, &catalogue, today)
        } else {
            let names: Result<Vec<RecipeName>, _> = names.iter().map(|name| name.parse()).collect();
            let names = names.map_err(|error| CliError::Usage(error.to_string()))?;
            for name in &names {
                if !folder.join("recipes").join(format!("{name}.yaml")).is_file() {
                    return Err(CliError::Usage(format!(
                        "there is no recipe `{name}`\n  it would be recipes/{name}.yaml"
                    )));
                }
            }
            recipe::load_only(folder, &catalogue, today, &names)
        };
        match loaded {
            Ok(factory) if diagnostics.is_empty() => Ok((factory, library)),
            Ok(_) => Err(CliError::Invalid(diagnostics.sorted())),
            Err(mut found) => {
                found.extend(diagnostics.sorted());
                Err(CliError::Invalid(found))
            }
        }
    }
}

impl Open {
    /// Says at once what a remote target lacks, before anything is asked of it: credentials, a region.
    pub async fn reach(&self) -> Result<(), CliError> {
        if self.target.is_remote() {
            self.target.check().await?;
        }
        Ok(())
    }

    /// The recipe of this name.
    pub fn recipe(&self, name: &str) -> Result<RecipeName, CliError> {
        let known = self.factory.recipes.keys().find(|recipe| recipe.as_str() == name);
        known.cloned().ok_or_else(|| {
            let names: Vec<&str> = self.factory.recipes.keys().map(RecipeName::as_str).collect();
            let help = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", names.join(", ")),
            };
            CliError::Usage(format!("there is no recipe `{}`\n  {help}", crate::report::visible::line(name)))
        })
    }

    /// The recipe of this name: one that there is, or one that has left images.
    pub async fn released(&self, name: &str) -> Result<RecipeName, CliError> {
        let unknown = match self.recipe(name) {
            Ok(recipe) => return Ok(recipe),
            Err(unknown) => unknown,
        };
        let images = self.target.images().await?;
        let owners = images.iter().filter_map(|image| tags::owner(&image.tags));
        owners.map(|owner| owner.recipe).find(|recipe| recipe.as_str() == name).ok_or(unknown)
    }

    /// All recipes that there are, and those that have left images.
    pub async fn all_released(&self) -> Result<Vec<RecipeName>, CliError> {
        let images = self.target.images().await?;
        let owners = images.iter().filter_map(|image| tags::owner(&image.tags)).map(|owner| owner.recipe);
        let all: std::collections::BTreeSet<RecipeName> = self.factory.recipes.keys().cloned().chain(owners).collect();
        Ok(all.into_iter().collect())
    }

    /// What was found out in a build that a gate refused; none where there is no such build.
    pub fn refused(&self, name: &str) -> Result<Option<crate::target::ImageRecord>, CliError> {
        let Some(build) = self.state.builds()?.into_iter().find(|build| build.as_str() == name) else {
            return Ok(None);
        };
        let path = self.state.build(&build).join("record.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| CliError::Failed(format!("{} is damaged: {error}", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CliError::Failed(format!("{}: {error}", path.display()))),
        }
    }

    /// The image of this id, of this `RECIPE@VERSION`, or the newest of this recipe.
    pub async fn image(&self, name: &str) -> Result<Image, CliError> {
        let images = published::all(&*self.target).await?;
        if let Ok(id) = name.parse::<ImageId>()
            && let Some(image) = images.iter().find(|image| image.id == id)
        {
            return Ok(image.clone());
        }
        let (recipe, version) = match name.split_once('@') {
            Some((recipe, version)) => {
                (recipe, Some(version.parse::<Version>().map_err(|error| CliError::Usage(error.to_string()))?))
            }
            None => (name, None),
        };
        let owned = images.iter().filter_map(|image| Some((tags::owner(&image.tags)?, image)));
        let found = owned
            .filter(|(owner, _)| owner.recipe.as_str() == recipe && version.is_none_or(|v| v == owner.version))
            // What a dead build left is named by its id or version only where there is nothing better.
            .max_by_key(|(owner, image)| {
                (image.available && tags::ImageState::of(&image.tags) == tags::ImageState::Published, owner.version)
            });
        found.map(|(_, image)| image.clone()).ok_or_else(|| {
            let name = crate::report::visible::line(name);
            CliError::Usage(format!("there is no image `{name}`\n  `amifactory images` lists those there are; a recipe, RECIPE@VERSION or an image id names one"))
        })
    }
}

/// The AWS target of whoever the standard chain says. Finding that out may ask files and the instance metadata service.
#[cfg(feature = "aws")]
fn aws() -> crate::target::aws::AwsTarget {
    let open = crate::target::aws::AwsTarget::open();
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(open))
}

/// Writes text to standard output; a reader that went away is no error.
pub fn write_all(text: &[u8]) -> Result<(), CliError> {
    match std::io::stdout().lock().write_all(text) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes an error as the last line of JSON output.
pub fn print_json_error(error: &CliError, told: String) {
    let result = JsonError {
        error: told,
        exit: error.exit() as u8,
        diagnostics: match error {
            CliError::Invalid(diagnostics) => diagnostics.iter().map(JsonDiagnostic::of).collect(),
            _ => Vec::new(),
        },
    };
    // Nobody is left to hear that the error could not be written.
    let _ = json::result(std::io::stdout().lock(), &result);
}

#[derive(Serialize)]
struct JsonError {
    error: String,
    exit: u8,
    diagnostics: Vec<JsonDiagnostic>,
}

/// A diagnostic as JSON.
#[derive(Serialize)]
pub struct JsonDiagnostic {
    file: String,
    line: usize,
    column: usize,
    message: String,
    help: Option<String>,
}

impl JsonDiagnostic {
    pub fn of(diagnostic: &Diagnostic) -> JsonDiagnostic {
        JsonDiagnostic {
            file: diagnostic.span.file.path.clone(),
            line: diagnostic.span.line,
            column: diagnostic.span.column,
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
        }
    }
}
