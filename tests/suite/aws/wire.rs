//! The wire between the SDK and the fake, in process: no sockets, so that time can be paused, and a place to cut.

use crate::fake_aws::{Fake, Request};
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_types::region::Region;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// Where the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The request is never sent.
    BeforeSend,
    /// It has its effect, and no reply comes.
    ReplyLost,
}

/// A wire to a fake.
#[derive(Clone)]
pub struct Wire {
    fake: Fake,
    sent: Arc<Mutex<Vec<String>>>,
    cut: Option<(usize, Cut)>,
    dead: Arc<Notify>,
    key: &'static str,
    /// How long requests are on their way at most, and by what chance; none where each arrives at once.
    way: Option<(Duration, Arc<Mutex<fastrand::Rng>>)>,
    /// Hosts with this in their names answer to nothing.
    silent: Option<&'static str>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// One that holds.
    pub fn new(fake: &Fake) -> Wire {
        Wire {
            fake: fake.clone(),
            sent: Arc::default(),
            cut: None,
            dead: Arc::new(Notify::new()),
            key: crate::fake_aws::credentials::DEFAULT_KEY,
            way: None,
            silent: None,
        }
    }

    /// One that is cut at the n-th request, from 0.
    pub fn cut(fake: &Fake, request: usize, cut: Cut) -> Wire {
        Wire { cut: Some((request, cut)), ..Wire::new(fake) }
    }

    /// One on which some requests take longer than others.
    pub fn uneven(fake: &Fake, most: Duration) -> Wire {
        Wire { way: Some((most, Arc::new(Mutex::new(fastrand::Rng::with_seed(7))))), ..Wire::new(fake) }
    }

    /// One on whose other end some hosts never answer.
    pub fn silent(fake: &Fake, hosts: &'static str) -> Wire {
        Wire { silent: Some(hosts), ..Wire::new(fake) }
    }

    /// Tells when it was cut.
    pub fn dead(&self) -> Arc<Notify> {
        self.dead.clone()
    }

    /// A configuration that calls over it.
    pub fn config(&self) -> SdkConfig {
        let wire = self.clone();
        let http = http_client_fn(move |_, _| SharedHttpConnector::new(wire.clone()));
        let credentials = Credentials::new(self.key, "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .http_client(http)
            .build()
    }

    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let number = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(request.uri().to_owned());
            sent.len() - 1
        };
        let due = self.cut.filter(|(at, _)| *at == number).map(|(_, cut)| cut);
        if due == Some(Cut::BeforeSend) {
            return self.die().await;
        }
        if self.silent.is_some_and(|hosts| request.uri().contains(hosts)) {
            std::future::pending::<()>().await;
        }
        if let Some((most, chance)) = &self.way {
            let takes = most.mul_f64(chance.lock().unwrap().f64());
            tokio::time::sleep(takes).await;
        }
        let answer = self.fake.handle(translate(request)).await;
        if due == Some(Cut::ReplyLost) {
            return self.die().await;
        }
        match answer {
            Ok(response) => {
                let status = StatusCode::try_from(response.status).unwrap();
                let mut answer = HttpResponse::new(status, SdkBody::from(response.body));
                for (name, value) in response.headers {
                    answer.headers_mut().insert(name, value);
                }
                Ok(answer)
            }
            Err(_) => {
                let reset = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "connection reset by peer");
                Err(ConnectorError::io(Box::new(reset)))
            }
        }
    }

    async fn die<T>(&self) -> T {
        self.dead.notify_one();
        std::future::pending().await
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request))
    }
}

fn translate(request: HttpRequest) -> Request {
    let uri = request.uri().to_owned();
    let after_host = uri.split_once("://").map_or(uri.as_str(), |(_, rest)| rest);
    let path = after_host.find('/').map_or("/", |at| &after_host[at..]);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let host = after_host.split('/').next().unwrap_or_default();
    let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Request {
        method: request.method().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.chain([("host".to_owned(), host.to_owned())]).collect(),
        body: request.body().bytes().unwrap_or_default().to_vec(),
    }
}
