//! Reads what a command answered. All of it may be cut, damaged or hostile: sizes are bounds to check, never to trust.

use super::payload::{self, MAX_UNPACKED, Part};
use super::{STDERR_BYTES, STDOUT_BYTES};
use crate::identity::Digest;
use crate::plan::StepResult;
use crate::target::{RunEnd, RunResult};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// More than any answer holds: the wrapper cuts logs far below it.
const MAX_PAYLOAD: u64 = 16 << 20;

/// What a bundle came to, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub state: State,
    /// One per step that ran, in order.
    pub results: Vec<StepResult>,
    /// The log. Empty where the machine was started again since, and in an image.
    pub log: Vec<u8>,
}

/// How a bundle ended, as the builder tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It did not get its turn: the one before did not end whole. Or, where results were asked for, there are none.
    NotRun,
    /// Another command is running it.
    Running,
    /// It ended.
    Ended(RunEnd),
}

/// A slice of an answer that has yet to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct More {
    /// sha256 of the whole, and of what its header says of the bundles.
    pub payload: Digest,
    /// First byte that is missing.
    pub offset: u64,
    /// How many to ask for.
    pub length: u64,
}

/// Why an answer can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The wrapper could not do its work, and says why.
    #[error("the builder could not run it: {0}")]
    Failed(String),
    /// There is no line that the wrapper begins its answer with.
    #[error("no answer in the command's output; it begins: {0}")]
    NoHeader(String),
    /// The header is not as it should be.
    #[error("the answer's first line can't be understood: {0}")]
    Header(String),
    /// A fetched slice does not fit what came before.
    #[error("a part of the answer does not belong to it: {0}")]
    Slice(String),
    /// The bytes are not those that were sent.
    #[error("the answer was damaged on its way: {0}")]
    Damaged(String),
    /// Another answer says something else of the same bundle: nobody knows which is true.
    #[error("results contradict each other: {0}")]
    Contradicted(String),
    /// It is larger than any true answer.
    #[error("the answer is too large: {0}")]
    TooLarge(String),
}

/// An answer that is on its way: begun with the first command's output, added to until nothing is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    payload: Digest,
    total: u64,
    /// What the header says of the bundles, to the letter: the checksum is over that too.
    header: String,
    bundles: Vec<Announced>,
    bytes: Vec<u8>,
}

/// What the header says of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Announced {
    state: State,
    results: u64,
    log: u64,
}

/// A reply's header and the bytes behind it.
struct Reply<'a> {
    payload: Digest,
    total: u64,
    offset: u64,
    fields: Vec<&'a str>,
    bytes: Vec<u8>,
}

impl Incoming {
    /// Reads the output of a command that runs or reads these bundles.
    pub fn begin(expected: &[&Digest], stdout: &str, stderr: &str) -> Result<Incoming, AnswerError> {
        Incoming::of(expected, reply("answer", stdout, stderr, STDOUT_BYTES)?)
    }

    /// Reads an answer that came whole, by a way that cuts nothing.
    pub fn whole(expected: &[&Digest], text: &str) -> Result<Vec<Answer>, AnswerError> {
        Incoming::of(expected, reply("answer", text, "", usize::MAX)?)?.finish()
    }

    fn of(expected: &[&Digest], reply: Reply<'_>) -> Result<Incoming, AnswerError> {
        if reply.total > MAX_PAYLOAD {
            return Err(AnswerError::TooLarge(format!("{} bytes are announced", reply.total)));
        }
        if reply.fields.len() != expected.len() || reply.offset != 0 {
            return Err(AnswerError::Header(format!(
                "{} bundles are in it, not {}",
                reply.fields.len(),
                expected.len()
            )));
        }
        let bundles: Result<Vec<Announced>, AnswerError> =
            reply.fields.iter().zip(expected).map(|(field, digest)| announced(field, digest)).collect();
        let bundles = bundles?;
        let sum = bundles.iter().try_fold(0_u64, |sum, one| sum.checked_add(one.results)?.checked_add(one.log));
        match sum {
            Some(sum) if sum > MAX_UNPACKED => {
                return Err(AnswerError::TooLarge(format!("{sum} bytes are announced, once unpacked")));
            }
            Some(sum) if (sum == 0) == (reply.total == 0) => {}
            _ => return Err(AnswerError::Header("its sizes do not add up".into())),
        }
        let header: String = reply.fields.iter().map(|field| format!(" {field}")).collect();
        let mut incoming = Incoming { payload: reply.payload, total: reply.total, header, bundles, bytes: Vec::new() };
        incoming.take(reply.bytes)?;
        Ok(incoming)
    }

