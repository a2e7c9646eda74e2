//! What is inside an answer: results of bundles and their logs, packed as small as they get.

use super::{AnswerError, LOG_BLOCK};
use crate::plan::{RunLine, StepResult, TAIL_BYTES, parse_line, step_outputs, tail};
use flate2::bufread::GzDecoder;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::Read as _;

/// What all of an answer may unpack to: the wrapper cuts logs far below it.
pub const MAX_UNPACKED: u64 = 32 << 20;

/// What came of one bundle.
pub struct Part {
    /// The runner's lines.
    results: Vec<u8>,
    /// The bundle's log.
    pub log: Vec<u8>,
}

/// The line of a step whose output is in the log beside it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bare {
    step: String,
    rc: i32,
    ms: u64,
}

/// Takes an answer's bytes apart, by the sizes of each bundle's results and log that its header announced. They hold to
/// the byte, or the answer is refused.
pub fn unpack(bytes: &[u8], sizes: &[(u64, u64)]) -> Result<Vec<Part>, AnswerError> {
    let damaged = || AnswerError::Damaged("it does not unpack to the sizes it announced".into());
    let whole = sizes.iter().try_fold(0_u64, |sum, (results, log)| sum.checked_add(*results)?.checked_add(*log));
    let whole = whole.filter(|whole| *whole <= MAX_UNPACKED).ok_or_else(damaged)?;
    let mut unpacked = Vec::new();
    if !bytes.is_empty() {
        // A byte more than there may be is enough to see that there are more.
        let mut reader = GzDecoder::new(bytes).take(whole + 1);
        reader.read_to_end(&mut unpacked).map_err(|error| AnswerError::Damaged(error.to_string()))?;
        if unpacked.len() as u64 != whole || !reader.into_inner().into_inner().is_empty() {
            return Err(damaged());
        }
    }
    let mut rest = unpacked.as_slice();
    let mut next = |size: u64| -> Result<&[u8], AnswerError> {
        let size = usize::try_from(size).map_err(|_| damaged())?;
        let (part, after) = rest.split_at_checked(size).ok_or_else(damaged)?;
        rest = after;
        Ok(part)
    };
    let mut parts = Vec::new();
    for (results, _) in sizes {
        parts.push(Part { results: next(*results)?.to_vec(), log: Vec::new() });
    }
    // Logs are woven, a block of each in turn.
    let mut left: Vec<u64> = sizes.iter().map(|(_, log)| *log).collect();
    while left.iter().any(|left| *left > 0) {
        for (part, left) in parts.iter_mut().zip(&mut left) {
            let block = (*left).min(LOG_BLOCK as u64);
            part.log.extend(next(block)?);
            *left -= block;
        }
    }
    Ok(parts)
}

impl Part {
    /// Results of steps, and whether the last line is there that says that nothing is missing. Lines that are not the
    /// runner's are not results.
    pub fn results(&self) -> Result<(Vec<StepResult>, bool), AnswerError> {
        let mut outputs = HashMap::new();
        for (step, output) in step_outputs(&self.log) {
            outputs.entry(step).or_insert(output);
        }
        let mut results = Vec::new();
        let mut whole = false;
        for line in String::from_utf8_lossy(&self.results).lines() {
            match parse_line(line) {
                Some(RunLine::Ended(result)) => results.push(result),
                Some(RunLine::End) => whole = true,
                Some(RunLine::Started(_) | RunLine::Stopped(_)) => {}
                None => results.extend(beside_log(line, &outputs)?),
            }
        }
        Ok((results, whole))
    }
}

/// A step's result without the end of its output, which the log has: without that, it would pass for a step that
/// printed nothing.
fn beside_log(line: &str, outputs: &HashMap<String, &[u8]>) -> Result<Option<StepResult>, AnswerError> {
    let Some(Bare { step, rc, ms }) =
        Some(line).filter(|line| line.len() <= TAIL_BYTES * 4).and_then(|line| serde_json::from_str(line).ok())
    else {
        return Ok(None);
    };
    match outputs.get(&step) {
        Some(output) => Ok(Some(StepResult { out: tail(output), step, rc, ms })),
        None => Err(AnswerError::Damaged(format!("its log lacks what step {step:?} printed"))),
    }
}
