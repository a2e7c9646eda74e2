//! Answers that were cut, damaged or made up: each is read as what it is, or refused.

use super::builder::{Builder, Said, bundle, step};
use amifactory::identity::Digest;
use amifactory::plan::Bundle;
use amifactory::target::RunEnd;
use amifactory::target::aws::command::{self, Answer, AnswerError, Incoming, State};
use base64::Engine as _;
use std::io::Write as _;

fn true_answer(bytes: usize) -> (Builder, Bundle, Said, Vec<Answer>) {
    let builder = Builder::new("dash");
    let body = format!("head -c {bytes} /dev/urandom | base64");
    let bundle = bundle("apply", &[step("a", &body), step("b", "echo 'amifactory answer 1 x 0 0'")]);
    let said = builder.send(&command::run(&[&bundle], &builder.options()).unwrap());
    let answers = builder.answers(&[&bundle], &said).unwrap();
    (builder, bundle, said, answers)
}

fn read(bundle: &Bundle, stdout: &str, stderr: &str) -> Result<Option<Vec<Answer>>, AnswerError> {
    let incoming = Incoming::begin(&[&bundle.digest], stdout, stderr)?;
    if incoming.missing().is_some() { Ok(None) } else { incoming.finish().map(Some) }
}

#[test]
fn banners_and_notes_of_the_service_do_no_harm() {
    let (_keep, bundle, said, answers) = true_answer(100);
    let banners = [
        "Welcome to Amazon Linux 2023\r\n\r\n",
        "\u{fffd}\u{fffd} \u{1b}[31m ä\n",
        "amifactory answer 1 junk\nAAAA\n",
        "amifactory failed 1 junk\n",
        "sh: warning: setlocale: LC_ALL: cannot change locale\n",
    ];
    for banner in banners {
        let stdout = format!("{banner}{}", said.stdout);
        assert_eq!(read(&bundle, &stdout, banner).unwrap().as_ref(), Some(&answers), "{banner}");
        let stdout = format!("{stdout}\n---Output truncated---").replace('\n', "\r\n");
        assert_eq!(read(&bundle, &stdout, banner).unwrap().as_ref(), Some(&answers), "{banner}");
    }
    assert!(matches!(read(&bundle, "", ""), Err(AnswerError::NoHeader(_))));
    let failed = read(&bundle, "hello\namifactory failed 1 there is no program flock: so\n", "").unwrap_err();
    assert_eq!(failed, AnswerError::Failed("there is no program flock: so".into()));
}

#[test]
fn an_answer_cut_anywhere_is_fetched_further_or_refused() {
    let (builder, bundle, said, answers) = true_answer(21_000);
    assert!(said.stderr.len() > 1000, "{}", said.stderr.len());
    let cuts = (0..said.stdout.len()).step_by(97).chain(said.stdout.len() - 3..said.stdout.len());
    let mut further = 0;
    for (number, at) in cuts.enumerate() {
        let stdout = format!("{}--output truncated--", &said.stdout[..at]);
        match Incoming::begin(&[&bundle.digest], &stdout, &said.stderr) {
            Ok(incoming) if incoming.missing().is_some() => {
                further += 1;
                // Not each of them: a fetch runs a shell.
                if number % 20 == 0 {
                    let cut = Said { code: Some(0), stdout, stderr: said.stderr.clone() };
                    assert_eq!(builder.answers(&[&bundle], &cut).unwrap(), answers, "cut at {at}");
                }
            }
            Ok(incoming) => assert_eq!(incoming.finish().unwrap(), answers, "cut at {at}"),
            Err(_) => assert!(at < 200, "cut at {at}"),
        }
    }
    assert!(further > 100, "{further}");
    // What the builder says is the whole, when a step is not.
    for at in (0..said.stderr.len()).step_by(211) {
        let incoming = Incoming::begin(&[&bundle.digest], &said.stdout, &said.stderr[..at]).unwrap();
        assert!(incoming.missing().unwrap().offset >= 17_100, "cut at {at}");
    }
}

