//! `promote`: a channel takes the image of the channel before it.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::hardening::shell;
use crate::identity::{Arch, Version};
use crate::pipeline::Event;
use crate::release::distribute::{self as release, Row};
use crate::release::gate::Approval;
use crate::release::places::Places;
use crate::release::promote::{self, Promotion, Request};
use crate::release::{everywhere, leftover};
use crate::report::view::{self, Promoted};
use clap::Args;

/// Move a channel to the image of the channel before it, if its gates are met.
#[derive(Debug, Args)]
pub struct Promote {
    /// A recipe for what the channel before names, or RECIPE@VERSION
    #[arg(value_name = "RECIPE[@VERSION]")]
    what: String,
    /// The channel that is to name it
    #[arg(long, value_name = "CHANNEL")]
    to: String,
    /// For which architecture, where the recipe has several
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
    /// Why; it is kept in the channel's history
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Do it although gates are not met; the reason is kept in the channel's history
    #[arg(long = "override", value_name = "REASON")]
    overridden: Option<String>,
    /// Who said yes, where the channel asks for that
    #[arg(long, value_name = "NAME", requires = "approval_reason")]
    approved_by: Option<String>,
    /// Why they did
    #[arg(long, value_name = "TEXT", requires = "approved_by")]
    approval_reason: Option<String>,
    /// Don't ask
    #[arg(long, conflicts_with = "plan")]
    yes: bool,
    /// Show what would change, and change nothing; the exit code is 3 where a gate is not met, that of places too
    #[arg(long)]
    plan: bool,
}

/// `RECIPE` or `RECIPE@VERSION`.
pub fn parse_what(text: &str) -> Result<(&str, Option<Version>), CliError> {
    match text.split_once('@') {
        Some((recipe, version)) => {
            Ok((recipe, Some(version.parse().map_err(|error| CliError::Usage(format!("{error}")))?)))
        }
        None => Ok((text, None)),
    }
}

impl Promote {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        let target = &*open.target;
        target.check().await?;
        let (recipe, version) = parse_what(&self.what)?;
        let approval = self.approved_by.clone().zip(self.approval_reason.clone());
        let recipe = open.released(recipe).await?;
        let places = distribute::places(&open)?;
        let mut request = Request {
            recipe,
            version,
            to: self.to.clone(),
            arch: self.arch,
            why: self.why.clone(),
            overridden: self.overridden.clone(),
            approval: approval.map(|(by, reason)| Approval { by, reason }),
        };
        let mut promotion = promote::plan(target, &open.factory.channels, &request).await?;
        let places = places.filter(|_| !promotion.reach.is_home());
        let outcome = match outcome_of(&promotion, self.plan) {
            // Other places may not name it yet.
            Some("up-to-date") if places.is_some() && !self.plan => None,
            outcome => outcome,
        };
        let ended = match outcome {
            Some("refused") => Some(Exit::Refused),
            Some(_) => Some(Exit::Done),
            None => None,
        };
        if let (Some(outcome), Some(exit)) = (outcome, ended) {
            if let Some(places) = places.as_ref().filter(|_| outcome != "up-to-date") {
                let (recipe, which) = (&request.recipe, (promotion.name.arch, promotion.version));
                let missing = everywhere::not_ready(places, &promotion.reach, recipe, which, &promotion.image).await;
                promotion.add_places(&missing);
            }
            // No override counts there, so nothing but the image's being there meets that gate.
            let (outcome, exit) = match promotion.unmet.iter().any(|unmet| unmet.gate == "places") {
                true => ("refused", Exit::Refused),
                false => (outcome, exit),
            };
            let (again, bring) = (again(&self, &promotion), bring(&self, &promotion));
            let shown = Promoted { again, bring, ..Promoted::of(&promotion, outcome) };
            session.result(&shown, |style| view::promotion(&shown, style))?;
            return Ok(exit);
        }
        let asked = !self.yes;
        if asked {
            if !session.can_ask() {
                return Err(CliError::Usage(
                    "nobody can be asked here, and nothing was moved\n  --yes moves the channel, --plan only shows what would change".into(),
                ));
            }
            let shown = Promoted::of(&promotion, "planned");
            session.text(view::promotion(&shown, session.style()).as_bytes())?;
            if !session.ask(&format!("\nmove {} to {} {}?", promotion.channel, request.recipe, promotion.version))? {
                session.text(b"nothing was moved\n")?;
                return Ok(Exit::Done);
            }
        }
        // What is decided from here on is about the version that was shown.
        request.version = Some(promotion.version);
        let channels = &open.factory.channels;
        let was_left = settle_left(session, &open, places.as_ref(), &promotion).await?;
        let (outcome, rows, mut promotion) = match &places {
            Some(places) => everywhere_too(session, &open, places, &promotion, &request).await?,
            None => {
                let promotion = match asked || was_left {
                    true => promote::again(target, channels, &request, &promotion).await?,
                    false => promotion,
                };
                promote::carry_out(target, &promotion).await?;
                ("promoted", Vec::new(), promotion)
            }
        };
        if outcome == "not-distributed" {
            promotion.add_places(&rows);
        }
        let again = again(&self, &promotion);
        let shown = Promoted { places: rows, again, ..Promoted::of(&promotion, outcome) };
        session.result(
            &shown,
            |style| if asked { view::promoted(&shown, style) } else { view::promotion(&shown, style) },
        )?;
        Ok(if matches!(outcome, "partly" | "not-distributed") { Exit::Partly } else { Exit::Done })
    }
}

