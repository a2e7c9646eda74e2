//! Makes commands: the wrapper with what it needs to know, and bundles packed as small as they get.

use super::{LOG_BLOCK, More, STDERR_BYTES, STDOUT_BYTES};
use crate::hardening::shell;
use crate::identity::{BuildId, Digest};
use crate::plan::Bundle;
use crate::recipe::ExtraVolume;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

const WRAPPER: &str = include_str!("wrapper.sh");

/// How large a command's parameters may be, as the JSON that SendCommand takes. Documents and their parameters have
/// 64 KB (AWS Systems Manager endpoints and quotas, "Command document size"); the rest is a margin.
pub const MAX_BYTES: usize = 60_000;
/// A comment's length in SendCommand.
const MAX_COMMENT: usize = 100;
/// Longer lines make no difference to a shell; each line costs three bytes in JSON.
const LINE: usize = 2_000;
/// What a part carries, so that wrapper and base64 stay within [`MAX_BYTES`].
const PART_BYTES: usize = 36_000;
/// Each part is a round trip; a recipe past this has files in its steps that belong elsewhere.
const MAX_PARTS: usize = 16;
/// Beyond the bundles' own time: unpacking, compressing and writing results to disk.
const MARGIN: Duration = Duration::from_secs(300);
/// The longest that the document lets a command take (`executionTimeout` of AWS-RunShellScript).
const LONGEST: Duration = Duration::from_secs(172_800);
/// Reading what is there.
const SHORT: Duration = Duration::from_secs(300);

/// A command, ready for `AWS-RunShellScript`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What people see in the list of commands; at most 100 characters.
    pub comment: String,
    /// The parameter `commands`.
    pub lines: Vec<String>,
    /// The parameter `executionTimeout`. The wrapper ends bundles before it.
    pub execution_timeout: Duration,
}

/// What all commands of a build have in common.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// Whose results these are. Those of another build, which the base image may bring along, do not count.
    pub build: &'a BuildId,
    /// How long each bundle may run.
    pub limit: Duration,
    /// A log group receives standard error as it comes: steps are told of there, and the answer is on standard output
    /// alone.
    pub live: bool,
    /// What must be mounted before a bundle runs.
    pub volumes: &'a [ExtraVolume],
}

/// Why a command can't be made. Nothing was sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommandError {
    /// It does not fit.
    #[error(
        "the bundles {bundles} take {bytes} bytes as an SSM command, and {limit} are possible\n  \
         large files in steps do that: fetch them on the builder instead, or install them as packages"
    )]
    TooLarge {
        /// What it takes.
        bytes: usize,
        /// What is possible.
        limit: usize,
        /// Names of the bundles.
        bundles: String,
    },
    /// Compressing failed.
    #[error("the bundles {bundles} can't be compressed: {why}")]
    Packing {
        /// Names of the bundles.
        bundles: String,
        /// What the compressor said.
        why: String,
    },
}

/// Runs bundles, the next one only where the one before ended whole, and answers with all their results. Where they
/// ran before, or are running, answers with the results of that run.
pub fn run(bundles: &[&Bundle], options: &Options<'_>) -> Result<Command, CommandError> {
    let packed = Packed::of(bundles)?;
    let command = packed.command(options, &format!("af_packed() {{\n{}\n}}\n", inline(&packed.bytes)));
    check(command, &packed.names)
}

/// The same in as many commands as it takes: parts first, one after the other, and the last one runs. One command where
/// one is enough.
pub fn run_in_parts(bundles: &[&Bundle], options: &Options<'_>) -> Result<Vec<Command>, CommandError> {
    match run(bundles, options) {
        Err(CommandError::TooLarge { .. }) => {}
        fits => return fits.map(|command| vec![command]),
    }
    let packed = Packed::of(bundles)?;
    let id = Digest::of(&packed.bytes);
    let parts: Vec<&[u8]> = packed.bytes.chunks(PART_BYTES).collect();
    if parts.len() > MAX_PARTS {
        let (bytes, limit) = (packed.bytes.len(), PART_BYTES * MAX_PARTS);
        return Err(CommandError::TooLarge { bytes, limit, bundles: packed.names });
    }
    let mut commands = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let head =
            format!("AF_VERB=put\nAF_PACK={}\nAF_PART={number}\naf_packed() {{\n{}\n}}\n", short(&id), inline(part));
        let comment =
            format!("amifactory: part {} of {} of {} of {}", number + 1, parts.len(), packed.names, options.build);
        commands.push(check(command(&comment, &head, SHORT), &packed.names)?);
    }
    let from_parts = from_parts(&id, parts.len());
    commands.push(check(packed.command(options, &from_parts), &packed.names)?);
    Ok(commands)
}

