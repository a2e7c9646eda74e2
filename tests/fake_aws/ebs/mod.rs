//! EBS direct APIs: snapshots that are written and read block by block. The snapshots themselves are EC2's, which
//! describes, tags and deletes them.

mod read;
mod write;

use super::World;
use super::ec2::model::{Home, Snapshot};
use super::reply::{Failure, Incoming, Reply};
use super::settings::Settings;
use super::throttle::Limit;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Every block is that long: "Concepts" of the EBS direct APIs.
pub const BLOCK: usize = 512 << 10;

/// What was written, and by which tokens.
#[derive(Debug, Clone, Default)]
pub struct State {
    contents: BTreeMap<String, Content>,
    tokens: BTreeMap<(Home, String), (Value, String)>,
    /// How many snapshots there were when blocks were last put in order: with thousands of them that takes its time.
    snapshots: usize,
    /// So many snapshots that are begun next fail as soon as they are there.
    pub failing: usize,
}

/// A snapshot's blocks.
#[derive(Debug, Clone)]
struct Content {
    /// Without the zeros at their ends: a world may hold thousands of them.
    blocks: BTreeMap<u32, Vec<u8>>,
    /// When it was last written to.
    touched: Instant,
    /// It is given up when nothing is written to it for that long.
    timeout: Duration,
    completed: bool,
}

impl State {
    pub fn new(_settings: &Settings) -> State {
        State::default()
    }

    /// A snapshot of one block that is written already.
    pub fn insert(&mut self, snapshot: &str, block: Vec<u8>, now: Instant) {
        let blocks = BTreeMap::from([(0, block)]);
        let content = Content { blocks, touched: now, timeout: Duration::ZERO, completed: true };
        self.contents.insert(snapshot.to_owned(), content);
    }

    /// The blocks of a snapshot, for tests to look at.
    pub fn blocks(&self, snapshot: &str) -> Option<&BTreeMap<u32, Vec<u8>>> {
        self.contents.get(snapshot).map(|content| &content.blocks)
    }
}

/// The name of the operation behind a method and a path.
pub fn action(method: &str, path: &str) -> &'static str {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("POST", ["snapshots"]) => "StartSnapshot",
        ("POST", ["snapshots", "completion", _]) => "CompleteSnapshot",
        ("PUT", ["snapshots", _, "blocks", _]) => "PutSnapshotBlock",
        ("GET", ["snapshots", _, "blocks", _]) => "GetSnapshotBlock",
        ("GET", ["snapshots", _, "blocks"]) => "ListSnapshotBlocks",
        ("GET", ["snapshots", _, "changedblocks"]) => "ListChangedBlocks",
        _ => "Unknown",
    }
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    let parts: Vec<&str> = call.request.path.trim_matches('/').split('/').collect();
    match (call.action, parts.as_slice()) {
        ("StartSnapshot", _) => write::start(world, call),
        ("PutSnapshotBlock", [_, id, _, index]) => write::put(world, call, id, index),
        ("CompleteSnapshot", [_, _, id]) => write::complete(world, call, id),
        ("ListSnapshotBlocks", [_, id, _]) => read::list(world, call, id),
        ("GetSnapshotBlock", [_, id, _, index]) => read::get(world, call, id, index),
        _ => Err(Failure::unknown("UnknownOperationException", call.action)),
    }
}

/// EBS direct quotas: 1,000 blocks a second each way, 50 lists, 10 starts and completions.
pub fn limit(action: &str) -> Limit {
    match action {
        "GetSnapshotBlock" | "PutSnapshotBlock" => Limit { bucket: "", size: 1000.0, refill: 1000.0 },
        "ListSnapshotBlocks" | "ListChangedBlocks" => Limit { bucket: "", size: 50.0, refill: 50.0 },
        _ => Limit { bucket: "", size: 10.0, refill: 10.0 },
    }
}

