//! One world, the runs of the program in it, and what may be left at the end.

use crate::aws::factory;
use crate::aws::wire::Wire;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::ec2::model::Instance;
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Fake, Latencies, Settings, World};
use amifactory::pipeline::{BuildError, BuildOptions, Built, Engine, Event, Sink, StateFolder, sweep};
use amifactory::plan::Plan;
use amifactory::target::LaunchBase;
use amifactory::target::aws::AwsTarget;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// What is on its way out is given this long: terminating takes 15 s here.
const SETTLES: Duration = Duration::from_secs(60);

/// All notices, as people would see them.
#[derive(Default)]
pub struct Told(Mutex<Vec<String>>);

impl Sink for Told {
    fn event(&self, event: &Event) {
        if let Event::Notice { text, .. } = event {
            self.0.lock().unwrap().push(text.clone());
        }
    }
}

/// A world with realistic latencies.
pub struct Place {
    pub fake: Fake,
    pub folder: tempfile::TempDir,
    told: Told,
}

/// How a build ended.
pub struct Ended {
    pub result: Result<Built, BuildError>,
    pub took: Duration,
}

impl Ended {
    /// It ended well, and soon enough.
    #[track_caller]
    pub fn well_within(&self, bound: Duration) -> &Built {
        assert!(self.took <= bound, "took {:?}, and {bound:?} are allowed", self.took);
        match &self.result {
            Ok(built) => built,
            Err(error) => panic!("{error}"),
        }
    }

    /// It ended with an error, soon enough: what people see, ids left out.
    #[track_caller]
    pub fn badly_within(&self, bound: Duration) -> String {
        assert!(self.took <= bound, "took {:?}, and {bound:?} are allowed", self.took);
        match &self.result {
            Ok(built) => panic!("it ended well: {built:?}"),
            Err(error) => plain(&error.to_string()),
        }
    }
}

impl Place {
    pub fn new(change: impl FnOnce(&mut Settings)) -> Place {
        let mut settings = Settings {
            latencies: Latencies::realistic(),
            start: time::OffsetDateTime::now_utc(),
            ..Settings::new(Arc::new(ShellAgent::new().unwrap()))
        };
        change(&mut settings);
        // Pauses before repeated calls are by chance; here they are the same in each run.
        fastrand::seed(settings.seed);
        Place { fake: Fake::new(settings), folder: tempfile::tempdir().unwrap(), told: Told::default() }
    }

    /// Another machine that speaks to the same cloud.
    pub fn another(&self) -> Place {
        Place { fake: self.fake.clone(), folder: tempfile::tempdir().unwrap(), told: Told::default() }
    }

    /// The target as a new run of the program has it: it knows nothing of earlier runs.
    pub fn target(&self) -> AwsTarget {
        AwsTarget::with_config(&Wire::new(&self.fake).config())
    }

    pub fn state(&self) -> StateFolder {
        StateFolder::open(&self.folder.path().join("state")).unwrap()
    }

    /// A run of the program that builds the usual plan.
    pub async fn build(&self) -> Ended {
        self.build_with(|_| {}, &BuildOptions::default()).await
    }

    /// The same for a plan that is changed first.
    pub async fn build_with(&self, change: impl FnOnce(&mut Plan), options: &BuildOptions) -> Ended {
        let target = self.target();
        let (mut plan, launch) = factory::plan(&target).await;
        change(&mut plan);
        self.build_on(&target, &plan, &launch, options).await
    }

    pub async fn build_on(
        &self,
        target: &AwsTarget,
        plan: &Plan,
        launch: &LaunchBase,
        options: &BuildOptions,
    ) -> Ended {
        let state = self.state();
        let engine = Engine { target, state: &state, sink: &self.told };
        let began = Instant::now();
        let result = engine.build(plan, launch, options).await;
        Ended { result, took: began.elapsed() }
    }

    /// What people were told on the way, ids left out.
    pub fn told(&self) -> String {
        self.told.0.lock().unwrap().iter().map(|text| plain(text)).collect::<Vec<_>>().join("\n")
    }