/// Reads the results of bundles where there are any. Runs nothing.
pub fn result(bundles: &[&Digest], options: &Options<'_>) -> Command {
    command(&format!("amifactory: read results of {}", options.build), &reading(bundles, options), SHORT)
}

/// Fetches a slice of an answer that did not come whole.
pub fn fetch(bundles: &[&Digest], more: &More, options: &Options<'_>) -> Command {
    let head = format!(
        "AF_VERB=fetch\nAF_WANTED={}\nAF_OFFSET={}\nAF_LENGTH={}\n{}",
        more.payload,
        more.offset,
        more.length,
        asked(bundles, options)
    );
    command(&format!("amifactory: read the rest of the results of {}", options.build), &head, SHORT)
}

fn asked(bundles: &[&Digest], options: &Options<'_>) -> String {
    let digests: Vec<&str> = bundles.iter().map(|digest| digest.as_str()).collect();
    format!("AF_BUNDLES='{}'\n{}", digests.join(" "), common(options))
}

fn common(options: &Options<'_>) -> String {
    let (live, second) = if options.live { (1, 0) } else { (0, STDERR_BYTES) };
    format!(
        "AF_OWNER={}\nAF_LIVE={live}\nAF_STDOUT_BYTES={STDOUT_BYTES}\nAF_STDERR_BYTES={second}\n\
         AF_BLOCK={LOG_BLOCK}\n",
        options.build.as_str()
    )
}

/// Bundles, packed together.
struct Packed {
    /// gzip of what all share, and of each one's own parts in turn.
    bytes: Vec<u8>,
    /// How long what they share is.
    shared: usize,
    /// Digest, and the lengths of what stands before and after what they share.
    entries: Vec<String>,
    names: String,
}

impl Packed {
    /// All bundles begin with the same functions and often with the same audits. Those are further apart than gzip looks
    /// back, so they are packed once.
    fn of(bundles: &[&Bundle]) -> Result<Packed, CommandError> {
        let names: Vec<&str> = bundles.iter().map(|bundle| bundle.name).collect();
        let names = names.join(" and ");
        let split: Vec<(&str, &str)> = bundles.iter().map(|bundle| after_title(&bundle.script)).collect();
        let shared = split.first().map_or("", |(_, first)| *first);
        let shared = split.iter().fold(shared, |shared, (_, rest)| same_beginning(shared, rest));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let mut entries = Vec::new();
        let mut pack = || -> std::io::Result<()> {
            gzip.write_all(shared.as_bytes())?;
            for (bundle, (title, rest)) in bundles.iter().zip(&split) {
                let own = &rest.as_bytes()[shared.len()..];
                gzip.write_all(title.as_bytes())?;
                gzip.write_all(own)?;
                entries.push(format!("{}:{}:{}", bundle.digest, title.len(), own.len()));
            }
            Ok(())
        };
        match pack().and_then(|()| gzip.finish()) {
            Ok(bytes) => Ok(Packed { bytes, shared: shared.len(), entries, names }),
            Err(error) => Err(CommandError::Packing { bundles: names, why: error.to_string() }),
        }
    }

    /// The lines that say what to run: the first so many bundles, and where they come from.
    fn head(&self, options: &Options<'_>, count: usize, source: &str) -> String {
        let mounts: Vec<&str> = options.volumes.iter().map(|volume| volume.mount.as_str()).collect();
        format!(
            "AF_VERB=run\nAF_MOUNTS='{}'\nAF_BUNDLES='{}'\nAF_COMMON={}\nAF_LIMIT={}\n{}{source}",
            mounts.join(" "),
            self.entries[..count.min(self.entries.len())].join(" "),
            self.shared,
            options.limit.as_secs().max(1),
            common(options),
        )
    }