/// What is due by now: snapshots that nobody went on with fail, and blocks go with their snapshot.
pub fn settle(world: &mut World, now: Instant) {
    let World { ebs, ec2, .. } = world;
    if ebs.snapshots == ec2.snapshots.len() && ebs.contents.values().all(|content| content.completed) {
        return;
    }
    ebs.snapshots = ec2.snapshots.len();
    ebs.contents.retain(|id, content| {
        let Some(snapshot) = ec2.snapshots.get_mut(id) else { return false };
        let given_up = content.touched + content.timeout;
        if !content.completed && given_up <= now && *snapshot.state.at(now) == "pending" {
            snapshot.state.set(given_up, "error");
        }
        true
    });
}

fn invalid(reason: &str, message: impl Into<String>) -> Failure {
    Failure::bad("ValidationException", message).with("Reason", reason)
}

fn not_found(id: &str) -> Failure {
    let message = format!("The snapshot '{id}' does not exist.");
    Failure::new(404, "ResourceNotFoundException", message).with("Reason", "SNAPSHOT_NOT_FOUND")
}

/// A snapshot of the caller's, with its blocks.
fn find<'a>(
    world: &'a mut World,
    call: &Incoming<'_>,
    id: &str,
) -> Result<(&'a mut Snapshot, &'a mut Content), Failure> {
    let digits = id.strip_prefix("snap-").unwrap_or_default();
    if !matches!(digits.len(), 8 | 17) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid("INVALID_SNAPSHOT_ID", format!("The snapshot id '{id}' is not valid.")));
    }
    let home = Home::of(call.caller);
    let World { ebs, ec2, .. } = world;
    let snapshot = ec2.snapshots.get_mut(id).filter(|snapshot| snapshot.home == home);
    match (snapshot, ebs.contents.get_mut(id)) {
        (Some(snapshot), Some(content)) => Ok((snapshot, content)),
        _ => Err(not_found(id)),
    }
}

/// A snapshot that the caller may read: its own, or one that is shared and whose key the caller may use. What nobody has
/// written block by block has one block.
fn readable(world: &World, call: &Incoming<'_>, id: &str) -> Result<(Snapshot, BTreeMap<u32, Vec<u8>>), Failure> {
    let home = Home::of(call.caller);
    let found = world.ec2.snapshots.get(id).filter(|snapshot| snapshot.home.region == home.region);
    let snapshot = found.cloned().ok_or_else(|| not_found(id))?;
    let denied = |message: String| Failure::new(403, "AccessDeniedException", message).with("Reason", "UNAUTHORIZED");
    if snapshot.home.account != home.account && !snapshot.shared_with.contains(&home.account) {
        return Err(denied(format!("The caller is not authorized to read {id}.")));
    }
    if let Some(key) = snapshot.kms_key.as_ref().filter(|_| snapshot.encrypted)
        && (!world.ec2.may_decrypt(key, &home.account) || call.caller.credential.denies("kms:Decrypt"))
    {
        return Err(denied(format!("The caller is not authorized to perform kms:Decrypt on {key}.")));
    }
    let blocks = match world.ebs.contents.get(id) {
        Some(content) => content.blocks.iter().map(|(index, bytes)| (*index, whole(bytes))).collect(),
        None => BTreeMap::from([(0, vec![0; BLOCK])]),
    };
    Ok((snapshot, blocks))
}

/// A block with the zeros at its end.
fn whole(bytes: &[u8]) -> Vec<u8> {
    // As fast as it is without optimisation: tests do it with all records.
    let mut whole = vec![0; BLOCK.max(bytes.len())];
    whole[..bytes.len()].copy_from_slice(bytes);
    whole
}

/// A block without them.
fn short(bytes: &[u8]) -> Vec<u8> {
    const ZEROS: [u8; 512] = [0; 512];
    let mut end = bytes.len();
    while end >= ZEROS.len() && bytes[end - ZEROS.len()..end] == ZEROS {
        end -= ZEROS.len();
    }
    let end = bytes[..end].iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    bytes[..end].to_vec()
}

fn index(text: &str) -> Result<u32, Failure> {
    text.parse().map_err(|_| invalid("INVALID_PARAMETER_VALUE", format!("The block index '{text}' is not valid.")))
}

/// SHA-256 in base64, as these APIs tell checksums.
fn checksum(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(bytes))
}
