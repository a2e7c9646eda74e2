//! `retire`: images that nothing uses any more, and what keeps the others.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::fleet::retire::{self, Ended, Item, Verdict, Wanted};
use crate::report::view::{self, Outcome, RetiredRow};
use clap::Args;
use std::collections::BTreeMap;

/// Say of each image what keeps it; remove with --apply what nothing keeps.
#[derive(Debug, Args)]
pub struct Retire {
    /// Only this recipe's
    #[arg(value_name = "RECIPE")]
    recipe: Option<String>,
    /// Remove what nothing keeps
    #[arg(long)]
    apply: bool,
}

impl Retire {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        // A recipe that can't be read may keep more than its factory does: nothing goes until all can be read.
        let open = session.open()?;
        open.reach().await?;
        let target = &*open.target;
        let Some(shelf) = target.shelf() else {
            return Err(CliError::Usage(format!("images on the target {} can't be retired", target.kind())));
        };
        let way_out = match (self.apply, shelf.way_out()) {
            (true, None) => {
                return Err(CliError::Usage(format!(
                    "images on the target {} can't be removed yet: nothing was changed\n  without --apply it says of each \
                     what keeps it",
                    target.kind()
                )));
            }
            (true, way_out) => way_out,
            (false, _) => None,
        };
        let recipes = match &self.recipe {
            Some(recipe) => vec![open.released(recipe).await?],
            None => open.all_released().await?,
        };
        // Held until the end where something is to be removed; without that only who holds them is of interest.
        let (locks, busy) = retire::lock(&open.state, &recipes)?;
        let locks = self.apply.then_some(locks);
        let wanted = Wanted { factory: &open.factory, recipes: &recipes, only: None, busy: &busy };
        let items = retire::survey(target, shelf, &wanted).await?;
        let now = target.now();
        let verdicts: Vec<Verdict> =
            items.iter().map(|item| retire::decide(&item.facts, item.retention.as_ref(), now)).collect();
        let going: Vec<Item> = items
            .iter()
            .zip(&verdicts)
            .filter(|(_, verdict)| !matches!(verdict, Verdict::Keep(_)))
            .map(|(item, _)| item.clone())
            .collect();
        let mut ended = BTreeMap::new();
        if let Some(way_out) = way_out {
            let done = retire::carry_out(target, (shelf, way_out), (&open.state, &open.factory), &going, &busy).await?;
            ended.extend(going.iter().map(|item| item.image.clone()).zip(done));
        }
        drop(locks);
        let rows = items.iter().zip(&verdicts).map(|(item, verdict)| {
            let outcome = match ended.get(&item.image) {
                Some(Ended::Removed) => Outcome::Removed,
                Some(Ended::Kept(reasons)) => Outcome::Keep(reasons.clone()),
                Some(Ended::Failed(error)) => Outcome::Failed(error.to_string()),
                None => match verdict {
                    Verdict::Keep(reasons) => Outcome::Keep(reasons.clone()),
                    Verdict::Remove | Verdict::Finish => Outcome::Remove,
                },
            };
            RetiredRow::of(item, target.kind(), outcome)
        });
        let shown = view::Retired::of(rows.collect(), self.apply, open.factory.retention.is_some());
        session.result(&shown, |style| view::retired(&shown, style))?;
        Ok(match (shown.failed, shown.removed) {
            (0, _) => Exit::Done,
            (_, 0) => Exit::Failed,
            _ => Exit::Partly,
        })
    }
}
