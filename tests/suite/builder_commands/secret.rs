//! Secrets: fetched by the builder, known to the step that asks, and to nobody who reads what it printed.

use super::builder::{Builder, SHELLS, bundle, step};
use amifactory::plan::{BundleStep, OnFailure, step_output};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A program that answers as `aws ssm get-parameter` does, and notes how it was called.
fn stand_in(folder: &Path, value: &[u8]) {
    fs::write(folder.join("value"), value).unwrap();
    let program = format!(
        "#!/bin/sh\necho \"$*\" >>{0}/calls\ncase \"$*\" in\n*/missing*) echo 'ParameterNotFound' >&2; exit 254 ;;\nesac\n\
         cat {0}/value\necho\n",
        folder.display()
    );
    fs::write(folder.join("aws"), program).unwrap();
    fs::set_permissions(folder.join("aws"), fs::Permissions::from_mode(0o755)).unwrap();
}

const VALUE: &str = "pa$$w0rd/with.*[chars]\\n&it's\r\nsecond line \"of\" it\nabc\n";

#[test]
fn a_secret_reaches_its_step_and_no_result_and_no_log() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        let root = builder.root().display().to_string();
        stand_in(builder.root(), VALUE.as_bytes());
        let head = format!("PATH={root}:$PATH AWS_REGION=eu-central-1; ");
        let bundle = bundle(
            "apply",
            &[
                step("before", "echo abcd second line"),
                step(
                    "use",
                    &format!(
                        "{head} s=$(af_secret /site/key); [ \"$(printf %s \"$s\" | wc -l)\" = 2 ]; printf '%s\\n' \"$s\" >{root}/got"
                    ),
                ),
                step(
                    "print",
                    &format!(
                        "{head} af_secret /site/key; echo \"<second line \\\"of\\\" it>\"; printf 'x\\377second line \"of\" it'"
                    ),
                ),
                step("trace", &format!("{head} set -x; s=$(af_secret /site/key); : \"$s\"; echo \"$s\" | cat")),
                BundleStep {
                    on_failure: OnFailure::Continue,
                    ..step("fails", &format!("{head} s=$(af_secret /site/key); echo \"$s\" >&2; exit 4"))
                },
                BundleStep {
                    on_failure: OnFailure::Continue,
                    timeout: Some(std::time::Duration::from_secs(1)),
                    ..step("late", &format!("{head} af_secret /site/key; sleep 20"))
                },
                step("after", &format!("cat {root}/got")),
            ],
        );
        let answer = builder.run(&[&bundle]).remove(0);
        assert_eq!(fs::read(builder.root().join("got")).unwrap(), VALUE.as_bytes(), "{shell}");
        let out = |id: &str| &answer.results.iter().find(|result| result.step == id).unwrap().out;
        assert_eq!(out("before"), "abcd second line\n");
        assert_eq!(out("use"), "", "{shell}");
        assert_eq!(out("print"), "***\r\n***\nabc\n\n<***>\nx\u{fffd}***", "{shell}");
        // `sh` is dash or bash here: one's `echo` takes the value's `\\n` for a line's end.
        assert!(["***\r\n***\nabc\n", "***\n***\r\n***\nabc\n"].contains(&out("fails").as_str()), "{:?}", out("fails"));
        assert_eq!(out("after"), "***\r\n***\nabc\n", "{shell}");
        let log = String::from_utf8_lossy(&answer.log);
        for part in ["pa$$w0rd", "with.*[chars]", "second line \"of\""] {
            assert!(!log.contains(part), "{shell}: {part} is in the log:\n{log}");
            assert!(answer.results.iter().all(|result| !result.out.contains(part)), "{shell}: {:?}", answer.results);
        }
        assert!(out("trace").contains("***"), "{}", out("trace"));
        assert_eq!(out("late"), "***\r\n***\nabc\n\n", "{shell}");
        let calls = fs::read_to_string(builder.root().join("calls")).unwrap();
        let call = "ssm get-parameter --region eu-central-1 --name /site/key --with-decryption --query Parameter.Value --output text";
        assert!(calls.lines().all(|line| line == call) && calls.lines().count() == 5, "{calls}");
        let found = std::process::Command::new("grep").args(["-rlaF", "pa$$w0rd", &root, "/dev/shm"]).output().unwrap();
        let found = String::from_utf8_lossy(&found.stdout);
        assert!(found.lines().all(|file| file.ends_with("/value") || file.ends_with("/got")), "{shell}: {found}");
    }
}

