//! How an image comes into being: through its states, on instances of the EC2 fake, by itself. The other part of the fake
//! beside commands that goes on without being called.

mod build;
mod distribute;
mod ec2;
mod instances;
mod journal;
mod test;
mod toe;

use super::super::ec2::Home;
use super::super::{Fake, World};
use super::images::{Ami, Image, State};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often something is looked at that takes its time.
const TICK: Duration = Duration::from_millis(250);

/// One build.
#[derive(Clone)]
struct Life {
    fake: Fake,
    home: Home,
    arn: String,
    /// What `{{ imagebuilder:buildDate }}` stands for.
    date: String,
    /// Instances that are to be ended with it.
    instances: Arc<Mutex<Vec<String>>>,
}

/// Why a step has not ended well.
#[derive(Debug)]
enum Problem {
    Cancelled,
    Failed {
        why: String,
        /// `componentFailure`
        component: Option<Value>,
        /// `distributionFailure`
        distribution: Option<Value>,
    },
}

impl Problem {
    fn failed(why: impl Into<String>) -> Problem {
        Problem::Failed { why: why.into(), component: None, distribution: None }
    }
}

/// How a build ends that does not end well.
enum End {
    Cancelled,
    Failed(State),
}

/// Lets a build begin. To be called within a tokio runtime.
pub fn start(fake: &Fake, home: &Home, arn: &str) {
    let (fake, home, arn) = (fake.clone(), home.clone(), arn.to_owned());
    tokio::spawn(async move {
        let date = {
            let world = fake.world();
            stamp(world.clock.wall(world.clock.now()))
        };
        Life { fake, home, arn, date, instances: Arc::default() }.run().await;
    });
}

/// `2022-10-26T22-30-05.912619Z`
fn stamp(at: time::OffsetDateTime) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]-[minute]-[second].[subsecond digits:6]Z");
    at.format(format).unwrap_or_default()
}

impl Life {
    async fn run(&self) {
        let end = self.make().await;
        let (state, keep) = match end {
            Ok(amis) => {
                self.with(|image, _| image.amis = amis);
                (State::of("AVAILABLE"), self.setting("terminateInstanceOnCompletion") == Some(false))
            }
            Err(End::Cancelled) => {
                (State::of("CANCELLED"), self.setting("terminateInstanceOnCompletion") == Some(false))
            }
            Err(End::Failed(state)) => (state, self.setting("terminateInstanceOnFailure") == Some(false)),
        };
        if !keep {
            let left = std::mem::take(&mut *self.instances.lock().unwrap_or_else(PoisonError::into_inner));
            for instance in left {
                // Whoever is gone needs no end.
                let _ = self.ec2(&self.home.region, "TerminateInstances", &[("InstanceId.1", &instance)]).await;
            }
        }
        self.enter(state);
        self.notify();
    }

    /// All states but the last one.
    async fn make(&self) -> Result<Vec<Ami>, End> {
        self.pause().await.map_err(|_| End::Cancelled)?;
        self.enter(State::of("CREATING"));
        self.pause().await.map_err(|_| End::Cancelled)?;
        self.enter(State::of("BUILDING"));
        let ami = self.workflow("BUILD", "build/build-image/1.0.3/1", 7, self.build()).await?;
        if self.tests() {
            self.enter(State::of("TESTING"));
            self.workflow("TEST", "test/test-image/1.0.2/1", 4, self.test(&ami)).await?;
        }
        self.enter(State::of("DISTRIBUTING"));
        self.workflow("DISTRIBUTION", "distribution/distribute-image/1.0.0/1", 1, self.distribute(&ami)).await
    }

    /// Whether the image is to be tested.
    fn tests(&self) -> bool {
        let tests = |image: &mut Image, _: Instant| {
            let enabled = image.tests["imageTestsEnabled"] != json!(false);
            // A list of workflows without one for tests leaves them out.
            let listed = image.more["workflows"].as_array();
            enabled && listed.is_none_or(|list| list.iter().any(|one| one.to_string().contains(":workflow/test/")))
        };
        self.with(tests).unwrap_or(false)
    }

    /// A flag of the infrastructure configuration.
    fn setting(&self, name: &str) -> Option<bool> {
        self.with(|image, _| image.infrastructure[name].as_bool()).flatten()
    }

    /// Looks at the image, or changes it. None once it is deleted.
    fn with<T>(&self, change: impl FnOnce(&mut Image, Instant) -> T) -> Option<T> {
        let mut world = self.fake.world();
        let now = world.clock.now();
        world.imagebuilder.images.get_mut(&self.arn).map(|image| change(image, now))
    }

    /// The image as it is now. A build that runs can't be deleted.
    fn image(&self) -> Option<Image> {
        self.with(|image, _| image.clone())
    }

    fn check(&self) -> Result<(), Problem> {
        match self.with(|image, _| image.cancelled) {
            Some(false) => Ok(()),
            _ => Err(Problem::Cancelled),
        }
    }

    /// What the service takes for a step of its own.
    async fn pause(&self) -> Result<(), Problem> {
        let takes = self.fake.world().latencies.image_builder;
        self.take(takes).await
    }

    /// Lets that much time pass, unless somebody cancels.
    async fn take(&self, takes: Duration) -> Result<(), Problem> {
        let until = Instant::now() + takes;
        loop {
            self.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            sleep(left.min(TICK)).await;
        }
    }

    /// Waits until there is an answer, at most for that long.
    async fn wait<T>(
        &self,
        most: Duration,
        late: &str,
        look: impl Fn(&mut World, Instant) -> Option<Result<T, String>>,
    ) -> Result<T, Problem> {
        let until = Instant::now() + most;
        loop {
            self.check()?;
            let answer = {
                let mut world = self.fake.world();
                let now = world.clock.now();
                look(&mut world, now)
            };
            match answer {
                Some(answer) => return answer.map_err(Problem::failed),
                None if Instant::now() >= until => return Err(Problem::failed(late)),
                None => sleep(TICK).await,
            }
        }
    }
}
