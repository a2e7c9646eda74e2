//! What `rollout` would do, and what became of it.

use super::super::Style;
use super::super::visible::line;
use super::next;
use crate::hardening::shell;
use crate::identity::{ImageId, Region};
use crate::recipe::Window;
use crate::release::scene::Scene;
use crate::rollout::decide::Stage;
use crate::rollout::{Ended, Goal, GroupPlan, Outcome, Request, Survey, mends, names};
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
    /// `up-to-date`, `in-flight`, `goes-back`, `due`, `refused`; in the end `done`, `failed`, `not-known`,
    /// `not-begun`.
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
    /// The version of the template that it comes to, where that is made already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// The image that it comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_image: Option<String>,
    /// The version of the recipe that this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_version: Option<String>,
    /// The version of the template that a refresh in flight goes to, which is turned round or goes back already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns_round: Option<i64>,
    /// Who has made that version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_at: Option<String>,
    /// How many instances it has.
    pub instances: usize,
    /// How many of them are left to be replaced, as it begins.
    pub replaced: usize,
    /// Instances that wait in its warm pool and are replaced; where nothing is, all that wait there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm: Option<usize>,
    /// The refresh in flight: how far it is; in the end how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<RefreshState>,
    /// How many of a hundred it has replaced, by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// About how long it takes, in seconds.
    pub about_s: u64,
    /// Why it is refused, failed, was not seen to its end or was not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What should be known of it, and holds nothing up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Where it is as it should be and its template's default has another image: the command that moves the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves_default: Option<String>,
    /// Whether a refresh was in flight or may have been.
    #[serde(skip)]
    touched: bool,
    /// Whether the image was revoked while it went out to it.
    #[serde(skip)]
    revoked: bool,
    /// The default's image, as people know it.
    #[serde(skip)]
    default: Option<String>,
    /// Which group, for commands of AWS's own.
    #[serde(skip)]
    place: mends::Place,
}

/// What is done although it is refused without a reason.
#[derive(Debug, Clone, Serialize)]
pub struct DespiteRow {
    /// Alarms that ring.
    pub alarms: Vec<String>,
    /// Why.
    pub why: String,
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
    /// The region, where it is not the home region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// `planned`, `refused`, `up-to-date`, `rolled-out`, `partly`, `failed`, `not-known`, `interrupted`.
    pub outcome: &'static str,
    /// Whether groups go back.
    pub rollback: bool,
    /// How.
    pub pace: PaceRow,
    /// Alarms that are left out because they ring, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub despite: Option<DespiteRow>,
    /// Why it is done outside of the maintenance window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Alarms that have no data, so that they end nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_data: Vec<String>,
    /// Where the maintenance window is closed, so that nothing is begun: which, and when it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_of: Option<String>,
    /// All groups, wave by wave.
    pub groups: Vec<GroupRow>,
    #[serde(skip)]
    goal: Goal,
}

