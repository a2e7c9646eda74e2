//! `promote`: a channel takes the image of the channel before it.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::hardening::shell;
use crate::identity::{Arch, Version};
use crate::pipeline::Event;
use crate::release::distribute::{self as release, Row};
use crate::release::gate::{self, Approval, Unmet};
use crate::release::places::Places;
use crate::release::promote::{self, Promotion, Request};
use crate::release::scene::Scene;
use crate::release::verify::places::{self as verify_places, Differs};
use crate::release::{everywhere, leftover, trace};
use crate::report::view::{self, Promoted};
use crate::report::visible::line;
use crate::target::{Settled, Target, Underway, take_over_by_promotion};
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
    /// Move it although someone has begun another move: only where that run is certainly dead, as --why says
    #[arg(long, requires = "why")]
    take_over: bool,
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
        let open = session.open_to_move()?;
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
            take_over: self.take_over,
        };
        let mut promotion = promote::plan(target, &open.factory.channels, &request).await?;
        let places = places.filter(|_| !promotion.reach.is_home());
        // Shown before anyone decides: a channel that is gone at home is not its first image.
        let elsewhere = match places.as_ref().filter(|_| promotion.current.is_none()) {
            Some(places) => everywhere::named_elsewhere(places, &promotion.reach, &promotion.name).await,
            None => Vec::new(),
        };
        let elsewhere: Vec<String> =
            elsewhere.into_iter().map(|(place, image)| format!("{place} names {image}")).collect();
        let begun = match self.plan || self.take_over {
            true => begun(target, &promotion).await?,
            false => Vec::new(),
        };
        let looks = (self.plan || promotion.pin.is_some()) && promotion.is_done();
        let behind = match places.as_ref().filter(|_| looks) {
            Some(places) => behind(places, &open, &promotion).await?,
            None => Vec::new(),
        };
        // Who holds the channel holds it in every place.
        if let Some(pin) = promotion.pin.clone().filter(|_| !behind.is_empty()) {
            return Err(promote::pinned(&promotion.name, &promotion.channel, pin).into());
        }
        let stands_in_the_way =
            |underway: &&Underway| !underway.over && !self.take_over && !has_landed(underway, &promotion);
        let blocked = begun.iter().find(stands_in_the_way).filter(|_| self.plan).map(under_way);
        let outcome = match outcome_of(&promotion, self.plan) {
            _ if blocked.is_some() => Some("refused"),
            Some("up-to-date") if looks => Some(if behind.is_empty() { "up-to-date" } else { "planned" }),
            // Other places may not name it yet, and what is taken over has to be ended.
            Some("up-to-date") if places.is_some() || !begun.is_empty() => None,
            outcome => outcome,
        };
        promotion.unmet.extend(blocked);
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
            let (ways, bring) = (ways(&self, &promotion), bring(&self, &promotion));
            let shown = Promoted { ways, bring, behind, elsewhere, ..Promoted::of(&promotion, outcome) };
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
            let shown = Promoted { elsewhere: elsewhere.clone(), ..Promoted::of(&promotion, "planned") };
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
        if outcome != "not-distributed" {
            leave_trace(session, target, &promotion).await;
        }
        if self.take_over && outcome != "not-distributed" && !begun.is_empty() {
            let sink = session.sink();
            for underway in &begun {
                sink.event(&Event::Notice { build: None, text: leftover::told(underway, &Settled::Cleared) });
            }
            sink.close();
        }
        if outcome == "not-distributed" {
            promotion.add_places(&rows);
        }
        let again = again(&self, &promotion);
        let shown = Promoted { places: rows, again, elsewhere, ..Promoted::of(&promotion, outcome) };
        session.result(
            &shown,
            |style| if asked { view::promoted(&shown, style) } else { view::promotion(&shown, style) },
        )?;
        Ok(if matches!(outcome, "partly" | "not-distributed") { Exit::Partly } else { Exit::Done })
    }
}

