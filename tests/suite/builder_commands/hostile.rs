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
    assert!(refused > 5000, "{refused}");
}

/// An answer as a hostile builder would make it: all its checksums are right.
fn forged(bundle: &Bundle, state: &str, results: &[u8], log: &[u8]) -> String {
    let fields = format!(" {},{state},{},{}", &bundle.digest.as_str()[..16], results.len(), log.len());
    let bytes = [results, log].concat();
    let digest = Digest::of([fields.as_bytes(), &bytes].concat());
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
    let empty = gzip(b"", 1);
    // A thousandth of what it unpacks to.
    let bomb = gzip(&[0; 1 << 20], 40);
    for said in [forged(&bundle, "completed", &bomb, &empty), forged(&bundle, "completed", &empty, &bomb)] {
        let mut incoming = Incoming::begin(&[&bundle.digest], &said, "").unwrap();
        while let Some(more) = incoming.missing() {
            let bytes = if said.contains(&format!(",{},", bomb.len())) {
                [&bomb[..], &empty].concat()
            } else {
                [&empty[..], &bomb].concat()
            };
            let from = more.offset as usize;
            let to = bytes.len().min(from + 17_100);
            let slice = base64::engine::general_purpose::STANDARD.encode(&bytes[from..to]);
            let text = format!("amifactory slice 1 {} {} {}\n{slice}\n", more.payload, bytes.len(), more.offset);
            incoming.add(&text, "").unwrap();
        }
        assert!(matches!(incoming.finish(), Err(AnswerError::TooLarge(_))));
    }
    let name = &bundle.digest.as_str()[..16];
    let digest = &bundle.digest;
    for (total, results, log) in [
        ("99999999999", "99999999999", "0"),
        ("18446744073709551615", "18446744073709551615", "0"),
        ("0", "18446744073709551615", "1"),
        ("99999999999999999999", "0", "0"),
        ("-1", "-1", "0"),
        ("5", "2", "2"),
    ] {
        let said = format!("amifactory answer 1 {digest} {total} 0 {name},completed,{results},{log}\nAAAA\n");
        let error = Incoming::begin(&[digest], &said, "").unwrap_err();
        assert!(matches!(error, AnswerError::Header(_) | AnswerError::TooLarge(_)), "{error}");
    }
    let cut = forged(&bundle, "completed", &gzip(b"{\"end\":true}\n", 1)[..9], &[]);
    assert!(matches!(read(&bundle, &cut, ""), Err(AnswerError::Damaged(_))));
}

#[test]
fn a_bundle_that_says_it_completed_and_did_not_end_has_died() {
    let bundle = bundle("apply", &[step("a", "true")]);
    let line = b"{\"step\":\"a\",\"rc\":0,\"ms\":1,\"b64\":\"\"}\nnot a line\n\xff\n";
    let answers = read(&bundle, &forged(&bundle, "completed", &gzip(line, 1), &[]), "").unwrap().unwrap();
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
