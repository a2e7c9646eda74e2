//! What `rollout` would do, and what became of it.

use super::super::Style;
use super::super::visible::line;
use super::next;
use crate::hardening::shell;
use crate::identity::ImageId;
use crate::recipe::Window;
use crate::release::scene::Scene;
use crate::rollout::decide::Stage;
use crate::rollout::{Ended, GroupPlan, Outcome, Request};
use crate::target::{Pace, RefreshState};
use serde::Serialize;
use std::time::Duration;
use time::OffsetDateTime;

/// A group.
#[derive(Debug, Clone, Serialize)]
pub struct GroupRow {
    /// Its name.
    pub group: String,
    /// In which wave, from 1.
    pub wave: usize,
    /// `up-to-date`, `in-flight`, `goes-back`, `due`, `refused`; in the end `done`, `failed`, `not-begun`.
    pub state: &'static str,
    /// The launch template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The version of it that it launches from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_version: Option<String>,
    /// The image of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The version of the recipe that this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The version of the template that it goes to, where that is made already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// Who has made that version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_at: Option<String>,
    /// How many instances it has.
    pub instances: usize,
    /// How many of them are replaced.
    pub replaced: usize,
    /// Instances that wait in its warm pool and are replaced; where nothing is, all that wait there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm: Option<usize>,
    /// The refresh in flight: how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<RefreshState>,
    /// How many of a hundred it has replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// About how long it takes, in seconds.
    pub about_s: u64,
    /// Why it is refused, failed or was not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What should be known of it, and holds nothing up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How instances are replaced.
#[derive(Debug, Clone, Serialize)]
pub struct PaceRow {
    minimum_healthy: u8,
    maximum_healthy: u8,
    checkpoints: Vec<u8>,
    checkpoint_delay_s: u64,
    bake_s: u64,
    alarms: Vec<String>,
}

/// A roll-out.
#[derive(Debug, Clone, Serialize)]
pub struct RolledOut {
    /// The recipe.
    pub recipe: String,
    /// The channel.
    pub channel: String,
    /// The version that goes out.
    pub version: String,
    /// Its image.
    pub image: ImageId,
    /// `planned`, `refused`, `up-to-date`, `rolled-out`, `partly`, `failed`, `interrupted`.
    pub outcome: &'static str,
    /// Whether groups go back.
    pub rollback: bool,
    /// How.
    pub pace: PaceRow,
    /// Where the maintenance window is closed, so that nothing is begun: which, and when it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_of: Option<String>,
    /// All groups, wave by wave.
    pub groups: Vec<GroupRow>,
}

impl RolledOut {
    /// As it is planned.
    pub fn planned(request: &Request, plans: &[GroupPlan], scene: &Scene, outcome: &'static str) -> RolledOut {
        let Pace { least, most, checkpoints, delay, bake, alarms, .. } = request.pace();
        let goal = &request.goal;
        RolledOut {
            recipe: goal.recipe.to_string(),
            channel: goal.channel.to_string(),
            version: goal.version.to_string(),
            image: goal.image.clone(),
            outcome,
            rollback: request.back,
            pace: PaceRow {
                minimum_healthy: least,
                maximum_healthy: most,
                checkpoints,
                checkpoint_delay_s: delay.as_secs(),
                bake_s: bake.as_secs(),
                alarms,
            },
            outside_of: None,
            groups: plans.iter().map(|plan| row(plan, scene, &request.pace())).collect(),
        }
    }

    /// With the window that is closed at this moment.
    pub fn outside_of(self, closed: Option<(&Window, OffsetDateTime)>) -> RolledOut {
        let told = |(window, now): (&Window, OffsetDateTime)| {
            let opens = window.opens(now).map_or_else(|| "never".to_owned(), crate::pipeline::clock::rfc3339);
            format!("{window}; it opens {opens}")
        };
        RolledOut { outside_of: closed.map(told), ..self }
    }

