//! Components that do what they should.

use super::instance::{Instance, bundles, folder, made, read, small};
use crate::builder_commands::{Builder, step};
use amifactory::plan::{OnFailure, step_output};
use amifactory::target::RunEnd;
use amifactory::target::aws::command::{Live, State};
use amifactory::target::aws::imagebuilder::{Label, Results};
use std::fs;

const COMPLETED: State = State::Ended(RunEnd::Completed);

#[test]
fn each_phase_runs_its_bundle_once_and_tells_what_ssm_would_have_told() {
    let mut instance = Instance::new();
    let count = instance.root().join("count");
    let mark = |word: &str| format!("echo {word} >>{}; echo {word}", count.display());
    let bundles = bundles(&[step("a", &mark("a"))], &[step("s", &mark("s"))], &[step("t", &mark("t"))]);
    let components = made(&bundles);
    let phases: Vec<String> = components.iter().map(|component| read(component).phase).collect();
    assert_eq!(phases, ["build", "build", "validate", "test", "test"]);

    assert_eq!(instance.phase(&components, "build"), 0);
    let results = Results::read(&instance.lines(), &bundles);
    assert_eq!(results.apply.as_ref().unwrap().state, COMPLETED);
    assert_eq!((results.seal, results.boot_test), (None, None));
    assert!(instance.kept("parts").is_dir(), "the seal needs them yet");
    assert_eq!(instance.phase(&components, "validate"), 0);
    assert!(!instance.kept("parts").exists(), "nothing of the bundles gets into the image");
    instance.restart();
    assert_eq!(instance.phase(&components, "test"), 0);
    assert!(!instance.kept("parts").exists());
    assert_eq!(fs::read_to_string(&count).unwrap(), "a\ns\nt\n");

    let results = Results::read(&instance.lines(), &bundles);
    let builder = Builder::new("bash");
    fs::remove_file(&count).unwrap();
    let mut there = builder.run(&[&bundles.apply, &bundles.seal]);
    there.extend(builder.run(&[&bundles.boot_test]));
    let mut here = [results.apply, results.seal, results.boot_test].map(Option::unwrap).to_vec();
    for answer in here.iter_mut().chain(&mut there) {
        answer.results.iter_mut().for_each(|result| result.ms = 0);
    }
    assert_eq!(here, there);
    assert_eq!(results.unusable, []);
    assert_eq!(step_output(&here[0].log, "a"), Some(&b"a\n"[..]));
    assert_eq!(instance.lines().missing(), []);
    for bundle in [&bundles.apply, &bundles.seal, &bundles.boot_test] {
        assert!(instance.kept(folder(bundle)).join("results.gz").is_file());
    }
}

#[test]
fn steps_are_told_of_as_they_begin_and_end() {
    let mut instance = Instance::new();
    let components = made(&small());
    instance.phase(&components, "build");
    let mut live = Live::default();
    let events = |line: &String| live.events(&line[line.find("{\"@timestamp").unwrap_or(line.len())..]);
    let told: Vec<String> = instance.log.iter().flat_map(events).map(|event| format!("{event:?}")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("Started { step: \"a\" }") && told[1].contains("rc: 0"), "{told:?}");
}

#[test]
fn a_component_fails_where_its_bundle_did_and_says_all_the_same_what_came_of_it() {
    let failing = [step("a", "echo why; exit 7"), step("b", "echo never")];
    let mut instance = Instance::new();
    let bundles_of = bundles(&failing, &[step("s", "echo never")], &[step("t", "true")]);
    assert_eq!(instance.phase(&made(&bundles_of), "build"), 1);
    let answer = Results::read(&instance.lines(), &bundles_of).apply.unwrap();
    assert_eq!((answer.results[0].rc, answer.results[0].out.as_str(), answer.results.len()), (7, "why\n", 1));

    // A test that fails does not stop the others; a control that can't be applied is a matter of its audits.
    let go_on =
        |id: &str, body: &str| amifactory::plan::BundleStep { on_failure: OnFailure::Continue, ..step(id, body) };
    for (id, code) in [("test/1", 1), ("control/x/apply", 0)] {
        let mut instance = Instance::new();
        let bundles = bundles(&[step("a", "true")], &[step("s", "true")], &[go_on(id, "exit 3"), step("t", "true")]);
        let components = made(&bundles);
        assert_eq!((instance.phase(&components, "build"), instance.phase(&components, "validate")), (0, 0));
        instance.restart();
        assert_eq!(instance.phase(&components, "test"), code, "{id}");
        let answer = Results::read(&instance.lines(), &bundles).boot_test.unwrap();
        assert_eq!((answer.state, answer.results.len()), (COMPLETED, 2));
    }
}

#[test]
fn a_restart_of_the_machine_runs_nothing_twice() {
    let mut instance = Instance::new();
    let count = instance.root().join("count");
    let mark = |word: &str| format!("echo {word} >>{}", count.display());
    let apply = [step("a", &format!("af_reboot; {}", mark("a"))), step("b", &mark("b"))];
    let bundles = bundles(&apply, &[step("s", &mark("s"))], &[step("t", "true")]);
    let components = made(&bundles);
    assert_eq!((instance.phase(&components, "build"), instance.phase(&components, "validate")), (0, 0));
    assert_eq!(fs::read_to_string(&count).unwrap(), "a\nb\ns\n");
    assert_eq!(Results::read(&instance.lines(), &bundles).apply.unwrap().results.len(), 2);
}

#[test]
fn a_part_that_did_not_arrive_whole_runs_nothing() {
    let mut instance = Instance::new();
    let bundles = small();
    let components = made(&bundles);
    assert_eq!(instance.run(&components[0]), 0);
    let part = fs::read_dir(instance.kept("parts")).unwrap().next().unwrap().unwrap().path();
    fs::write(&part, b"something else").unwrap();
    assert_eq!(instance.run(&components[1]), 1);
    let results = Results::read(&instance.lines(), &bundles);
    assert_eq!(results.apply, None);
    let (label, why) = &results.unusable[0];
    assert_eq!(*label, Label::Build);
    assert!(why.to_string().contains("did not arrive whole"), "{why}");
}
