//! A machine that amifactory runs on: a state folder, and a recipe as it stands there.

use super::dying::{Death, Dying};
use crate::aws::factory;
use crate::fake_aws::Fake;
use amifactory::hardening::Library;
use amifactory::identity::{BuildId, RecipeName};
use amifactory::pipeline::prepare::Planner;
use amifactory::pipeline::resume::{self, Fate, Settled};
use amifactory::pipeline::{BuildError, BuildOptions, Built, Engine, Event, Sink, StateFolder, sweep};
use amifactory::plan::{Bundle, BundleStep, Bundles, Plan};
use amifactory::recipe::{self, Factory};
use amifactory::target::LaunchBase;
use amifactory::target::aws::AwsTarget;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

pub const RECIPE: &str = "web";

struct Silent;
impl Sink for Silent {
    fn event(&self, _: &Event) {}
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::embedded().unwrap())
}

/// A factory with one recipe on Amazon Linux, whose group has this version: another version is another plan.
pub fn recipe(revision: u32) -> Factory {
    recipe_with(revision, "{instance_profile: amifactory-builder}")
}

/// The same with these settings for AWS.
pub fn recipe_with(revision: u32, aws: &str) -> Factory {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("amifactory.yaml", &format!("default_target: aws\nchannels: [dev]\naws: {aws}\n"));
    write(
        "recipes/web.yaml",
        &format!(
            "recipe: {RECIPE}\ndescription: a web server\nversion: \"1.0\"\nbase: {{aws: {{parameter: {}}}}}\n\
             groups: [hello]\ntests:\n  - name: it says hello\n    run: \"true\"\npublish: {{channel: dev}}\n",
            factory::AL2023
        ),
    );
    write(
        "recipes/groups/hello.yaml",
        &format!(
            "group: hello\nversion: \"1.0.{revision}\"\ndescription: says hello\npackages: {{amazon-linux-2023: []}}\n\
             steps:\n  - name: hello\n    run: echo hello\n"
        ),
    );
    recipe::load(folder.path(), &library().catalogue(), time::macros::date!(2026 - 11 - 20)).unwrap()
}

/// What is sent to builders instead of the plan's own bundles, whose seal is nothing for the machine that tests run on.
pub fn harmless() -> Bundles {
    static BUNDLES: OnceLock<Bundles> = OnceLock::new();
    let make = || {
        let bundle = |name, steps: &[BundleStep]| Bundle::render(name, steps, library()).unwrap();
        let list = factory::step("packages/all", "printf 'bash\\t5.2\\tx86_64\\trpm\\n'");
        Bundles {
            apply: bundle("apply", &[factory::step("group/hello/0", "echo hello")]),
            seal: bundle("seal", &[list.clone(), factory::step("seal/logs", "true")]),
            boot_test: bundle("boot-test", &[list, factory::step("test/0", "true")]),
        }
    };
    BUNDLES.get_or_init(make).clone()
}

/// One machine.
pub struct Machine {
    pub fake: Fake,
    pub state: TempDir,
    /// Whether it builds with EC2 Image Builder.
    by_service: bool,
}

impl Machine {
    pub fn new(fake: &Fake) -> Machine {
        // In memory where there is such a folder: a journal is synced at every entry, and no power fails here.
        let memory = Path::new("/dev/shm");
        let state = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        StateFolder::open(state.path()).unwrap();
        Machine { fake: fake.clone(), state, by_service: false }
    }

    /// One that builds with EC2 Image Builder.
    pub fn with_image_builder(fake: &Fake) -> Machine {
        Machine { by_service: true, ..Machine::new(fake) }
    }

    fn target(&self, wire: &Dying) -> AwsTarget {
        let target = AwsTarget::with_config(&wire.config());
        if self.by_service { target.by_image_builder(Default::default()) } else { target }
    }

    /// Runs the build; none where it dies at that request.
    pub async fn build_until(
        &self,
        factory: &Factory,
        place: &str,
        death: Option<(usize, Death)>,
    ) -> Option<Result<Built, BuildError>> {
        let wire = Dying::new(&self.fake, self.state.path(), place, death);
        let target = self.target(&wire);
        wire.run(async {
            let (plan, launch) = planned(factory, &target).await;
            build(&target, &state(self.state.path()), &plan, &launch).await
        })
        .await
    }

    pub async fn build(&self, factory: &Factory, place: &str) -> Built {
        let built = self.build_until(factory, place, None).await.unwrap();
        built.unwrap_or_else(|error| panic!("{place}: {error}"))
    }

    /// What the verb `resume` does. Answers with the builds that were found.
    pub async fn resume(&self, factory: &Factory, place: &str) -> Vec<(BuildId, Fate)> {
        let wire = Dying::new(&self.fake, self.state.path(), place, None);
        let target = self.target(&wire);
        let state = state(self.state.path());
        let planner = Planner::new(factory, library(), &target);
        let found = resume::find(&target, &state, factory, &planner, &|_| false).await.unwrap();
        for unfinished in &found {
            match &unfinished.fate {
                Fate::Finish => {}
                Fate::Keep(why) => panic!("{place}: {} is left as it is: {why}", unfinished.build),
                Fate::Close => resume::close(&state, unfinished).unwrap(),
                Fate::Remove(_) => {
                    // A process that another thread has just forked holds our locks until it becomes its program.
                    let mut settled = resume::settle(&target, &state, unfinished).await.unwrap();
                    for _ in 0..50 {
                        if !matches!(settled, Settled::Busy(_)) {
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(5));
                        settled = resume::settle(&target, &state, unfinished).await.unwrap();
                    }
                    assert!(!matches!(settled, Settled::Busy(_)), "{place}: {settled:?}");
                }
            }
        }
        if found.iter().any(|unfinished| unfinished.fate == Fate::Finish) {
            let (plan, launch) = planned(factory, &target).await;
            build(&target, &state, &plan, &launch).await.unwrap_or_else(|error| panic!("{place}: {error}"));
        }
        found.into_iter().map(|unfinished| (unfinished.build, unfinished.fate)).collect()
    }

    /// Finds and removes what is left, from the target's own tags alone; all of it belongs to builds of that plan.
    pub async fn sweep(&self, prefix: &str, place: &str) -> usize {
        let wire = Dying::new(&self.fake, self.state.path(), place, None);
        let target = self.target(&wire);
        let state = state(self.state.path());
        let found = sweep::find(&target, &state).await.unwrap();
        for left in &found {
            let build = left.build.as_ref().map(BuildId::as_str).unwrap_or_default();
            assert!(build.starts_with(prefix), "{place}: {} is said to be of `{build}`", left.resource);
        }
        sweep::remove(&target, &state, found).await.unwrap_or_else(|error| panic!("{place}: {error}")).len()
    }
}

pub fn state(path: &Path) -> StateFolder {
    StateFolder::open(path).unwrap()
}

pub async fn planned(factory: &Factory, target: &AwsTarget) -> (Plan, LaunchBase) {
    let planner = Planner::new(factory, library(), target);
    let prepared = planner.prepare(&RECIPE.parse::<RecipeName>().unwrap()).await.unwrap();
    let plan = Plan { bundles: harmless(), ..(*prepared.plan).clone() };
    (plan, prepared.launch.unwrap())
}

pub async fn build(
    target: &AwsTarget,
    state: &StateFolder,
    plan: &Plan,
    launch: &LaunchBase,
) -> Result<Built, BuildError> {
    let engine = Engine { target, state, sink: &Silent };
    let _lock = engine.lock(&plan.recipe).await?;
    engine.build(plan, launch, &BuildOptions::default()).await
}
