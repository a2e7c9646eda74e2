//! The built program against the fake on loopback, killed with SIGKILL at random moments of its builds.

use super::crash::contract;
use crate::fake_aws::agents::sandbox::SandboxAgent;
use crate::fake_aws::credentials::DEFAULT_KEY;
use crate::fake_aws::{Fake, Latencies, Settings, serve};
use crate::program::can_build_on_host;
use amifactory::target::local::sandbox::Lower;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};

const KILLS: usize = 200;
/// Recipes that are built beside each other: a build mostly waits.
const RECIPES: usize = 20;
/// Looks at AWS are 5 s apart: a build takes about half a minute.
const LONGEST_LIFE: Duration = Duration::from_secs(12);

/// Everything takes a little, and less than the time between two looks.
fn latencies() -> Latencies {
    let ms = Duration::from_millis;
    Latencies {
        call: ms(10),
        running: ms(200),
        agent: ms(200),
        stop: ms(200),
        terminate: ms(200),
        image: ms(400),
        snapshot: ms(200),
        volume: ms(100),
        reboot: ms(200),
        delivery: ms(100),
        parameter_check: ms(200),
        image_builder: ms(100),
    }
}

struct Recipe {
    name: String,
    folder: tempfile::TempDir,
    endpoint: String,
}

impl Recipe {
    fn new(number: usize, endpoint: &str) -> Recipe {
        let recipe =
            Recipe { name: format!("r{number}"), folder: tempfile::tempdir().unwrap(), endpoint: endpoint.to_owned() };
        recipe.write(
            "amifactory.yaml",
            "default_target: aws\nchannels: [dev]\naws: {instance_profile: amifactory-builder}\n",
        );
        recipe.write(
            &format!("recipes/{}.yaml", recipe.name),
            &format!(
                "recipe: {}\ndescription: a small image\nversion: \"1.0\"\n\
                 base: {{aws: {{parameter: {}, family: debian-12}}}}\ngroups: [hello]\npublish: {{channel: dev}}\n",
                recipe.name,
                super::factory::AL2023
            ),
        );
        recipe.group(0);
        recipe
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Another revision is another plan.
    fn group(&self, revision: usize) {
        self.write(
            "recipes/groups/hello.yaml",
            &format!(
                "group: hello\nversion: \"1.0.{revision}\"\ndescription: says hello\npackages: {{debian-12: []}}\n\
                 steps:\n  - name: hello\n    run: echo hello\n"
            ),
        );
    }

    fn start(&self, state: &Path, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amifactory"));
        command.args(arguments).arg("--state").arg(state).current_dir(self.folder.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", DEFAULT_KEY).env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    }

    /// The newest build that a state folder knows.
    fn last_build(state: &Path) -> Option<String> {
        let builds = fs::read_dir(state.join("builds")).ok()?.map(|entry| entry.unwrap());
        let newest = builds.max_by_key(|entry| entry.metadata().unwrap().created().unwrap())?;
        newest.file_name().into_string().ok()
    }

    async fn ends_well(&self, child: Child, place: &str) {
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{place}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Builds one revision after another; kills and goes on. Answers with the number of builds.
    async fn die_often(&self, fake: &Fake, seed: u64) -> usize {
        let mut random = fastrand::Rng::with_seed(seed);
        let state = |number: usize| self.folder.path().join(format!("state-{number}"));
        let (mut killed, mut folders, mut revision) = (0, 0, 0);
        let mut verb = "build";
        while killed < KILLS / RECIPES {
            let life = LONGEST_LIFE.mul_f64(random.f64());
            let place = format!("{}, kill {killed} of revision {revision}: `{verb}` after {life:?}", self.name);
            let state = state(folders);
            // Only what this state folder knows: the other recipes are other people's, and being built.
            let begun = Recipe::last_build(&state).filter(|_| verb == "resume");
            let arguments = begun.as_deref().map_or(["build", &self.name], |build| ["resume", build]);
            let mut child = self.start(&state, &arguments);
            if tokio::time::timeout(life, child.wait()).await.is_ok() {
                self.ends_well(child, &place).await;
                revision += usize::from(begun.is_none());
                self.group(revision);
                verb = "build";
                continue;
            }
            child.kill().await.unwrap();
            killed += 1;
            contract::pointers_hold(fake, &place);
            verb = if random.u8(..3) == 0 { "resume" } else { "build" };
            folders += usize::from(random.u8(..4) == 0);
        }
        let place = format!("{}, the last build", self.name);
        self.ends_well(self.start(&state(folders), &["build", &self.name]), &place).await;
        revision + 1
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_contract_on_aws_sigkill_at_random_moments() {
    // What seals an image is not for the machine that the tests run on: it needs the sandbox.
    if !can_build_on_host("crash_contract_on_aws_sigkill_at_random_moments") {
        return;
    }
    let agent = SandboxAgent::new(Path::new(env!("CARGO_BIN_EXE_amifactory")), vec![Lower::Host]).unwrap();
    let fake = Fake::new(Settings {
        latencies: latencies(),
        start: time::OffsetDateTime::now_utc(),
        ..Settings::new(Arc::new(agent))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve::serve(fake.clone(), listener));
    let recipes: Vec<Recipe> = (0..RECIPES).map(|number| Recipe::new(number, &endpoint)).collect();
    let lives = recipes.iter().enumerate().map(|(number, recipe)| recipe.die_often(&fake, 20_261_120 + number as u64));
    let builds: usize = futures_util::future::join_all(lives).await.into_iter().sum();
    tokio::time::sleep(Duration::from_secs(2)).await;
    // From an empty state folder: what tags say is enough.
    let empty = recipes[0].folder.path().join("empty");
    recipes[0].ends_well(recipes[0].start(&empty, &["sweep", "--yes", "--older-than", "0s"]), "sweep").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    contract::nothing_is_left(&fake, "at the end");
    let images = contract::images(&fake.world()).len();
    crate::skip::say(&format!("killed {KILLS} times in {builds} builds, {images} images"));
    assert!(images >= RECIPES, "only {images} images");
    server.abort();
}
