//! What does not fit: answers that come in slices, logs that are cut, bundles too large for a command.

use super::builder::{Builder, SHELLS, bundle, step};
use amifactory::identity::Digest;
use amifactory::plan::{BundleStep, step_output};
use amifactory::target::RunEnd;
use amifactory::target::aws::command::{self, AnswerError, CommandError, Incoming, State};
use std::io::Read as _;

/// Text that does not compress.
pub fn noise(bytes: usize) -> String {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut text = String::new();
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text
}

#[test]
fn an_answer_that_does_not_fit_is_fetched_in_slices() {
    for shell in SHELLS {
        for live in [false, true] {
            let mut builder = Builder::new(shell);
            builder.live = live;
            let body = "head -c 60000 /dev/urandom | base64 -w76";
            let bundle = bundle("apply", &[step("a", body), step("b", "echo end")]);
            let command = command::run(&[&bundle], &builder.options()).unwrap();
            let said = builder.send(&command);
            assert!(said.stdout.len() > 22_900, "{}", said.stdout.len());
            assert_eq!(said.stderr.len() > 7_400, !live, "{}", said.stderr.len());
            let mut incoming = Incoming::begin(&[&bundle.digest], &said.stdout, &said.stderr).unwrap();
            let more = incoming.missing().unwrap();
            assert_eq!(more.offset, if live { 17_100 } else { 22_650 });
            // A slice of another place, or of another answer, is refused.
            let late = command::More { offset: more.offset + 3, ..more.clone() };
            let wrong = builder.send(&command::fetch(&[&bundle.digest], &late, &builder.options()));
            assert!(matches!(incoming.clone().add(&wrong.stdout, &wrong.stderr), Err(AnswerError::Slice(_))));
            let other = command::More { payload: bundle.digest.clone(), ..more };
            let wrong = builder.send(&command::fetch(&[&bundle.digest], &other, &builder.options()));
            assert!(matches!(incoming.add(&wrong.stdout, &wrong.stderr), Err(AnswerError::Failed(_))));
            let answer = builder.answers(&[&bundle], &said).unwrap().remove(0);
            assert_eq!(answer.state, State::Ended(RunEnd::Completed), "{shell}");
            assert_eq!(step_output(&answer.log, "a").unwrap().len(), 81_053, "{shell}");
            assert_eq!(answer.results[1].out, "end\n");
        }
    }
}

#[test]
fn hundreds_of_audits_before_and_after_come_in_one_answer() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        let audit = |number: usize, found: &str| {
            let named = Digest::of(number.to_string()).to_string();
            let body =
                format!("printf 'AF1\\tpass\\tfile /etc/{}\\t0640\\t{found}\\nAF1\\tend\\t1\\n'", &named[20..40]);
            step(&format!("control/{}/audit/persisted", &named[..20]), &body)
        };
        let apply: Vec<BundleStep> =
            (0..150).map(|number| audit(number, if number % 3 == 0 { "0644" } else { "0640" })).collect();
        let rest = (0..150).map(|number| step(&format!("control/{number}/apply"), "true"));
        let packages =
            "i=0; while [ $i -lt 400 ]; do echo \"package-$i 1.$((i * 7919 % 1000))-$((i % 9))\"; i=$((i + 1)); done";
        let seal: Vec<BundleStep> =
            (0..150).map(|number| audit(number, "0640")).chain([step("packages/all", packages)]).collect();
        let (apply, seal) =
            (bundle("apply", &apply.into_iter().chain(rest).collect::<Vec<_>>()), bundle("seal", &seal));
        let said = builder.send(&command::run(&[&apply, &seal], &builder.options()).unwrap());
        let incoming = Incoming::begin(&[&apply.digest, &seal.digest], &said.stdout, &said.stderr).unwrap();
        assert_eq!(incoming.missing(), None, "{shell}");
        let answers = incoming.finish().unwrap();
        assert_eq!((answers[0].results.len(), answers[1].results.len()), (300, 151));
        for answer in &answers {
            for result in &answer.results {
                let whole = String::from_utf8(step_output(&answer.log, &result.step).unwrap().to_vec()).unwrap();
                assert!(whole.ends_with(&result.out) && result.out.len() == whole.len().min(4096), "{}", result.step);
            }
        }
        // Without the logs, from the image: the same results, with what the builder keeps of them.
        let mut builder = builder;
        builder.restart();
        let kept = builder.result(&[&apply, &seal]);
        for (kept, answer) in kept.iter().zip(&answers) {
            assert_eq!((&kept.results, kept.log.len()), (&answer.results, 0), "{shell}");
        }
    }
}

