//! Open items in OpsCenter that nobody brings up to date any more: of an audience that has another name now, or is gone, or of
//! a factory that has. They stay open, whatever becomes of what they say.

use super::memory::Memory;
use super::tell::Way;
use crate::hardening::shell;
use crate::identity::Region;
use crate::recipe::Notify;
use crate::target::{Herald, Kept, OpenTicket, TargetError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// Whoever looks remembers at least once a week that it did. After a day more nobody does.
const QUIET: Duration = Duration::days(8);
/// How many items a command resolves: the next run tells the others.
const MOST: usize = 50;

/// What one audience has left open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftItems {
    /// Who opened them: the audience, behind the factory's name where it has one.
    pub opened_by: String,
    /// How many there are.
    pub count: usize,
    /// Why nobody brings them up to date.
    pub why: String,
    /// The command that resolves them.
    pub resolve: String,
}

/// Looks for them. What was opened under this factory's own name, by an audience that is none, is left at once. What has
/// another name may be another factory's: that is told once whoever opened it has not looked for longer than a week.
pub async fn left(
    herald: &dyn Herald,
    notify: &Notify,
    here: &Region,
    now: OffsetDateTime,
) -> Result<Vec<LeftItems>, TargetError> {
    let mut by_owner: BTreeMap<String, Vec<OpenTicket>> = BTreeMap::new();
    for ticket in herald.open_tickets("").await? {
        let owner = ticket.key.rsplit_once(':').map(|(owner, _)| owner.to_owned());
        by_owner.entry(owner.unwrap_or_default()).or_default().push(ticket);
    }
    let live = live(notify);
    let mut found = Vec::new();
    for (owner, tickets) in by_owner.into_iter().filter(|(owner, _)| is_name(owner) && !live.contains(owner)) {
        let is_own = notify.factory.as_ref().is_some_and(|own| owner.starts_with(&format!("{own}.")));
        let why = if is_own {
            "no audience of this name has `opscenter: true` any more".to_owned()
        } else {
            let kept = herald.recall(&format!("{owner}.{}", Way::Opscenter.as_str())).await?;
            match quiet(&kept, now) {
                Some(why) => why,
                None => continue,
            }
        };
        found.push(LeftItems { count: tickets.len(), why, resolve: resolve(&tickets, here), opened_by: owner });
    }
    Ok(found)
}

/// The names under which this factory's audiences open items.
fn live(notify: &Notify) -> BTreeSet<String> {
    let own = notify.factory.as_ref().map(|own| format!("{own}.")).unwrap_or_default();
    notify.audiences.iter().filter(|(_, of)| of.opscenter).map(|(name, _)| format!("{own}{name}")).collect()
}

/// What could be the name of an audience, with its factory's. Others wrote none of ours.
fn is_name(owner: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !owner.is_empty() && owner.len() <= 128 && owner.chars().all(is_fit)
}

/// Why whoever opened them does not look any more; none where it may.
fn quiet(kept: &Kept, now: OffsetDateTime) -> Option<String> {
    let told = match kept {
        Kept::Text(text) => {
            Memory::read(text).ok().and_then(|memory| OffsetDateTime::parse(&memory.told_at, &Rfc3339).ok())
        }
        Kept::Nothing | Kept::Damaged(_) => None,
    };
    match told {
        Some(told) if now - told < QUIET => None,
        Some(told) => Some(format!("whoever opened them has not looked for {} days", (now - told).whole_days())),
        None => Some("whoever opened them has left no memory of it that can be read".to_owned()),
    }
}

fn resolve(tickets: &[OpenTicket], here: &Region) -> String {
    let ids: Vec<String> = tickets.iter().take(MOST).map(|ticket| shell::shown(&ticket.id)).collect();
    format!(
        "for i in {}; do aws ssm update-ops-item --ops-item-id \"$i\" --status Resolved --region {here}; done",
        ids.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn whoever_looked_within_a_week_still_looks() {
        let now = datetime!(2026-11-20 12:00 UTC);
        let of = |told_at: &str| Kept::Text(Memory { told_at: told_at.into(), ..Memory::default() }.write());
        assert_eq!(quiet(&of("2026-11-12T12:00:01Z"), now), None);
        // A clock that is ahead is no reason.
        assert_eq!(quiet(&of("2026-11-21T12:00:00Z"), now), None);
        let days = "whoever opened them has not looked for 8 days";
        assert_eq!(quiet(&of("2026-11-12T12:00:00Z"), now).as_deref(), Some(days));
        for kept in [Kept::Nothing, Kept::Damaged("x".into()), Kept::Text("x".into()), of("")] {
            assert!(quiet(&kept, now).is_some_and(|why| why.contains("no memory")), "{kept:?}");
        }
    }

    #[test]
    fn what_others_wrote_is_no_name() {
        assert!(["web", "shop.web", "a-b_c"].into_iter().all(is_name));
        assert!(!["", "a/b", "a b", "$(x)", "a:b"].into_iter().any(is_name));
    }
}
