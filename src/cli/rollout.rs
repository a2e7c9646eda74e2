//! `rollout`: Auto Scaling groups come to run what a channel names.

use super::exit::{CliError, Exit};
use super::interrupt::or_interrupted;
use super::session::Session;
use crate::identity::{Arch, RecipeName, Region};
use crate::pipeline::Event;
use crate::release::{ReleaseError, one_line};
use crate::report::view::{self, RolledOut};
use crate::report::visible::line;
use crate::rollout::alarms::Alarms;
use crate::rollout::goal::Site;
use crate::rollout::names;
use crate::rollout::{Despite, GroupPlan, Request, RolloutError, carry_out, goal, still, survey};
use clap::Args;

/// Bring Auto Scaling groups to the image that a channel names, wave by wave.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Rollout {
    /// The recipe
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// The channel whose image goes out
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
    /// An Auto Scaling group; several go at once [default: `rollout: {waves: …}` in amifactory.yaml]
    #[arg(long = "group", value_name = "NAME", conflicts_with = "waves")]
    groups: Vec<String>,
    /// Groups that go at once; the next wave begins when all of the one before are done; a comma in a name is written \,
    #[arg(long = "wave", value_name = "NAME,NAME")]
    waves: Vec<String>,
    /// In this region, which the channel reaches; groups of one region go at a time [default: the home region]
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// For which architecture, where the recipe has several
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
    /// Bring each group back to what it had before its last roll-out, at any time: with no window, checkpoint, bake time
    /// or alarm
    #[arg(long)]
    rollback: bool,
    /// Begin outside of the maintenance window, or go on after it has closed; the reason stands in the version that is made
    /// then and in the log
    #[arg(long, value_name = "REASON")]
    now: Option<String>,
    /// Begin although alarms ring, without these; the reason stands in the version that is made and in the log
    #[arg(long, value_name = "REASON", conflicts_with = "rollback")]
    despite_alarms: Option<String>,
    /// Try again what has failed before, or what groups were brought back from
    #[arg(long)]
    retry: bool,
    /// Also groups that run images of this other recipe: they come to run RECIPE's; RECIPE itself: groups whose image is gone,
    /// and on no record
    #[arg(long, value_name = "OTHER", conflicts_with = "rollback")]
    take_over: Option<RecipeName>,
    /// Don't ask
    #[arg(long, conflicts_with = "plan")]
    yes: bool,
    /// Show what would be done and how far what is in flight is, and change nothing
    #[arg(long)]
    plan: bool,
}

const HELP: &str = "A group's launch template gets a new version with nothing but the image changed, and an instance \
    refresh brings the group to that version; it goes back by itself where instances don't become healthy or an alarm of \
    `rollout: {alarms: …}` goes off. In a wave all groups go to their end; after a failure no further wave begins. \
    Interrupted, it stops watching and the refreshes go on: the same command watches them again, from any machine. \
    Exit 1: a group failed, or its end was not seen, and none is done. Exit 5: some are done. Exit 3: refused, or outside of the window, in which \
    what is in flight is watched all the same. --rollback makes no version: the reason of a --now beside it, which it does \
    not need, stands in the log (--log) alone. The default of a launch template stays where it is; in the end the command \
    is told that moves it.";