    /// What is still missing; none where all is there. As much as one command can bring.
    pub fn missing(&self) -> Option<More> {
        let have = self.bytes.len() as u64;
        let left = self.total.saturating_sub(have);
        let length = left.min((STDOUT_BYTES + STDERR_BYTES) as u64);
        (left > 0).then(|| More { payload: self.payload.clone(), offset: have, length })
    }

    /// Adds the output of a command that fetched what was missing. Each call brings at least a byte, or fails: so
    /// fetching ends.
    pub fn add(&mut self, stdout: &str, stderr: &str) -> Result<(), AnswerError> {
        let reply = reply("slice", stdout, stderr, STDOUT_BYTES)?;
        if reply.payload != self.payload || reply.total != self.total {
            return Err(AnswerError::Slice("it is of another answer".into()));
        }
        if reply.offset != self.bytes.len() as u64 {
            return Err(AnswerError::Slice(format!("it begins at {}, not at {}", reply.offset, self.bytes.len())));
        }
        if reply.bytes.is_empty() {
            return Err(AnswerError::Slice("it is empty".into()));
        }
        self.take(reply.bytes)
    }

    fn take(&mut self, bytes: Vec<u8>) -> Result<(), AnswerError> {
        self.bytes.extend(bytes);
        if self.bytes.len() as u64 > self.total {
            return Err(AnswerError::Damaged(format!("more than the {} bytes that were announced", self.total)));
        }
        Ok(())
    }

    /// The answers, in the order of the bundles.
    pub fn finish(&self) -> Result<Vec<Answer>, AnswerError> {
        if self.missing().is_some() {
            return Err(AnswerError::Damaged(format!("{} of {} bytes are here", self.bytes.len(), self.total)));
        }
        if Digest::of([self.header.as_bytes(), &self.bytes].concat()) != self.payload {
            return Err(AnswerError::Damaged("its checksum is another".into()));
        }
        let sizes: Vec<(u64, u64)> = self.bundles.iter().map(|bundle| (bundle.results, bundle.log)).collect();
        let parts = payload::unpack(&self.bytes, &sizes)?;
        self.bundles.iter().zip(parts).map(|(bundle, part)| answer(bundle, part)).collect()
    }
}

/// A bundle that says it completed and lacks its last line did not.
fn answer(bundle: &Announced, part: Part) -> Result<Answer, AnswerError> {
    let (results, whole) = part.results()?;
    let state = match &bundle.state {
        State::Ended(RunEnd::Completed) if !whole => State::Ended(RunEnd::Died("its last line is missing".into())),
        state => state.clone(),
    };
    Ok(Answer { state, results, log: part.log })
}

fn announced(field: &str, digest: &Digest) -> Result<Announced, AnswerError> {
    let wrong = || AnswerError::Header(format!("`{}` says nothing of a bundle", shown(field)));
    let mut parts = field.split(',');
    let mut next = || parts.next().ok_or_else(wrong);
    let (name, state, results, log) = (next()?, next()?, next()?, next()?);
    if name.len() != 16 || !digest.as_str().starts_with(name) || parts.next().is_some() {
        return Err(wrong());
    }
    let state = match state {
        "completed" => State::Ended(RunEnd::Completed),
        "interrupted" => State::Ended(RunEnd::Interrupted),
        "limit" => State::Ended(RunEnd::LimitExceeded("took longer than its time limit".into())),
        "not-run" => State::NotRun,
        "running" => State::Running,
        other => {
            let code = other.strip_prefix("died:").and_then(|code| code.parse::<u8>().ok()).ok_or_else(wrong)?;
            State::Ended(RunEnd::Died(format!("its shell ended with status {code} before the last step")))
        }
    };
    Ok(Announced { state, results: results.parse().map_err(|_| wrong())?, log: log.parse().map_err(|_| wrong())? })
}

