//! Commands that do what they should: run, answer again, stop where a bundle failed.

use super::builder::{Builder, SHELLS, bundle, said, step};
use amifactory::plan::step_output;
use amifactory::target::aws::command::{self, Live, State};
use amifactory::target::{RunEnd, RunEvent};
use std::fs;

const COMPLETED: State = State::Ended(RunEnd::Completed);

#[test]
fn two_bundles_run_once_and_answer_the_same_again() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        let count = builder.root().join("count");
        let (apply, seal) = (
            bundle(
                "apply",
                &[step(
                    "a",
                    &format!("echo one >>{0}; echo 'it'\\''s {{{{ $(id) `id` \"'; printf '\\377\\n'", count.display()),
                )],
            ),
            bundle("seal", &[step("b", &format!("echo two >>{}; echo hello >&2", count.display()))]),
        );
        let first = builder.run(&[&apply, &seal]);
        assert_eq!(first.iter().map(|answer| &answer.state).collect::<Vec<_>>(), [&COMPLETED, &COMPLETED], "{shell}");
        assert_eq!(first[0].results[0].out, "it's {{ $(id) `id` \"\n\u{fffd}\n");
        assert_eq!(step_output(&first[0].log, "a"), Some(&b"it's {{ $(id) `id` \"\n\xff\n"[..]));
        assert_eq!(first[1].results[0].out, "hello\n");
        // Whoever comes later changes nothing of what another may be reading.
        let owner = builder.folder(&apply).join("owner");
        let written = fs::metadata(&owner).unwrap().modified().unwrap();
        assert_eq!(builder.run(&[&apply, &seal]), first, "{shell}");
        assert_eq!(fs::metadata(&owner).unwrap().modified().unwrap(), written, "{shell}");
        assert_eq!(builder.run(&[&seal]), first[1..], "{shell}");
        assert_eq!(builder.result(&[&apply, &seal]), first, "{shell}");
        assert_eq!(fs::read_to_string(&count).unwrap(), "one\ntwo\n", "{shell}: something ran twice");
    }
}

#[test]
fn a_bundle_that_was_stopped_keeps_the_next_one_from_running() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        let marker = builder.root().join("ran");
        let apply = bundle("apply", &[step("a", "echo why; exit 7"), step("b", "echo never")]);
        let seal = bundle("seal", &[step("c", &format!("touch {}", marker.display()))]);
        for answers in [builder.run(&[&apply, &seal]), builder.result(&[&apply, &seal])] {
            assert_eq!(answers[0].state, COMPLETED, "{shell}");
            assert_eq!((answers[0].results[0].rc, answers[0].results[0].out.as_str()), (7, "why\n"));
            assert_eq!(answers[0].results.len(), 1);
            assert_eq!((&answers[1].state, answers[1].results.len()), (&State::NotRun, 0), "{shell}");
        }
        assert!(!marker.exists());
    }
}

#[test]
fn a_bundle_whose_shell_dies_and_one_that_takes_too_long_say_so() {
    for shell in SHELLS {
        let mut builder = Builder::new(shell);
        let dies = bundle("apply", &[step("a", "echo done"), step("b", "kill -KILL $$; sleep 9")]);
        let answers = builder.run(&[&dies]);
        assert_eq!(
            answers[0].state,
            State::Ended(RunEnd::Died("its shell ended with status 137 before the last step".into()))
        );
        assert_eq!(answers[0].results.len(), 1, "{shell}");
        builder.limit = std::time::Duration::from_secs(2);
        let long = bundle("apply", &[step("a", "echo done"), step("b", "sleep 47; echo no"), step("c", "echo no")]);
        let begun = std::time::Instant::now();
        let answers = builder.run(&[&long]);
        assert!(begun.elapsed() < std::time::Duration::from_secs(12), "{shell}: {:?}", begun.elapsed());
        assert_eq!(
            answers[0].state,
            State::Ended(RunEnd::LimitExceeded("took longer than its time limit".into())),
            "{shell}"
        );
        assert_eq!(answers[0].results[0].out, "done\n");
    }
}

#[test]
fn a_second_command_waits_for_the_first_and_answers_the_same() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        let count = builder.root().join("count");
        let bundle = bundle("apply", &[step("a", &format!("echo once >>{}; sleep 2; echo slow", count.display()))]);
        let command = command::run(&[&bundle], &builder.options()).unwrap();
        let children: Vec<_> = (0..3).map(|_| builder.start(&command)).collect();
        std::thread::sleep(std::time::Duration::from_millis(700));
        assert_eq!(builder.result(&[&bundle])[0].state, State::Running, "{shell}");
        let answers: Vec<_> =
            children.into_iter().map(|child| builder.answers(&[&bundle], &said(child)).unwrap()).collect();
        assert_eq!(answers[0][0].state, COMPLETED);
        assert!(answers.iter().all(|other| *other == answers[0]), "{shell}: {answers:?}");
        assert_eq!(fs::read_to_string(&count).unwrap(), "once\n", "{shell}");
    }
}

