//! Writing: StartSnapshot, PutSnapshotBlock, CompleteSnapshot.

use super::super::World;
use super::super::ec2::Timeline;
use super::super::ec2::model::{Home, Snapshot};
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::ssm::arguments::Arguments;
use super::super::ssm::refusal::Refusal;
use super::{BLOCK, Content, checksum, find, index, invalid, short, whole};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// Largest volume, in GiB: EBS quotas.
const VOLUME: i64 = 65_536;
/// Snapshots that are pending at once in an account: EBS direct quotas.
const PENDING: usize = 100;

fn refused(refusal: Refusal) -> Failure {
    invalid("INVALID_PARAMETER_VALUE", refusal.message)
}

pub fn start(world: &mut World, call: &Incoming<'_>) -> Reply {
    let arguments = Arguments::parse(&call.request.body).map_err(refused)?;
    let size = arguments.number("VolumeSize").map_err(refused)?.unwrap_or(0);
    if !(1..=VOLUME).contains(&size) {
        return Err(invalid("INVALID_VOLUME_SIZE", format!("VolumeSize {size} is not valid: 1 to {VOLUME} GiB.")));
    }
    let minutes = arguments.bounded("Timeout", 10, 4320).map_err(refused)?.unwrap_or(60);
    if arguments.text("ParentSnapshotId").map_err(refused)?.is_some() {
        return Err(invalid("INVALID_DEPENDENCY_REQUEST", "This fake does not know ParentSnapshotId."));
    }
    let description = arguments.text("Description").map_err(refused)?.unwrap_or_default().to_owned();
    if description.chars().count() > 255 {
        return Err(invalid("INVALID_PARAMETER_VALUE", "Description has more than 255 characters."));
    }
    let tags = tags(&arguments)?;
    let key = arguments.text("KmsKeyArn").map_err(refused)?.map(str::to_owned);
    let encrypted = arguments.flag("Encrypted").map_err(refused)?;
    if key.is_some() && !encrypted {
        return Err(invalid("INVALID_PARAMETER_VALUE", "KmsKeyArn needs Encrypted."));
    }
    let home = Home::of(call.caller);
    let encrypted = encrypted || world.ec2.encryption_by_default;
    let token = arguments.text("ClientToken").map_err(refused)?.map(str::to_owned);
    if let Some(token) = &token
        && let Some((before, id)) = world.ebs.tokens.get(&(home.clone(), token.clone()))
    {
        if before != call.json {
            let message = "The client token was used before with other parameters.";
            return Err(Failure::new(503, "ConflictException", message));
        }
        // The same answer again, whatever became of the snapshot.
        let (id, stamp) = (id.clone(), world.clock.epoch(call.now));
        let snapshot = world.ec2.snapshots.get(&id).ok_or_else(|| super::not_found(&id))?;
        let started = world.clock.epoch(snapshot.started).min(stamp);
        return Ok(answer(snapshot, &tags, started, snapshot.state.at(call.now)));
    }
    let open = world.ebs.contents.values().filter(|content| !content.completed).count();
    if open >= PENDING {
        return Err(Failure::bad("ConcurrentLimitExceededException", format!("{PENDING} snapshots are pending.")));
    }
    let id = world.id("snap");
    let snapshot = Snapshot {
        id: id.clone(),
        home: home.clone(),
        volume: "vol-ffffffff".to_owned(),
        size: size.unsigned_abs(),
        description,
        encrypted,
        kms_key: key.or_else(|| encrypted.then(|| super::super::ec2::key_arn(None, &home))),
        started: call.now,
        visible: world.visible_at(call.now),
        state: Timeline::new(call.now, "pending"),
        disk: None,
        shared_with: Default::default(),
    };
    let done = answer(&snapshot, &tags, world.clock.epoch(call.now), "pending");
    world.ec2.snapshots.insert(id.clone(), snapshot);
    world.ec2.tags.insert(id.clone(), Timeline::new(call.now, tags));
    let fails = world.ebs.failing > 0;
    world.ebs.failing = world.ebs.failing.saturating_sub(1);
    let timeout = if fails { Duration::ZERO } else { Duration::from_secs(minutes.unsigned_abs() * 60) };
    let content = Content { blocks: BTreeMap::new(), touched: call.now, timeout, completed: false };
    world.ebs.contents.insert(id.clone(), content);
    if let Some(token) = token {
        world.ebs.tokens.insert((home, token), (call.json.clone(), id));
    }
    Ok(done)
}