#[test]
fn no_change_to_an_answer_passes_for_another_answer() {
    let (_keep, bundle, said, answers) = true_answer(50);
    let other = Digest::of("other");
    assert!(matches!(Incoming::begin(&[&other], &said.stdout, ""), Err(AnswerError::Header(_))));
    assert!(matches!(Incoming::begin(&[&other, &bundle.digest], &said.stdout, ""), Err(AnswerError::Header(_))));
    let (mut same, mut refused, mut more) = (0, 0, 0);
    let mut check = |changed: &str| match read(&bundle, changed, "") {
        // Many a character was put in place of itself.
        _ if changed == said.stdout => {}
        Ok(Some(read)) => {
            assert_eq!(read, answers, "{changed}");
            same += 1;
        }
        Ok(None) => more += 1,
        Err(_) => refused += 1,
    };
    for at in 0..said.stdout.len() {
        let (before, after) = said.stdout.split_at(at);
        for inserted in ["0", "9", " ", ",", "A", "=", "\n", "\u{fffd}", "-"] {
            check(&format!("{before}{inserted}{after}"));
            check(&format!("{before}{inserted}{}", &after[1..]));
        }
        check(&format!("{before}{}", &after[1..]));
        check(&format!("{before}{after}{before}"));
    }
    for (from, to) in
        [("completed", "limit"), ("completed", "interrupted"), ("completed", "died:3"), ("completed", "died:999")]
    {
        check(&said.stdout.replace(from, to));
    }
    eprintln!("{same} changes made no difference, {refused} were refused, {more} lead to a fetch");
    assert!(refused > 10 * said.stdout.len() && same < said.stdout.len() / 4, "{refused} {same}");
}

/// An answer as a hostile builder would make it: all its checksums are right.
fn forged(bundle: &Bundle, state: &str, results: &[u8], log: &[u8]) -> String {
    let all = [results, log].concat();
    packed(bundle, state, results.len(), log.len(), &if all.is_empty() { all } else { gzip(&all, 1) })
}

fn packed(bundle: &Bundle, state: &str, results: usize, log: usize, bytes: &[u8]) -> String {
    let fields = format!(" {},{state},{results},{log}", &bundle.digest.as_str()[..16]);
    let digest = Digest::of([fields.as_bytes(), bytes].concat());
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes[..bytes.len().min(17_100)]);
    format!("amifactory answer 1 {digest} {} 0{fields}\n{text}\n", bytes.len())
}

fn gzip(chunk: &[u8], times: usize) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..times {
        gzip.write_all(chunk).unwrap();
    }
    gzip.finish().unwrap()
}

#[test]
fn sizes_from_the_wire_are_not_trusted() {
    let bundle = bundle("apply", &[step("a", "true")]);
    // A thousandth of what it unpacks to; announced small, and as it is.
    let bomb = gzip(&[0; 1 << 20], 40);
    for (results, log) in [(100, 0), (0, 100), (1 << 20, 1 << 20)] {
        let said = packed(&bundle, "completed", results, log, &bomb);
        let mut incoming = Incoming::begin(&[&bundle.digest], &said, "").unwrap();
        while let Some(more) = incoming.missing() {
            let from = more.offset as usize;
            let to = bomb.len().min(from + 17_100);
            let slice = base64::engine::general_purpose::STANDARD.encode(&bomb[from..to]);
            let text = format!("amifactory slice 1 {} {} {}\n{slice}\n", more.payload, bomb.len(), more.offset);
            incoming.add(&text, "").unwrap();
        }
        assert!(matches!(incoming.finish(), Err(AnswerError::Damaged(_))));
    }
    let whole = packed(&bundle, "completed", 20 << 20, 20 << 20, &bomb);
    assert!(matches!(Incoming::begin(&[&bundle.digest], &whole, ""), Err(AnswerError::TooLarge(_))));
    let name = &bundle.digest.as_str()[..16];
    let digest = &bundle.digest;
    for (total, results, log) in [
        ("99999999999", "99999999999", "0"),
        ("18446744073709551615", "18446744073709551615", "0"),
        ("0", "18446744073709551615", "1"),
        ("99999999999999999999", "0", "0"),
        ("-1", "-1", "0"),
        ("5", "0", "0"),
        ("0", "2", "2"),
        ("5", "99999999999", "0"),
    ] {
        let said = format!("amifactory answer 1 {digest} {total} 0 {name},completed,{results},{log}\nAAAA\n");
        let error = Incoming::begin(&[digest], &said, "").unwrap_err();
        assert!(matches!(error, AnswerError::Header(_) | AnswerError::TooLarge(_)), "{error}");
    }
    let (end, log) = (b"{\"end\":true}\n", b"==> step \"a\" rc=0 bytes=2\nx\n\n");
    let all = gzip(&[&end[..], log].concat(), 1);
    let answers = read(&bundle, &packed(&bundle, "completed", end.len(), log.len(), &all), "").unwrap().unwrap();
    assert_eq!((&answers[0].state, &answers[0].log[..]), (&State::Ended(RunEnd::Completed), &log[..]));
    for (results, log, bytes) in [
        (end.len(), log.len(), &all[..9]),
        (end.len(), log.len(), &all[..all.len() - 1]),
        (end.len(), log.len(), &[&all[..], b"x"].concat()[..]),
        (end.len(), log.len() - 1, &all[..]),
        (end.len() + 1, log.len(), &all[..]),
    ] {
        let error = read(&bundle, &packed(&bundle, "completed", results, log, bytes), "").unwrap_err();
        assert!(matches!(error, AnswerError::Damaged(_)), "{error}");
    }
}

