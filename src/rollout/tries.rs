//! How long it is tried to begin something that AWS does not say it has begun.

use super::decide::UNSETTLED;
use std::time::Duration;
use tokio::time::Instant;

/// The pause after the first try, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
/// For how long it is tried where no answer comes: as long as any other call is made again.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a try was answered, where that is not that it has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// One is in flight already: perhaps that of an earlier try.
    Another,
    /// The version is not known.
    NotKnown(String),
    /// Nothing that could be understood.
    Unheard(String),
    /// That none is in flight which could be turned round.
    Over,
}

/// What was tried so far.
#[derive(Debug, Default)]
pub struct Tries {
    count: u32,
    /// Since when the answer is of this kind.
    since: Option<(std::mem::Discriminant<Answer>, Instant)>,
    /// When something was last tried that AWS may have begun.
    perhaps: Option<Instant>,
}

impl Tries {
    /// Whether nothing was tried that could have begun anything.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Whether something may have begun that does not show yet.
    pub fn may_show(&self) -> bool {
        self.perhaps.is_some_and(|at| at.elapsed() <= UNSETTLED)
    }

    /// One more had this answer. Why it is not tried again, where it is not.
    pub fn again(&mut self, answer: Answer) -> Result<(), String> {
        self.count += u32::from(answer != Answer::Over);
        let kind = std::mem::discriminant(&answer);
        let since = self.since.filter(|(of, _)| *of == kind).map_or_else(Instant::now, |(_, since)| since);
        self.since = Some((kind, since));
        if matches!(answer, Answer::Another | Answer::Unheard(_)) {
            self.perhaps = Some(Instant::now());
        }
        match answer {
            Answer::Another if since.elapsed() > UNSETTLED => {
                Err("AWS says that a refresh is in flight, and shows none".to_owned())
            }
            Answer::Over if since.elapsed() > UNSETTLED => {
                Err("AWS says that no refresh is in flight, and shows one".to_owned())
            }
            Answer::NotKnown(why) if since.elapsed() > UNSETTLED => Err(why),
            Answer::Unheard(why) if since.elapsed() > PATIENCE => {
                let tried = since.elapsed().as_secs() / 60;
                Err(format!("AWS did not say within {tried} min that it has begun anything: {why}"))
            }
            _ => Ok(()),
        }
    }

    /// How long until the next.
    pub fn pause(&self) -> Duration {
        let (first, most) = PAUSES;
        (first * 2_u32.saturating_pow(self.count.saturating_sub(1).min(8))).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_answer_has_its_own_patience() {
        let unheard = || Answer::Unheard("no answer".to_owned());
        let mut tries = Tries::default();
        assert!(tries.is_none() && !tries.may_show());
        let mut times = 0;
        let began = Instant::now();
        let why = loop {
            match tries.again(unheard()) {
                Ok(()) => tokio::time::sleep(tries.pause()).await,
                Err(why) => break why,
            }
            times += 1;
        };
        assert_eq!(why, "AWS did not say within 10 min that it has begun anything: no answer");
        assert!((30..60).contains(&times) && began.elapsed() <= PATIENCE + PAUSES.1, "{times}");
        // What is in flight has its own time to show, however long nothing was heard.
        assert_eq!(tries.again(Answer::Another), Ok(()));
        assert!(tries.may_show());
        tokio::time::sleep(UNSETTLED + Duration::from_secs(1)).await;
        assert!(!tries.may_show() && tries.again(Answer::Another).is_err());
        // What does not go back though it shows has an end too, and nothing was begun.
        let (mut over, began) = (Tries::default(), Instant::now());
        let why = loop {
            match over.again(Answer::Over) {
                Ok(()) => tokio::time::sleep(over.pause()).await,
                Err(why) => break why,
            }
        };
        assert_eq!(why, "AWS says that no refresh is in flight, and shows one");
        assert!(over.is_none() && !over.may_show() && began.elapsed() <= UNSETTLED + PAUSES.1);
        let mut unknown = Tries::default();
        assert_eq!(unknown.again(Answer::NotKnown("no version".into())), Ok(()));
        assert!(!unknown.may_show(), "nothing began");
        tokio::time::sleep(UNSETTLED + Duration::from_secs(1)).await;
        assert_eq!(unknown.again(Answer::NotKnown("no version".into())), Err("no version".to_owned()));
    }
}
