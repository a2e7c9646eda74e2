//! The answers of another agent, remembered: for tests and benchmarks of many builds at once, in which calls count and
//! not what runs. Of scripts that are alike the first one really runs.

use super::{Agent, Disk, Output, RunContext};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// What tells scripts apart: those with the same key have the same answer.
pub type Key = fn(&str) -> String;

pub struct Remembering<A> {
    inner: A,
    key: Key,
    answers: Mutex<BTreeMap<String, Arc<OnceCell<Output>>>>,
}

impl<A: Agent> Remembering<A> {
    pub fn new(inner: A, key: Key) -> Remembering<A> {
        Remembering { inner, key, answers: Mutex::default() }
    }
}

#[async_trait]
impl<A: Agent> Agent for Remembering<A> {
    fn describe(&self) -> String {
        format!("{}; scripts that are alike run once", self.inner.describe())
    }

    async fn boot(&self, instance: &str, disk: &Disk) {
        self.inner.boot(instance, disk).await;
    }

    async fn run(&self, instance: &str, script: &str, context: &RunContext) -> Output {
        let answer = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.entry((self.key)(script)).or_default().clone()
        };
        answer.get_or_init(|| self.inner.run(instance, script, context)).await.clone()
    }

    async fn image(&self, instance: &str, image: &str) {
        self.inner.image(instance, image).await;
    }

    async fn forget_instance(&self, instance: &str) {
        self.inner.forget_instance(instance).await;
    }

    async fn forget_image(&self, image: &str) {
        self.inner.forget_image(image).await;
    }
}

/// A key for scripts of builds whose recipes are called `many-1`, `many-2` and so on: their numbers make no difference,
/// and neither do the digests of their builds.
pub fn without_numbers(script: &str) -> String {
    let mut parts = script.split("many-");
    let mut key = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        key.push_str("many-");
        key.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-'));
    }
    key
}
