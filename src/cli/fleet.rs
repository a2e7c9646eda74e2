//! `fleet`: who runs what, and how far behind.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::fleet::look::{self, Looked};
use crate::fleet::notify::item::Seen;
use crate::fleet::notify::{left, metrics, tell};
use crate::identity::{RecipeName, Region};
use crate::pipeline::clock;
use crate::report::sink::Format;
use crate::report::view::{self, FleetOutcome};
use crate::report::{fleet as formats, html};
use clap::Args;
use std::time::Instant;

/// Say who runs which image, and what would launch which: how far behind its channel each is.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Fleet {
    /// Show what is fine too (the other formats always do)
    #[arg(long)]
    all: bool,
    /// Tell the audiences of `fleet: notify:` what is new, worse or resolved since they were told last
    #[arg(long)]
    notify: bool,
    /// Show the alarms that ring when the check stops, or does not see everything; it looks at nothing else
    #[arg(long, conflicts_with_all = ["all", "notify"])]
    alarms: bool,
    /// Declare the alarms
    #[arg(long, requires = "alarms")]
    yes: bool,
}

const HELP: &str = "Where is looked and what is too old stands under `fleet:` in amifactory.yaml. Exit 4: the policy is \
    broken. Exit 5: it is not, as far as can be told, but something could not be read. Exit 1: nothing could, or with \
    --notify somebody could not be told; what the policy says stands in the result all the same (`outcome` in JSON: fine, \
    stale, unknown, failed). --quiet shows the sums alone.\n\n\
    With --notify an audience hears nothing while nothing changes, and once a week that the check runs. Ages that grow and \
    a few instances more or less are no news. What could not be read is unknown, and resolves nothing. What was told is \
    remembered in Parameter Store under /amifactory/_notify, once it was sent: so a run that dies in between tells twice, \
    and never not at all; two that run at the same moment may both tell, so let one schedule run it. Each audience, and each way by which it is told, stands by itself. Webhooks get JSON by POST over \
    https, or over http to this machine itself; redirects are not followed, and an address is never printed. `text` in it is written for Slack, `digest` has all of it as \
    it is. \
    OpsCenter has one open item for each thing that is told, with the command of today; one that a person has closed stays closed \
    until the same is worse: of a graver level, of a revoked image, or twice as many and five more at least. What has been left \
    open by an audience, or a factory, that has another name now is told with the command that resolves it. \
    With `metrics: true` each check puts metrics in CloudWatch, in the namespace amifactory: Runs, PlacesUnread, OldestDays, \
    and Uses by level and by recipe, channel and level. --alarms shows two alarms over them, for a check that stops and for one \
    that does not see everything; with --yes they are declared, over what has their names: `iam-policy --for fleet-alarms` is for that, and not for the check.";

