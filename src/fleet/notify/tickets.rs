//! Items in OpsCenter, in step with what an audience was told: one for each fingerprint, opened once, brought up to date where
//! it is worse or another command mends it, resolved where it is over. What a person has closed stays closed until it is worse.

use super::digest::{Digest, Ear};
use super::item::{Fingerprint, Item, Seen, cut};
use super::memory::{Memory, Recall};
use crate::fleet::freshness::Level;
use crate::identity::Digest as Sum;
use crate::target::{Herald, OpenTicket, TargetError, Ticket};
use std::collections::{BTreeMap, BTreeSet};

/// How many are opened or brought up to date in a run, and how many are resolved: the others have their turn with the next.
pub const MOST: usize = 50;
/// The longest description, in characters (Systems Manager API reference, `CreateOpsItem`).
const DESCRIPTION: usize = 2048;

/// How many have their turn with the next run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Of those that are new.
    pub new: usize,
    /// Of those that are worse.
    pub worse: usize,
    /// Of those that are something else.
    pub changed: usize,
}

/// Opens what is new, and brings up to date what is worse or something else. What has to wait is not remembered as told; how much that is is the answer.
pub async fn open(
    herald: &dyn Herald,
    audience: &str,
    digest: &Digest,
    before: &Recall,
    memory: &mut Memory,
) -> Result<Waiting, TargetError> {
    let mut waiting = Waiting::default();
    let worse = digest.worse.iter().map(|worse| (&worse.item, false));
    let changed = digest.changed.iter().map(|changed| (&changed.item, true));
    let new = digest.new.iter().map(|item| (item, false));
    for (at, (item, is_changed)) in worse.chain(new).chain(changed).enumerate() {
        if at < MOST {
            herald.open_ticket(&ticket(audience, item)).await?;
            continue;
        }
        let was = match before {
            Recall::Known(before) => before.told.get(&item.fingerprint),
            _ => None,
        };
        match was {
            Some(was) => {
                match is_changed {
                    true => waiting.changed += 1,
                    false => waiting.worse += 1,
                }
                memory.told.insert(item.fingerprint.clone(), was.clone());
            }
            None => {
                waiting.new += 1;
                memory.told.remove(&item.fingerprint);
            }
        }
    }
    Ok(waiting)
}

/// Puts in order what is open: resolves what is over, and says the command of today where another one stands there. An open
/// item shows which one it holds, so one that is as it should be costs no call.
pub async fn tidy(
    herald: &dyn Herald,
    audience: &str,
    (seen, ear): (&Seen, &Ear),
    digest: &Digest,
    memory: &Memory,
) -> Result<(), TargetError> {
    let open = herald.open_tickets(&format!("{audience}:")).await?;
    resolve(herald, audience, (seen, ear), memory, &open).await?;
    let same = digest.same.iter().map(|item| ticket(audience, item));
    let same: BTreeMap<String, Ticket> = same.map(|ticket| (ticket.key.clone(), ticket)).collect();
    let now = |open: &OpenTicket| same.get(&open.key).filter(|now| now.stamp != open.stamp);
    for (open, now) in open.iter().filter_map(|open| Some((open, now(open)?))).take(MOST) {
        herald.update_ticket(&open.id, now).await?;
    }
    Ok(())
}

/// Resolves whatever is open and over, also what a run opened that died before it could remember that. Called once it is
/// remembered that it is over: were it resolved first, a run that dies in between would leave something closed that may come
/// back and is remembered as told.
async fn resolve(
    herald: &dyn Herald,
    audience: &str,
    (seen, ear): (&Seen, &Ear),
    memory: &Memory,
    open: &[OpenTicket],
) -> Result<(), TargetError> {
    let prefix = format!("{audience}:");
    // What is heard holds also where it is beyond what is remembered.
    let heard = seen.items.iter().filter(|item| ear.hears(item)).map(|item| &item.fingerprint);
    let holding: BTreeSet<&str> = heard.chain(memory.told.keys()).map(Fingerprint::as_str).collect();
    let holds = |key: &str| holding.contains(key.strip_prefix(&prefix).unwrap_or_default());
    // Where not all can be read, what was never remembered may be there too.
    let over = open.iter().filter(|ticket| !holds(&ticket.key) && !seen.blind.contains(&ticket.place));
    for ticket in over.take(MOST) {
        herald.resolve_ticket(&ticket.id).await?;
    }
    Ok(())
}

fn ticket(audience: &str, item: &Item) -> Ticket {
    let mut text = format!("{}\n\n", item.title);
    for (name, line) in [("why", Some(&item.why)), ("which", Some(&item.examples)), ("fix", item.fix.as_ref())] {
        if let Some(line) = line.filter(|line| !line.is_empty()) {
            text.push_str(&format!("{name}: {line}\n"));
        }
    }
    text.push_str(&format!("count: {}\n", item.count));
    // A block of code: what others wrote is text there, and no link. Nothing in it begins a line.
    let block: String = text.lines().map(|line| format!("    {line}\n")).collect();
    Ticket {
        key: format!("{audience}:{}", item.fingerprint),
        place: item.place.clone(),
        title: format!("{}: {}", item.level.as_str(), item.title),
        description: cut(&block, DESCRIPTION),
        severity: if item.level == Level::Fail { 2 } else { 3 },
        resources: item.arns.clone(),
        // Of the command alone: ages and counts change from day to day.
        stamp: Sum::of(item.fix.as_deref().unwrap_or_default().as_bytes()).short().to_owned(),
    }
}