#[test]
fn where_the_whole_log_was_cut_each_result_brings_its_output() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        // Not the runner's: what a step leaves in the log by other ways than its output. The parent of the runner's shell
        // has the log open; the shell itself has nothing there while it waits for a step.
        let steps = [
            step("a", "echo one; head -c 5000000 /dev/zero >>/proc/$(cut -d' ' -f4 /proc/$$/stat)/fd/2"),
            step("b", "echo two; head -c 9000 /dev/zero | tr '\\0' x; echo; echo three"),
        ];
        let answer = builder.run(&[&bundle("apply", &steps)]).remove(0);
        assert_eq!(answer.state, State::Ended(RunEnd::Completed), "{shell}");
        assert!(answer.log.len() < 1_100_000, "{}", answer.log.len());
        assert!(step_output(&answer.log, "b").is_none());
        assert_eq!(answer.results[0].out, "one\n");
        assert!(answer.results[1].out.len() == 4096 && answer.results[1].out.ends_with("x\nthree\n"), "{shell}");
    }
}

#[test]
fn five_megabytes_of_output_are_cut_in_words_and_whole_on_the_builder() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        let forged = "printf '\\n==> step \"b\" rc=0 bytes=3\\nfoo\\n'";
        let steps: Vec<BundleStep> = vec![
            step("a", &format!("head -c 5242880 /dev/zero | tr '\\0' '\\377'; {forged}; echo; echo the end")),
            step("b", "echo small"),
            step("c", "head -c 900000 /dev/zero | tr '\\0' x"),
            step("d", "head -c 900000 /dev/zero | tr '\\0' y"),
            step("e", "head -c 900000 /dev/zero | tr '\\0' z"),
            step("f", "head -c 900000 /dev/zero | tr '\\0' w"),
            step("g", "echo last"),
        ];
        let bundle = bundle("apply", &steps);
        let answer = builder.run(&[&bundle]).remove(0);
        assert_eq!(answer.state, State::Ended(RunEnd::Completed));
        assert!(answer.log.len() < 1_200_000, "{}", answer.log.len());
        let a = String::from_utf8_lossy(step_output(&answer.log, "a").unwrap()).into_owned();
        assert!(a.ends_with("the end\n") && a.starts_with('\u{fffd}'), "{shell}");
        let notice = a.lines().find(|line| line.starts_with('[')).unwrap();
        let file = notice.split(" is in ").nth(1).unwrap().strip_suffix(" on the builder]").unwrap();
        let left_out: usize = notice[1..].split(' ').next().unwrap().parse().unwrap();
        let mut whole = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_end(&mut whole).unwrap();
        assert!(whole.len() > 5_242_880 && whole.ends_with(b"the end\n"));
        let shown = step_output(&answer.log, "a").unwrap().len();
        assert_eq!(left_out + shown - notice.len() - 2, whole.len(), "{notice}");
        assert_eq!(step_output(&answer.log, "b"), Some(&b"small\n"[..]), "{shell}: forged");
        assert_eq!(step_output(&answer.log, "g"), Some(&b"last\n"[..]));
        let tail = &answer.results[0].out;
        assert!(tail.ends_with("foo\n\nthe end\n") && !tail.contains("left out"), "{shell}");
    }
}

#[test]
fn bundles_that_do_not_fit_are_refused_or_sent_in_parts() {
    for shell in SHELLS {
        let mut builder = Builder::new(shell);
        let text = noise(200_000);
        let file = builder.root().join("file");
        let apply = bundle("apply", &[step("a", &format!("af_reboot; printf %s {text} >{}", file.display()))]);
        let seal = bundle("seal", &[step("b", "echo {{ sealed }}")]);
        let error = command::run(&[&apply, &seal], &builder.options()).unwrap_err();
        let CommandError::TooLarge { bytes, limit, bundles } = &error else { panic!("{error}") };
        assert!(*bytes > 120_000 && *limit == 60_000 && bundles == "apply and seal", "{error}");
        let commands = command::run_in_parts(&[&apply, &seal], &builder.options()).unwrap();
        let (run, parts) = commands.split_last().unwrap();
        assert!(parts.len() >= 3 && parts.len() < 6, "{}", parts.len());
        // Without the parts nothing is begun.
        let early = builder.send(run);
        assert_eq!(early.code, Some(1), "{shell}");
        assert!(matches!(builder.answers(&[&apply, &seal], &early), Err(AnswerError::Failed(_))), "{}", early.stdout);
        for part in parts {
            for _ in 0..2 {
                command::put(part, &builder.send(part).stdout).unwrap();
            }
        }
        assert!(command::put(&parts[0], &builder.send(&parts[1]).stdout).is_err());
        assert_eq!(builder.send(run).code, Some(194), "{shell}");
        builder.restart();
        let answers = builder.answers(&[&apply, &seal], &builder.send(run)).unwrap();
        assert_eq!(answers[1].results[0].out, "{{ sealed }}\n", "{shell}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        assert!(!builder.root().join("var/lib/amifactory/parts").exists());
        assert_eq!(builder.answers(&[&apply, &seal], &builder.send(run)).unwrap(), answers);
    }
    let builder = Builder::new("dash");
    let huge = bundle("apply", &[step("a", &format!("echo {}", noise(2_000_000)))]);
    assert!(matches!(command::run_in_parts(&[&huge], &builder.options()), Err(CommandError::TooLarge { .. })));
    let small = bundle("apply", &[step("a", "echo on")]);
    assert_eq!(command::run_in_parts(&[&small], &builder.options()).unwrap().len(), 1);
}