    /// As it ended.
    pub fn ended(request: &Request, plans: &[GroupPlan], scene: &Scene, ended: &[Ended]) -> RolledOut {
        let mut shown = RolledOut::planned(request, plans, scene, "rolled-out");
        for (row, ended) in shown.groups.iter_mut().zip(ended) {
            let why = match &ended.outcome {
                Outcome::UpToDate => ("up-to-date", None),
                Outcome::Done => ("done", None),
                Outcome::Failed(why) => ("failed", Some(why.clone())),
                Outcome::NotBegun(why) => ("not-begun", Some(why.clone())),
            };
            (row.state, row.why) = why;
            row.to = ended.to.or(row.to);
        }
        let count = |state: &str| shown.groups.iter().filter(|row| row.state == state).count();
        shown.outcome = match (count("failed"), count("not-begun"), count("done")) {
            (0, 0, 0) => "up-to-date",
            (0, 0, _) => "rolled-out",
            (0, _, 0) => "refused",
            (_, _, 0) => "failed",
            _ => "partly",
        };
        shown
    }
}

fn row(plan: &GroupPlan, scene: &Scene, pace: &Pace) -> GroupRow {
    let group = &plan.seen.group;
    let named = group.template();
    let number = named.and_then(|named| named.number());
    let version = plan.seen.versions.iter().find(|version| Some(version.number) == number);
    let image = version.and_then(|version| version.image.clone());
    let of_recipe = image.as_deref().and_then(|image| scene.version_of(&image.parse().ok()?));
    let (state, to, replaced, why) = match &plan.stage {
        Ok(Stage::UpToDate) => ("up-to-date", None, 0, None),
        Ok(Stage::InFlight(refresh)) => ("in-flight", number_of(refresh), refresh.left as usize, None),
        Ok(Stage::GoBack(refresh)) => ("goes-back", number_of(refresh), refresh.left as usize, None),
        Ok(Stage::Due { to, replaced, .. }) => ("due", *to, *replaced, None),
        Err(refusal) => ("refused", None, 0, Some(refusal.to_string())),
    };
    let active = plan.seen.active();
    let waiting = match &plan.stage {
        Ok(Stage::Due { warm, .. }) => group.warm.as_ref().map(|_| *warm),
        _ => group.warm.as_ref().map(Vec::len),
    };
    let is_due = matches!(plan.stage, Ok(Stage::Due { .. }));
    let adopted = plan.seen.versions.iter().find(|version| is_due && Some(version.number) == to);
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    GroupRow {
        group: plan.name.clone(),
        wave: plan.wave + 1,
        state,
        template: named.map(|named| named.template.clone()),
        template_version: named.map(|named| named.version.clone()),
        image,
        version: of_recipe.map(|version| version.to_string()),
        to,
        made_by: adopted.and_then(|version| said(&version.by)),
        made_at: adopted.and_then(|version| said(&version.at)),
        instances: group.members.len(),
        replaced,
        warm: waiting,
        refresh: active.map(|refresh| refresh.state),
        percent: active.map(|refresh| refresh.percent),
        about_s: plan.about.as_secs(),
        why,
        warnings: plan.seen.warnings(pace),
    }
}

fn number_of(refresh: &crate::target::Refresh) -> Option<i64> {
    refresh.desired.as_ref().and_then(|desired| desired.number())
}

/// For people.
pub fn rolled_out(shown: &RolledOut, style: Style) -> String {
    let what = format!("{} {} ({})", shown.recipe, shown.version, shown.image);
    let mut out = match (shown.outcome, shown.rollback) {
        ("refused", _) => format!("{} nothing is begun: not every group can be rolled\n", style.red("refused:")),
        ("planned", false) => format!("{what} from {} goes out\n", shown.channel),
        ("planned", true) => "groups go back to what they had before their last roll-out\n".to_owned(),
        ("interrupted", _) => {
            "stopped watching; refreshes that have begun go on, and later waves are not begun\n".to_owned()
        }
        ("up-to-date", false) => format!("up to date: all groups run {what}\n"),
        ("up-to-date", true) => "up to date: all groups are back already\n".to_owned(),
        ("rolled-out", false) => format!("{} all groups run {what}\n", style.green("done:")),
        ("rolled-out", true) => format!("{} all groups are back\n", style.green("done:")),
        (outcome, _) => format!("{} not all groups are where they should be\n", style.red(&format!("{outcome}:"))),
    };
    if matches!(shown.outcome, "planned") {
        out.push_str(&pace(&shown.pace));
        if let Some(window) = &shown.outside_of {
            let now = "nothing is begun; --now REASON begins it now";
            out.push_str(&format!("  outside of the maintenance window ({}): {now}\n", line(window)));
        }
    }
    let waves = shown.groups.iter().map(|row| row.wave).max().unwrap_or(0);
    for wave in 1..=waves {
        if waves > 1 {
            out.push_str(&format!("\n{}\n", style.dim(&format!("wave {wave}"))));
        }
        for row in shown.groups.iter().filter(|row| row.wave == wave) {
            out.push_str(&group(row, shown));
        }
    }
    let again = format!("amifactory rollout {} --channel {}", shown.recipe, shown.channel);
    match shown.outcome {
        "interrupted" => out.push_str(&next(&[format!("{again} …   (the same again) goes on from here")], style)),
        "failed" | "partly" if !shown.rollback => {
            let failed = shown.groups.iter().filter(|row| row.state == "failed");
            let failed: Vec<String> =
                failed.map(|row| format!(" --group {}", line(&shell::shown(&row.group)))).collect();
            if !failed.is_empty() {
                out.push_str(&next(&[format!("{again} --rollback{}", failed.concat())], style));
            }
        }
        "planned" if !shown.rollback => {
            let older = shown.groups.iter().filter(|row| row.state == "due").filter_map(|row| row.version.as_deref());
            let mut older: Vec<&str> = older.filter(|version| *version != shown.version).collect();
            older.sort_unstable();
            older.dedup();
            let diff = |old: &&str| format!("amifactory diff {0}@{old} {0}@{1}", shown.recipe, shown.version);
            let commands: Vec<String> = older.iter().map(diff).collect();
            if !commands.is_empty() {
                out.push_str(&next(&commands, style));
            }
        }
        _ => {}
    }
    out
}

fn group(row: &GroupRow, shown: &RolledOut) -> String {
    let from = row.version.clone().or_else(|| row.image.clone()).unwrap_or_else(|| "an image that is not known".into());
    let template = match (&row.template, &row.template_version) {
        (Some(template), Some(version)) => format!(" ({} version {})", line(template), line(version)),
        _ => String::new(),
    };
    let warm = row.warm.map(|warm| format!(", and {warm} in its warm pool")).unwrap_or_default();
    let made = match (&row.made_by, &row.made_at) {
        (Some(by), Some(at)) if !shown.rollback => format!(" made by {} {}", line(by), line(at)),
        _ => String::new(),
    };
    let to = row.to.map_or("a new version".to_owned(), |to| format!("version {to}{made}"));
    let goal = if shown.rollback { to.clone() } else { format!("{}, {to}", shown.version) };
    let of = format!("{} of {} instances", row.replaced, row.instances);
    let what = match row.state {
        "due" => {
            format!("{} → {goal}{template}\n    {of} are replaced{warm}, about {}", line(&from), told(row.about_s))
        }
        "in-flight" | "goes-back" => {
            let state = row.refresh.map_or("in flight", RefreshState::as_str);
            let percent = row.percent.unwrap_or_default();
            format!("{} → {goal}{template}\n    {state}, {percent} % replaced, {} left", line(&from), row.replaced)
        }
        "up-to-date" => format!("up to date{template}"),
        "done" => format!("done: {goal}"),
        state => {
            let why = row.why.as_deref().unwrap_or_default();
            let state = state.replace('-', " ");
            format!("{state}: {}", crate::report::visible::block(why).replace('\n', "\n  "))
        }
    };
    let warnings: Vec<String> = row.warnings.iter().map(|text| format!("    warning: {}\n", line(text))).collect();
    format!("  {}: {what}\n{}", line(&row.group), warnings.concat())
}

fn pace(pace: &PaceRow) -> String {
    let mut out = format!("  {} to {} % in service", pace.minimum_healthy, pace.maximum_healthy);
    if !pace.checkpoints.is_empty() {
        let all: Vec<String> = pace.checkpoints.iter().map(|at| format!("{at} %")).collect();
        out.push_str(&format!("; {} of waiting at {}", exactly(pace.checkpoint_delay_s), all.join(", ")));
    }
    if pace.bake_s > 0 {
        out.push_str(&format!("; {} of waiting at the end", exactly(pace.bake_s)));
    }
    if !pace.alarms.is_empty() {
        out.push_str(&format!("; back where an alarm goes off: {}", line(&pace.alarms.join(", "))));
    }
    out + "\n"
}

fn exactly(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (_, 0) => told(seconds),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// Minutes are enough for a guess.
fn told(seconds: u64) -> String {
    let minutes = Duration::from_secs(seconds + 59).as_secs() / 60;
    if minutes < 120 { format!("{minutes} min") } else { format!("{} h {} min", minutes / 60, minutes % 60) }
}
