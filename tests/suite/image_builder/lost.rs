//! Log groups lose lines, cut them, bring them twice and in any order. A result that is not there is never one that is.

use super::instance::{Instance, bundles, made};
use crate::builder_commands::step;
use amifactory::target::aws::imagebuilder::{LINE, Label, Lines, Results};

/// A whole image build whose answers have several lines each.
fn log() -> (amifactory::plan::Bundles, Vec<String>) {
    let long = "head -c 4000 /dev/urandom | base64 -w76";
    let bundles = bundles(&[step("a", long)], &[step("s", long)], &[step("t", long)]);
    let (mut instance, components) = (Instance::new(), made(&bundles));
    assert_eq!((instance.phase(&components, "build"), instance.phase(&components, "validate")), (0, 0));
    instance.restart();
    assert_eq!(instance.phase(&components, "test"), 0);
    (bundles, instance.log.into_iter().filter(|line| line.contains("amifactory-result")).collect())
}

fn lines<'a>(all: impl IntoIterator<Item = &'a String>) -> Lines {
    let mut lines = Lines::default();
    all.into_iter().for_each(|line| lines.add(line));
    lines
}

fn label(line: &str) -> Label {
    line.split("amifactory-result 1 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn one_lost_line_is_no_lost_build() {
    let (bundles, log) = log();
    let whole = Results::read(&lines(&log), &bundles);
    assert!(log.len() > 20, "{}", log.len());
    for lost in 0..log.len() {
        let rest: Vec<&String> = log.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, line)| line).collect();
        let lines = lines(rest);
        let results = Results::read(&lines, &bundles);
        let missing = lines.missing();
        assert_eq!(missing.iter().map(|missing| missing.label).collect::<Vec<_>>(), [label(&log[lost])]);
        assert_eq!(missing[0].lines.len(), 1);
        assert_eq!(results.unusable, []);
        // Nothing says the boot test's results once more: what is lost of them is unknown.
        assert_eq!(results.boot_test.is_none(), label(&log[lost]) == Label::Test);
        let (apply, seal) = (results.apply.unwrap(), results.seal.unwrap());
        assert_eq!(apply, whole.apply.clone().unwrap());
        let sealed = whole.seal.clone().unwrap();
        assert_eq!(seal.state, sealed.state);
        let said = |answer: &amifactory::target::aws::command::Answer| -> Vec<(String, i32)> {
            answer.results.iter().map(|result| (result.step.clone(), result.rc)).collect()
        };
        assert_eq!(said(&seal), said(&sealed));
    }
}

#[test]
fn what_is_nowhere_is_unknown() {
    let (bundles, log) = log();
    let without = |labels: &[Label]| {
        let kept = log.iter().filter(|line| !labels.contains(&label(line)) || line.contains(" 1 amifactory_"));
        let lines = lines(kept);
        let missing: Vec<String> = lines.missing().iter().map(ToString::to_string).collect();
        (Results::read(&lines, &bundles), missing)
    };
    let (results, missing) = without(&[Label::Build, Label::Validate, Label::Again]);
    assert_eq!((results.apply, results.seal), (None, None));
    assert!(missing[1].contains("phase validate, 2, 3, 4, 5, 6, … are missing"), "{missing:?}");
    let (results, _) = without(&[Label::Validate]);
    assert_eq!((results.apply.is_some(), results.seal.unwrap().log.len()), (true, 0));
    assert_eq!(Results::read(&Lines::default(), &bundles), Results::default());
}

#[test]
fn order_repetition_and_what_stands_around_do_not_matter_and_cut_lines_are_missing() {
    let (bundles, log) = log();
    let whole = Results::read(&lines(&log), &bundles);
    let mut mixed: Vec<String> = log.iter().rev().chain(&log).cloned().collect();
    mixed.insert(3, "amifactory-result 1 build and so on".into());
    mixed.insert(5, "amifactory-result 1 build".into());
    mixed.push(String::new());
    assert_eq!(Results::read(&lines(&mixed), &bundles), whole);
    let one_event = mixed.join("\n");
    assert_eq!(Results::read(&lines(&[one_event]), &bundles), whole);

    let tests: Vec<&String> = log.iter().filter(|line| label(line) == Label::Test).collect();
    let mut cut: Vec<String> = tests.iter().map(|line| (*line).clone()).collect();
    let at = cut[1].len() - 40;
    cut[1].truncate(at);
    let cut = lines(&cut);
    assert_eq!((cut.missing()[0].lines.as_slice(), cut.missing()[0].of), (&[2][..], tests.len()));
    assert_eq!(Results::read(&cut, &bundles).boot_test, None);
    // A line that was changed and has its length makes its answer none.
    let mut changed: Vec<String> = tests.iter().map(|line| (*line).clone()).collect();
    let sign = if changed[1].trim_end().ends_with('A') { "B" } else { "A" };
    let end = changed[1].trim_end().len();
    changed[1].replace_range(end - 1..end, sign);
    let changed = lines(&changed);
    assert_eq!((changed.missing(), Results::read(&changed, &bundles).boot_test), (Vec::new(), None));
}

