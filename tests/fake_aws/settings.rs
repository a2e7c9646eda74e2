//! How a fake is set up.

use super::Agent;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;

/// What a fake is made with. Everything random comes from the seed.
#[derive(Clone)]
pub struct Settings {
    pub seed: u64,
    /// What the calendar shows when the world begins.
    pub start: OffsetDateTime,
    pub latencies: Latencies,
    pub consistency: Consistency,
    /// Whether the token buckets of each API are enforced.
    pub throttle: bool,
    pub faults: Faults,
    /// Runs what SendCommand carries.
    pub agent: Arc<dyn Agent>,
    pub regions: Vec<String>,
    /// The account of the default credentials.
    pub account: String,
}

impl Settings {
    /// No latency, no weather, one seed.
    pub fn new(agent: Arc<dyn Agent>) -> Settings {
        Settings {
            seed: 1,
            start: datetime!(2026-11-20 08:00 UTC),
            latencies: Latencies::none(),
            consistency: Consistency::none(),
            throttle: false,
            faults: Faults::none(),
            agent,
            regions: ["us-east-1", "us-west-2", "eu-central-1"].map(String::from).to_vec(),
            account: "123456789012".to_owned(),
        }
    }
}

/// How long things take.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// One call, there and back.
    pub call: Duration,
    /// pending → running.
    pub running: Duration,
    /// running → the SSM agent is online.
    pub agent: Duration,
    /// stopping → stopped.
    pub stop: Duration,
    /// shutting-down → terminated.
    pub terminate: Duration,
    /// An image, pending → available.
    pub image: Duration,
    /// A snapshot, pending → completed.
    pub snapshot: Duration,
    /// A volume, creating → available.
    pub volume: Duration,
    /// A reboot: the agent is offline that long.
    pub reboot: Duration,
    /// From SendCommand until the agent has it.
    pub delivery: Duration,
    /// Parameter Store's check of an `aws:ec2:image` value.
    pub parameter_check: Duration,
    /// A step of an Image Builder workflow, beside what is done in it.
    pub image_builder: Duration,
}

impl Latencies {
    pub const fn none() -> Latencies {
        Latencies {
            call: Duration::ZERO,
            running: Duration::ZERO,
            agent: Duration::ZERO,
            stop: Duration::ZERO,
            terminate: Duration::ZERO,
            image: Duration::ZERO,
            snapshot: Duration::ZERO,
            volume: Duration::ZERO,
            reboot: Duration::ZERO,
            delivery: Duration::ZERO,
            parameter_check: Duration::ZERO,
            image_builder: Duration::ZERO,
        }
    }

    /// The same, so many times faster.
    pub fn divided(self, by: u32) -> Latencies {
        Latencies {
            call: self.call / by,
            running: self.running / by,
            agent: self.agent / by,
            stop: self.stop / by,
            terminate: self.terminate / by,
            image: self.image / by,
            snapshot: self.snapshot / by,
            volume: self.volume / by,
            reboot: self.reboot / by,
            delivery: self.delivery / by,
            parameter_check: self.parameter_check / by,
            image_builder: self.image_builder / by,
        }
    }

    pub const fn realistic() -> Latencies {
        Latencies {
            call: Duration::from_millis(80),
            running: Duration::from_secs(12),
            agent: Duration::from_secs(20),
            stop: Duration::from_secs(20),
            terminate: Duration::from_secs(15),
            image: Duration::from_secs(90),
            snapshot: Duration::from_secs(60),
            volume: Duration::from_secs(3),
            reboot: Duration::from_secs(25),
            delivery: Duration::from_secs(1),
            parameter_check: Duration::from_secs(3),
            image_builder: Duration::from_secs(5),
        }
    }
}

/// How far behind the truth answers may be.
#[derive(Debug, Clone)]
pub struct Consistency {
    /// How often a new resource is not seen at first.
    pub hidden_rate: f64,
    /// The longest that it stays unseen.
    pub hidden_for: Duration,
    /// How often a describe call shows an older state.
    pub stale_rate: f64,
    /// How old that state may be.
    pub stale_by: Duration,
}

impl Consistency {
    pub const fn none() -> Consistency {
        Consistency { hidden_rate: 0.0, hidden_for: Duration::ZERO, stale_rate: 0.0, stale_by: Duration::ZERO }
    }

    /// AWS tells of 1 in 10 images NotFound right after creation, and advises to back off up to 2.5 minutes.
    pub const fn nasty() -> Consistency {
        Consistency {
            hidden_rate: 0.3,
            hidden_for: Duration::from_secs(20),
            stale_rate: 0.2,
            stale_by: Duration::from_secs(8),
        }
    }
}

/// The weather: how often a call goes wrong, each from 0 to 1.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Refused with the service's throttling error, without effect.
    pub throttle_rate: f64,
    /// The effect happens, the connection drops.
    pub lost_reply_rate: f64,
    /// 5xx; half of them after the effect.
    pub server_error_rate: f64,
    /// The connection drops before the effect.
    pub reset_rate: f64,
    /// Describe calls take that much longer.
    pub slow_describes: Duration,
}

impl Faults {
    pub const fn none() -> Faults {
        Faults {
            throttle_rate: 0.0,
            lost_reply_rate: 0.0,
            server_error_rate: 0.0,
            reset_rate: 0.0,
            slow_describes: Duration::ZERO,
        }
    }

    /// 30 % throttled, 10 % lost replies, 5 % server errors.
    pub const fn bad_weather() -> Faults {
        Faults { throttle_rate: 0.3, lost_reply_rate: 0.1, server_error_rate: 0.05, ..Faults::none() }
    }
}
