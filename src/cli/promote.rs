//! `promote`: a channel takes the image of the channel before it.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::identity::{Arch, Version};
use crate::release::gate::Approval;
use crate::release::promote::{self, Promotion, Request};
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
    /// Show what would change, and change nothing
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
        let request = Request {
            recipe: open.released(recipe).await?,
            version,
            to: self.to.clone(),
            arch: self.arch,
            why: self.why.clone(),
            overridden: self.overridden.clone(),
            approval: approval.map(|(by, reason)| Approval { by, reason }),
        };
        let promotion = promote::plan(target, &open.factory.channels, &request).await?;
        let outcome = outcome_of(&promotion, self.plan);
        let ended = match outcome {
            Some("refused") => Some(Exit::Refused),
            Some(_) => Some(Exit::Done),
            None => None,
        };
        if let (Some(outcome), Some(exit)) = (outcome, ended) {
            let shown = Promoted::of(&promotion, outcome);
            session.result(&shown, |style| view::promotion(&shown, style))?;
            return Ok(exit);
        }
        if !self.yes {
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
        promote::carry_out(target, &promotion).await?;
        let shown = Promoted::of(&promotion, "promoted");
        let asked = !self.yes;
        session.result(
            &shown,
            |style| if asked { view::promoted(&shown, style) } else { view::promotion(&shown, style) },
        )?;
        Ok(Exit::Done)
    }
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
