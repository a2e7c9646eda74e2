//! Moves that someone began and did not end: whoever comes by finishes or clears them, once their time is over.

use super::distribute::Row;
use super::everywhere;
use super::intent::Foreign;
use super::note::Kind;
use super::places::Places;
use super::rightful::{self, Ground};
use crate::identity::{Channel, RecipeName, Version};
use crate::recipe::ChannelRule;
use crate::report::visible::{joined, line};
use crate::target::{PointerName, Settled, Slot, Target, TargetError, Underway};

/// What was found of moves that someone began.
#[derive(Debug, Default)]
pub struct Left {
    /// Those that can be read.
    pub moves: Vec<Underway>,
    /// Locks that can't: each names its pointer, moves nothing, and is nobody's.
    pub damaged: Vec<(PointerName, TargetError)>,
}

impl Left {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.moves.is_empty() && self.damaged.is_empty()
    }
}

/// All of these recipes. What someone has damaged keeps nobody from reading the rest.
pub async fn find(target: &dyn Target, recipes: &[RecipeName]) -> Result<Left, TargetError> {
    let mut left = Left::default();
    if let [recipe] = recipes {
        for read in target.underway_read(recipe).await? {
            match read {
                Ok(underway) => left.moves.push(underway),
                Err(damaged) => left.damaged.push(damaged),
            }
        }
        return Ok(left);
    }
    for overview in target.overview(recipes).await?.into_values() {
        let mut names = overview.unreadable.into_iter();
        for read in overview.underway {
            match read {
                Ok(underway) => left.moves.push(underway),
                Err(error) => left.damaged.extend(names.next().map(|name| (name, error))),
            }
        }
    }
    Ok(left)
}

/// What became of a move: as it was found, what was done, and how other places stand that follow it.
pub type Ended = (Underway, Settled, Vec<Row>);

/// Settles those whose time is over, by the rules of their channels. What can't be settled keeps no other from it.
pub async fn settle(
    target: &dyn Target,
    places: Option<&Places<'_>>,
    rules: &[ChannelRule],
    found: Vec<Underway>,
) -> Vec<Ended> {
    let mut settled = Vec::new();
    for underway in found {
        let (outcome, rows) = match underway.over {
            true => {
                let ended = everywhere::settle(target, places, (rule_of(rules, &underway), &underway)).await;
                ended.unwrap_or_else(|error| (Settled::Failed(error.to_string()), Vec::new()))
            }
            false => (Settled::Underway, Vec::new()),
        };
        settled.push((underway, outcome, rows));
    }
    settled
}

/// Removes a lock that can't be read, and says so.
pub async fn clear(target: &dyn Target, (name, error): &(PointerName, TargetError)) -> Result<String, TargetError> {
    target.clear_damaged(name).await?;
    Ok(format!(
        "what stood where moves of {name} are locked is removed: {}\n  it moved nothing, and was nobody's; find out who \
         could write it",
        joined(&why_damaged(error))
    ))
}

/// Why a lock can't be read, without the way out that this already is.
pub fn why_damaged(error: &TargetError) -> String {
    match error {
        TargetError::Damaged { what, why, .. } => format!("{what} is damaged: {why}"),
        error => error.to_string(),
    }
}

fn rule_of<'r>(rules: &'r [ChannelRule], underway: &Underway) -> Option<&'r ChannelRule> {
    rules.iter().find(|rule| underway.name.slot == Slot::Channel(rule.name.clone()))
}

/// Why the rule of its channel does not let a move be finished. Asks and changes nothing.
pub async fn refused(
    target: &dyn Target,
    rule: Option<&ChannelRule>,
    underway: &Underway,
) -> Result<Option<Foreign>, TargetError> {
    let Underway { name, image, note, .. } = underway;
    let Some(rule) = rule else { return Ok(Some(Foreign::NoChannel)) };
    let all = target.images_of(&name.recipe).await?;
    let Some(image) = all.iter().find(|found| found.id == *image) else { return Ok(Some(Foreign::Gone)) };
    let from = match &rule.from {
        Some(from) => target.history(&PointerName { slot: Slot::Channel(from.clone()), ..name.clone() }).await?,
        None => Vec::new(),
    };
    let own = target.history(name).await?;
    let record = match note.kind {
        Kind::Rollback => None,
        _ => match target.record(&image.id).await {
            Ok(record) => Some(record),
            Err(TargetError::NotFound { .. } | TargetError::RecordLost { .. } | TargetError::Damaged { .. }) => {
                return Ok(Some(Foreign::Record));
            }
            Err(error) => return Err(error),
        },
    };
    let writer = if note.vouches_for_itself() { target.mover(name).await? } else { None };
    let ground = Ground {
        rule,
        own: &own,
        from: &from,
        image,
        images: &all,
        record: record.as_ref(),
        writer: writer.as_deref(),
    };
    Ok(rightful::wrong(underway, &ground))
}

/// What became of a move and, where other places were to follow it, of those that do not.
pub fn all_told(underway: &Underway, settled: &Settled, rows: &[Row]) -> Vec<String> {
    let behind = rows.iter().filter_map(|row| Some((row, row.why.as_deref()?)));
    let behind = behind.map(|(row, why)| format!("{} does not follow in {}: {why}", underway.name, row.place));
    std::iter::once(told(underway, settled)).chain(behind).collect()
}

/// What became of a move, in a sentence or two.
pub fn told(underway: &Underway, settled: &Settled) -> String {
    let Underway { name, image, until, .. } = underway;
    let by = line(&underway.by);
    match settled {
        Settled::Finished => format!("{name} names {image} now, as {by} had begun"),
        Settled::Cleared => {
            format!("the move of {name} to {image} that {by} had begun is cleared: nothing is left to do")
        }
        Settled::Refused(foreign) => {
            let way = match (&name.slot, foreign, underway.note.version) {
                // What it says of its version was borne out by its image.
                (Slot::Channel(channel), Foreign::Vouched { .. }, Some(version)) => again(underway, channel, version),
                (Slot::Channel(channel), Foreign::Gates(_) | Foreign::From | Foreign::NeverNamed, Some(version)) => {
                    format!("amifactory promote {}@{version} --to {channel}", name.recipe)
                }
                _ => "amifactory promote".to_owned(),
            };
            format!(
                "{name} does not move to {image}: {}\n  \
                 the lock that says that {by} had begun it is removed; find out who could write it; where the channel is \
                 to move, {way} asks its gates",
                line(&foreign.to_string())
            )
        }
        Settled::Failed(why) => {
            format!("the move of {name} to {image} that {by} had begun could not be settled: {}", joined(why))
        }
        Settled::Underway => format!("{name} is being moved to {image} by {by}, until {until} at the latest"),
    }
}

/// The command that says once more, in one's own name, what a lock has said of itself.
fn again(underway: &Underway, channel: &Channel, version: Version) -> String {
    let (recipe, note) = (&underway.name.recipe, &underway.note);
    if note.kind == Kind::Rollback {
        return format!("amifactory rollback {recipe} --channel {channel} --to {version} --why REASON");
    }
    let mut command = format!("amifactory promote {recipe}@{version} --to {channel}");
    if note.approved_by.is_some() || note.approval.is_some() {
        command.push_str(" --approved-by NAME --approval-reason TEXT");
    }
    if note.overridden.is_some() || !note.gates.is_empty() {
        command.push_str(" --override REASON");
    }
    command
}