    fn command(&self, options: &Options<'_>, source: &str) -> Command {
        let head = self.head(options, self.entries.len(), source);
        let bundles = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let time = options.limit.saturating_mul(bundles).saturating_add(MARGIN).min(LONGEST);
        command(&format!("amifactory: {} of {}", self.names, options.build), &head, time)
    }
}

fn from_parts(pack: &Digest, parts: usize) -> String {
    format!("AF_PACK={}\nAF_PARTS={parts}\naf_packed() {{ af_parts; }}\n", short(pack))
}

/// The same bundles for whoever brings them to a builder by another way than SSM: the packed bytes in parts, and the lines
/// that have the wrapper run them.
pub struct Parcel(Packed, Digest);

impl Parcel {
    /// Packs bundles that run one after the other.
    pub fn of(bundles: &[&Bundle]) -> Result<Parcel, CommandError> {
        let packed = Packed::of(bundles)?;
        let id = Digest::of(&packed.bytes);
        Ok(Parcel(packed, id))
    }

    /// What parts of it are called on the builder, below `parts`: this, a full stop and their number.
    pub fn id(&self) -> &str {
        short(&self.1)
    }

    /// The bytes, in parts.
    pub fn parts(&self, most: usize) -> Vec<&[u8]> {
        self.0.bytes.chunks(most.max(1)).collect()
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> usize {
        self.0.bytes.len()
    }

    /// The lines that have the first so many bundles run, from this many parts.
    pub fn run(&self, options: &Options<'_>, count: usize, parts: usize) -> String {
        self.0.head(options, count, &from_parts(&self.1, parts))
    }
}

/// The lines that have the results of bundles read.
pub fn reading(bundles: &[&Digest], options: &Options<'_>) -> String {
    format!("AF_VERB=result\n{}", asked(bundles, options))
}

/// The first two lines, which name the bundle, and the rest.
fn after_title(script: &str) -> (&str, &str) {
    let end = script.match_indices('\n').nth(1).map_or(0, |(at, _)| at + 1);
    script.split_at(end)
}

fn same_beginning<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    // Not inside a character: the first of a run of equal bytes may be half of one.
    let same = (0..=same).rev().find(|at| one.is_char_boundary(*at)).unwrap_or(0);
    &one[..same]
}

/// Shell that prints these bytes.
pub fn inline(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut lines = String::from("base64 -d <<'AF_END'\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines.push_str("AF_END");
    lines
}

/// The wrapper as it travels: every byte counts against the limit.
static WRAPPED: LazyLock<String> = LazyLock::new(|| wrapped(""));

/// The wrapper as it travels, with more shell behind it.
pub fn wrapped(more: &str) -> String {
    let all = shell::plain(&format!("{WRAPPER}\n{more}"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    match gzip.write_all(all.as_bytes()).and_then(|()| gzip.finish()) {
        Ok(packed) => format!("af_wrapper() {{\n{}\n}}\neval \"$(af_wrapper | gzip -dc)\"", inline(&packed)),
        // Not where memory is written to; as it is it would do as well.
        Err(_) => all,
    }
}

fn command(comment: &str, head: &str, execution_timeout: Duration) -> Command {
    let lines = std::iter::once("#!/bin/sh").chain(head.lines()).chain(WRAPPED.lines()).chain(["af_command"]);
    Command {
        comment: comment.chars().take(MAX_COMMENT).collect(),
        lines: lines.map(str::to_owned).collect(),
        execution_timeout,
    }
}

fn check(command: Command, bundles: &str) -> Result<Command, CommandError> {
    let bytes = command.bytes();
    if bytes > MAX_BYTES {
        return Err(CommandError::TooLarge { bytes, limit: MAX_BYTES, bundles: bundles.to_owned() });
    }
    Ok(command)
}

impl Command {
    /// Its size as SendCommand takes it.
    pub fn bytes(&self) -> usize {
        serde_json::Value::from(self.lines.clone()).to_string().len()
    }

    /// The script that the agent makes of it.
    pub fn script(&self) -> String {
        self.lines.join("\n")
    }
}

fn short(digest: &Digest) -> &str {
    &digest.as_str()[..16]
}