/// The channel has moved, whatever becomes of this.
async fn leave_trace(session: &Session, target: &dyn Target, promotion: &Promotion) {
    if let Err(error) = trace::leave(target, &promotion.candidate.image, &promotion.channel).await {
        let sink = session.sink();
        let text = format!(
            "{} does not say that {} has named it: {error}; where someone deletes that channel, nothing shows it",
            promotion.image, promotion.channel
        );
        sink.event(&Event::Notice { build: None, text });
        sink.close();
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
    let mut left = leftover::find(target, std::slice::from_ref(&promotion.name.recipe)).await?;
    // What is taken over is not finished first; what someone else still has is told by the refusal to move.
    left.moves.retain(|left| left.name != promotion.name || left.over && !promotion.takes_over);
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

/// Moves of the channel that others have begun.
async fn begun(target: &dyn Target, promotion: &Promotion) -> Result<Vec<Underway>, CliError> {
    let left = leftover::find(target, std::slice::from_ref(&promotion.name.recipe)).await?;
    Ok(left.moves.into_iter().filter(|underway| underway.name == promotion.name).collect())
}

/// Whether a move has happened and nothing follows it, so that its lock keeps nobody from moving.
fn has_landed(underway: &Underway, promotion: &Promotion) -> bool {
    underway.elsewhere.is_empty() && promotion.current.as_ref().is_some_and(|current| current.image == underway.image)
}

/// Places in which the channel does not name what it names at home.
async fn behind(places: &Places<'_>, open: &Open, promotion: &Promotion) -> Result<Vec<Differs>, CliError> {
    let recipe = &promotion.name.recipe;
    let at_home = Scene::look(&*open.target, recipe).await?.pointers;
    let mut differing = verify_places::differing(places, &open.factory.channels, recipe, &at_home).await;
    Ok(differing.remove(&promotion.name).unwrap_or_default())
}

fn under_way(underway: &Underway) -> Unmet {
    let Underway { name, image, by, since, until, note, .. } = underway;
    let version = note.version.map(|version| format!(" ({version})")).unwrap_or_default();
    let is = format!("{} moves it to {image}{version} since {since}, until {until} at the latest", line(by));
    gate::under_way(is, format!("wait for it; {}", take_over_by_promotion(name, note.version)))
}

/// The command, with what was said that is to be said again. A yes that did not count is not.
fn words(asked: &Promote, promotion: &Promotion) -> Vec<String> {
    let mut words = vec![
        "amifactory promote".to_owned(),
        format!("{}@{}", promotion.name.recipe, promotion.version),
        format!("--to {}", promotion.channel),
    ];
    words.extend(asked.arch.map(|arch| format!("--arch {arch}")));
    let counts = !promotion.unmet.iter().any(|unmet| unmet.gate == "approval");
    let approved = |text| if counts { text } else { &None };
    let texts = [
        ("--why", &asked.why),
        ("--override", &asked.overridden),
        ("--approved-by", approved(&asked.approved_by)),
        ("--approval-reason", approved(&asked.approval_reason)),
    ];
    // They were accepted, so they are lines without control characters.
    let said = texts.iter().filter_map(|(option, text)| Some((option, shell::quote(text.as_deref()?).ok()?)));
    words.extend(said.map(|(option, text)| format!("{option} {text}")));
    words.extend(asked.take_over.then(|| "--take-over".to_owned()));
    words
}

/// The same command once more, with all that was said: a channel that asks for a yes asks for it again.
fn again(asked: &Promote, promotion: &Promotion) -> String {
    words(asked, promotion).join(" ") + " --yes"
}

/// What to type after a refusal: what meets the gates first, and a reason past them last.
fn ways(asked: &Promote, promotion: &Promotion) -> Vec<String> {
    let is_unmet = |gate: &str| promotion.unmet.iter().any(|unmet| unmet.gate == gate);
    let gates: Vec<&str> = promotion.unmet.iter().map(|unmet| unmet.gate).filter(|gate| *gate != "places").collect();
    let words = words(asked, promotion).join(" ");
    if gates.is_empty() || asked.overridden.is_some() {
        return vec![format!("{words} --yes")];
    }
    if is_unmet("under-way") {
        return vec![format!("{words} --yes   (once the other move has ended)")];
    }
    let mut ways = Vec::new();
    if let (true, Some(from)) = (is_unmet("from"), &promotion.note.from) {
        let arch = asked.arch.map(|arch| format!(" --arch {arch}")).unwrap_or_default();
        ways.push(format!("amifactory promote {}@{} --to {from}{arch}", promotion.name.recipe, promotion.version));
    }
    let yes = if is_unmet("approval") { " --approved-by NAME --approval-reason TEXT" } else { "" };
    let when = if is_unmet("soak") { "   (once its time there is over)" } else { "" };
    // No wait and no yes helps where something else is wrong with the image.
    if gates.iter().all(|gate| matches!(*gate, "soak" | "approval")) {
        ways.push(format!("{words}{yes} --yes{when}"));
    }
    ways.push(format!("{words} --override REASON --yes   (past the gates; the reason is kept)"));
    ways
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
    // What is taken over is ended, also where every place names the image already.
    let is_left = promotion.takes_over && !begun(&*open.target, &promotion).await?.is_empty();
    if !is_left
        && promotion.is_done()
        && everywhere::is_everywhere(places, &promotion.name, &promotion.image, &elsewhere).await?
    {
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
