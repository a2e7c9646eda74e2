//! A step may ask for a restart of the machine: exit status 194, and the agent runs the whole command again.

use super::builder::{Builder, SHELLS, bundle, said, step};
use amifactory::plan::{BundleStep, OnFailure, step_output};
use amifactory::target::RunEnd;
use amifactory::target::aws::command::{self, State};
use std::fs;

#[test]
fn what_was_done_before_a_restart_is_not_done_again_and_answers_in_order() {
    for shell in SHELLS {
        let mut builder = Builder::new(shell);
        builder.live = shell == "bash";
        let count = builder.root().join("count");
        let mark = |word: &str| format!("echo {word} >>{}; echo {word}", count.display());
        let apply = bundle(
            "apply",
            &[
                step("one", &mark("one")),
                step("two", &format!("af_reboot; {}", mark("two"))),
                // A second restart, asked for by a step with a time limit.
                BundleStep {
                    timeout: Some(std::time::Duration::from_secs(20)),
                    ..step("three", &format!("{}; af_reboot", mark("three")))
                },
                // One that asks and fails gets none.
                BundleStep { on_failure: OnFailure::Continue, ..step("four", "af_reboot; exit 3") },
                step("five", &mark("five")),
            ],
        );
        let seal = bundle("seal", &[step("six", &mark("six"))]);
        let command = command::run(&[&apply, &seal], &builder.options()).unwrap();
        for (boot, done) in [(1, "one\ntwo\n"), (2, "one\ntwo\nthree\n")] {
            let first = builder.send(&command);
            assert_eq!((first.code, first.stdout.as_str()), (Some(194), ""), "{shell} start {boot}: {}", first.stderr);
            assert_eq!(fs::read_to_string(&count).unwrap(), done);
            // Until the machine goes down, nothing more happens, whoever asks.
            assert_eq!(builder.send(&command).code, Some(194), "{shell}");
            assert_eq!(builder.result(&[&apply])[0].state, State::Running, "{shell}");
            assert_eq!(fs::read_to_string(&count).unwrap(), done);
            builder.restart();
        }
        let answers = builder.answers(&[&apply, &seal], &builder.send(&command)).unwrap();
        assert_eq!(fs::read_to_string(&count).unwrap(), "one\ntwo\nthree\nfive\nsix\n", "{shell}");
        let steps: Vec<(&str, i32, &str)> =
            answers[0].results.iter().map(|result| (result.step.as_str(), result.rc, result.out.as_str())).collect();
        let expected =
            [("one", 0, "one\n"), ("two", 0, "two\n"), ("three", 0, "three\n"), ("four", 3, ""), ("five", 0, "five\n")];
        assert_eq!(steps, expected, "{shell}");
        assert_eq!(answers[0].state, State::Ended(RunEnd::Completed));
        for (step, _, out) in expected {
            assert_eq!(step_output(&answers[0].log, step), Some(out.as_bytes()), "{shell}: {step}'s log is lost");
        }
        assert_eq!(answers[1].results[0].out, "six\n");
        let left: Vec<_> = fs::read_dir(builder.root().join("var/lib/amifactory")).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}

#[test]
fn a_machine_that_loses_its_power_after_a_restart_is_interrupted() {
    let mut builder = Builder::new("dash");
    let pids = builder.root().join("pids");
    let steps = [step("a", "af_reboot"), step("b", &format!("echo $$ >{}; sleep 30", pids.display()))];
    let bundle = bundle("apply", &steps);
    let command = command::run(&[&bundle], &builder.options()).unwrap();
    assert_eq!(builder.send(&command).code, Some(194));
    builder.restart();
    let mut child = builder.start(&command);
    while !fs::read_to_string(&pids).is_ok_and(|text| text.ends_with('\n')) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let runner = fs::read_to_string(&pids).unwrap();
    std::process::Command::new("pkill").args(["-KILL", "-P", runner.trim()]).status().unwrap();
    builder.restart();
    assert_eq!(builder.run(&[&bundle])[0].state, State::Ended(RunEnd::Interrupted));
}

#[test]
fn a_machine_that_does_not_restart_is_not_waited_for_without_end() {
    let builder = Builder::new("dash");
    let bundle = bundle("apply", &[step("a", "af_reboot")]);
    let command = command::run(&[&bundle], &builder.options()).unwrap();
    let said = (0..20).map(|_| said(builder.start(&command))).find(|said| said.code != Some(194)).unwrap();
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(1), "amifactory failed 1 the machine was to restart and did not\n")
    );
}

#[test]
fn where_nothing_can_be_restarted_the_bundle_goes_on_and_says_so() {
    for shell in SHELLS {
        let bundle = bundle("apply", &[step("a", "af_reboot; echo on"), step("b", "echo after")]);
        let output = std::process::Command::new(shell).args(["-c", &bundle.script]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let log = output.stderr;
        let text = String::from_utf8_lossy(step_output(&log, "a").unwrap());
        assert_eq!(
            text, "a restart of the machine belongs here; nothing is restarted where this runs\non\n",
            "{shell}"
        );
        assert_eq!(step_output(&log, "b"), Some(&b"after\n"[..]));
    }
}
