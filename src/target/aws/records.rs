//! Records: the evidence of an image, in a snapshot of its own beside the image's. A snapshot is written block by block
//! without any volume (EBS direct), is whole or not there, carries tags from its first moment, costs next to nothing,
//! and goes wherever images can go. No bucket needs to be set up.

use super::api::{Api, EVENTUAL, op};
use super::tags;
use super::view::{Ami, View};
use crate::identity::{Digest, ImageId};
use crate::pipeline::tags as keys;
use crate::target::{Image, ImageRecord, TargetError};
use aws_sdk_ebs::primitives::ByteStream;
use aws_sdk_ebs::types::{ChecksumAggregationMethod, ChecksumAlgorithm};
use aws_sdk_ec2::types::{Filter, Snapshot, SnapshotState};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The size of a block (EBS API reference, `PutSnapshotBlock`).
const BLOCK: usize = 512 * 1024;
/// Most blocks that a record takes: 8 MiB, compressed.
const MOST_BLOCKS: usize = 16;
/// Most bytes of a record, unpacked.
const LONGEST: u64 = 64 << 20;
/// How long a snapshot of a few blocks takes at most until it can be read.
const READABLE: Duration = Duration::from_secs(300);
/// How many snapshots are begun for one record. The service gives one up that gets no block for an hour.
const ATTEMPTS: u32 = 3;
/// The pause between looks at it.
const LOOK: Duration = Duration::from_secs(5);
/// Values per filter (EC2 API reference, "Filtering": 200).
const VALUES: usize = 200;
/// Results per page of a describe.
const PAGE: i32 = 500;
const MAGIC: &[u8] = b"amifactory record 1\n";
/// The value of `amifactory:purpose`.
pub const EVIDENCE: &str = "evidence";

/// What a build's record says of itself. Unlike its tags it stays as it was written.
pub fn description(build: &str) -> String {
    format!("amifactory evidence of {build}")
}

/// Writes the record of a build's image, and answers with its snapshot. A record that is there already stays.
pub async fn write(api: &Api, view: &View, image: &Ami, record: &ImageRecord) -> Result<String, TargetError> {
    let build = image.name.as_str();
    let blocks = pack(record).map_err(|why| TargetError::Damaged {
        what: format!("the record of build {build}"),
        why,
        help: "shorten the output of its tests".into(),
    })?;
    let mut all = image.tags.clone();
    all.remove(keys::STATE);
    // The image says what was reached before it was started until it has this record.
    if let Some(score) = record.score {
        all.insert(keys::SCORE.into(), score.to_string());
    }
    all.insert(keys::PURPOSE.into(), EVIDENCE.into());
    all.insert(keys::IMAGE.into(), image.id.clone());
    let ebs_tags = all
        .iter()
        .map(|(key, value)| {
            aws_sdk_ebs::types::Tag::builder().key(key).value(tags::fit(value, tags::LONGEST_EBS_VALUE)).build()
        })
        .collect::<Vec<_>>();
    let start = |token: String| {
        api.ebs
            .start_snapshot()
            .volume_size(1)
            .client_token(token)
            .description(description(build))
            .set_tags(Some(ebs_tags.clone()))
            .timeout(60)
            .send()
    };
    // The bytes are part of the token, and so is the image: another record of the same build is another snapshot.
    let content = checksum(&blocks.concat());
    let began = Instant::now();
    for attempt in 1..=ATTEMPTS {
        // A token names its snapshot for ever, also one that failed in an earlier run: after the first, each is new.
        let of_its_own = if attempt == 1 { 0 } else { fastrand::u64(1..) };
        let token = Digest::of(format!("{build} {} {content} {of_its_own}", image.id)).to_string()[..48].to_owned();
        let started = match api.caller.call(op::START_SNAPSHOT, build, || start(token.clone())).await {
            // The token's snapshot was removed since.
            Err(error) if error.is("ResourceNotFoundException") => continue,
            started => started?,
        };
        let id = started.snapshot_id.unwrap_or_default();
        view.recorded(build, &image.id, &id);
        if started.status == Some(aws_sdk_ebs::types::Status::Completed) || fill(api, &id, &blocks).await? {
            return Ok(id);
        }
        // Begun by a run that ended before it was whole, and given up by the service since. What is left of it carries
        // the build's tags and is removed with what else it left.
    }
    Err(TargetError::GaveUp {
        call: op::START_SNAPSHOT.action.into(),
        resource: build.to_owned(),
        attempts: ATTEMPTS,
        seconds: began.elapsed().as_secs(),
        last: "each snapshot for the evidence failed before it was whole".into(),
    })
}

