//! Items in OpsCenter, in step with what an audience was told: one for each fingerprint, opened once, brought up to date where
//! it is worse, resolved where it is over. What a person has closed stays closed until it is worse.

use super::digest::{Digest, Ear};
use super::item::{Fingerprint, Item, Seen, cut};
use super::memory::{Memory, Recall};
use crate::fleet::freshness::Level;
use crate::target::{Herald, TargetError, Ticket};
use std::collections::BTreeSet;

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

/// Resolves whatever is open and over, also what a run opened that died before it could remember that. Called once it is
/// remembered that it is over: were it resolved first, a run that dies in between would leave something closed that may come
/// back and is remembered as told.
pub async fn resolve(
    herald: &dyn Herald,
    audience: &str,
    (seen, ear): (&Seen, &Ear),
    memory: &Memory,
) -> Result<(), TargetError> {
    let prefix = format!("{audience}:");
    // What is heard holds also where it is beyond what is remembered.
    let heard = seen.items.iter().filter(|item| ear.hears(item)).map(|item| &item.fingerprint);
    let holding: BTreeSet<&str> = heard.chain(memory.told.keys()).map(Fingerprint::as_str).collect();
    let holds = |key: &str| holding.contains(key.strip_prefix(&prefix).unwrap_or_default());
    let open = herald.open_tickets(&prefix).await?;
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
    }
}
