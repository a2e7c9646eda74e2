//! Tells every audience, each by itself: what one can't be told keeps nobody else from hearing.

use super::digest::{self, Ear, News};
use super::item::Seen;
use super::memory::{Memory, Recall};
use super::tickets;
use crate::fleet::freshness::Level;
use crate::identity::{AudienceName, FactoryName};
use crate::recipe::{Audience, Heard, Notify};
use crate::report::notify as message;
use crate::target::{Herald, Kept, TargetError};
use futures_util::future::join_all;
use serde::Serialize;
use time::OffsetDateTime;

/// How an audience is reached. Each way has a memory of its own, so that one that failed is tried again alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A topic of SNS.
    Sns,
    /// A webhook.
    Webhook,
    /// Items in OpsCenter.
    Opscenter,
}

impl Way {
    /// As JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Way::Sns => "sns",
            Way::Webhook => "webhook",
            Way::Opscenter => "opscenter",
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was told what changed.
    Told,
    /// It was told that nothing changed for a week.
    Heartbeat,
    /// There was nothing to tell.
    Quiet,
    /// It could not be told, or not be remembered: it is told with the next run.
    Failed,
}

/// What became of telling an audience in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Telling {
    /// Who.
    pub audience: AudienceName,
    /// How.
    pub way: Way,
    /// What became of it.
    pub outcome: Outcome,
    /// How many were new.
    pub new: usize,
    /// How many were worse.
    pub worse: usize,
    /// How many were no worse, and something else.
    pub changed: usize,
    /// How many were over.
    pub resolved: usize,
    /// How many were as they were.
    pub unchanged: usize,
    /// How many could not be told.
    pub unknown: usize,
    /// How many are new, worse or something else and have their turn with the next run: OpsCenter gets so many at a time.
    pub waiting: usize,
    /// Why what was told before was not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Tells all of them, side by side, and answers in the order of their names.
pub async fn tell(herald: &dyn Herald, notify: &Notify, seen: &Seen, now: OffsetDateTime) -> Vec<Telling> {
    let ways = notify.audiences.iter().flat_map(|(name, audience)| {
        let sns = audience.sns.as_ref().map(|_| Way::Sns);
        let webhook = audience.webhook.as_ref().map(|_| Way::Webhook);
        let opscenter = audience.opscenter.then_some(Way::Opscenter);
        sns.into_iter().chain(webhook).chain(opscenter).map(move |way| (name, audience, way))
    });
    let own = notify.factory.as_ref();
    join_all(ways.map(|(name, audience, way)| tell_one(herald, own, (name, audience, way), seen, now))).await
}

async fn tell_one(
    herald: &dyn Herald,
    factory: Option<&FactoryName>,
    (name, audience, way): (&AudienceName, &Audience, Way),
    seen: &Seen,
    now: OffsetDateTime,
) -> Telling {
    let mut telling = Telling {
        audience: name.clone(),
        way,
        outcome: Outcome::Failed,
        new: 0,
        worse: 0,
        changed: 0,
        resolved: 0,
        unchanged: 0,
        unknown: 0,
        waiting: 0,
        damaged: None,
        error: None,
    };
    // Neither name has a dot: no factory's audience is another's.
    let key = factory.map_or_else(|| name.to_string(), |factory| format!("{factory}.{name}"));
    let kept_as = format!("{key}.{}", way.as_str());
    let recall = match herald.recall(&kept_as).await {
        Ok(kept) => recall(kept),
        Err(error) => {
            telling.error = Some(format!("what was told before could not be read, so nothing is told: {error}"));
            return telling;
        }
    };
    let ear = ear(audience);
    let (digest, mut memory) = digest::of(seen, &ear, &recall, now);
    telling.new = digest.new.len();
    telling.worse = digest.worse.len();
    telling.changed = digest.changed.len();
    telling.resolved = digest.resolved.len();
    telling.unchanged = digest.unchanged;
    telling.unknown = digest.unknown;
    telling.damaged.clone_from(&digest.damaged);
    let name = name.as_str();
    let sent = match (digest.news, way) {
        (_, Way::Opscenter) => {
            let waiting = tickets::open(herald, &key, &digest, &recall, &mut memory).await;
            waiting.map(|waiting| {
                telling.new -= waiting.new;
                telling.worse -= waiting.worse;
                telling.changed -= waiting.changed;
                telling.waiting = waiting.new + waiting.worse + waiting.changed;
            })
        }
        // What is broken is known before there is something to tell.
        (News::Nothing, Way::Webhook) => audience.webhook.as_ref().map_or(Ok(()), |hook| herald.check(hook)),
        (News::Nothing, _) => Ok(()),
        (_, Way::Sns) => match &audience.sns {
            Some(topic) => herald.publish(topic, &message::subject(name, &digest), &message::body(name, &digest)).await,
            None => Ok(()),
        },
        (_, Way::Webhook) => match &audience.webhook {
            Some(hook) => herald.post(hook, &message::json(name, &digest).to_string()).await,
            None => Ok(()),
        },
    };
    if let Err(error) = sent {
        telling.error = Some(error.to_string());
        return telling;
    }
    if recall != Recall::Known(memory.clone())
        && let Err(error) = herald.remember(&kept_as, &memory.write()).await
    {
        telling.error = Some(not_remembered(digest.news, &error));
        return telling;
    }
    // What is not in order there is put in order, news or not.
    if way == Way::Opscenter
        && let Err(error) = tickets::tidy(herald, &key, (seen, &ear), &digest, &memory).await
    {
        telling.error = Some(error.to_string());
        return telling;
    }
    telling.outcome = match digest.news {
        News::Changed => Outcome::Told,
        News::Heartbeat if way != Way::Opscenter => Outcome::Heartbeat,
        News::Heartbeat | News::Nothing => Outcome::Quiet,
    };
    telling
}

fn not_remembered(news: News, error: &TargetError) -> String {
    match news {
        News::Nothing => format!("what changed without being news could not be remembered: {error}"),
        _ => format!("it was told, which could not be remembered, so the next run tells it again: {error}"),
    }
}

fn recall(kept: Kept) -> Recall {
    match kept {
        Kept::Nothing => Recall::First,
        Kept::Damaged(why) => Recall::Damaged(why),
        Kept::Text(text) => match Memory::read(&text) {
            Ok(memory) => Recall::Known(memory),
            Err(why) => Recall::Damaged(why),
        },
    }
}

fn ear(audience: &Audience) -> Ear {
    let level = |heard: &Heard| match heard {
        Heard::Fail => Level::Fail,
        Heard::Unknown => Level::Unknown,
        Heard::Warn => Level::Warn,
    };
    let levels = match audience.levels.as_slice() {
        [] => [Level::Fail, Level::Unknown, Level::Warn].into(),
        some => some.iter().map(level).collect(),
    };
    Ear {
        recipes: audience.recipes.iter().cloned().collect(),
        accounts: audience.accounts.iter().cloned().collect(),
        levels,
    }
}