/// Writes all blocks of a snapshot and ends it. False where it is one that failed and can't be written any more.
async fn fill(api: &Api, id: &str, blocks: &[Vec<u8>]) -> Result<bool, TargetError> {
    for (index, block) in (0_i32..).zip(blocks) {
        let sum = checksum(block);
        let put = || {
            api.ebs
                .put_snapshot_block()
                .snapshot_id(id)
                .block_index(index)
                .data_length(BLOCK as i32)
                .checksum(&sum)
                .checksum_algorithm(ChecksumAlgorithm::ChecksumAlgorithmSha256)
                .block_data(ByteStream::from(block.clone()))
                .send()
        };
        match api.caller.call(op::PUT_BLOCK, id, put).await {
            Ok(_) => {}
            // Completed by a call whose reply was lost, or given up by the service.
            Err(error) if error.is("ConflictException") || error.is("ValidationException") => {
                return match ending(api, id).await? {
                    Some(SnapshotState::Completed) => Ok(true),
                    Some(SnapshotState::Error) => Ok(false),
                    _ => Err(error.into()),
                };
            }
            Err(error) => return Err(error.into()),
        }
    }
    let sums: Vec<u8> = blocks.iter().flat_map(|block| Sha256::digest(block).to_vec()).collect();
    let complete = || {
        api.ebs
            .complete_snapshot()
            .snapshot_id(id)
            .changed_blocks_count(blocks.len() as i32)
            .checksum(checksum(&sums))
            .checksum_algorithm(ChecksumAlgorithm::ChecksumAlgorithmSha256)
            .checksum_aggregation_method(ChecksumAggregationMethod::ChecksumAggregationLinear)
            .send()
    };
    api.caller.call(op::COMPLETE_SNAPSHOT, id, complete).await?;
    Ok(true)
}

/// How a snapshot that takes no more blocks ends; none where that is not known in time.
async fn ending(api: &Api, id: &str) -> Result<Option<SnapshotState>, TargetError> {
    let filter = Filter::builder().name("snapshot-id").values(id).build();
    let began = Instant::now();
    loop {
        let ask = || api.ec2.describe_snapshots().owner_ids("self").filters(filter.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, id, ask).await?;
        match answer.snapshots().first().and_then(Snapshot::state) {
            Some(state @ (SnapshotState::Completed | SnapshotState::Error)) => return Ok(Some(state.clone())),
            _ if began.elapsed() > READABLE => return Ok(None),
            _ => sleep(LOOK).await,
        }
    }
}

/// What there is of a build's record.
pub struct Found {
    /// The record; none where it was never written whole.
    pub record: Option<ImageRecord>,
    /// All snapshots that were begun for it: a build that died while it wrote leaves one that is not whole.
    pub snapshots: Vec<String>,
}

/// The newest of a build's records that is whole, and its snapshot.
pub fn newest(snapshots: &[Snapshot]) -> Option<&Snapshot> {
    let whole = snapshots.iter().filter(|snapshot| snapshot.state() == Some(&SnapshotState::Completed));
    whole.max_by_key(|snapshot| snapshot.start_time().map(|time| time.as_nanos()))
}

/// Whether a snapshot holds a record of this image. Records of older programs don't say of which they are: these are of the
/// only image that their build has.
pub fn is_of(snapshot: &Snapshot, image: &str) -> bool {
    tags::read(snapshot.tags()).get(keys::IMAGE).is_none_or(|of| of == image)
}

/// Reads the record of a build's image. Where it is known to have one, that is waited for: a snapshot can be read only
/// minutes after its last block was written, and that of an image that `is_young` may not be listed at first. One that
/// somebody has removed is not waited for.
pub async fn read(api: &Api, image: &Ami, has_one: bool, is_young: bool) -> Result<Found, TargetError> {
    let build = image.name.as_str();
    let filter = |name: String, value: &str| Filter::builder().name(name).values(value).build();
    let filters =
        vec![filter(format!("tag:{}", keys::BUILD), build), filter(format!("tag:{}", keys::PURPOSE), EVIDENCE)];
    let began = Instant::now();
    let (id, snapshots) = loop {
        let ask = || api.ec2.describe_snapshots().owner_ids("self").set_filters(Some(filters.clone())).send();
        let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, build, ask).await?;
        let its: Vec<Snapshot> =
            answer.snapshots().iter().filter(|snapshot| is_of(snapshot, &image.id)).cloned().collect();
        let started = |snapshot: &&Snapshot| snapshot.start_time().map(|time| time.as_nanos());
        // Where a build wrote twice, the later one is what its image was published with.
        let last = its.iter().max_by_key(started);
        let whole = last.is_some_and(|last| last.state() == Some(&SnapshotState::Completed));
        let comes = match last.and_then(Snapshot::state) {
            Some(SnapshotState::Pending) => began.elapsed() <= READABLE,
            // None is listed, or one that failed, after which another was begun.
            _ => is_young && began.elapsed() <= EVENTUAL,
        };
        if whole || !has_one || !comes {
            let ids = its.iter().filter_map(|snapshot| snapshot.snapshot_id().map(str::to_owned));
            let snapshots: Vec<String> = ids.collect();
            match newest(&its).and_then(|snapshot| snapshot.snapshot_id()) {
                Some(id) => break (id.to_owned(), snapshots),
                None => return Ok(Found { record: None, snapshots }),
            }
        }
        sleep(LOOK).await;
    };
    let record = read_snapshot(api, build, &id).await?;
    Ok(Found { record: Some(record), snapshots })
}

