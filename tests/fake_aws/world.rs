//! All that the fake knows. Tests look at it and change it.

use super::clock::Clock;
use super::credentials::{Credential, Credentials, DEFAULT_KEY};
use super::faults::Weather;
use super::record::{Call, UnknownCall};
use super::settings::{Consistency, Latencies, Settings};
use super::throttle::Throttle;
use super::{autoscaling, cloudwatch, ebs, ec2, imagebuilder, kms, logs, quotas, s3, sns, ssm, sts};
use tokio::time::Instant;

pub struct World {
    pub clock: Clock,
    pub random: fastrand::Rng,
    /// May be changed while the world runs.
    pub latencies: Latencies,
    pub consistency: Consistency,
    pub weather: Weather,
    pub throttle: Throttle,
    pub credentials: Credentials,
    pub regions: Vec<String>,
    pub account: String,
    pub calls: Vec<Call>,
    pub unknown_calls: Vec<UnknownCall>,
    pub ec2: ec2::State,
    pub ssm: ssm::State,
    pub sts: sts::State,
    pub quotas: quotas::State,
    pub logs: logs::State,
    pub kms: kms::State,
    pub ebs: ebs::State,
    pub imagebuilder: imagebuilder::State,
    pub autoscaling: autoscaling::State,
    pub sns: sns::State,
    pub cloudwatch: cloudwatch::State,
    pub s3: s3::State,
    /// What the agent must do before the call that caused it is answered.
    pub(super) errands: Vec<Errand>,
}

/// Work for the agent, which is asynchronous while the world's lock is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    Boot { instance: String, disk: super::agents::Disk },
    Image { instance: String, image: String },
    ForgetInstance(String),
    ForgetImage(String),
}

impl World {
    pub fn new(settings: &Settings) -> World {
        let mut random = fastrand::Rng::with_seed(settings.seed);
        let mut credentials = Credentials::default();
        credentials.0.insert(DEFAULT_KEY.to_owned(), Credential::user(&settings.account, "operator"));
        let clock = Clock::new(settings.start);
        let ec2 = ec2::State::new(settings, &mut random);
        World {
            clock,
            random,
            latencies: settings.latencies.clone(),
            consistency: settings.consistency.clone(),
            weather: Weather::new(settings.faults.clone(), settings.seed),
            throttle: Throttle::new(settings.throttle),
            credentials,
            regions: settings.regions.clone(),
            account: settings.account.clone(),
            calls: Vec::new(),
            unknown_calls: Vec::new(),
            ec2,
            ssm: ssm::State::new(settings),
            sts: sts::State::new(settings),
            quotas: quotas::State::new(settings),
            logs: logs::State::new(settings),
            kms: kms::State::default(),
            ebs: ebs::State::new(settings),
            imagebuilder: imagebuilder::State::default(),
            autoscaling: autoscaling::State::default(),
            sns: sns::State::default(),
            cloudwatch: cloudwatch::State::default(),
            s3: s3::State::default(),
            errands: Vec::new(),
        }
    }

    /// Everything that is due by now: dead-man's switches, spot reclaims, what goes with a terminated instance.
    pub fn settle(&mut self, now: Instant) {
        autoscaling::settle(self, now);
        ec2::settle(self, now);
        ssm::settle(self, now);
        ebs::settle(self, now);
    }

    /// A new id: `i-0123456789abcdef0`.
    pub fn id(&mut self, prefix: &str) -> String {
        id(&mut self.random, prefix)
    }

    /// A new UUID, as request ids and command ids are.
    pub fn uuid(&mut self) -> String {
        let hex = format!("{:032x}", self.random.u128(..));
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// From when on a resource made now is seen by everybody.
    pub fn visible_at(&mut self, now: Instant) -> Instant {
        if self.random.f64() < self.consistency.hidden_rate {
            return now + self.consistency.hidden_for.mul_f64(self.random.f64());
        }
        now
    }

    /// The moment whose state a describe call shows: now, or a little earlier.
    pub fn seen_at(&mut self, now: Instant) -> Instant {
        if self.random.f64() < self.consistency.stale_rate {
            return self.clock.before(now, self.consistency.stale_by.mul_f64(self.random.f64()));
        }
        now
    }

    /// How often an action was called, whatever came of it.
    pub fn count(&self, action: &str) -> usize {
        self.calls.iter().filter(|call| call.action == action).count()
    }
}

/// A new id with a prefix and 17 hexadecimal digits.
pub fn id(random: &mut fastrand::Rng, prefix: &str) -> String {
    format!("{prefix}-0{:016x}", random.u64(..))
}
