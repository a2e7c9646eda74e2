//! Pins: a channel that nobody moves, neither people nor builds.

use super::error::{ReleaseError, one_line};
use super::promote::{refuse_pinned, rule};
use super::scene::Scene;
use crate::identity::{Arch, RecipeName};
use crate::pipeline::clock;
use crate::recipe::ChannelRule;
use crate::report::visible::line;
use crate::target::{Pin, PointerName, Target, TargetError, Underway};
use std::time::Duration;
use time::Date;

/// How long a move that was begun before is waited for: most take seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How often is looked whether it has ended.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// Which channel.
#[derive(Debug, Clone)]
pub struct Which {
    /// Which recipe.
    pub recipe: RecipeName,
    /// Which channel.
    pub channel: String,
    /// For which architecture.
    pub arch: Option<Arch>,
}

/// Holds a channel from now on.
pub async fn pin(
    target: &dyn Target,
    channels: &[ChannelRule],
    which: &Which,
    why: &str,
    until: Option<Date>,
) -> Result<(PointerName, Pin), ReleaseError> {
    let rule = rule(channels, &which.channel)?;
    let why = one_line("--why", why, 500)?;
    if let Some(until) = until.filter(|until| *until < target.now().date()) {
        return Err(ReleaseError::Text { option: "--until", what: format!("{until} is over") });
    }
    let scene = Scene::look(target, &which.recipe).await?;
    let name = scene.channel(scene.arch(which.arch)?, &rule.name);
    // Whoever holds it already has a reason that must not get lost.
    refuse_pinned(target, &name, &rule.name).await?;
    let pin = Pin { by: target.who().await?, why, at: clock::rfc3339(target.now()), until, lifted: None };
    target.take_pin(&name, &pin).await?;
    let began = tokio::time::Instant::now();
    // Who began to move it before that has not seen the pin.
    while let Some(underway) = underway(target, &name).await? {
        if began.elapsed() > PATIENCE {
            return Err(ReleaseError::PinnedUnderway { name: Box::new(name), underway: Box::new(underway) });
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok((name, pin))
}

/// A move of the channel that still may happen. One whose time is over is not finished any more once the channel is held.
async fn underway(target: &dyn Target, name: &PointerName) -> Result<Option<Underway>, ReleaseError> {
    let underway = target.underway(&name.recipe).await?;
    Ok(underway.into_iter().find(|underway| underway.name == *name && !underway.over))
}

/// Lets a channel go. Answers with the pin that held it.
pub async fn unpin(
    target: &dyn Target,
    channels: &[ChannelRule],
    which: &Which,
) -> Result<(PointerName, Pin), ReleaseError> {
    let rule = rule(channels, &which.channel)?;
    let scene = Scene::look(target, &which.recipe).await?;
    let name = scene.channel(scene.arch(which.arch)?, &rule.name);
    let held = match target.pin(&name).await {
        // What someone wrote by hand goes the same way.
        Err(TargetError::Damaged { why, .. }) => Some(Pin {
            by: "someone".into(),
            why: format!("what was written there can't be read: {}", line(&why)),
            at: clock::rfc3339(target.now()),
            until: None,
            lifted: None,
        }),
        held => held?.filter(|pin| pin.holds(target.now())),
    };
    let Some(pin) = held else {
        return Err(ReleaseError::NotPinned { recipe: which.recipe.clone(), channel: rule.name.clone() });
    };
    let lifted = (clock::rfc3339(target.now()), target.who().await?);
    target.put_pin(&name, &Pin { lifted: Some(lifted), ..pin.clone() }).await?;
    Ok((name, pin))
}