/// The snapshots of the records of several images, by image: of each the last, where it is whole.
pub async fn whole(api: &Api, images: &[&Image]) -> Result<BTreeMap<ImageId, String>, TargetError> {
    let builds: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let all = of_builds(api, &builds).await?;
    let whole = |image: &&Image| Some((image.id.clone(), last_whole(all.get(&image.name)?, image.id.as_str())?));
    Ok(images.iter().filter_map(whole).collect())
}

/// Whether an image of a build, which may be gone, has a whole record.
pub async fn has_whole(api: &Api, build: &str, image: &str) -> Result<bool, TargetError> {
    let all = of_builds(api, &[build]).await?;
    Ok(all.get(build).and_then(|its| last_whole(its, image)).is_some())
}

/// The last record of an image among those of its build, where it is whole.
fn last_whole(its: &[Snapshot], image: &str) -> Option<String> {
    let its = its.iter().filter(|snapshot| is_of(snapshot, image));
    let last = its.max_by_key(|snapshot| snapshot.start_time().map(|time| time.as_nanos()))?;
    let id = last.snapshot_id().filter(|_| last.state() == Some(&SnapshotState::Completed))?;
    Some(id.to_owned())
}

async fn of_builds(api: &Api, builds: &[&str]) -> Result<BTreeMap<String, Vec<Snapshot>>, TargetError> {
    let mut all: BTreeMap<String, Vec<Snapshot>> = BTreeMap::new();
    for some in builds.chunks(VALUES) {
        let some = some.iter().map(|build| (*build).to_owned()).collect();
        let ours = Filter::builder().name(format!("tag:{}", keys::BUILD)).set_values(Some(some)).build();
        let records = Filter::builder().name(format!("tag:{}", keys::PURPOSE)).values(EVIDENCE).build();
        let mut page = None;
        loop {
            let ask = || {
                let request = api.ec2.describe_snapshots().owner_ids("self").filters(ours.clone());
                request.filters(records.clone()).max_results(PAGE).set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, "records of images", ask).await?;
            for snapshot in answer.snapshots() {
                let Some(build) = tags::read(snapshot.tags()).remove(keys::BUILD) else { continue };
                all.entry(build).or_default().push(snapshot.clone());
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    Ok(all)
}

/// Reads the record in a snapshot.
pub async fn read_snapshot(api: &Api, build: &str, id: &str) -> Result<ImageRecord, TargetError> {
    let list = || api.ebs.list_snapshot_blocks().snapshot_id(id).max_results(100).send();
    let listed = api.caller.call(op::LIST_BLOCKS, id, list).await?;
    let mut bytes = Vec::new();
    for block in listed.blocks().iter().take(MOST_BLOCKS) {
        let (index, token) = (block.block_index().unwrap_or_default(), block.block_token().unwrap_or_default());
        let get = || api.ebs.get_snapshot_block().snapshot_id(id).block_index(index).block_token(token).send();
        let got = api.caller.call(op::GET_BLOCK, id, get).await?;
        let data = got.block_data.collect().await.map_err(|error| TargetError::GaveUp {
            call: op::GET_BLOCK.action.into(),
            resource: id.to_owned(),
            attempts: 1,
            seconds: 0,
            last: error.to_string(),
        })?;
        bytes.extend_from_slice(&data.into_bytes());
    }
    unpack(&bytes).map_err(|why| TargetError::Damaged {
        what: format!("the record of build {build} in snapshot {id}"),
        why,
        help: "the image is as it was; build it anew with --force to have evidence of it".into(),
    })
}

fn checksum(bytes: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(bytes))
}

fn pack(record: &ImageRecord) -> Result<Vec<Vec<u8>>, String> {
    let json = serde_json::to_vec(record).map_err(|error| error.to_string())?;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let packed = encoder.write_all(&json).and_then(|()| encoder.finish()).map_err(|error| error.to_string())?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(packed.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&packed);
    if bytes.len() > BLOCK * MOST_BLOCKS {
        return Err(format!("it has {} bytes, compressed; {} fit", bytes.len(), BLOCK * MOST_BLOCKS));
    }
    Ok(bytes
        .chunks(BLOCK)
        .map(|chunk| {
            let mut block = chunk.to_vec();
            block.resize(BLOCK, 0);
            block
        })
        .collect())
}

fn unpack(bytes: &[u8]) -> Result<ImageRecord, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as one")?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or("it ends too early")?;
    let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|error| error.to_string())?;
    let packed = rest.get(..length).ok_or("it ends too early")?;
    let mut json = Vec::new();
    let unpacked = flate2::read::GzDecoder::new(packed).take(LONGEST).read_to_end(&mut json);
    unpacked.map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
