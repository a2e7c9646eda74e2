//! Looks at many recipes at once: what the verbs need that go over a whole factory.

use super::{Entry, ImageRecord, Pointer, PointerName, Retirement, Revocations, Tags, TargetError, Underway};
use crate::pipeline::tags;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use std::collections::BTreeMap;

/// How many questions are asked at once where a service has no call for several: enough that its rate, and not the way
/// there and back, says how long it takes.
const AT_ONCE: usize = 16;

/// A recipe's pointers and moves. What someone has damaged keeps nobody from reading the rest.
#[derive(Debug, Default)]
pub struct Overview {
    /// Its pointers.
    pub pointers: Vec<Result<Pointer, TargetError>>,
    /// Moves of its channels that are under way, or that someone left.
    pub underway: Vec<Result<Underway, TargetError>>,
    /// The pointers of those among them that can't be read, in their order.
    pub unreadable: Vec<PointerName>,
    /// Its images that are on their way out, or gone; each as far as the image bears it out.
    pub retirements: Vec<Result<Retirement, TargetError>>,
    /// Its versions that must not be used.
    pub revocations: Revocations,
}

/// The histories of several pointers, oldest entry first; those that someone has damaged say so.
pub type Histories = BTreeMap<PointerName, Result<Vec<Entry>, TargetError>>;

/// What is known of the record of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It was read: so the image's tags are to read that a build gives it.
    Of(Tags),
    /// It is there and whole; it was not read.
    There,
    /// There is none, or it can't be read.
    Missing,
}

impl Evidence {
    /// What a record says.
    pub fn of(record: &ImageRecord) -> Evidence {
        Evidence::Of(tags::of_record(record))
    }
}

/// Asks many questions, some at once. What is damaged or missing is an answer; any other error ends the whole.
pub async fn at_once<T>(
    questions: Vec<BoxFuture<'_, Result<T, TargetError>>>,
) -> Result<Vec<Result<T, TargetError>>, TargetError> {
    let mut answers = Vec::new();
    let mut asking = stream::iter(questions).buffered(AT_ONCE);
    while let Some(answer) = asking.next().await {
        match answer {
            Err(
                error @ (TargetError::Damaged { .. } | TargetError::NotFound { .. } | TargetError::RecordLost { .. }),
            ) => answers.push(Err(error)),
            answer => answers.push(Ok(answer?)),
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_come_in_order_and_only_what_ends_everything_does() {
        let ask = |number: u64| -> BoxFuture<'static, Result<u64, TargetError>> {
            Box::pin(async move {
                tokio::time::sleep(std::time::Duration::from_secs(100 - number)).await;
                match number {
                    7 => Err(TargetError::NotFound { what: "seven".into() }),
                    _ => Ok(number),
                }
            })
        };
        let began = tokio::time::Instant::now();
        let answers = at_once((0..32).map(ask).collect()).await.unwrap();
        let told: Vec<u64> = answers.iter().map(|answer| *answer.as_ref().unwrap_or(&7)).collect();
        assert!(answers[7].is_err() && told == (0..32).collect::<Vec<u64>>(), "{told:?}");
        assert!(began.elapsed().as_secs() < 200, "they are asked one after the other");
        let refused = TargetError::Credentials { what: "expired".into() };
        let ended = at_once::<u64>(vec![ask(1), Box::pin(async { Err(refused) })]).await;
        assert!(matches!(ended, Err(TargetError::Credentials { .. })));
    }
}
