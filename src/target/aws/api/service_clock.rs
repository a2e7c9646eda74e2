//! The service's own time, from the `Date` that each of its answers carries. Whether someone's time is over must not
//! hang on the clock of the machine that asks.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use std::sync::{Arc, Mutex, PoisonError};
use time::OffsetDateTime;
use tokio::time::Instant;

/// What the last answer said, and when it came.
#[derive(Debug, Clone, Default)]
pub struct ServiceClock(Arc<Mutex<Option<(OffsetDateTime, Instant)>>>);

impl ServiceClock {
    /// The time by the service; by this machine where no answer has come yet.
    pub fn now(&self) -> OffsetDateTime {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((said, at)) => said + at.elapsed(),
            None => OffsetDateTime::now_utc(),
        }
    }

    fn heard(&self, date: &str) {
        let date = DateTime::from_str(date, Format::HttpDate).ok();
        if let Some(date) = date.and_then(|date| OffsetDateTime::from_unix_timestamp(date.secs()).ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Instant::now()));
        }
    }
}

impl Intercept for ServiceClock {
    fn name(&self) -> &'static str {
        "ServiceClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.heard(date);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_goes_on_from_the_last_answer() {
        let clock = ServiceClock::default();
        assert!((clock.now() - OffsetDateTime::now_utc()).abs() < time::Duration::seconds(5));
        clock.heard("Tue, 15 Nov 1994 08:12:31 GMT");
        tokio::time::sleep(std::time::Duration::from_secs(90)).await;
        assert_eq!(clock.now(), time::macros::datetime!(1994-11-15 08:14:01 UTC));
        clock.heard("not a date");
        assert_eq!(clock.now(), time::macros::datetime!(1994-11-15 08:14:01 UTC));
    }
}
