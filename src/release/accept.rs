//! Accepting that the record of a channel was edited: whoever has found out how that came about says so with a reason, and
//! the channel stays where it is. What is recorded says of each break what stood there, so that it speaks for no other.

use super::contradiction::Account;
use super::error::ReleaseError;
use super::history::{Break, History};
use super::note::Note;
use super::places::{Place, Places};
use super::scene::{Candidate, Scene};
use crate::identity::{Channel, Version};
use crate::recipe::Reach;
use crate::target::{Pointer, PointerName, Target, TargetError};
use futures_util::future::join_all;

/// A break, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// In which place; none: at home.
    pub place: Option<Place>,
    /// Which.
    pub broken: Break,
    /// What a note says that accepts it.
    seal: String,
}

impl std::fmt::Display for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "revision {}", self.broken.revision)?;
        if let Some(place) = &self.place {
            write!(f, " in {place}")?;
        }
        write!(f, ": {}", self.broken.what)
    }
}

/// What the record of a channel is accepted at: what the channel names, where that is fit for use.
pub fn candidate(
    scene: &Scene,
    channel: &Channel,
    current: &Pointer,
    asked: Option<Version>,
) -> Result<Candidate, ReleaseError> {
    let version = scene.version_of(&current.image).ok_or_else(|| TargetError::Damaged {
        what: format!("pointer {}", current.name),
        why: format!("it names {}, which is no image of this recipe, or is gone", current.image),
        help: format!(
            "first put it back to one of its own: amifactory rollback {} --channel {channel}; then accept its record",
            scene.recipe
        ),
    })?;
    match asked {
        Some(asked) if asked != version => {
            Err(ReleaseError::AcceptMoves { recipe: scene.recipe.clone(), channel: channel.clone(), asked, version })
        }
        _ => scene.fit(version, &current.image),
    }
}

/// All that is wrong and nobody has accepted: at home, and in the places that follow it, as far as they can be read.
pub async fn open(
    home: &dyn Target,
    places: Option<(&Places<'_>, &Reach)>,
    name: &PointerName,
) -> Result<Vec<Open>, TargetError> {
    let mut found = of(home, None, name).await?;
    if let Some((places, reach)) = places {
        let accounts = places.accounts(reach);
        let all = places.regions(reach).into_iter().flat_map(|region| {
            let of = |account| Place { account, region: region.clone() };
            accounts.iter().cloned().map(Some).chain([None]).map(of).collect::<Vec<_>>()
        });
        let each = all.filter(|place| *place != places.home_place()).map(|place| async move {
            // Where it can't be read nothing is accepted, and that it does not follow is told with the move.
            let there = places.at(&place).await.ok()?;
            of(&*there, Some(place), name).await.ok()
        });
        found.extend(join_all(each).await.into_iter().flatten().flatten());
    }
    Ok(found)
}

async fn of(target: &dyn Target, place: Option<Place>, name: &PointerName) -> Result<Vec<Open>, TargetError> {
    let entries = target.history(name).await?;
    let is_other = place.as_ref().is_some_and(|place| place.account.is_some());
    let account = if is_other { Account::Other } else { Account::Own };
    Ok(History::open(&entries, account)
        .into_iter()
        .map(|(broken, seal)| Open { place: place.clone(), broken, seal })
        .collect())
}

/// Puts into a note as many breaks as it holds, the first of them first; answers with those. At least one: where that does not
/// fit, the note says by how much.
pub fn put<'o>(note: &mut Note, open: &'o [Open]) -> Result<&'o [Open], ReleaseError> {
    let mut taken = open.len();
    loop {
        note.accepts = open.iter().take(taken).map(|open| open.seal.clone()).collect();
        match note.check() {
            Ok(()) => return Ok(&open[..taken]),
            Err(error) if taken <= 1 => return Err(error.into()),
            Err(_) => taken -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Kind;

    #[test]
    fn a_note_takes_as_many_breaks_as_it_holds_and_says_where_none_fits() {
        let open: Vec<Open> = (2..60)
            .map(|revision| Open {
                place: None,
                broken: Break { revision, what: "the moves before it were taken away".into() },
                seal: format!("{revision}:{}", "0".repeat(32)),
            })
            .collect();
        let mut note = Note { why: Some("known".into()), ..Note::new(Kind::Rollback, String::new()) };
        let taken = put(&mut note, &open).unwrap();
        assert!((10..open.len()).contains(&taken.len()), "{}", taken.len());
        assert_eq!(note.accepts.len(), taken.len());
        assert_eq!(put(&mut note, &open[..2]).unwrap().len(), 2);
        assert_eq!(put(&mut note, &[]).unwrap().len(), 0);
        note.why = Some("x".repeat(900));
        assert!(put(&mut note, &open).is_err());
    }

    #[test]
    fn a_break_is_told_with_its_place() {
        let region = "eu-central-1".parse().unwrap();
        let broken = Break { revision: 3, what: "its time is another one than its note says".into() };
        let open = Open { place: Some(Place { account: None, region }), broken, seal: String::new() };
        let here = Open { place: None, ..open.clone() };
        insta::assert_snapshot!([open.to_string(), here.to_string()].join("\n"));
    }
}
