//! A program that stands still at its n-th request for as long as others like, as a machine does that was suspended.

use crate::aws::wire::Wire;
use crate::fake_aws::Fake;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use tokio::sync::Notify;

/// Where around a request it stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    BeforeSend,
    BeforeReply,
}

#[derive(Clone)]
pub struct Frozen(Arc<Inner>);

/// Which request it is, by its number and by what it says.
type Which = Box<dyn Fn(usize, &str) -> bool + Send + Sync>;

struct Inner {
    wire: Wire,
    at: Which,
    stood: AtomicBool,
    stands: Stands,
    sent: AtomicUsize,
    held: AtomicBool,
    reached: Notify,
    thawed: Notify,
}

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frozen")
    }
}

impl Frozen {
    pub fn new(fake: &Fake, at: usize, stands: Stands) -> Frozen {
        Frozen::at(fake, stands, Box::new(move |number, _| number == at))
    }

    /// Stands still before the first request of this action, in whose body all these words are.
    pub fn before(fake: &Fake, action: &'static str, words: &[&str]) -> Frozen {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let is_it =
            move |_: usize, text: &str| text.contains(action) && words.iter().all(|word| text.contains(word.as_str()));
        Frozen::at(fake, Stands::BeforeSend, Box::new(is_it))
    }

    fn at(fake: &Fake, stands: Stands, at: Which) -> Frozen {
        Frozen(Arc::new(Inner {
            wire: Wire::new(fake),
            at,
            stood: AtomicBool::new(false),
            stands,
            sent: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            reached: Notify::new(),
            thawed: Notify::new(),
        }))
    }

    pub fn config(&self) -> SdkConfig {
        let frozen = self.clone();
        let http = http_client_fn(move |_, _| SharedHttpConnector::new(frozen.clone()));
        self.0.wire.config().into_builder().http_client(http).build()
    }

    /// Runs a program that stands still once, and while it does so, the others. Answers with what both said; none where
    /// the program ends before it comes to that request.
    pub async fn run<A, B>(&self, program: impl Future<Output = A>, others: impl Future<Output = B>) -> (A, Option<B>) {
        let mut program = pin!(program);
        // While it stands still nothing of it goes on: no timer of its own, no retry.
        let frozen = poll_fn(|context| match self.0.held.load(Ordering::SeqCst) {
            true => Poll::Pending,
            false => program.as_mut().poll(context),
        });
        let meanwhile = async {
            self.0.reached.notified().await;
            let said = others.await;
            self.0.held.store(false, Ordering::SeqCst);
            self.0.thawed.notify_one();
            said
        };
        let (mut frozen, mut meanwhile) = (pin!(frozen), pin!(meanwhile));
        tokio::select! {
            biased;
            said = &mut meanwhile => (frozen.await, Some(said)),
            ended = &mut frozen => (ended, None),
        }
    }

    async fn stand(&self) {
        self.0.held.store(true, Ordering::SeqCst);
        self.0.reached.notify_one();
        self.0.thawed.notified().await;
    }

    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let number = self.0.sent.fetch_add(1, Ordering::SeqCst);
        let named = request.headers().get("x-amz-target").unwrap_or_default();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        let is_it = !self.0.stood.load(Ordering::SeqCst) && (self.0.at)(number, &format!("{named} {body}"));
        let here = is_it && !self.0.stood.swap(true, Ordering::SeqCst);
        if here && self.0.stands == Stands::BeforeSend {
            self.stand().await;
        }
        let answer = self.0.wire.call(request).await;
        if here && self.0.stands == Stands::BeforeReply {
            self.stand().await;
        }
        answer
    }
}

impl HttpConnector for Frozen {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request))
    }
}
