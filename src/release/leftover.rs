//! Moves that someone began and did not end: whoever comes by finishes or clears them, once their time is over.

use super::distribute::Row;
use super::everywhere;
use super::intent::Foreign;
use super::note::Kind;
use super::places::Places;
use super::rightful::{self, Ground};
use crate::identity::RecipeName;
use crate::recipe::ChannelRule;
use crate::report::visible::line;
use crate::target::{PointerName, Settled, Slot, Target, TargetError, Underway};

/// All of these recipes.
pub async fn find(target: &dyn Target, recipes: &[RecipeName]) -> Result<Vec<Underway>, TargetError> {
    if let [recipe] = recipes {
        return target.underway(recipe).await;
    }
    target.overview(recipes).await?.into_values().flat_map(|overview| overview.underway).collect()
}

/// Settles those whose time is over, by the rules of their channels. Answers with what became of each, and with how other
/// places stand that follow it.
pub async fn settle(
    target: &dyn Target,
    places: Option<&Places<'_>>,
    rules: &[ChannelRule],
    found: Vec<Underway>,
) -> Result<Vec<(Underway, Settled, Vec<Row>)>, TargetError> {
    let mut settled = Vec::new();
    for underway in found {
        let (outcome, rows) = match underway.over {
            true => everywhere::settle(target, places, (rule_of(rules, &underway), &underway)).await?,
            false => (Settled::Underway, Vec::new()),
        };
        settled.push((underway, outcome, rows));
    }
    Ok(settled)
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
            Err(TargetError::NotFound { .. } | TargetError::Damaged { .. }) => return Ok(Some(Foreign::Record)),
            Err(error) => return Err(error),
        },
    };
    let ground = Ground { rule, own: &own, from: &from, image, images: &all, record: record.as_ref() };
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
        Settled::Underway => format!("{name} is being moved to {image} by {by}, until {until} at the latest"),
    }
}
