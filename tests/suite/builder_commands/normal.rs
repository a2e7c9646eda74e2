//! Commands that do what they should: run, answer again, stop where a bundle failed.

use super::builder::{Builder, SHELLS, bundle, step};
use amifactory::plan::step_output;
use amifactory::target::RunEnd;
use amifactory::target::aws::command::State;
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
        assert_eq!(builder.run(&[&apply, &seal]), first, "{shell}");
        assert_eq!(builder.run(&[&seal]), first[1..], "{shell}");
        assert_eq!(builder.result(&[&apply, &seal]), first, "{shell}");
        assert_eq!(fs::read_to_string(&count).unwrap(), "one\ntwo\n", "{shell}: something ran twice");
    }
}
