//! Reading: ListSnapshotBlocks, GetSnapshotBlock.

use super::super::World;
use super::super::params::Params;
use super::super::reply::{Body, Done, Incoming, Reply};
use super::{BLOCK, checksum, index, invalid, readable};
use serde_json::{Value, json};
use std::time::Duration;

/// How long block tokens are good: seven days.
const TOKENS: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a block is read with. It changes with the block's content.
fn token(id: &str, index: u32, bytes: &[u8]) -> String {
    format!("{id}.{index}.{}", checksum(bytes))
}

pub fn list(world: &mut World, call: &Incoming<'_>, id: &str) -> Reply {
    let query = Params::parse(call.request.query.as_bytes());
    let wrong = |_| invalid("INVALID_PARAMETER_VALUE", "A number in the query is not valid.");
    let size = query.number("maxResults").map_err(wrong)?.unwrap_or(100);
    if !(100..=10_000).contains(&size) {
        return Err(invalid("INVALID_PARAMETER_VALUE", "maxResults is not valid: 100 to 10000."));
    }
    let first = query.number("startingBlockIndex").map_err(wrong)?.unwrap_or(0);
    let first = match query.get("pageToken") {
        None => first,
        Some(token) => token
            .strip_prefix("block-")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| invalid("INVALID_PAGE_TOKEN", "The page token is not valid."))?,
    };
    let expires = world.clock.epoch(call.now + TOKENS);
    let now = call.now;
    let (snapshot, blocks) = readable(world, call, id)?;
    if *snapshot.state.at(now) != "completed" {
        return Err(invalid("INVALID_SNAPSHOT_ID", format!("The snapshot '{id}' is not completed.")));
    }
    let mut left = blocks.iter().filter(|(index, _)| u64::from(**index) >= first);
    let page = left.by_ref().take(usize::try_from(size).unwrap_or(usize::MAX));
    let listed: Vec<Value> =
        page.map(|(index, bytes)| json!({ "BlockIndex": index, "BlockToken": token(id, *index, bytes) })).collect();
    let mut body = json!({
        "Blocks": listed,
        "ExpiryTime": expires,
        "VolumeSize": snapshot.size,
        "BlockSize": BLOCK,
    });
    if let Some((next, _)) = left.next() {
        body["NextToken"] = json!(format!("block-{next}"));
    }
    Ok(Done::json(body))
}

pub fn get(world: &mut World, call: &Incoming<'_>, id: &str, block: &str) -> Reply {
    let block = index(block)?;
    let query = Params::parse(call.request.query.as_bytes());
    let given = query.get("blockToken").unwrap_or_default().to_owned();
    let now = call.now;
    let (snapshot, blocks) = readable(world, call, id)?;
    if *snapshot.state.at(now) != "completed" {
        return Err(invalid("INVALID_SNAPSHOT_ID", format!("The snapshot '{id}' is not completed.")));
    }
    let found = blocks.get(&block).filter(|bytes| token(id, block, bytes) == given);
    let bytes = found.ok_or_else(|| invalid("INVALID_BLOCK_TOKEN", "The block token is not that of this block."))?;
    let mut done = Done::of(Body::Bytes(bytes.clone()));
    done.headers = vec![
        ("Content-Type".to_owned(), "application/octet-stream".to_owned()),
        ("x-amz-Data-Length".to_owned(), BLOCK.to_string()),
        ("x-amz-Checksum".to_owned(), checksum(bytes)),
        ("x-amz-Checksum-Algorithm".to_owned(), "SHA256".to_owned()),
    ];
    Ok(done)
}