impl RolledOut {
    /// As it is planned.
    pub fn planned(request: &Request, survey: &Survey, scene: &Scene, outcome: &'static str) -> RolledOut {
        let Pace { least, most, checkpoints, delay, bake, alarms, .. } = request.pace();
        let goal = &request.goal;
        let at = survey.plans.first().map(|plan| plan.seen.at);
        RolledOut {
            recipe: goal.recipe.to_string(),
            channel: goal.channel.to_string(),
            version: goal.version.to_string(),
            image: goal.image.clone(),
            region: goal.region.clone(),
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
            despite: request.despite.as_ref().map(|of| DespiteRow { alarms: of.alarms.clone(), why: of.why.clone() }),
            now: at.and_then(|at| request.reasons(at).now).map(str::to_owned),
            no_data: survey.silent.clone(),
            outside_of: None,
            groups: survey.plans.iter().map(|plan| row(plan, scene, request)).collect(),
            goal: goal.clone(),
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
    pub fn ended(request: &Request, survey: &Survey, scene: &Scene, ended: &[Ended]) -> RolledOut {
        let mut shown = RolledOut::planned(request, survey, scene, "rolled-out");
        for (row, ended) in shown.groups.iter_mut().zip(ended) {
            let why = match &ended.outcome {
                Outcome::UpToDate => ("up-to-date", None),
                Outcome::Done => ("done", None),
                Outcome::Failed(why) => ("failed", Some(why.clone())),
                Outcome::NotKnown(why) => ("not-known", Some(why.clone())),
                Outcome::NotBegun(why) => ("not-begun", Some(why.clone())),
            };
            (row.state, row.why) = why;
            row.to = ended.to.or(row.to);
            row.refresh = ended.refresh.map(|(state, _)| state);
            row.percent = ended.refresh.map(|(_, percent)| percent);
            // They were of what it had before.
            if row.state == "done" {
                row.warnings.clear();
            }
            row.touched = ended.touched;
            row.revoked = ended.revoked;
        }
        // The window can have closed while it went on.
        let is_outside = ended.iter().any(|ended| ended.outside);
        shown.now = shown.now.or_else(|| request.why.clone().filter(|_| is_outside));
        let count = |state: &str| shown.groups.iter().filter(|row| row.state == state).count();
        shown.outcome = match (count("failed"), count("not-known"), count("not-begun"), count("done")) {
            (0, 0, 0, 0) => "up-to-date",
            (0, 0, 0, _) => "rolled-out",
            (0, 0, _, 0) => "refused",
            (0, _, _, 0) => "not-known",
            (_, _, _, 0) => "failed",
            _ => "partly",
        };
        if shown.outcome == "rolled-out" {
            shown.groups.iter_mut().zip(&survey.plans).for_each(|(row, plan)| moves_default(row, plan, scene));
        }
        shown
    }
}

/// What a version of the group's template launches: the image, and the version of the recipe that this is.
fn launches(plan: &GroupPlan, scene: &Scene, number: Option<i64>) -> (Option<String>, Option<String>) {
    let version = plan.seen.versions.iter().find(|version| Some(version.number) == number);
    let image = version.and_then(|version| version.image.clone());
    let of_recipe = image.as_deref().and_then(|image| scene.version_of(&image.parse().ok()?));
    (image, of_recipe.map(|version| version.to_string()))
}

/// The default stays where it is: whoever launches from it is not in any wave.
fn moves_default(row: &mut GroupRow, plan: &GroupPlan, scene: &Scene) {
    let (Some(template), Some(to)) = (&row.template, row.to) else { return };
    let default = plan.seen.versions.iter().find(|version| version.is_default).map(|version| version.number);
    let (image, version) = launches(plan, scene, default);
    if default.is_some() && image != row.to_image {
        row.moves_default = Some(mends::default(&row.place, template, to));
        row.default = version.or(image);
    }
}

fn row(plan: &GroupPlan, scene: &Scene, request: &Request) -> GroupRow {
    let group = &plan.seen.group;
    let named = group.template();
    let (image, of_recipe) = launches(plan, scene, named.and_then(|named| named.number()));
    let (state, replaced, why) = match &plan.stage {
        Ok(Stage::UpToDate) => ("up-to-date", 0, None),
        Ok(Stage::InFlight(refresh)) => ("in-flight", refresh.left as usize, None),
        Ok(Stage::GoBack(refresh)) => ("goes-back", refresh.left as usize, None),
        Ok(Stage::Due { replaced, .. }) => ("due", *replaced, None),
        Err(refusal) => ("refused", 0, Some(refusal.to_string())),
    };
    let to = plan.stage.as_ref().ok().and_then(|stage| plan.seen.comes_to(stage, request.back));
    let (to_image, to_version) = match (request.back, plan.stage.is_ok()) {
        (_, false) => (None, None),
        (true, true) => launches(plan, scene, to),
        (false, true) => (Some(request.goal.image.to_string()), Some(request.goal.version.to_string())),
    };
    let turned = match &plan.stage {
        Ok(Stage::GoBack(refresh)) => Some(refresh),
        Ok(Stage::InFlight(refresh)) if request.back && plan.seen.is_ahead(refresh) => Some(refresh),
        _ => None,
    };
    let turns_round = turned.and_then(|refresh| refresh.desired.as_ref()?.number());
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
        version: of_recipe,
        to,
        to_image,
        to_version,
        turns_round,
        made_by: adopted.and_then(|version| said(&version.by)),
        made_at: adopted.and_then(|version| said(&version.at)),
        instances: group.members.len(),
        replaced,
        warm: waiting,
        refresh: active.map(|refresh| refresh.state),
        percent: active.map(|refresh| refresh.percent),
        about_s: plan.about.as_secs(),
        why,
        warnings: plan.seen.warnings(&request.pace()),
        moves_default: None,
        touched: false,
        revoked: false,
        default: None,
        place: plan.seen.place(),
    }
}

/// For people.
pub fn rolled_out(shown: &RolledOut, style: Style) -> String {
    let region = shown.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    let what = format!("{} {} ({}{region})", shown.recipe, shown.version, shown.image);
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
        ("not-known", _) => {
            let what = "how it ends was not seen; refreshes that have begun go on, and later waves are not begun";
            format!("{} {what}\n", style.yellow("not known:"))
        }
        (outcome, _) => format!("{} not all groups are where they should be\n", style.red(&format!("{outcome}:"))),
    };
    if matches!(shown.outcome, "planned") {
        out.push_str(&pace(&shown.pace));
        if let Some(DespiteRow { alarms, why }) = &shown.despite {
            let alarms = line(&alarms.join(", ")).into_owned();
            out.push_str(&format!("  despite alarms that ring, and don't watch over it: {alarms} ({})\n", line(why)));
        }
        for name in &shown.no_data {
            let what = "has no data (INSUFFICIENT_DATA): until it has some it brings nothing back";
            out.push_str(&format!("  note: the alarm {} {what}\n", line(name)));
        }
    }
    if let Some(window) = shown.outside_of.as_ref().filter(|_| matches!(shown.outcome, "planned" | "refused")) {
        let now = match shown.outcome {
            "refused" => "what is told below begins nothing now without --now REASON",
            _ => "nothing is begun; --now REASON begins it now",
        };
        out.push_str(&format!("  outside of the maintenance window ({}): {now}\n", line(window)));
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
    let again = shown.goal.command();
    match shown.outcome {
        "interrupted" => out.push_str(&next(&[format!("{}   # goes on from here", the_same(shown))], style)),
        "not-known" => out.push_str(&next(&[format!("{}   # goes on from here", the_same(shown))], style)),
        "failed" | "partly" if !shown.rollback => {
            let commands = after_a_failure(shown, &again);
            if !commands.is_empty() {
                out.push_str(&next(&commands, style));
            }
        }
        "failed" | "partly" if shown.groups.iter().any(|row| row.state == "not-known") => {
            out.push_str(&next(&goes_on(shown, &format!("{again} --rollback")), style));
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

/// What may be in flight is watched by the same command, for those groups alone: it would be refused with one that failed.
fn goes_on(shown: &RolledOut, again: &str) -> Vec<String> {
    let unseen: Vec<&GroupRow> = shown.groups.iter().filter(|row| row.state == "not-known").collect();
    let command = || format!("{again}{}   # goes on from here", groups(&unseen));
    if unseen.is_empty() { Vec::new() } else { vec![command()] }
}

/// What AWS has brought back needs no way back: it needs a reason. What was seen to stand half way needs one. What was never
/// begun is as it was, and going back would bring it to what it had before that; what goes on may come to a good end.
fn after_a_failure(shown: &RolledOut, again: &str) -> Vec<String> {
    let failed = shown.groups.iter().filter(|row| row.state == "failed" && row.touched && row.refresh.is_some());
    let (back, stuck): (Vec<&GroupRow>, Vec<&GroupRow>) =
        failed.partition(|row| row.refresh == Some(RefreshState::RollbackSuccessful));
    let mut commands = goes_on(shown, again);
    if !stuck.is_empty() {
        commands.push(format!("{again} --rollback{}", groups(&stuck)));
    }
    let (revoked, back): (Vec<&GroupRow>, Vec<&GroupRow>) = back.into_iter().partition(|row| row.revoked);
    if !back.is_empty() {
        commands.extend(back.iter().map(|row| why_it_came_back(row, &shown.pace.alarms)));
    }
    if !revoked.is_empty() {
        commands.push(format!("{}   # the image is revoked: the channel moves back", shown.goal.moves_back()));
    } else if !back.is_empty() {
        commands.push(format!("{}   # where the image is bad: the channel moves back", shown.goal.moves_back()));
        commands.push(format!("{again} --retry{}   # where it was chance", line(&targets(shown))));
    }
    if commands.is_empty() {
        let is_touched = shown.groups.iter().any(|row| row.state == "failed" && row.touched);
        let why = if is_touched { "no refresh was seen to fail" } else { "no group was touched that failed" };
        commands.push(format!("{again}{}   # once more: {why}", line(&targets(shown))));
    }
    commands
}

fn groups(rows: &[&GroupRow]) -> String {
    rows.iter().map(|row| format!(" {}", line(&shell::option("--group", &row.group)))).collect()
}

/// An alarm that AWS names as the reason says itself what it saw.
fn why_it_came_back(row: &GroupRow, alarms: &[String]) -> String {
    let why = row.why.as_deref().unwrap_or_default();
    let is_named = |alarm: &&String| why.contains(&format!(" {alarm} ")) && why.to_lowercase().contains("alarm");
    let command = match alarms.iter().find(is_named) {
        Some(alarm) => row.place.alarm_history(alarm),
        None => row.place.activities(),
    };
    format!("{}   # why it came back", line(&command))
}

/// The whole command again.
fn the_same(shown: &RolledOut) -> String {
    let back = if shown.rollback { " --rollback" } else { "" };
    format!("{}{back}{}", shown.goal.command(), line(&targets(shown)))
}

/// All groups, as options name them.
fn targets(shown: &RolledOut) -> String {
    let waves = shown.groups.iter().map(|row| row.wave).max().unwrap_or(0);
    let of = |wave| shown.groups.iter().filter(move |row| row.wave == wave).map(|row| row.group.as_str());
    match waves {
        0 | 1 => of(1).map(|group| format!(" {}", shell::option("--group", group))).collect(),
        _ => (1..=waves).map(|wave| format!(" {}", shell::option("--wave", &names::join(of(wave))))).collect(),
    }
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
    let goal = if shown.rollback { back_to(row) } else { format!("{}, {to}", shown.version) };
    let of = format!("{} of {} instances", row.replaced, row.instances);
    let state = row.refresh.map_or("in flight", RefreshState::as_str);
    let far = format!("{state}, {} % replaced, {} left", row.percent.unwrap_or_default(), row.replaced);
    let what = match row.state {
        "due" => {
            let from = line(&from);
            let way = match (shown.rollback, &row.template_version) {
                (true, Some(version)) => format!("{from} (version {}) → {goal}", line(version)),
                (true, None) => format!("{from} → {goal}"),
                (false, _) => format!("{from} → {goal}{template}"),
            };
            format!("{way}\n    {of} are replaced{warm}, about {}", told(row.about_s))
        }
        "goes-back" => {
            let to = row.turns_round.map(|to| format!(" to version {to}")).unwrap_or_default();
            format!("turns round the refresh{to}; back to {goal}\n    {far}")
        }
        "in-flight" if shown.rollback => format!("goes back to {goal} already\n    {far}"),
        "in-flight" if row.refresh == Some(RefreshState::RollbackInProgress) => {
            format!("{goal}: comes back to {}{template}\n    {far}", line(&from))
        }
        "in-flight" => format!("{} → {goal}{template}\n    {far}", line(&from)),
        "up-to-date" if shown.rollback => format!("up to date: {goal}"),
        "up-to-date" => format!("up to date{template}"),
        "done" => format!("done: {goal}"),
        state => {
            let why = row.why.as_deref().unwrap_or_default();
            let state = state.replace('-', " ");
            format!("{state}: {}", crate::report::visible::block(why).replace('\n', "\n  "))
        }
    };
    let warnings: Vec<String> = row.warnings.iter().map(|text| format!("    warning: {}\n", line(text))).collect();
    // Of several groups of a template one is enough.
    let is_first =
        shown.groups.iter().find(|other| other.template == row.template).is_some_and(|it| it.group == row.group);
    let default = row.moves_default.as_ref().filter(|_| is_first).map(|command| {
        let old = row.default.as_deref().unwrap_or("another image");
        format!("    its template's default still names {}, and fleet counts that: {}\n", line(old), line(command))
    });
    format!("  {}: {what}\n{}{}", line(&row.group), warnings.concat(), default.unwrap_or_default())
}

/// What it had before: which image that is, and where it stands.
fn back_to(row: &GroupRow) -> String {
    let image = row.to_image.as_deref().unwrap_or("an image that is not known");
    let number = row.to.map(|to| format!("version {to}")).unwrap_or_default();
    let of = row.template.as_ref().map(|template| format!(" of {}", line(template))).unwrap_or_default();
    match &row.to_version {
        Some(version) => format!("{} ({}, {number}{of})", line(version), line(image)),
        None => format!("{} ({number}{of})", line(image)),
    }
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