/// Brings to its end, and tells, what someone has left of the recipe's moves: the channel moves after that. Answers with
/// whether there was anything.
async fn settle_left(
    session: &Session,
    open: &Open,
    places: Option<&Places<'_>>,
    promotion: &Promotion,
) -> Result<bool, CliError> {
    let target = &*open.target;
    let left = leftover::find(target, std::slice::from_ref(&promotion.name.recipe)).await?;
    if left.is_empty() {
        return Ok(false);
    }
    let sink = session.sink();
    for damaged in &left.damaged {
        let text = leftover::clear(target, damaged).await?;
        sink.event(&Event::Notice { build: None, text });
    }
    for (underway, settled, rows) in leftover::settle(target, places, &open.factory.channels, left.moves).await {
        for text in leftover::all_told(&underway, &settled, &rows) {
            sink.event(&Event::Notice { build: None, text });
        }
    }
    sink.close();
    Ok(true)
}

/// The command that brings the image to all places, and moves nothing.
fn bring(asked: &Promote, promotion: &Promotion) -> String {
    let arch = asked.arch.map(|arch| format!(" --arch {arch}")).unwrap_or_default();
    format!("amifactory distribute {}@{} --to {}{arch}", promotion.name.recipe, promotion.version, promotion.channel)
}

/// The same command once more, with all that was said: a channel that asks for a yes asks for it again. Where gates stand
/// against it that a reason opens, it says where that goes.
fn again(asked: &Promote, promotion: &Promotion) -> String {
    let mut words = vec![
        "amifactory promote".to_owned(),
        format!("{}@{}", promotion.name.recipe, promotion.version),
        format!("--to {}", promotion.channel),
    ];
    words.extend(asked.arch.map(|arch| format!("--arch {arch}")));
    let texts = [
        ("--why", &asked.why),
        ("--override", &asked.overridden),
        ("--approved-by", &asked.approved_by),
        ("--approval-reason", &asked.approval_reason),
    ];
    // They were accepted, so they are lines without control characters.
    let said = texts.iter().filter_map(|(option, text)| Some((option, shell::quote(text.as_deref()?).ok()?)));
    words.extend(said.map(|(option, text)| format!("{option} {text}")));
    if promotion.unmet.iter().any(|unmet| unmet.gate != "places") && asked.overridden.is_none() {
        words.push("--override REASON".into());
    }
    words.push("--yes".into());
    words.join(" ")
}

/// Brings the image to all places, and only where it is ready in all of them moves the channel there. That can take hours,
/// so all gates are asked again before it moves.
async fn everywhere_too(
    session: &Session,
    open: &Open,
    places: &Places<'_>,
    promotion: &Promotion,
    request: &Request,
) -> Result<(&'static str, Vec<Row>, Promotion), CliError> {
    let _lock = distribute::alone(open, &promotion.name.recipe)?;
    let sink = session.sink();
    let done = release::distribute(places, &promotion.wanted(), &*sink).await;
    sink.close();
    let promotion = promote::again(&*open.target, &open.factory.channels, request, promotion).await?;
    if !done.is_complete() {
        return Ok(("not-distributed", done.rows, promotion));
    }
    let elsewhere = everywhere::ready(places, &promotion.wanted(), &done.rows);
    if promotion.is_done() && everywhere::is_everywhere(places, &promotion.name, &promotion.image, &elsewhere).await? {
        return Ok(("up-to-date", done.rows, promotion));
    }
    let moved = everywhere::carry_out(places, &promotion.as_move(elsewhere)).await?;
    Ok((if moved.is_complete() { "promoted" } else { "partly" }, moved.rows, promotion))
}

/// How it ends without anything being moved; none where something is to be moved.
fn outcome_of(promotion: &Promotion, only_plan: bool) -> Option<&'static str> {
    if promotion.is_done() {
        return Some("up-to-date");
    }
    if promotion.is_refused() {
        return Some("refused");
    }
    only_plan.then_some("planned")
}