#[test]
fn results_without_their_output_are_filled_from_the_log_or_refused() {
    let bundle = bundle("apply", &[step("a", "true")]);
    let lines =
        b"{\"step\":\"a\",\"rc\":0,\"ms\":1}\n{\"step\":\"b\",\"rc\":0,\"ms\":1,\"b64\":\"Yg==\"}\n{\"end\":true}\n";
    let log = |head: &str, bytes: &[u8]| {
        let head = format!("a shell's own words \n==> step {head} bytes={}\n", bytes.len());
        [head.as_bytes(), bytes, b"\n"].concat()
    };
    // 5,000 bytes whose last 4,096 begin inside of a character.
    let output = format!("{}{}x", "o".repeat(903), "\u{e4}".repeat(2048)).into_bytes();
    let answers =
        read(&bundle, &forged(&bundle, "completed", lines, &log("\"a\" rc=0", &output)), "").unwrap().unwrap();
    let outs: Vec<&str> = answers[0].results.iter().map(|result| result.out.as_str()).collect();
    assert_eq!(outs, [format!("\u{fffd}{}x", "\u{e4}".repeat(2047)).as_str(), "b"]);
    for log in [
        Vec::new(),
        log("\"b\" rc=0", b"other"),
        log("\"a\" rc=0", &output)[..4000].to_vec(),
        // Printed by another step, not said by the runner.
        log("\"b\" rc=0", &log("\"a\" rc=0", b"forged")),
    ] {
        let error = read(&bundle, &forged(&bundle, "completed", lines, &log), "").unwrap_err();
        assert!(matches!(&error, AnswerError::Damaged(why) if why.contains("lacks what step \"a\"")), "{error}");
    }
}

#[test]
fn words_of_the_agent_behind_the_continuation_are_no_part_of_it() {
    let (_keep, bundle, said, answers) = true_answer(21_000);
    assert!(said.stderr.len() > 1000);
    for words in ["failed to run commands: exit status 1", "AAAAfailedtoruncommands"] {
        for stderr in [format!("{}{words}", said.stderr), format!("{}{words}", said.stderr.trim_end())] {
            assert_eq!(read(&bundle, &said.stdout, &stderr).unwrap().as_ref(), Some(&answers), "{words}");
        }
    }
}

#[test]
fn a_bundle_that_says_it_completed_and_did_not_end_has_died() {
    let bundle = bundle("apply", &[step("a", "true")]);
    let line = b"{\"step\":\"a\",\"rc\":0,\"ms\":1,\"b64\":\"\"}\nnot a line\n\xff\n";
    let answers = read(&bundle, &forged(&bundle, "completed", line, &[]), "").unwrap().unwrap();
    assert_eq!(answers[0].results.len(), 1);
    assert!(matches!(answers[0].state, State::Ended(RunEnd::Died(_))), "{:?}", answers[0].state);
    let answers = read(&bundle, &forged(&bundle, "not-run", &[], &[]), "").unwrap().unwrap();
    assert_eq!(answers[0].run_result(&bundle.digest, std::path::Path::new("x")), None);
}

#[test]
fn a_fetch_that_brings_nothing_ends_with_an_error() {
    let (builder, bundle, said, _) = true_answer(40_000);
    let mut incoming = Incoming::begin(&[&bundle.digest], &said.stdout, &said.stderr).unwrap();
    let more = incoming.missing().unwrap();
    let fetched = builder.send(&command::fetch(&[&bundle.digest], &more, &builder.options()));
    let header = fetched.stdout.lines().next().unwrap();
    let empty = format!("{header}\n---Output truncated---");
    assert!(matches!(incoming.add(&empty, ""), Err(AnswerError::Slice(_))));
    incoming.add(&fetched.stdout, &fetched.stderr).unwrap();
    assert!(matches!(incoming.add(&fetched.stdout, &fetched.stderr), Err(AnswerError::Slice(_))));
}
