//! Waiting for a target to get somewhere.

use super::error::BuildError;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a builder may take to come online.
pub const ONLINE: Duration = Duration::from_secs(600);
/// How long an image may take to become usable: EC2 speaks of up to a day.
pub const AVAILABLE: Duration = Duration::from_secs(24 * 3600);

/// No instance of EC2 is up, with its agent online, before this.
pub const EARLIEST_ONLINE: Duration = Duration::from_secs(10);
/// None is stopped before this.
pub const EARLIEST_STOPPED: Duration = Duration::from_secs(5);
/// No image is available before this.
pub const EARLIEST_AVAILABLE: Duration = Duration::from_secs(20);

/// The pauses between looks.
pub struct Wait {
    what: String,
    limit: Duration,
    began: Instant,
    pause: Duration,
    /// On a remote target: when the first look makes sense after the one at the beginning.
    earliest: Option<Duration>,
}

impl Wait {
    /// Begins to wait: soon at first, then every 5 s.
    pub fn new(what: String, limit: Duration) -> Wait {
        Wait { what, limit, began: Instant::now(), pause: Duration::from_millis(20), earliest: None }
    }

    /// On a remote target, where a look is a call, nothing is looked for before it can be there, and then so often that
    /// it is seen within a fiftieth of the time that it took.
    pub fn remote(self, is_remote: bool, earliest: Duration) -> Wait {
        Wait { earliest: is_remote.then_some(earliest), ..self }
    }

    /// The same for a builder of a remote target: what never comes online says so.
    pub async fn pause_for_builder(&mut self, is_remote: bool, builder: &str) -> Result<(), BuildError> {
        match self.pause().await {
            Err(BuildError::TimedOut { seconds, .. }) if is_remote => {
                Err(BuildError::NeverOnline { what: builder.to_owned(), seconds })
            }
            other => other,
        }
    }

    /// Sleeps until the next look, or gives up.
    pub async fn pause(&mut self) -> Result<(), BuildError> {
        let elapsed = self.began.elapsed();
        if elapsed > self.limit {
            return Err(BuildError::TimedOut { what: self.what.clone(), seconds: self.limit.as_secs() });
        }
        if let Some(earliest) = self.earliest {
            sleep(earliest.saturating_sub(elapsed).max(pace(elapsed))).await;
            return Ok(());
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(5));
        Ok(())
    }
}

/// The pause before the next look at something remote that has been waited for this long: a fiftieth of it, from 1 s to
/// 5 s.
pub fn pace(elapsed: Duration) -> Duration {
    (elapsed / 50).clamp(Duration::from_secs(1), Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn remote_looks_begin_when_something_can_be_seen_and_are_never_far_behind() {
        let began = Instant::now();
        let mut wait = Wait::new("it".into(), AVAILABLE).remote(true, EARLIEST_AVAILABLE);
        let mut last = Duration::ZERO;
        let mut looks = 0;
        while began.elapsed() < Duration::from_secs(600) {
            wait.pause().await.unwrap();
            let pause = began.elapsed() - last;
            looks += 1;
            match looks {
                1 => assert_eq!(began.elapsed(), EARLIEST_AVAILABLE),
                _ => assert!(pause <= (last / 50).max(Duration::from_secs(1)) && pause <= Duration::from_secs(5)),
            }
            last = began.elapsed();
        }
        assert!(looks < 200, "{looks}");
        let mut local = Wait::new("it".into(), ONLINE).remote(false, EARLIEST_ONLINE);
        let began = Instant::now();
        local.pause().await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(20));
    }
}
