//! An answer that many builds share: whoever asks while it is young gets it, and while it is fetched the others wait
//! for that one call. So the number of describe calls grows with time and not with builds.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How old an answer may be that nothing is waited for with.
pub const FRESH: Duration = Duration::from_millis(4500);
/// How old each page of an answer may be that is waited for: below the shortest pause between looks, so that each look
/// of a single build is a new answer. One of many pages is kept for longer, so that many builds make no more calls in a
/// second than one.
const LOOK: Duration = Duration::from_millis(900);

/// An answer, and how many calls it took.
pub struct Paged<T> {
    /// The whole answer.
    pub answer: T,
    /// How many calls it took.
    pub pages: u32,
}

struct Held<T> {
    asked: Instant,
    pages: u32,
    answer: Arc<T>,
}

/// An answer and when it was asked for.
pub struct Shared<T> {
    held: Mutex<Option<Held<T>>>,
}

impl<T> Shared<T> {
    /// Nothing asked yet.
    pub fn new() -> Shared<T> {
        Shared { held: Mutex::new(None) }
    }

    /// The answer, at most this old.
    pub async fn get<E>(&self, age: Duration, ask: impl Future<Output = Result<Paged<T>, E>>) -> Result<Arc<T>, E> {
        self.held_or(ask, |_| age).await
    }

    /// The last answer, however old it is. Nothing is asked.
    pub async fn last(&self) -> Option<Arc<T>> {
        self.held.lock().await.as_ref().map(|held| held.answer.clone())
    }

    /// The answer, as young as makes sense for someone who looks again and again.
    pub async fn look<E>(&self, ask: impl Future<Output = Result<Paged<T>, E>>) -> Result<Arc<T>, E> {
        self.held_or(ask, |pages| LOOK * pages).await
    }

    async fn held_or<E>(
        &self,
        ask: impl Future<Output = Result<Paged<T>, E>>,
        age: impl Fn(u32) -> Duration,
    ) -> Result<Arc<T>, E> {
        let mut held = self.held.lock().await;
        if let Some(there) = &*held
            && there.asked.elapsed() < age(there.pages)
        {
            return Ok(there.answer.clone());
        }
        let asked = Instant::now();
        let Paged { answer, pages } = ask.await?;
        let answer = Arc::new(answer);
        *held = Some(Held { asked, pages, answer: answer.clone() });
        Ok(answer)
    }
}