impl Fleet {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        if open.target.inventory().is_none() {
            return Err(CliError::Usage(format!(
                "nothing is launched from images on the target {}: it has no fleet\n  --target aws looks at instances, \
                 launch templates and Auto Scaling groups",
                open.target.kind()
            )));
        }
        open.reach().await?;
        let (target, here) = (&*open.target, home(&open)?);
        if self.alarms {
            return alarms(session, &open, &here, self.yes).await;
        }
        let notify = &open.factory.fleet.notify;
        if self.notify && notify.audiences.is_empty() {
            return Err(CliError::Usage(
                "nobody is to be told\n  give `fleet: {notify: {audiences: {NAME: {sns: TOPIC}}}}` in amifactory.yaml"
                    .into(),
            ));
        }
        let began = Instant::now();
        let looked = session.looking("fleet: what runs".into(), target, look_from(&open, &here)).await?;
        let seen = self.notify.then(|| Seen::of(&looked));
        let mut points = (self.notify && notify.metrics).then(|| metrics::points(&looked, notify));
        let mut shown = view::Fleet::of(looked, clock::rfc3339(target.now()));
        if let Some(log) = session.log() {
            log.looked(&shown, began.elapsed());
        }
        if let (Some(seen), Some(herald)) = (&seen, target.herald()) {
            let tell = tell::tell(herald, notify, seen, target.now());
            shown.told = Some(session.looking("fleet: telling what is new".into(), target, tell).await);
            if notify.audiences.values().any(|audience| audience.opscenter) {
                // Where they can't be listed, the audience that has some could not be told, and says so.
                shown.left = left::left(herald, notify, &here, target.now()).await.unwrap_or_default();
            }
            let told = shown.told.as_deref().unwrap_or_default();
            // A check of which nobody could hear has not run, for whoever relies on it.
            if !told.is_empty() && told.iter().all(|telling| telling.outcome == tell::Outcome::Failed) {
                points
                    .iter_mut()
                    .flatten()
                    .filter(|point| point.name == metrics::RUNS)
                    .for_each(|point| point.value = 0.0);
            }
            if let Some(points) = &points {
                let error = herald.measure(points).await.err().map(|error| error.to_string());
                shown.measured = Some(view::Measured { metrics: points.len(), error });
            }
        }
        if let Some(log) = session.log() {
            log.told(shown.told.as_deref().unwrap_or_default(), shown.measured.as_ref());
        }
        let beside = |style| {
            view::told(shown.told.as_deref().unwrap_or_default(), (shown.measured.as_ref(), &shown.left), style)
        };
        let told = shown.told.as_deref().unwrap_or_default();
        match session.format() {
            Format::Human | Format::Json => {
                let text = |style| match session.is_quiet() {
                    true => view::fleet_in_a_line(&shown),
                    false => view::fleet(&shown, self.all, style) + &beside(style),
                };
                session.result(&shown, text)?
            }
            Format::Csv => session.text(formats::csv(&shown).as_bytes())?,
            Format::Prometheus => session.text(formats::prometheus(&shown).as_bytes())?,
            Format::Html => {
                let page = html::fleet(&shown).map_err(|error| CliError::Failed(error.to_string()))?;
                session.text(page.as_bytes())?;
            }
        }
        let unmeasured = shown.measured.as_ref().is_some_and(|measured| measured.error.is_some());
        let failed = unmeasured || told.iter().any(|telling| telling.outcome == tell::Outcome::Failed);
        if !matches!(session.format(), Format::Human | Format::Json) {
            session.remark(beside);
        }
        if failed {
            return Ok(Exit::Failed);
        }
        Ok(match shown.outcome {
            FleetOutcome::Fine => Exit::Done,
            FleetOutcome::Stale => Exit::Stale,
            FleetOutcome::Unknown => Exit::Partly,
            FleetOutcome::Failed => Exit::Failed,
        })
    }
}

/// Where this factory's own pointers are: what a channel names there decides everywhere.
fn home(open: &Open) -> Result<Region, CliError> {
    distribute::places(open)?;
    open.target.region().ok_or_else(|| CliError::Usage("AWS_REGION is not the name of a region".into()))
}

async fn look_from(open: &Open, here: &Region) -> Result<Looked, CliError> {
    let recipes = released(open).await?;
    let wanted = look::places(&open.factory, here);
    Ok(look::look(&*open.target, &open.factory, &recipes, &wanted).await?)
}

/// The recipes that anything was released of. What home does not answer in time is not read, like any other place.
pub async fn released(open: &Open) -> Result<Vec<RecipeName>, CliError> {
    look::in_time("the factory's own images at home", open.all_released()).await
}

/// Looks at the whole fleet.
pub async fn looked(open: &Open) -> Result<view::Fleet, CliError> {
    let looked = look_from(open, &home(open)?).await?;
    Ok(view::Fleet::of(looked, clock::rfc3339(open.target.now())))
}

/// Declared where they are not as they should be; shown either way.
async fn alarms(session: &Session, open: &Open, here: &Region, yes: bool) -> Result<Exit, CliError> {
    if !matches!(session.format(), Format::Human | Format::Json) {
        return Err(CliError::Usage("alarms are shown to people or as JSON: --format human or json".into()));
    }
    let notify = &open.factory.fleet.notify;
    let Some(herald) = open.target.herald().filter(|_| notify.metrics) else {
        return Err(CliError::Usage(
            "there are no metrics that alarms could be over\n  give `fleet: {notify: {metrics: true, audiences: …}}` in amifactory.yaml"
                .into(),
        ));
    };
    let wanted = metrics::alarms(notify, here);
    let found = herald.alarms(metrics::PREFIX).await?;
    let mut rows = Vec::new();
    for alarm in &wanted {
        let found = found.iter().find(|found| found.name == alarm.name);
        let state = view::AlarmState::of(alarm, found);
        let declare = yes && state != view::AlarmState::Same;
        if declare {
            herald.put_alarm(alarm).await?;
        }
        rows.push(view::AlarmRow::of(alarm, found, declare));
    }
    let former = metrics::former(notify, here, &found);
    let left = former.iter().map(|left| view::LeftAlarm::of(left, here)).collect();
    let shown = view::Alarms { alarms: rows, left };
    session.result(&shown, |style| view::alarms(&shown, style))?;
    Ok(Exit::Done)
}
