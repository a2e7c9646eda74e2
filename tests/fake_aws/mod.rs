//! A stateful fake AWS that speaks the real wire protocols: EC2, STS, SNS and Auto Scaling query, SSM, Service Quotas and Logs JSON,
//! EBS direct and Image Builder REST, S3 REST with XML, CloudWatch CBOR and JSON. In process under tokio's paused time, or on loopback ([`serve`]).
//!
//! What it does not do: signatures are not verified. The access key id alone decides who calls.

// Two programs use this tree, the test suite and the example; neither uses all of it.
#![allow(dead_code, unused_imports)]

pub mod agents;
pub mod autoscaling;
pub mod clock;
pub mod cloudwatch;
pub mod credentials;
mod dispatch;
pub mod ebs;
pub mod ec2;
pub mod faults;
pub mod imagebuilder;
pub mod json_error;
pub mod kms;
pub mod logs;
pub mod params;
mod pipeline;
pub mod quotas;
pub mod record;
pub mod reply;
pub mod s3;
pub mod seen;
pub mod serve;
pub mod settings;
pub mod sns;
pub mod ssm;
pub mod sts;
pub mod throttle;
pub mod world;
pub mod xml;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use agents::Agent;
pub use settings::{Consistency, Faults, Latencies, Settings};
pub use world::World;

/// The fake; clones share one world.
#[derive(Clone)]
pub struct Fake(Arc<Inner>);

struct Inner {
    settings: Settings,
    world: Mutex<World>,
    /// Held by whoever runs the agent's errands.
    errands: tokio::sync::Mutex<()>,
}

/// One HTTP request, as it came.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    /// After the `?`, undecoded; empty where there is none.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// One HTTP response.
#[derive(Debug, Clone, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// No response comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The client sees a dropped connection; the effect may have happened.
    ConnectionReset,
}

impl Fake {
    /// A fresh world. Call it inside a tokio runtime: the clock starts here.
    pub fn new(settings: Settings) -> Fake {
        let world = World::new(&settings);
        Fake(Arc::new(Inner { settings, world: Mutex::new(world), errands: Default::default() }))
    }

    /// Answers one request of any of the services.
    pub async fn handle(&self, request: Request) -> Result<Response, Broken> {
        pipeline::handle(self, request).await
    }

    /// The world, with everything done that is due by now. Never hold it over an await.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world_as_it_is();
        let now = world.clock.now();
        world.settle(now);
        world
    }

    fn world_as_it_is(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Who runs what SendCommand carries.
    pub fn agent(&self) -> Arc<dyn Agent> {
        self.0.settings.agent.clone()
    }
}
