//! Results as a log group brings them: numbered lines, of which any may be lost, cut, there twice, or out of order.

use super::Label;
use crate::identity::Digest;
use crate::plan::Bundles;
use crate::target::aws::command::{Answer, AnswerError, Incoming, State};
use std::collections::BTreeMap;

/// How long the text of a line is, but for the last one. Short, because what is between a component and its log group may
/// cut long lines, and nothing says where.
pub const LINE: usize = 800;
/// More than any answer has: the wrapper cuts logs far below it.
const MOST: usize = 24 << 20;
/// An image build prints four; a component that the machine's restart has run again prints the same ones.
const MOST_ANSWERS: usize = 64;
/// How each line begins; whatever the agent puts before it does not matter.
const MARK: &str = "amifactory-result 1 ";

/// What was read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    answers: BTreeMap<Key, BTreeMap<usize, String>>,
}

/// What a line belongs to: where it was printed, the answer's checksum, its length.
type Key = (Label, Digest, usize);

/// An answer that is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Where it was printed.
    pub label: Label,
    /// Numbers of the lines that are not there, counted from 1.
    pub lines: Vec<usize>,
    /// How many lines it has.
    pub of: usize,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown: Vec<String> = self.lines.iter().take(5).map(ToString::to_string).collect();
        let more = if self.lines.len() > shown.len() { ", …" } else { "" };
        write!(f, "of the {} lines of phase {}, {}{more} are missing", self.of, self.label, shown.join(", "))
    }
}

impl Lines {
    /// Takes in an event of the log. What is no line of a result is passed over.
    pub fn add(&mut self, message: &str) {
        for line in message.lines() {
            let Some((key, number, text)) = parse(line) else { continue };
            if self.answers.len() < MOST_ANSWERS || self.answers.contains_key(&key) {
                self.answers.entry(key).or_default().insert(number, text.to_owned());
            }
        }
    }

    /// Answers of which all is there, as the wrapper gave them.
    fn whole(&self, label: Label) -> impl Iterator<Item = String> {
        let of = self.answers.iter().filter(move |((found, ..), _)| *found == label);
        of.filter(|((_, _, bytes), lines)| lines.len() == count(*bytes)).filter_map(|((_, sum, _), lines)| {
            let text: String = lines.values().map(String::as_str).collect();
            let is_it = Digest::of(&text) == *sum;
            is_it.then(|| text.chars().map(back).collect())
        })
    }

    /// What is missing of answers that have begun to come.
    pub fn missing(&self) -> Vec<Missing> {
        let all = self.answers.iter().map(|((label, _, bytes), found)| {
            let of = count(*bytes);
            let lines = (1..=of).filter(|number| !found.contains_key(number)).collect();
            Missing { label: *label, lines, of }
        });
        all.filter(|missing| !missing.lines.is_empty()).collect()
    }
}

/// What came of each bundle, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// Of the bundle `apply`.
    pub apply: Option<Answer>,
    /// Of the bundle `seal`.
    pub seal: Option<Answer>,
    /// Of the bundle `boot-test`.
    pub boot_test: Option<Answer>,
    /// Answers that can't be used: what they say, or what is wrong with them.
    pub unusable: Vec<(Label, AnswerError)>,
}

impl Results {
    /// Reads what is whole. What is not there stays unknown.
    pub fn read(lines: &Lines, bundles: &Bundles) -> Results {
        let Bundles { apply, seal, boot_test } = bundles;
        let mut results = Results::default();
        for label in Label::ALL {
            let expected: &[&Digest] = match label {
                Label::Build => &[&apply.digest],
                Label::Validate | Label::Again => &[&apply.digest, &seal.digest],
                Label::Test => &[&boot_test.digest],
            };
            for text in lines.whole(label) {
                let answers = match Incoming::whole(expected, &text) {
                    Ok(answers) => answers,
                    Err(error) => {
                        results.unusable.push((label, error));
                        continue;
                    }
                };
                for (digest, answer) in expected.iter().zip(answers) {
                    let known = match *digest {
                        digest if *digest == apply.digest => &mut results.apply,
                        digest if *digest == seal.digest => &mut results.seal,
                        _ => &mut results.boot_test,
                    };
                    prefer(known, answer);
                }
            }
        }
        results
    }
}

/// Of several answers for the same bundle one counts that ran, and of those one that still has its log: an image carries
/// results without logs.
fn prefer(known: &mut Option<Answer>, answer: Answer) {
    let worth = |answer: &Answer| (matches!(answer.state, State::Ended(_)), !answer.log.is_empty());
    if known.as_ref().is_none_or(|known| worth(known) < worth(&answer)) {
        *known = Some(answer);
    }
}

fn parse(line: &str) -> Option<(Key, usize, &str)> {
    let (_, rest) = line.split_once(MARK)?;
    let mut fields = rest.split_ascii_whitespace();
    let label = fields.next()?.parse().ok()?;
    let sum = fields.next()?.parse().ok()?;
    let bytes = fields.next()?.parse().ok().filter(|bytes| (1..=MOST).contains(bytes))?;
    let number = fields.next()?.parse().ok().filter(|number| (1..=count(bytes)).contains(number))?;
    // One that was cut is one that is missing.
    let text = fields.next().filter(|text| text.is_ascii() && text.len() == length(bytes, number))?;
    Some(((label, sum, bytes), number, text))
}

fn count(bytes: usize) -> usize {
    bytes.div_ceil(LINE)
}

fn length(bytes: usize, number: usize) -> usize {
    if number < count(bytes) { LINE } else { bytes - (count(bytes) - 1) * LINE }
}

/// Spaces and line ends travel as other signs.
fn back(sign: char) -> char {
    match sign {
        '~' => '\n',
        '_' => ' ',
        other => other,
    }
}
