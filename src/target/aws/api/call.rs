//! The one place where calls are made again.

use super::class::{Class, classify};
use super::limit::Limiter;
use super::op::Operation;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a call is made again while the service fails or throttles.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// How long "does not exist" is taken for "not yet": AWS advises up to 2.5 minutes of backoff (EC2 developer guide,
/// "Eventual consistency").
pub const EVENTUAL: Duration = Duration::from_secs(150);
/// How long expired credentials may take to be renewed by whoever renews them.
const RENEWAL: Duration = Duration::from_secs(20);

/// How long an answer that says "done" and can't be understood is asked for again: one that was cut off on its way comes whole
/// the next time, what something on the way puts in its place does not.
const GARBLED: Duration = Duration::from_secs(15);

/// How long a service is asked that has never answered at all: then it is rather the address, the name server or the
/// network that is wrong than the weather.
const NEVER_ANSWERED: Duration = Duration::from_secs(30);

/// Why a call had no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// As IAM writes it.
    pub action: &'static str,
    /// On what.
    pub resource: String,
    /// What the last answer meant.
    pub class: Class,
    /// The service's error code; empty where there was no answer.
    pub code: String,
    /// The service's own words, or the network's.
    pub message: String,
    /// How often it was made.
    pub attempts: u32,
    /// For how long, in seconds.
    pub seconds: u64,
}

impl CallError {
    /// Whether the service gave this error code.
    pub fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// Whether the credentials were not accepted: then nothing else is accepted either.
    pub fn is_credentials(&self) -> bool {
        matches!(self.class, Class::Expired | Class::Credentials)
    }
}

/// Makes calls: holds them back, counts them, makes them again where that helps.
pub struct Caller {
    limiter: Limiter,
    calls: AtomicU64,
    answered: AtomicBool,
}

impl Default for Caller {
    fn default() -> Self {
        Caller::new()
    }
}

impl Caller {
    /// With full buckets.
    pub fn new() -> Caller {
        Caller { limiter: Limiter::new(), calls: AtomicU64::new(0), answered: AtomicBool::new(false) }
    }

    /// How many requests were sent.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Makes a call until it succeeds, is refused, or [`PATIENCE`] is at its end. Whatever is called must be fit to be
    /// made twice.
    pub async fn call<T, E, F>(
        &self,
        operation: Operation,
        resource: &str,
        send: impl FnMut() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, Response>>>,
    {
        self.call_within(PATIENCE, operation, resource, send).await
    }

    /// The same with less patience: for questions that people wait for.
    pub async fn call_within<T, E, F>(
        &self,
        most: Duration,
        operation: Operation,
        resource: &str,
        send: impl FnMut() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, Response>>>,
    {
        self.patiently(most, EVENTUAL, operation, resource, send).await
    }

    /// The same with less patience for "not yet" alone, where that looks like a mistake.
    pub async fn call_soon<T, E, F>(
        &self,
        soon: Duration,
        operation: Operation,
        resource: &str,
        send: impl FnMut() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, Response>>>,
    {
        self.patiently(PATIENCE, soon, operation, resource, send).await
    }

    async fn patiently<T, E, F>(
        &self,
        most: Duration,
        soon: Duration,
        operation: Operation,
        resource: &str,
        mut send: impl FnMut() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, Response>>>,
    {
        let began = Instant::now();
        let mut attempts = 0;
        // Waiting for what is not there yet, for new credentials, or for an answer that can be understood, begins when
        // that is first heard.
        let (mut not_yet, mut expired, mut garbled) = (None, None, None);
        loop {
            self.limiter.take(operation.bucket).await;
            self.calls.fetch_add(1, Ordering::Relaxed);
            attempts += 1;
            let result = send().await;
            let status = result.as_ref().err().and_then(|error| Some(error.raw_response()?.status().as_u16()));
            let answered = self.answered.fetch_or(result.is_ok() || status.is_some(), Ordering::Relaxed);
            let error = match result {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let class = classify(error.code(), status, operation.eventual);
            let (since, patience) = match class {
                Class::Throttle => {
                    self.limiter.drain(operation.bucket).await;
                    (began, PATIENCE)
                }
                Class::Transient if status.is_none() && !answered => (began, NEVER_ANSWERED),
                Class::Transient if status.is_some_and(|status| status < 400) => {
                    (*garbled.get_or_insert_with(Instant::now), GARBLED)
                }
                Class::Transient => (began, PATIENCE),
                Class::Eventual => (*not_yet.get_or_insert_with(Instant::now), soon),
                Class::Expired => (*expired.get_or_insert_with(Instant::now), RENEWAL),
                Class::Credentials | Class::Denied | Class::Permanent => (began, Duration::ZERO),
            };
            let pause = backoff(attempts, fastrand::f64());
            if since.elapsed() + pause > patience.min(most) {
                return Err(CallError {
                    action: operation.action,
                    resource: resource.to_owned(),
                    class,
                    code: error.code().unwrap_or_default().to_owned(),
                    message: message(&error),
                    attempts,
                    seconds: began.elapsed().as_secs(),
                });
            }
            sleep(pause).await;
        }
    }
}

/// Exponential, half of it by chance, from half a second to 15 s.
fn backoff(attempts: u32, chance: f64) -> Duration {
    let whole = (0.5 * 2_f64.powi(attempts.min(10) as i32 - 1)).min(15.0);
    Duration::from_secs_f64(whole / 2.0 + whole / 2.0 * chance)
}

fn message<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E, Response>) -> String {
    if let Some(message) = error.message() {
        return message.to_owned();
    }
    // What went wrong on the way is the innermost cause.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::op;
    use super::*;
    use aws_sdk_ssm::operation::get_parameters::GetParametersError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_understood_is_asked_for_again_and_not_for_long() {
        let garbled = || async {
            let answer = Response::new(StatusCode::try_from(200).unwrap(), SdkBody::from("<html>"));
            Err::<(), _>(SdkError::<GetParametersError, Response>::response_error("not what was asked for", answer))
        };
        let began = Instant::now();
        let error = Caller::new().call(op::GET_PARAMETERS, "some", garbled).await.unwrap_err();
        assert!(error.attempts > 2 && began.elapsed() <= GARBLED, "{error:?}");
        assert_eq!(error.message, "not what was asked for");
    }

    #[test]
    fn backoff_grows_and_stays_below_its_bound() {
        assert_eq!(backoff(1, 0.0), Duration::from_millis(250));
        assert_eq!(backoff(1, 1.0), Duration::from_millis(500));
        assert!(backoff(4, 0.5) > backoff(2, 0.5));
        assert_eq!(backoff(50, 1.0), Duration::from_secs(15));
    }
}
