//! Looks at the fleet, and who was told what of them. Addresses of webhooks and what was told are in none of them.

use super::{Ecs, Line};
use crate::fleet::findings::{Finding, Spot};
use crate::fleet::freshness::Level;
use crate::fleet::notify::tell::{Outcome, Telling};
use crate::report::view::{Fleet, FleetOutcome, Measured, what};
use crate::report::visible;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

/// So many characters of an error, which can quote what a service said: a log store takes no line without end.
const MOST: usize = 2_000;
/// So many findings have a line of their own.
const FINDINGS: usize = 200;

impl<W: Write + Send> Ecs<W> {
    /// A look at the fleet: how much of it was read, and how much there is of each level; then what could not be read, each
    /// place by itself, what breaks the policy, and what whoever keeps it should know.
    pub fn looked(&self, fleet: &Fleet, took: Duration) {
        let unread = fleet.places.iter().filter(|place| !place.unread.is_empty()).count();
        let read = fleet.places.len() - unread;
        let (level, outcome) = match (fleet.outcome, unread) {
            (FleetOutcome::Fine, _) => ("info", "success"),
            (FleetOutcome::Failed, _) => ("error", "failure"),
            (_, 0) => ("warn", "success"),
            (_, _) => ("warn", "unknown"),
        };
        let levels: Vec<String> = fleet.levels.iter().map(|(level, count)| format!("{count} {level}")).collect();
        let message = format!("looked at the fleet: {read} places read, {unread} not; {}", levels.join(", "));
        let mut line = Line::new(level, "fleet-looked", "info", message).outcome(outcome, Some(took));
        let own = json!({
            "fleet": fleet.outcome, "levels": fleet.levels, "places_read": read, "places_unread": unread,
        });
        line.fields.insert("amifactory".into(), own);
        self.write(line);
        for place in fleet.places.iter().filter(|place| !place.unread.is_empty()) {
            let each: Vec<String> = place
                .unread
                .iter()
                .map(|unread| format!("{}: {}", unread.what, visible::joined(&unread.why)))
                .collect();
            let message = format!("{}: not all could be read", place.at);
            let line = Line::new("warn", "place-unread", "error", message).outcome("failure", None);
            self.write(line.error(&each.join("; ")).at(&place.at));
        }
        let breaking = || fleet.findings.iter().filter(|finding| finding.judgement.level == Level::Fail);
        for finding in breaking().take(FINDINGS) {
            self.write(Line::finding(finding));
        }
        let more = breaking().count().saturating_sub(FINDINGS);
        if more > 0 {
            let message = format!("{more} more findings break the policy: amifactory fleet lists all of them");
            self.write(Line::new("warn", "policy-broken", "info", message));
        }
        for note in &fleet.notes {
            self.write(Line::new("warn", "fleet-note", "info", bounded(note)));
        }
    }

    /// Who was told, by which way, of how much; and whether metrics were put.
    pub fn told(&self, all: &[Telling], measured: Option<&Measured>) {
        for telling in all {
            let (level, outcome, what) = match telling.outcome {
                Outcome::Told => ("info", "success", "told"),
                Outcome::Heartbeat => ("info", "success", "told that all is the same"),
                Outcome::Quiet => ("info", "success", "nothing new"),
                Outcome::Failed => ("error", "failure", "not told"),
            };
            let way = telling.way.as_str();
            let message = format!(
                "{} by {way}: {what}: {} new, {} worse, {} changed, {} resolved, {} unchanged",
                telling.audience, telling.new, telling.worse, telling.changed, telling.resolved, telling.unchanged
            );
            let line = Line::new(level, "audience-told", "info", message).outcome(outcome, None);
            let mut line = line.label("audience", &telling.audience).label("way", way);
            if let Some(error) = telling.error.as_ref().or(telling.damaged.as_ref()) {
                line = line.error(error);
            }
            let own = json!({
                "told": telling.outcome, "new": telling.new, "worse": telling.worse, "changed": telling.changed,
                "resolved": telling.resolved, "unchanged": telling.unchanged, "unknown": telling.unknown,
            });
            line.fields.insert("amifactory".into(), own);
            self.write(line);
        }
        if let Some(measured) = measured {
            let (level, outcome) = if measured.error.is_some() { ("error", "failure") } else { ("info", "success") };
            let message = format!("metrics of the check: {}", measured.metrics);
            let line = Line::new(level, "metrics-put", "info", message).outcome(outcome, None);
            self.write(match &measured.error {
                Some(error) => line.error(error),
                None => line,
            });
        }
    }

    /// A look of `serve` at one part of what it shows.
    pub fn part_looked(&self, part: &str, error: Option<&str>, took: Duration) {
        let (level, outcome) = if error.is_some() { ("warn", "failure") } else { ("info", "success") };
        let line = Line::new(level, "part-looked", "info", format!("looked at the {part}"));
        let line = line.label("part", part).outcome(outcome, Some(took));
        self.write(match error {
            Some(error) => line.error(error),
            None => line,
        });
    }
}

fn bounded(text: &str) -> String {
    visible::joined(text).chars().take(MOST).collect()
}

impl Line {
    fn error(mut self, text: &str) -> Line {
        self.fields.insert("error".into(), Value::from_iter([("message", bounded(text))]));
        self
    }

    fn at(mut self, at: &Spot) -> Line {
        let mut cloud = json!({"provider": "aws", "region": at.region});
        if let Some(account) = &at.account {
            cloud["account"] = json!({"id": account});
        }
        self.fields.insert("cloud".into(), cloud);
        self
    }

    /// What breaks the policy.
    fn finding(finding: &Finding) -> Line {
        let judgement = &finding.judgement;
        let message = bounded(&format!("{} in {}: {}", what(finding), finding.at, judgement.why));
        let mut line = Line::new("warn", "policy-broken", "info", message).at(&finding.at);
        let named = [
            ("recipe", judgement.recipe.as_ref().map(ToString::to_string)),
            ("version", judgement.version.map(|version| version.to_string())),
            ("image", finding.image.as_deref().map(bounded)),
            ("resource", finding.resource.as_deref().map(bounded)),
            ("group", finding.group.as_deref().map(bounded)),
            ("via", finding.via.as_deref().map(bounded)),
        ];
        for (key, value) in named {
            if let Some(value) = value {
                line = line.label(key, value);
            }
        }
        let own = json!({
            "kind": finding.kind, "status": judgement.status, "count": finding.count.count, "days": judgement.days,
        });
        line.fields.insert("amifactory".into(), own);
        line
    }
}