#[test]
fn where_a_secret_can_not_be_had_the_step_fails_and_says_why() {
    for shell in SHELLS {
        let builder = Builder::new(shell);
        let root = builder.root().display().to_string();
        stand_in(builder.root(), b"abc\nxy\n");
        let head = format!("PATH={root}:$PATH AWS_REGION=eu-central-1; ");
        let nowhere = "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9";
        let cases = [
            ("empty", format!("{head} af_secret ''"), "can't be the name of a parameter"),
            ("option", format!("{head} af_secret 'a b; id'"), "can't be the name of a parameter"),
            ("short", format!("{head} af_secret /site/key"), "can't be kept out of logs"),
            ("missing", format!("{head} af_secret /missing"), "the builder's role must allow ssm:GetParameter"),
            (
                "region",
                format!("{head} AWS_REGION=; {nowhere}; af_secret /site/key"),
                "secrets are fetched by a builder on AWS",
            ),
            (
                "program",
                "PATH=/nowhere:$PATH; command() { return 1; }; af_secret /site/key".into(),
                "there is no program aws",
            ),
            (
                "disk",
                format!("{head} AF_TMP={root}; stat() {{ echo ext2/ext3; }}; af_secret /site/key"),
                "disks are imaged",
            ),
        ];
        let steps: Vec<BundleStep> = cases
            .iter()
            .map(|(id, body, _)| BundleStep { on_failure: OnFailure::Continue, ..step(id, body) })
            .collect();
        let answer = builder.run(&[&bundle("apply", &steps)]).remove(0);
        for (result, (id, _, words)) in answer.results.iter().zip(&cases) {
            assert_ne!(result.rc, 0, "{shell}: {id}");
            assert!(result.out.contains(words), "{shell}: {id}: {}", result.out);
            assert!(step_output(&answer.log, id).is_some());
        }
        assert_eq!(answer.results.len(), cases.len());
    }
}

#[test]
fn the_region_comes_from_the_instance_itself() {
    use std::io::{Read as _, Write as _};
    let builder = Builder::new("dash");
    let root = builder.root().display().to_string();
    stand_in(builder.root(), b"a true secret");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in ["the-token", "ap-south-1"] {
            let mut stream = server.accept().unwrap().0;
            let mut bytes = [0; 4096];
            let n = stream.read(&mut bytes).unwrap();
            asked.push(String::from_utf8_lossy(&bytes[..n]).into_owned());
            write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len()).unwrap();
        }
        asked
    });
    let body = format!(
        "PATH={root}:$PATH AWS_REGION= AWS_SSM_REGION_NAME= AWS_EC2_METADATA_SERVICE_ENDPOINT=http://{at}/; af_secret /a"
    );
    let answer = builder.run(&[&bundle("apply", &[step("a", &body)])]).remove(0);
    assert_eq!((answer.results[0].rc, answer.results[0].out.as_str()), (0, "***\n"));
    let asked = thread.join().unwrap();
    assert!(asked[0].starts_with("PUT /latest/api/token ") && asked[0].contains("oken-ttl-seconds: 60"), "{asked:?}");
    assert!(
        asked[1].starts_with("GET /latest/meta-data/placement/region ") && asked[1].contains("the-token"),
        "{asked:?}"
    );
    assert!(fs::read_to_string(builder.root().join("calls")).unwrap().contains("--region ap-south-1 "));
}
