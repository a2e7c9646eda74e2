//! Token buckets: calls are held back here, so that the service need not.

use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// How much longer one call may be on its way than another, so that none is refused for it: a connection with TLS is
/// opened in less. The smallest buckets allow no more.
const UNEVEN: Duration = Duration::from_millis(600);

/// The buckets of EC2's API throttling, as in its user guide ("Request throttling for the Amazon EC2 API": size and
/// refill per second), and cautious ones for the services that publish none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// `Describe*` with filters or ids: 100, 20 a second.
    Describe,
    /// `RunInstances`: 5, 2 a second.
    Run,
    /// Mutations that have no bucket of their own: 50, 5 a second.
    Mutate,
    /// `TerminateInstances`, `DeregisterImage`, `DeleteSnapshot`: 100, 5 a second.
    Remove,
    /// `CreateTags`: 100, 10 a second.
    Tag,
    /// `CopyImage`: 100, 1 a second.
    Copy,
    /// Reads of Parameter Store: 40 a second by default.
    ReadParameter,
    /// `GetParameterHistory`: not published, and not among those 40; kept low.
    History,
    /// `DescribeParameters`: not published either; kept low.
    DescribeParameter,
    /// `PutParameter`: 3 a second by default, and no word of a burst.
    WriteParameter,
    /// Run Command: not published; kept low.
    Command,
    /// `StartSnapshot` and `CompleteSnapshot`: 10 a second each (EBS direct APIs, "endpoints and quotas").
    Snapshot,
    /// `ListSnapshotBlocks`: 50 a second (there too).
    ListBlocks,
    /// `GetSnapshotBlock` and `PutSnapshotBlock`: 1,000 a second each (there too); kept lower, as they have half a MiB.
    Block,
    /// Image Builder: its request rates are not published; kept low.
    ImageBuilder,
    /// STS, Service Quotas, CloudWatch Logs, Auto Scaling: far above what is needed here.
    Other,
}

impl Bucket {
    const ALL: [Bucket; 16] = [
        Bucket::Describe,
        Bucket::Run,
        Bucket::Mutate,
        Bucket::Remove,
        Bucket::Tag,
        Bucket::Copy,
        Bucket::ReadParameter,
        Bucket::History,
        Bucket::DescribeParameter,
        Bucket::WriteParameter,
        Bucket::Command,
        Bucket::Snapshot,
        Bucket::ListBlocks,
        Bucket::Block,
        Bucket::ImageBuilder,
        Bucket::Other,
    ];

    /// Size and refill per second. Calls that leave one after the other may arrive together, because those before were
    /// longer on their way: a connection was opened for them, or someone was busy. What the service's bucket gets in
    /// [`UNEVEN`] is left to it for that.
    fn rate(self) -> (f64, f64) {
        let (size, refill) = self.documented();
        (size - refill * UNEVEN.as_secs_f64(), refill)
    }

    const fn documented(self) -> (f64, f64) {
        match self {
            Bucket::Describe => (100.0, 20.0),
            Bucket::Run => (5.0, 2.0),
            Bucket::Mutate => (50.0, 5.0),
            Bucket::Remove => (100.0, 5.0),
            Bucket::Tag => (100.0, 10.0),
            Bucket::Copy => (100.0, 1.0),
            Bucket::ReadParameter => (40.0, 40.0),
            Bucket::History | Bucket::DescribeParameter => (20.0, 10.0),
            Bucket::WriteParameter => (3.0, 3.0),
            Bucket::Snapshot => (10.0, 10.0),
            Bucket::ListBlocks => (50.0, 50.0),
            Bucket::Block => (200.0, 200.0),
            Bucket::Command | Bucket::ImageBuilder => (20.0, 10.0),
            Bucket::Other => (20.0, 10.0),
        }
    }
}

struct Level {
    /// Below zero where calls have taken tokens that are still to come: they sleep until then, in order.
    tokens: f64,
    at: Instant,
}

/// One bucket per kind of call.
pub struct Limiter {
    levels: [Mutex<Level>; Bucket::ALL.len()],
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter::new()
    }
}

impl Limiter {
    /// All buckets full.
    pub fn new() -> Limiter {
        let at = Instant::now();
        Limiter { levels: Bucket::ALL.map(|bucket| Mutex::new(Level { tokens: bucket.rate().0, at })) }
    }

    /// Waits for a token.
    pub async fn take(&self, bucket: Bucket) {
        let (size, rate) = bucket.rate();
        let deficit = {
            let mut level = self.level(bucket).lock().await;
            level.refill(size, rate);
            level.tokens -= 1.0;
            -level.tokens
        };
        if deficit > 0.0 {
            sleep(Duration::from_secs_f64(deficit / rate)).await;
        }
    }

    /// The service says that its own bucket is empty: someone else uses the account too.
    pub async fn drain(&self, bucket: Bucket) {
        let (size, rate) = bucket.rate();
        let mut level = self.level(bucket).lock().await;
        level.refill(size, rate);
        level.tokens = level.tokens.min(0.0);
    }

    fn level(&self, bucket: Bucket) -> &Mutex<Level> {
        // The discriminants count from 0 in the order of `ALL`, which has one place for each.
        &self.levels[bucket as usize]
    }
}

impl Level {
    fn refill(&mut self, size: f64, rate: f64) {
        let now = Instant::now();
        self.tokens = (self.tokens + now.duration_since(self.at).as_secs_f64() * rate).min(size);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_their_bucket_and_no_longer() {
        let limiter = Limiter::new();
        let began = Instant::now();
        for _ in 0..3 {
            limiter.take(Bucket::Run).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            limiter.take(Bucket::Run).await;
        }
        let took = began.elapsed().as_secs_f64();
        assert!((9.5..9.8).contains(&took), "{took}");
        limiter.take(Bucket::Describe).await;
        assert!(began.elapsed().as_secs_f64() < 9.8, "buckets are apart");
    }

    #[tokio::test(start_paused = true)]
    async fn however_uneven_the_way_is_calls_find_tokens_in_the_services_own_bucket() {
        for bucket in Bucket::ALL {
            let (limiter, began) = (Limiter::new(), Instant::now());
            let mut chance = fastrand::Rng::with_seed(5);
            let mut arrivals = Vec::new();
            for _ in 0..1000 {
                limiter.take(bucket).await;
                arrivals.push(began.elapsed().as_secs_f64() + UNEVEN.as_secs_f64() * chance.f64());
            }
            arrivals.sort_by(f64::total_cmp);
            let (size, refill) = bucket.documented();
            let (mut tokens, mut before) = (size, arrivals[0]);
            for at in arrivals {
                tokens = (tokens + (at - before) * refill).min(size) - 1.0;
                assert!(tokens > -1e-6, "{bucket:?} is empty after {at} s");
                before = at;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_drained_bucket_fills_again() {
        let limiter = Limiter::new();
        limiter.drain(Bucket::Mutate).await;
        let began = Instant::now();
        limiter.take(Bucket::Mutate).await;
        let took = began.elapsed().as_secs_f64();
        assert!((0.15..0.3).contains(&took), "{took}");
    }
}
