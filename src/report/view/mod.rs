//! What the look-verbs print: lists, one image, a plan, a comparison. Each has its data, which is also its JSON result
//! (see [`super::json::result`]), and a function that gives it as text.

mod alarms;
mod builds;
mod checked;
mod contract;
mod controls;
mod diff;
mod distribution;
mod fleet;
mod history;
mod images;
mod pipelines;
mod plan;
mod policy;
mod promotion;
mod retire;
mod revocation;
mod rolled_back;
mod rollout;
mod show;
mod sweep;
mod told;

pub use alarms::{AlarmRow, AlarmState, Alarms, LeftAlarm, alarms};
pub use builds::builds;
pub use checked::{Checked, checked};
pub use contract::{TriedContract, contract};
pub use controls::{ControlRow, Controls, controls};
pub use diff::diff;
pub use distribution::{Distributed, distributed};
pub use fleet::{Fleet, FleetOutcome, Measured, PlaceRow, examples, fleet, fleet_in_a_line, fleet_sums, what};
pub(crate) use history::last_part;
pub use history::{ChannelHistory, GoneChannel, Histories, MoveRow, histories, verified};
pub use images::{ImageRow, Images, images};
pub use pipelines::{
    AdoptedAll, AdoptedRow, PipelineRow, PipelineRunRow, PipelineStatus, PipelinesApplied, PipelinesStatus, adopted,
    pipelines_applied, pipelines_status,
};
pub use plan::{CanBreak, PlanStep, PlanVerdict, Planned, plan};
pub use policy::{Policies, PolicyPart, policies};
pub use promotion::{Promoted, promoted, promotion};
pub use retire::{NextStep, Outcome, Restoration, Retired, RetiredRow, UnreadRegion, restoration, retired};
pub use revocation::{Pinned, Revocation, pinned, revocation};
pub use rolled_back::{RolledBack, rolled_back};
pub use rollout::{GroupRow, RolledOut, rolled_out};
pub use show::{Shown, ShownControl, show};
pub use sweep::{Leftover, Swept, sweep};
pub use told::told;

/// `2025-06-01T12:00:00.5Z` as `2025-06-01 12:00 UTC`; text that is no such time stays as it is.
pub(crate) fn minute(rfc3339: &str) -> String {
    use time::format_description::well_known::Rfc3339;
    use time::macros::format_description;
    let utc = time::OffsetDateTime::parse(rfc3339, &Rfc3339).ok().map(|at| at.to_offset(time::UtcOffset::UTC));
    utc.and_then(|at| at.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).ok())
        .unwrap_or_else(|| super::visible::line(rfc3339).into_owned())
}

/// The commands that make sense next, under a heading.
fn next(commands: &[String], style: super::Style) -> String {
    let lines: String = commands.iter().map(|command| format!("  {}\n", super::wording::pasted(command))).collect();
    format!("\n{}\n{lines}", style.dim("next"))
}