fn tags(arguments: &Arguments) -> Result<BTreeMap<String, String>, Failure> {
    let given = arguments.tags("Tags").map_err(refused)?;
    let tags: BTreeMap<String, String> = given.iter().cloned().collect();
    let wrong = |(key, value): &(String, String)| {
        let lengths = (1..=127).contains(&key.chars().count()) && value.chars().count() <= 255;
        !lengths || key.to_ascii_lowercase().starts_with("aws:")
    };
    if given.len() > 50 || tags.len() < given.len() || given.iter().any(wrong) {
        let rule = "at most 50 different keys of 1 to 127 characters without the prefix aws:, values of up to 255";
        return Err(invalid("INVALID_TAG", format!("The tags are not valid: {rule}.")));
    }
    Ok(tags)
}

fn answer(snapshot: &Snapshot, tags: &BTreeMap<String, String>, started: f64, status: &str) -> Done {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    let mut body = json!({
        "SnapshotId": snapshot.id,
        "OwnerId": snapshot.home.account,
        "Status": status,
        "StartTime": started,
        "VolumeSize": snapshot.size,
        "BlockSize": BLOCK,
        "Tags": tags,
    });
    if !snapshot.description.is_empty() {
        body["Description"] = json!(snapshot.description);
    }
    if let Some(key) = &snapshot.kms_key {
        body["KmsKeyArn"] = json!(key);
    }
    let mut done = Done::json(body).made([snapshot.id.clone()]);
    done.status = 201;
    done
}

pub fn put(world: &mut World, call: &Incoming<'_>, id: &str, block: &str) -> Reply {
    let block = index(block)?;
    let header = |name: &str| {
        let missing = || invalid("INVALID_PARAMETER_VALUE", format!("The header {name} is missing."));
        call.request.header(name).ok_or_else(missing)
    };
    let body = &call.request.body;
    let length = header("x-amz-Data-Length")?;
    if length != BLOCK.to_string() || body.len() != BLOCK {
        let message = format!("A block has {BLOCK} bytes; told were {length}, sent {}.", body.len());
        return Err(invalid("INVALID_BLOCK", message));
    }
    let (told, algorithm) = (header("x-amz-Checksum")?, header("x-amz-Checksum-Algorithm")?);
    if algorithm != "SHA256" || told != checksum(body) {
        return Err(invalid("INVALID_BLOCK", "The checksum is not that of the block's data."));
    }
    let now = call.now;
    let (snapshot, content) = find(world, call, id)?;
    if content.completed || *snapshot.state.at(now) != "pending" {
        return Err(invalid("INVALID_SNAPSHOT_ID", format!("The snapshot '{id}' is not pending any more.")));
    }
    if u64::from(block) >= (snapshot.size << 30) / BLOCK as u64 {
        return Err(invalid("INVALID_BLOCK", format!("Block {block} lies behind the volume's end.")));
    }
    content.blocks.insert(block, short(body));
    content.touched = now;
    let mut done = Done::json(Value::Null).made([id]);
    done.status = 201;
    done.headers = vec![
        ("x-amz-Checksum".to_owned(), told.to_owned()),
        ("x-amz-Checksum-Algorithm".to_owned(), "SHA256".to_owned()),
    ];
    Ok(done)
}

pub fn complete(world: &mut World, call: &Incoming<'_>, id: &str) -> Reply {
    let header = |name: &str| call.request.header(name);
    let count = header("x-amz-ChangedBlocksCount").and_then(|text| text.parse::<usize>().ok());
    let (now, takes) = (call.now, world.latencies.snapshot);
    let (snapshot, content) = find(world, call, id)?;
    if count != Some(content.blocks.len()) {
        let message = format!("ChangedBlocksCount does not match the {} blocks written.", content.blocks.len());
        return Err(invalid("INVALID_PARAMETER_VALUE", message));
    }
    if let Some(told) = header("x-amz-Checksum") {
        let linear = (header("x-amz-Checksum-Algorithm"), header("x-amz-Checksum-Aggregation-Method"));
        // LINEAR: the digest of all blocks' digests, in the order of their indexes.
        let digests =
            content.blocks.values().map(|bytes| Sha256::digest(whole(bytes)).to_vec()).collect::<Vec<_>>().concat();
        if linear != (Some("SHA256"), Some("LINEAR")) || told != BASE64_STANDARD.encode(Sha256::digest(digests)) {
            return Err(invalid("INVALID_PARAMETER_VALUE", "The checksum is not that of the blocks written."));
        }
    }
    if *snapshot.state.at(now) == "error" {
        return Err(invalid("INVALID_SNAPSHOT_ID", format!("The snapshot '{id}' has failed.")));
    }
    // Again is no error: the answer tells how far it is.
    if !content.completed {
        content.completed = true;
        snapshot.state.then(now + takes, "completed");
    }
    let mut done = Done::json(json!({ "Status": snapshot.state.at(now) })).made([id]);
    done.status = 202;
    Ok(done)
}
