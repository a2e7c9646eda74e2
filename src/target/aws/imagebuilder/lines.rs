//! Results as a log group brings them: numbered lines, of which any may be lost, cut, there twice, or out of order.
//!
//! More than the builder can write to a log group. A bundle runs once, so all whole answers say the same of it, whoever
//! repeats them: where two don't, none counts.

use super::Label;
use crate::identity::Digest;
use crate::plan::{Bundle, Bundles, StepResult};
use crate::target::RunEnd;
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
    /// There were more answers than are kept.
    overfull: Option<Label>,
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
            } else {
                self.overfull.get_or_insert(key.0);
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
    /// Whether answers contradict each other: then none of them counts, and no later line can mend that.
    pub contradicted: bool,
}

impl Results {
    /// Reads what is whole. What is not there stays unknown.
    pub fn read(lines: &Lines, bundles: &Bundles) -> Results {
        let Bundles { apply, seal, boot_test } = bundles;
        let mut results = Results::default();
        let mut known: BTreeMap<&Digest, (Label, Answer)> = BTreeMap::new();
        let mut against: Vec<(Label, String)> = Vec::new();
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
                for (digest, answer) in expected.iter().copied().zip(answers) {
                    let name =
                        [apply, seal, boot_test].into_iter().find(|b| b.digest == *digest).map_or("", |b| b.name);
                    let Some((first, before)) = known.get(digest) else {
                        known.insert(digest, (label, answer));
                        continue;
                    };
                    if let Some(what) = contradiction(before, &answer) {
                        against.push((label, format!("of {name} the phases {first} and {label} tell {what}")));
                    }
                    if worth(before) < worth(&answer) {
                        known.insert(digest, (label, answer));
                    }
                }
            }
        }
        against.extend(lines.overfull.map(|label| (label, format!("more than {MOST_ANSWERS} of them are in the log"))));
        if !against.is_empty() {
            results.contradicted = true;
            let against = against.into_iter().map(|(label, why)| (label, AnswerError::Contradicted(why)));
            results.unusable.extend(against);
            return results;
        }
        let mut of = |bundle: &Bundle| known.remove(&bundle.digest).map(|(_, answer)| answer);
        (results.apply, results.seal, results.boot_test) = (of(apply), of(seal), of(boot_test));
        results
    }
}

/// How an answer ends that is there for good: a bundle that was cut off never runs again, and one that has not ended may
/// have when the next answer is given.
fn outcome(answer: &Answer) -> Option<&RunEnd> {
    match &answer.state {
        State::Ended(end) if *end != RunEnd::Interrupted => Some(end),
        _ => None,
    }
}

/// Of several answers for the same bundle one counts that ran to some end, then one that was cut off, and of those one that
/// still has its log: an image carries results without logs, and a restart of the machine forgets them.
fn worth(answer: &Answer) -> (bool, bool, bool) {
    (outcome(answer).is_some(), matches!(answer.state, State::Ended(_)), !answer.log.is_empty())
}

/// What two answers for the same bundle can't both be right in. What steps printed is compared between answers that have
/// their logs, and between those that don't: there it was cut in the same way.
fn contradiction(one: &Answer, other: &Answer) -> Option<String> {
    if outcome(one)? != outcome(other)? {
        return Some(format!("different ends: {:?} and {:?}", outcome(one)?, outcome(other)?));
    }
    let alike = one.log.is_empty() == other.log.is_empty();
    let same = |(a, b): (&StepResult, &StepResult)| {
        (&a.step, a.rc, a.ms) == (&b.step, b.rc, b.ms) && (!alike || a.out == b.out)
    };
    if one.results.len() != other.results.len() {
        return Some(format!("different steps: {} and {} of them", one.results.len(), other.results.len()));
    }
    if let Some((step, _)) = one.results.iter().zip(&other.results).find(|pair| !same(*pair)) {
        return Some(format!("different results of step {}", step.step));
    }
    (alike && one.log != other.log).then(|| "different logs".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(state: State, rc: i32, log: &str) -> Answer {
        let result = StepResult { step: "a".into(), rc, ms: 3, out: log.into() };
        let results = if matches!(state, State::Ended(RunEnd::Completed)) { vec![result] } else { Vec::new() };
        Answer { state, results, log: log.as_bytes().to_vec() }
    }

    #[test]
    fn what_ran_to_its_end_counts_before_what_was_cut_off_and_that_is_no_contradiction() {
        let whole = answer(State::Ended(RunEnd::Completed), 0, "all");
        let from_image = answer(State::Ended(RunEnd::Completed), 0, "");
        let cut_off = answer(State::Ended(RunEnd::Interrupted), 0, "");
        let order =
            [answer(State::NotRun, 0, ""), cut_off.clone(), from_image.clone(), whole.clone()].map(|one| worth(&one));
        assert!(order.is_sorted() && order.windows(2).all(|pair| pair[0] != pair[1]), "{order:?}");
        for (one, other) in [(&whole, &cut_off), (&whole, &from_image), (&cut_off, &from_image)] {
            assert_eq!((contradiction(one, other), contradiction(other, one)), (None, None));
        }
    }

    #[test]
    fn ends_steps_outputs_and_logs_that_differ_contradict_each_other_in_either_order() {
        let whole = answer(State::Ended(RunEnd::Completed), 0, "all");
        let others = [
            (answer(State::Ended(RunEnd::Completed), 1, ""), "different results of step a"),
            (answer(State::Ended(RunEnd::Completed), 0, "other"), "different results of step a"),
            (
                Answer { results: whole.results.clone(), ..answer(State::Ended(RunEnd::Completed), 0, "b") },
                "different logs",
            ),
            (Answer { results: Vec::new(), ..whole.clone() }, "different steps: "),
            (answer(State::Ended(RunEnd::Died("x".into())), 0, ""), "different ends: "),
        ];
        for (other, said) in &others {
            assert!(contradiction(&whole, other).is_some_and(|what| what.starts_with(said)), "{said}");
            assert!(contradiction(other, &whole).is_some_and(|what| what.starts_with(said)), "{said}");
        }
    }
}
