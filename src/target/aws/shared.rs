//! An answer that many builds share: whoever asks while it is young gets it, and while it is fetched the others wait
//! for that one call. So the number of describe calls grows with time and not with builds.

use std::future::Future;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How old a shared answer may be. Waits look every 5 s: each look is a new answer.
pub const FRESH: Duration = Duration::from_millis(4500);

/// An answer and when it was asked for.
pub struct Shared<T> {
    held: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Shared<T> {
    /// Nothing asked yet.
    pub fn new() -> Shared<T> {
        Shared { held: Mutex::new(None) }
    }

    /// The answer, at most this old.
    pub async fn get<E>(&self, age: Duration, ask: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut held = self.held.lock().await;
        if let Some((at, answer)) = &*held
            && at.elapsed() < age
        {
            return Ok(answer.clone());
        }
        let at = Instant::now();
        let answer = ask.await?;
        *held = Some((at, answer.clone()));
        Ok(answer)
    }
}