impl Rollout {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        // Going back is for emergencies.
        let open = if self.rollback { session.open_to_release()? } else { session.open_to_move()? };
        let elsewhere = self.region.as_ref().filter(|region| open.target.region().as_ref() != Some(*region));
        let there = elsewhere.map(|region| open.target.place(region, None)).transpose()?;
        let target = there.as_deref().unwrap_or(&*open.target);
        let site = Site { target, home: there.is_some().then_some(&*open.target) };
        let rollouts = target.rollouts().ok_or_else(|| RolloutError::NoGroups(target.kind()))?;
        open.reach().await?;
        let recipe = open.released(&self.recipe).await?;
        let waves = self.waves()?;
        let why = self.now.as_deref().map(|why| one_line("--now", why, 120)).transpose()?;
        let despite = self.despite_alarms.as_deref().map(|why| one_line("--despite-alarms", why, 120)).transpose()?;
        let channels = &open.factory.channels;
        let asked = (&recipe, self.channel.as_str(), self.arch);
        let policy = open.factory.rollout.clone();
        let waves = waves.unwrap_or_else(|| policy.waves.get(&recipe).cloned().unwrap_or_default());
        let read = match self.rollback {
            true => goal::named(site, channels, asked).await,
            false => goal::read(site, channels, asked).await,
        };
        let (goal, scene) = match read {
            // Nobody may have watched when it was revoked: its refreshes go on.
            Err(RolloutError::Release(refusal @ ReleaseError::Revoked { .. })) => {
                let still = still::among(site, channels, asked, &waves.concat()).await;
                return Err(RolloutError::StillOut { refusal, still }.into());
            }
            read => read?,
        };
        let is_held = why.is_none() && !self.rollback;
        let window = policy.window.clone().filter(|window| is_held && !window.is_open(target.now()));
        let (back, retry, take_over) = (self.rollback, self.retry, self.take_over.clone());
        let mut request = Request { goal, waves, policy, back, why: why.clone(), despite: None, retry, take_over };
        if let Some(why) = despite {
            let alarms = Alarms::look(rollouts, &request.policy.alarms).await?.ringing;
            match alarms.is_empty() {
                true => {
                    session.warn("no alarm of `rollout: {alarms: …}` rings: the reason of --despite-alarms is not kept")
                }
                false => request.despite = Some(Despite { alarms, why }),
            }
        }
        let look = survey(site, &request, &scene);
        let seen = session.looking("rollout: what the groups run".into(), target, look).await?;
        let plans = &seen.plans;
        let begins = plans.iter().any(GroupPlan::is_begun);
        let refused = plans.iter().any(|plan| plan.stage.is_err());
        let shown = |outcome| {
            let shown = RolledOut::planned(&request, &seen, &scene, outcome);
            shown.outside_of(window.as_ref().filter(|_| begins || refused).map(|window| (window, target.now())))
        };
        let nothing = plans.iter().all(|plan| matches!(plan.stage, Ok(crate::rollout::decide::Stage::UpToDate)));
        let ended = match (refused, nothing, self.plan) {
            (true, ..) => Some(("refused", Exit::Refused)),
            (_, true, _) => Some(("up-to-date", Exit::Done)),
            (_, _, true) => Some(("planned", Exit::Done)),
            _ => None,
        };
        if let Some((outcome, exit)) = ended {
            let shown = shown(outcome);
            session.result(&shown, |style| view::rolled_out(&shown, style))?;
            return Ok(exit);
        }
        let is_closed = window.is_some();
        if let Some(window) = window.as_ref().filter(|_| begins && !plans.iter().any(GroupPlan::is_in_flight)) {
            let opens = window.opens(target.now());
            return Err(RolloutError::Closed { window: window.to_string(), opens }.into());
        }
        // Where the window is closed nothing is begun: what is in flight is watched, and there is nothing to ask.
        if begins && !is_closed && !self.yes {
            if !session.can_ask() {
                let message = "nobody can be asked here, and nothing was begun\n  --yes begins it, --plan only shows what \
                               would be done";
                return Err(CliError::Usage(message.into()));
            }
            let shown = shown("planned");
            session.text(session.pasted(&view::rolled_out(&shown, session.style())).as_bytes())?;
            if !session.ask("\nbegin?")? {
                session.text(b"nothing was begun\n")?;
                return Ok(Exit::Done);
            }
        }
        let sink = session.sink();
        let tell = |text: String| {
            // Each says of which group it is.
            let group = plans.iter().find(|plan| text.starts_with(&format!("{}: ", line(&plan.name))));
            let group = group.map(|plan| plan.name.clone());
            let (recipe, channel) = (recipe.clone(), self.channel.clone());
            sink.event(&Event::RolloutStep { recipe, channel, group, text });
        };
        if begins && !is_closed {
            // The way back makes no version that could keep it.
            let back = why.as_ref().filter(|_| self.rollback).map(|why| format!("goes back: {why}"));
            for text in request.reasons(target.now()).told().into_iter().chain(back) {
                let (recipe, channel) = (recipe.clone(), self.channel.clone());
                sink.event(&Event::RolloutStep { recipe, channel, group: None, text });
            }
        }
        let done = or_interrupted(carry_out(site, channels, &request, plans, &tell)).await;
        sink.close();
        let Some(ended) = done else {
            // How far what goes on is; where that can't be read, what was planned.
            let seen = survey(site, &request, &scene).await.unwrap_or_else(|_| seen.clone());
            let shown = RolledOut::planned(&request, &seen, &scene, "interrupted");
            session.result(&shown, |style| view::rolled_out(&shown, style))?;
            return Ok(Exit::Interrupted);
        };
        let shown = RolledOut::ended(&request, &seen, &scene, &ended?);
        session.result(&shown, |style| view::rolled_out(&shown, style))?;
        Ok(match shown.outcome {
            "rolled-out" | "up-to-date" => Exit::Done,
            "partly" => Exit::Partly,
            "refused" => Exit::Refused,
            _ => Exit::Failed,
        })
    }

    /// The groups that are named here, wave by wave; none where none is.
    fn waves(&self) -> Result<Option<Vec<Vec<String>>>, CliError> {
        let named: Vec<Vec<String>> = match (self.groups.as_slice(), self.waves.as_slice()) {
            ([], []) => return Ok(None),
            (groups, []) => vec![groups.to_vec()],
            (_, waves) => waves.iter().map(|wave| names::split(wave)).collect(),
        };
        if named.iter().flatten().any(String::is_empty) {
            let message = "a group has no name\n  --group NAME, --wave NAME,NAME";
            return Err(CliError::Usage(message.into()));
        }
        Ok(Some(named))
    }
}
