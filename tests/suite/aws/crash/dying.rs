//! A wire on which the program dies at its n-th request; and which looks at the world after every request.

use super::contract;
use crate::aws::wire::Wire;
use crate::fake_aws::Fake;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Where around a request the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The request is never sent.
    BeforeSend,
    /// It has its effect, and no reply comes.
    ReplyLost,
    /// The reply has come, and nothing of what follows reaches the state folder.
    BeforeJournal,
}

/// One process's wire.
#[derive(Clone)]
pub struct Dying(Arc<Inner>);

struct Inner {
    wire: Wire,
    fake: Fake,
    place: String,
    sent: AtomicUsize,
    death: Option<(usize, Death)>,
    /// It dies before it sends a request of this operation.
    never: Option<&'static str>,
    dead: Notify,
    /// The state folder's builds, and where they are kept as they were at the moment of death.
    builds: PathBuf,
    kept: PathBuf,
}

impl std::fmt::Debug for Dying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dying")
    }
}

impl Dying {
    /// A wire that dies at that request, from 0; or holds. `state` is the state folder of the process that uses it.
    pub fn new(fake: &Fake, state: &Path, place: &str, death: Option<(usize, Death)>) -> Dying {
        Dying::with(fake, state, place, death, None)
    }

    /// A wire that dies before the first request of an operation of Systems Manager.
    pub fn before(fake: &Fake, state: &Path, place: &str, operation: &'static str) -> Dying {
        Dying::with(fake, state, place, None, Some(operation))
    }

    fn with(
        fake: &Fake,
        state: &Path,
        place: &str,
        death: Option<(usize, Death)>,
        never: Option<&'static str>,
    ) -> Dying {
        Dying(Arc::new(Inner {
            wire: Wire::new(fake),
            fake: fake.clone(),
            place: place.to_owned(),
            sent: AtomicUsize::new(0),
            death,
            never,
            dead: Notify::new(),
            builds: state.join("builds"),
            kept: state.join("kept"),
        }))
    }

    pub fn config(&self) -> SdkConfig {
        let dying = self.clone();
        let http = http_client_fn(move |_, _| SharedHttpConnector::new(dying.clone()));
        self.0.wire.config().into_builder().http_client(http).build()
    }

    /// Runs a program until it ends or dies. None where it died; the state folder is then as it was at that moment.
    pub async fn run<T>(&self, program: impl Future<Output = T>) -> Option<T> {
        let ended = tokio::select! {
            biased;
            () = self.0.dead.notified() => None,
            ended = program => Some(ended),
        };
        if self.0.kept.is_dir() {
            // The reply was the last thing that reached it, even where no request followed.
            fs::remove_dir_all(&self.0.builds).unwrap();
            fs::rename(&self.0.kept, &self.0.builds).unwrap();
            return None;
        }
        ended
    }

    async fn die<T>(&self) -> T {
        self.0.dead.notify_one();
        std::future::pending().await
    }

    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let number = self.0.sent.fetch_add(1, Ordering::SeqCst);
        let due = match self.0.death {
            Some((at, _)) if number > at => return self.die().await,
            Some((at, death)) if number == at => Some(death),
            _ => None,
        };
        let operation = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        if due == Some(Death::BeforeSend) || self.0.never.is_some_and(|never| operation == Some(never)) {
            return self.die().await;
        }
        let answer = self.0.wire.call(request).await;
        contract::pointers_hold(&self.0.fake, &format!("{}, after request {number}", self.0.place));
        match due {
            Some(Death::ReplyLost) => self.die().await,
            Some(_) => copy(&self.0.builds, &self.0.kept),
            None => {}
        }
        answer
    }
}

impl HttpConnector for Dying {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request))
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}
