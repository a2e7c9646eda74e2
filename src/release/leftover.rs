//! Moves that someone began and did not end: whoever comes by finishes or clears them, once their time is over.

use super::distribute::Row;
use super::everywhere;
use super::places::Places;
use crate::identity::RecipeName;
use crate::report::visible::line;
use crate::target::{Settled, Target, TargetError, Underway};

/// All of these recipes.
pub async fn find(target: &dyn Target, recipes: &[RecipeName]) -> Result<Vec<Underway>, TargetError> {
    if let [recipe] = recipes {
        return target.underway(recipe).await;
    }
    target.overview(recipes).await?.into_values().flat_map(|overview| overview.underway).collect()
}

/// Settles those whose time is over. Answers with what became of each, and with how other places stand that follow it.
pub async fn settle(
    target: &dyn Target,
    places: Option<&Places<'_>>,
    found: Vec<Underway>,
) -> Result<Vec<(Underway, Settled, Vec<Row>)>, TargetError> {
    let mut settled = Vec::new();
    for underway in found {
        let (outcome, rows) = match underway.over {
            true => everywhere::settle(target, places, &underway).await?,
            false => (Settled::Underway, Vec::new()),
        };
        settled.push((underway, outcome, rows));
    }
    Ok(settled)
}

/// What became of a move, in one sentence.
pub fn told(underway: &Underway, settled: Settled) -> String {
    let Underway { name, image, until, .. } = underway;
    let by = line(&underway.by);
    match settled {
        Settled::Finished => format!("{name} names {image} now, as {by} had begun"),
        Settled::Cleared => {
            format!("the move of {name} to {image} that {by} had begun is cleared: nothing is left to do")
        }
        Settled::Refused(foreign) => format!(
            "{name} does not move to {image}: {foreign}\n  \
             the lock that says that {by} had begun it is removed; find out who could write it; amifactory promote moves \
             the channel, past its gates"
        ),
        Settled::Underway => format!("{name} is being moved to {image} by {by}, until {until} at the latest"),
    }
}
