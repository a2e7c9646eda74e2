//! Where a revoked image still is, or is on its way to: nobody may be watching, and the refresh goes on.

use super::decide::{Seen, Stage, back};
use super::goal::{self, Goal, Site};
use super::label;
use super::survey::look;
use crate::hardening::shell::option;
use crate::identity::{Arch, ImageId, RecipeName, Region, Version};
use crate::recipe::ChannelRule;
use crate::report::visible::line;
use crate::target::{RefreshState, Target, TemplateRef};

/// A group with the image, and the command that takes it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// The group.
    pub group: String,
    /// How far it is there, in words.
    pub far: String,
    /// The command that brings the group back, where one does.
    pub back: Option<String>,
}

impl Still {
    /// On one line, and below it the command.
    pub fn told(&self) -> String {
        let back = self.back.as_ref().map(|back| format!("\n  {}", line(back))).unwrap_or_default();
        format!("\n  {}: {}{back}", line(&self.group), self.far)
    }
}

impl Goal {
    /// The command that brings a group back at once.
    pub fn brings_back(&self, group: &str) -> String {
        format!("{} --rollback --yes {}", self.command(), option("--group", group))
    }
}

/// Where it is in a group; none where it is not there.
fn of(seen: &Seen, goal: &Goal) -> Option<Still> {
    let image = goal.image.as_str();
    let has = |named: Option<&TemplateRef>| seen.image(named) == Some(image);
    let count = seen.group.members.iter().filter(|member| has(member.template.as_ref())).count();
    let far = match seen.active().filter(|active| has(active.desired.as_ref())) {
        Some(active) if active.state == RefreshState::RollbackInProgress => {
            format!("a refresh that brought it goes back ({} %)", active.percent)
        }
        Some(active) => format!("a refresh brings it: {}, {} %", active.state.as_str(), active.percent),
        None if count == 0 => return None,
        None => format!("{count} of {} instances run it", seen.group.members.len()),
    };
    let is_way = matches!(back(seen, goal, None), Ok(Stage::GoBack(_) | Stage::InFlight(_) | Stage::Due { .. }));
    let group = seen.group.name.clone();
    Some(Still { back: is_way.then(|| goal.brings_back(&group)), group, far })
}

/// Of these groups those that have what the channel names, or are about to. What can't be read is left out: it is told beside
/// a refusal, which stands in any case.
pub async fn among(
    site: Site<'_>,
    channels: &[ChannelRule],
    asked: (&RecipeName, &str, Option<Arch>),
    names: &[String],
) -> Vec<Still> {
    let (Some(rollouts), Ok((goal, _))) = (site.target.rollouts(), goal::named(site, channels, asked).await) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for group in rollouts.groups(names).await.unwrap_or_default() {
        if let Ok(seen) = look(site, rollouts, group, &goal).await {
            found.extend(of(&seen, &goal));
        }
    }
    found
}

/// What a revoke knows of an image.
#[derive(Debug, Clone, Copy)]
pub struct Marked<'a> {
    /// The recipe.
    pub recipe: &'a RecipeName,
    /// Its version.
    pub version: Version,
    /// The image, or its copy there.
    pub image: &'a ImageId,
    /// The region, where it is not the home region.
    pub region: Option<&'a Region>,
}

/// The command that turns round the refresh that brings a revoked image to a group; none where no roll-out has begun it.
pub async fn turned_round(target: &dyn Target, group: &str, marked: Marked<'_>) -> Option<String> {
    let rollouts = target.rollouts()?;
    let group = rollouts.groups(&[group.to_owned()]).await.ok()?.pop()?;
    let versions = rollouts.versions(&group.template()?.template).await.ok()?;
    let brings = |version: &&crate::target::TemplateVersion| {
        version.image.as_deref() == Some(marked.image.as_str())
            && label::source(&version.description, &group.name).is_some()
    };
    let channel = versions.iter().filter(brings).find_map(|version| label::channel(&version.description))?;
    let arch = rollouts.image_seen(marked.image.as_str()).await.ok()??.arch?;
    let goal = Goal {
        recipe: marked.recipe.clone(),
        channel,
        arch,
        version: marked.version,
        image: marked.image.clone(),
        region: marked.region.cloned(),
    };
    let seen = look(Site::home(target), rollouts, group, &goal).await.ok()?;
    of(&seen, &goal)?.back
}