/// Answers of two machines of which one was told to fail: whole, and of the same bundles.
fn two_logs() -> (amifactory::plan::Bundles, [Vec<String>; 2]) {
    let fails = "[ ! -e \"$AMIFACTORY_ROOT/other\" ]";
    let bundles = bundles(&[step("a", fails)], &[step("s", fails)], &[step("t", fails)]);
    let components = made(&bundles);
    let log = |other: bool| {
        let mut instance = Instance::new();
        if other {
            std::fs::write(instance.root().join("other"), "").unwrap();
        }
        // Whatever fails: an instance of one's own can go on.
        for component in &components {
            if super::instance::read(component).phase == "test" {
                instance.restart();
            }
            instance.run(component);
        }
        instance.log.into_iter().filter(|line| line.contains("amifactory-result")).collect()
    };
    (bundles, [log(false), log(true)])
}

#[test]
fn whole_answers_that_contradict_each_other_are_none() {
    let (bundles, [one, other]) = two_logs();
    let (read, other_read) = (Results::read(&lines(&one), &bundles), Results::read(&lines(&other), &bundles));
    assert!(read.apply.is_some() && other_read.apply.is_some() && !read.contradicted && !other_read.contradicted);
    // Whichever is the true one, and whichever has the lower checksum: both are tried as both.
    for (true_one, forged) in [(&one, &other), (&other, &one)] {
        for label_of_forged in Label::ALL {
            let forged: Vec<&String> = forged.iter().filter(|line| label(line) == label_of_forged).collect();
            assert!(!forged.is_empty(), "{label_of_forged}");
            let mixed = lines(true_one.iter().chain(forged));
            let results = Results::read(&mixed, &bundles);
            assert!(results.contradicted, "{label_of_forged}");
            assert_eq!((&results.apply, &results.seal, &results.boot_test), (&None, &None, &None));
            let said: Vec<String> = results.unusable.iter().map(|(_, error)| error.to_string()).collect();
            assert!(said.iter().any(|said| said.starts_with("results contradict each other: of ")), "{said:?}");
        }
    }
    // What is said twice, as after a restart of the machine, is no contradiction.
    let twice = lines(one.iter().chain(&one));
    assert_eq!(Results::read(&twice, &bundles), read);
}

#[test]
fn more_answers_than_a_build_prints_are_no_way_to_keep_the_true_one_out() {
    let (bundles, [one, _]) = two_logs();
    let text = "x".repeat(LINE);
    let many: Vec<String> =
        (0..64).map(|n| format!("amifactory-result 1 build {n:064} {} 1 {text}", 2 * LINE)).collect();
    let results = Results::read(&lines(many.iter().chain(&one)), &bundles);
    assert!(results.contradicted && results.apply.is_none());
}

#[test]
fn sizes_that_lie_are_no_lines() {
    let sum = "0".repeat(64);
    let text = "x".repeat(LINE);
    for line in [
        format!("amifactory-result 1 build {sum} 99999999999999999999 1 {text}"),
        format!("amifactory-result 1 build {sum} 0 1 {text}"),
        format!("amifactory-result 1 build {sum} {LINE} 2 {text}"),
        format!("amifactory-result 1 build {sum} {LINE} 0 {text}"),
        format!("amifactory-result 1 nowhere {sum} {LINE} 1 {text}"),
        format!("amifactory-result 2 build {sum} {LINE} 1 {text}"),
    ] {
        assert_eq!(lines(&[line]), Lines::default());
    }
    // Nobody can fill the memory of whoever reads.
    let many: Vec<String> =
        (0..1000).map(|n| format!("amifactory-result 1 build {n:064} {} 1 {text}", 2 * LINE)).collect();
    assert_eq!(lines(&many).missing().len(), 64);
}
