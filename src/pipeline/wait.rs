//! Waiting for a target to get somewhere.

use super::error::BuildError;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a builder may take to come online.
pub const ONLINE: Duration = Duration::from_secs(600);
/// How long an image may take to become usable: EC2 speaks of up to a day.
pub const AVAILABLE: Duration = Duration::from_secs(24 * 3600);

/// The pauses between looks: soon at first, then every 5 s, so that what is waited for is seen within 10 s.
pub struct Wait {
    what: String,
    limit: Duration,
    began: Instant,
    pause: Duration,
}

impl Wait {
    /// Begins to wait.
    pub fn new(what: String, limit: Duration) -> Wait {
        Wait { what, limit, began: Instant::now(), pause: Duration::from_millis(20) }
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
        if self.began.elapsed() > self.limit {
            return Err(BuildError::TimedOut { what: self.what.clone(), seconds: self.limit.as_secs() });
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(5));
        Ok(())
    }
}