/// Finds the wrapper's last header in the output and reads what is behind it. Whatever else a machine prints when a
/// shell starts comes before. `most` is how many bytes standard output can bring.
fn reply<'a>(kind: &str, stdout: &'a str, stderr: &str, most: usize) -> Result<Reply<'a>, AnswerError> {
    let failed = stdout.lines().rev().find_map(|line| line.strip_prefix("amifactory failed 1 "));
    let Some((fields, body)) = last_header(stdout, kind) else {
        return Err(match failed {
            Some(why) => AnswerError::Failed(shown(why)),
            None => AnswerError::NoHeader(shown(stdout)),
        });
    };
    let wrong = || AnswerError::Header(shown(fields));
    let mut fields = fields.split(' ');
    let mut next = || fields.next().ok_or_else(wrong);
    let payload: Digest = next()?.parse().map_err(|_| wrong())?;
    let total: u64 = next()?.parse().map_err(|_| wrong())?;
    let offset: u64 = next()?.parse().map_err(|_| wrong())?;
    let mut bytes = decode(body)?;
    if bytes.len() > most {
        return Err(AnswerError::Damaged("more than a command prints".into()));
    }
    // Standard error goes on where standard output is full; behind one that was cut it would leave a gap.
    if bytes.len() == STDOUT_BYTES
        && let Some((digest, body)) = last_header(stderr, "more")
        && digest == payload.as_str()
    {
        let announced = total.saturating_sub(offset).saturating_sub(STDOUT_BYTES as u64);
        let length = usize::try_from(announced).unwrap_or(usize::MAX).min(STDERR_BYTES);
        // The agent puts a word of its own behind it (`failed to run commands: exit status 1`), and that must not be
        // read as more of it, on whatever line it stands.
        let body = body.get(..length.div_ceil(3) * 4).unwrap_or(body);
        // What can't be read of it is fetched.
        let more = decode(body).unwrap_or_default();
        bytes.extend(&more[..more.len().min(length)]);
    }
    Ok(Reply { payload, total, offset, fields: fields.collect(), bytes })
}

/// The rest of the last line that is the wrapper's header of this kind, and the line after it.
fn last_header<'a>(text: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    let start = format!("amifactory {kind} 1 ");
    let mut lines = text.lines().peekable();
    let mut found = None;
    while let Some(line) = lines.next() {
        if let Some(fields) = line.strip_prefix(&start) {
            found = Some((fields, lines.peek().copied().unwrap_or_default()));
        }
    }
    found
}

/// Base64, as far as it goes: where the service cut it, it puts a note of its own (`---Output truncated---`), and what
/// came before that is good.
fn decode(text: &str) -> Result<Vec<u8>, AnswerError> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))).unwrap_or(text.len());
    let text = &text[..end];
    let whole = if end % 4 == 0 { text } else { text[..end - end % 4].trim_end_matches('=') };
    STANDARD.decode(whole).map_err(|error| AnswerError::Damaged(error.to_string()))
}

/// A start of foreign text that is fit for a message.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.trim().is_empty() {
        short = "(nothing)".into();
    }
    short
}

/// Whether a part was taken in, from the output of the command that carried it.
pub fn put(command: &super::Command, stdout: &str) -> Result<(), AnswerError> {
    let said = |prefix: &str| stdout.lines().rev().find_map(|line| line.strip_prefix(prefix).map(str::to_owned));
    let wanted = |name: &str| command.lines.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    match said("amifactory put 1 ") {
        Some(line) if line == format!("{} {}", wanted("AF_PACK="), wanted("AF_PART=")) => Ok(()),
        _ => Err(said("amifactory failed 1 ")
            .map_or_else(|| AnswerError::NoHeader(shown(stdout)), |why| AnswerError::Failed(shown(&why)))),
    }
}

impl Answer {
    /// As the engine takes it; none where the bundle did not run to any end.
    pub fn run_result(&self, bundle: &Digest, log: &std::path::Path) -> Option<RunResult> {
        let State::Ended(end) = &self.state else { return None };
        let (bundle, steps, log) = (bundle.clone(), self.results.clone(), log.to_owned());
        Some(RunResult { bundle, steps, end: end.clone(), log, place: None })
    }
}