    /// Does something to the world as soon as it is due. Looks every 200 ms.
    pub fn when(
        &self,
        due: impl Fn(&World) -> bool + Send + 'static,
        act: impl FnOnce(&mut World) + Send + 'static,
    ) -> JoinHandle<()> {
        let fake = self.fake.clone();
        tokio::spawn(async move {
            while !due(&fake.world()) {
                sleep(Duration::from_millis(200)).await;
            }
            act(&mut fake.world());
        })
    }

    /// What is there and should not be, when everything has settled: all but published images with their parts.
    pub async fn leaks(&self) -> Vec<String> {
        sleep(SETTLES).await;
        let world = self.fake.world();
        let now = world.clock.now();
        assert_eq!(world.unknown_calls, [], "calls that the fake does not know");
        let pointers: Vec<String> = world
            .ssm
            .parameters()
            .filter(|(_, name, _)| name.starts_with("/amifactory/"))
            .filter_map(|(_, _, parameter)| Some(parameter.newest()?.value.clone()))
            .collect();
        let mut ours = Vec::new();
        for image in world.ec2.own_images(&world.account).into_iter().filter(|image| pointers.contains(&image.id)) {
            ours.push(image.id.clone());
            ours.extend(image.mappings.iter().filter_map(|mapping| mapping.snapshot.clone()));
            // Its evidence, whole.
            let build = world.ec2.tags_at(&image.id, now).get("amifactory:build").cloned();
            let evidence = world.ec2.snapshots.values().filter(|snapshot| {
                let tags = world.ec2.tags_at(&snapshot.id, now);
                tags.get("amifactory:purpose").is_some_and(|purpose| purpose == "evidence")
                    && tags.get("amifactory:build") == build.as_ref()
            });
            let evidence: Vec<String> = evidence.map(|snapshot| snapshot.id.clone()).collect();
            assert!(!evidence.is_empty(), "image {} has no evidence", image.id);
            ours.extend(evidence);
        }
        world.ec2.belongings(&world.account, now).into_iter().filter(|id| !ours.contains(id)).collect()
    }

    /// What `sweep --yes` does, as a run of its own; what is left after it.
    pub async fn leaks_after_sweep(&self) -> Vec<String> {
        // Evidence is looked at as whole once its snapshot is.
        sleep(2 * SETTLES).await;
        let (target, state) = (self.target(), self.state());
        let found = sweep::find(&target, &state).await.unwrap();
        sweep::remove(&target, &state, found).await.unwrap();
        self.leaks().await
    }

    /// How often an action was called, and how often without success.
    pub fn calls(&self, action: &str) -> (usize, usize) {
        let world = self.fake.world();
        let of = || world.calls.iter().filter(|call| call.action == action);
        (of().count(), of().filter(|call| call.outcome != Outcome::Ok).count())
    }
}

/// Whether an action was called with success.
pub fn called(world: &World, action: &str) -> bool {
    world.calls.iter().any(|call| call.action == action && call.outcome == Outcome::Ok)
}

/// The instance that was launched last, in order of time.
pub fn newest(world: &World) -> Option<&Instance> {
    world.ec2.instances.values().max_by_key(|instance| instance.launched)
}

/// Somebody else terminates the newest instance.
pub fn colleague(world: &mut World) {
    let (now, takes) = (world.clock.now(), world.latencies.terminate);
    let id = newest(world).unwrap().id.clone();
    world.ec2.terminate_by_colleague(&id, now, takes);
}

/// Text without what differs from run to run: ids of AWS, digests, stamps, folders.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
        let (body, end) = match word.char_indices().last() {
            Some((at, last)) if !(last.is_ascii_alphanumeric() || last == '-') => word.split_at(at),
            _ => (word, ""),
        };
        let parts: Vec<&str> = body.split('-').collect();
        let hex = |part: &&str| part.len() >= 12 && part.bytes().all(|b| b.is_ascii_hexdigit());
        match parts.iter().any(hex) {
            // A UUID.
            true if parts.len() == 5 => out.push('…'),
            true => {
                let shown: Vec<&str> = parts.iter().map(|part| if hex(part) { "…" } else { *part }).collect();
                out.push_str(&shown.join("-"));
            }
            false => out.push_str(body),
        }
        out.push_str(end);
    }
    out
}

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
