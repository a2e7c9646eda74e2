//! In words: how old what is shown is, and whether it can still be believed.

use crate::pipeline::clock;
use crate::report::duration;
use crate::report::view::minute;
use crate::report::visible;
use crate::serve::board::{Freshness, Part};
use serde::Serialize;
use std::time::Duration;
use time::OffsetDateTime;

/// How it stands with a part of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct State {
    /// `fresh`, `stale`, `too-old` or `nothing`.
    pub key: Freshness,
    /// Nothing is wrong with it.
    pub fine: bool,
    /// In a sentence.
    pub text: String,
    /// Why the last look failed, where it did, and whether the one under way comes to an end.
    pub why: Option<String>,
}

impl State {
    pub fn of<T>(part: &Part<T>, now: OffsetDateTime, every: Duration) -> State {
        let key = part.freshness(now, every);
        let seen = part.good.as_ref().map(|good| {
            let at = minute(&clock::rfc3339(good.at));
            (ago(now - good.at), at)
        });
        let slow = part.under_way.filter(|_| part.is_slow(now)).map(|began| ago(now - began));
        let text = match (key, seen) {
            (Freshness::Fresh, Some((ago, at))) => format!("Looked {ago} ({at})."),
            (Freshness::Stale, Some((ago, at))) if part.failed.is_none() => {
                format!("Stale: the look under way comes to no end. What is shown was seen {ago} ({at}).")
            }
            (Freshness::Stale, Some((ago, at))) => {
                format!("Stale: the last look failed. What is shown was seen {ago} ({at}).")
            }
            (_, Some((ago, at))) => {
                format!("Too old: how it is now is unknown. What is shown is how it was {ago} ({at}).")
            }
            (_, None) if part.failed.is_some() || slow.is_some() => "Unknown: no look has succeeded yet.".into(),
            (_, None) => "Not looked yet: the first look is under way.".into(),
        };
        let why = part
            .failed
            .as_ref()
            .map(|failed| format!("Failed {}: {}", ago(now - failed.at), visible::block(&failed.why)));
        let late = slow.map(|began| format!("Looking, begun {began}: nobody has answered yet"));
        let why = why.into_iter().chain(late).reduce(|why, late| format!("{why}\n{late}"));
        State { key, fine: key == Freshness::Fresh, text, why }
    }
}

/// `4m 10s ago`; whole seconds.
pub(super) fn ago(passed: time::Duration) -> String {
    let passed: Duration = passed.try_into().unwrap_or_default();
    match passed.as_secs() {
        0 => "just now".into(),
        seconds @ 172_800.. => format!("{} days ago", seconds / 86_400),
        _ => format!("{} ago", duration::ticking(passed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn what_is_not_fresh_never_reads_as_if_it_were() {
        let (then, every) = (datetime!(2026-01-01 0:00 UTC), Duration::from_secs(60));
        let mut part: Part<()> = Part::default();
        let mut told = Vec::new();
        let mut tell = |part: &Part<()>, seconds: i64| {
            let state = State::of(part, then + time::Duration::seconds(seconds), every);
            told.push(format!("{:?} {} {} {:?}", state.key, state.fine, state.text, state.why));
        };
        tell(&part, 0);
        part.looked(Err("no\nanswer".into()), then, every);
        tell(&part, 5);
        part.looked(Ok(()), then, Duration::from_millis(1500));
        tell(&part, 61);
        part.looked(Err("throttled".into()), then + every, every);
        tell(&part, 90);
        tell(&part, 86_400 * 3);
        // Nobody answers, and no look has failed.
        let mut silent: Part<()> = Part::default();
        silent.begins(then);
        tell(&silent, 299);
        tell(&silent, 301);
        let day = Duration::from_secs(86_400);
        silent.looked(Ok(()), then, Duration::ZERO);
        silent.begins(then + every);
        let state = State::of(&silent, then + time::Duration::seconds(400), day);
        told.push(format!("{:?} {} {} {:?}", state.key, state.fine, state.text, state.why));
        insta::assert_snapshot!(told.join("\n"));
    }
}