#[test]
fn a_run_that_was_cut_off_is_interrupted_and_not_run_again() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        let (count, pids) = (builder.root().join("count"), builder.root().join("pids"));
        let body = format!("echo once >>{}; echo $$ >{}; sleep 30", count.display(), pids.display());
        let (apply, seal) = (bundle("apply", &[step("a", &body)]), bundle("seal", &[step("b", "echo no")]));
        let mut child = builder.start(&command::run(&[&apply, &seal], &builder.options()).unwrap());
        let runner = wait_for(&pids);
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had started goes on, as on a machine; it is ended so that this test leaves nothing.
        let answers = builder.run(&[&apply, &seal]);
        assert_eq!(answers[0].state, State::Ended(RunEnd::Interrupted), "{shell}");
        assert_eq!((answers[0].results.len(), &answers[1].state), (0, &State::NotRun));
        assert_eq!(builder.result(&[&apply])[0].state, State::Ended(RunEnd::Interrupted));
        assert_eq!(fs::read_to_string(&count).unwrap(), "once\n", "{shell}: it ran again");
        std::process::Command::new("pkill").args(["-KILL", "-P", runner.trim()]).status().unwrap();
    }
}

fn wait_for(path: &std::path::Path) -> String {
    for _ in 0..200 {
        if let Ok(text) = fs::read_to_string(path)
            && text.ends_with('\n')
        {
            return text;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{} did not appear", path.display());
}

#[test]
fn what_a_step_leaves_running_does_not_hold_the_next_command_up() {
    let builder = Builder::new("dash");
    let bundle = bundle("apply", &[step("a", "(sleep 5 >/dev/null 2>&1 &) ; echo on")]);
    let begun = std::time::Instant::now();
    builder.run(&[&bundle]);
    builder.run(&[&bundle]);
    assert!(begun.elapsed() < std::time::Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn results_that_came_with_the_base_image_are_not_this_builds() {
    let mut builder = Builder::new("dash");
    let count = builder.root().join("count");
    let bundle = bundle("seal", &[step("a", &format!("echo ran >>{}; wc -l <{0}", count.display()))]);
    assert_eq!(builder.run(&[&bundle])[0].results[0].out, "1\n");
    builder.restart();
    builder.set_build("other-0123456789ab-1");
    assert_eq!(builder.result(&[&bundle])[0].state, State::NotRun);
    assert_eq!(builder.run(&[&bundle])[0].results[0].out, "2\n");
    // And what it did otherwise is no part of the next image.
    builder.set_build("third-0123456789ab-1");
    builder.run(&[&super::builder::bundle("apply", &[step("b", "true")])]);
    assert!(!builder.folder(&bundle).exists());
}

#[test]
fn an_image_holds_results_and_no_logs() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut builder = Builder::new("bash");
    let bundle = bundle("seal", &[step("a", "echo hello")]);
    let answer = builder.run(&[&bundle]).remove(0);
    assert!(!answer.log.is_empty());
    let mut left: Vec<String> = fs::read_dir(builder.folder(&bundle))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["begun", "owner", "results.gz", "state"]);
    let mode = fs::metadata(builder.folder(&bundle)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // The image's own first start.
    builder.restart();
    let read = builder.result(&[&bundle]).remove(0);
    assert_eq!((read.state, read.results, read.log.len()), (answer.state, answer.results, 0));
}

#[test]
fn live_lines_come_as_steps_end_and_the_answer_is_whole() {
    for shell in SHELLS {
        let mut builder = Builder::new(shell);
        builder.live = true;
        let bundle = bundle("apply", &[step("a", "echo 'amifactory answer 1 x'; echo private"), step("b", "exit 3")]);
        let said = builder.send(&command::run(&[&bundle], &builder.options()).unwrap());
        assert!(!said.stderr.contains(&BASE64_OF_PRIVATE[..8]), "{shell}");
        let mut live = Live::default();
        let events: Vec<String> = live
            .events(&format!("a banner\n{}", said.stderr))
            .into_iter()
            .map(|event| match event {
                RunEvent::Started { step } => format!("+{step}"),
                RunEvent::Ended(result) => format!("{}={}", result.step, result.rc),
            })
            .collect();
        assert_eq!(events, ["+a", "a=0", "+b", "b=3"], "{shell}: {}", said.stderr);
        // A log store finds all lines of a build by its id, and needs no mapping for them.
        let lines: Vec<serde_json::Value> =
            said.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &lines {
            assert_eq!(line["trace"]["id"], builder.options().build.as_str(), "{shell}: {line}");
            assert_eq!(line["@timestamp"].as_str().unwrap().len(), "2026-01-01T00:00:00Z".len(), "{shell}: {line}");
        }
        let told = |at: usize| (lines[at]["message"].as_str().unwrap(), &lines[at]["event"]["outcome"]);
        assert_eq!(told(1), ("a: exit status 0", &"success".into()), "{shell}");
        assert_eq!(told(3), ("b: exit status 3", &"failure".into()), "{shell}");
        assert!(lines[3]["event"]["duration"].is_u64(), "{shell}: {}", lines[3]);
        assert!(live.events(&said.stderr).is_empty(), "told twice");
        let answers = builder.answers(&[&bundle], &said).unwrap();
        assert_eq!(answers[0].results[0].out, "amifactory answer 1 x\nprivate\n");
    }
}

const BASE64_OF_PRIVATE: &str = "YW1pZmFjdG9yeSBhbnN3ZXIgMSB4CnByaXZhdGUK";
