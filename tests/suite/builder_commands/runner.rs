//! The runner itself in every shell that `sh` can be, with programs that stand for a machine's own.

use super::builder::{bundle, step};
use amifactory::plan::{Bundle, BundleStep, OnFailure, RunLine, StepResult, parse_line, step_output};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const SHELLS: [&str; 3] = ["dash", "bash", "bash --posix"];

struct Ran {
    code: Option<i32>,
    results: Vec<StepResult>,
    log: Vec<u8>,
}

fn run(shell: &str, bundle: &Bundle, change: impl Fn(String) -> String, set: &[(&str, &Path)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("bundle.sh");
    fs::write(&script, change(bundle.script.clone())).unwrap();
    let mut words = shell.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).arg(script).envs(set.iter().copied());
    let output = command.output().unwrap();
    let results = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| match parse_line(line).unwrap_or_else(|| panic!("not the runner's: {line}")) {
            RunLine::Ended(result) => Some(result),
            _ => None,
        })
        .collect();
    Ran { code: output.status.code(), results, log: output.stderr }
}

fn program(folder: &Path, name: &str, body: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_restart_and_a_secret_in_every_shell() {
    for shell in SHELLS {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        program(folder.path(), "aws", "printf '%s\\n' 'to$p s3cr*t it'\\''s \\back'");
        let secret =
            format!("PATH={at}:$PATH AWS_REGION=x; set -x; s=$(af_secret /a); echo \"$s\"; printf '%s' \"$s\"");
        let bundle = bundle("apply", &[step("a", &format!("echo a >>{at}/count; af_reboot")), step("b", &secret)]);
        let state = folder.path().join("restart");
        fs::create_dir(&state).unwrap();
        let set: &[(&str, &Path)] = &[("AF_REBOOT_DIR", &state)];
        let first = run(shell, &bundle, |text| text, set);
        assert_eq!((first.code, first.results.len()), (Some(194), 1), "{shell}");
        let second = run(shell, &bundle, |text| text, set);
        assert_eq!((second.code, second.results.len()), (Some(0), 2), "{shell}");
        assert_eq!(second.results[0], first.results[0]);
        assert_eq!(fs::read_to_string(folder.path().join("count")).unwrap(), "a\n", "{shell}: it ran again");
        let text = String::from_utf8_lossy(&second.log).into_owned() + &second.results[1].out;
        for part in ["s3cr", "to$p", "t it", "back"] {
            assert!(!text.contains(part), "{shell}: {part} in {text}");
        }
        assert!(second.results[1].out.ends_with("***"), "{shell}: {text}");
    }
}

#[test]
fn the_first_boot_is_waited_for_where_something_was_booted() {
    let boot = bundle(
        "boot-test",
        &[BundleStep { on_failure: OnFailure::Continue, ..step("a", "PATH=@:$PATH; af_boot_finished") }],
    );
    for shell in SHELLS {
        let ran = run(shell, &boot, |text| text.replace("/run/systemd/system", "/nowhere"), &[]);
        assert_eq!(ran.results[0].out, "nothing was booted here\n", "{shell}");
        // cloud-init's exit status, what systemd says, and what comes of it.
        let cases = [
            (0, "running", 0, "cloud-init has finished\nthe system is running\n"),
            (
                0,
                "degraded",
                0,
                "cloud-init has finished\nthese units failed:\nx.service failed\nthe system is degraded\n",
            ),
            (2, "running", 0, "status: long\ncloud-init has finished\nthe system is running\n"),
            (1, "running", 1, "status: long\n"),
            (
                0,
                "maintenance",
                1,
                "cloud-init has finished\nthe system is `maintenance`, neither running nor degraded\n",
            ),
        ];
        for (cloud_init, state, rc, out) in cases {
            let folder = tempfile::tempdir().unwrap();
            program(
                folder.path(),
                "cloud-init",
                &format!("case $2 in --wait) echo ...; exit {cloud_init} ;; --long) echo 'status: long' ;; esac"),
            );
            program(
                folder.path(),
                "systemctl",
                &format!(
                    "case $1 in is-system-running) echo {state}; [ {state} = running ] ;; *) echo x.service failed ;; esac"
                ),
            );
            let at = folder.path().display().to_string();
            let ran = run(
                shell,
                &boot,
                |text| text.replace("/run/systemd/system", &at).replace("PATH=@", &format!("PATH={at}")),
                &[],
            );
            assert_eq!((ran.results[0].rc, ran.results[0].out.as_str()), (rc, out), "{shell}: {cloud_init} {state}");
        }
    }
}

#[test]
fn the_agent_that_carries_the_seal_is_forgotten_when_the_machine_stops() {
    let seal = bundle("seal", &[step("a", "PATH=@:$PATH; af_seal_agents"), step("b", "PATH=@:$PATH; af_seal_agents")]);
    for shell in SHELLS {
        for (booted, by_agent) in [(true, true), (true, false), (false, true)] {
            let folder = tempfile::tempdir().unwrap();
            let at = folder.path();
            for path in ["ssm/Vault", "ssm/i-0123", "ssm/plugins", "run"] {
                fs::create_dir_all(at.join(path)).unwrap();
            }
            program(at, "systemctl", &format!("[ -e {}/started ]", at.display()));
            program(at, "systemd-run", &format!("for word; do echo \"$word\"; done >>{}/started", at.display()));
            let change = |text: String| {
                text.replace("PATH=@", &format!("PATH={}", at.display()))
                    .replace("/run/systemd/system", if booted { at.to_str().unwrap() } else { "/nowhere" })
                    .replace("/var/lib/amazon/ssm", &at.join("ssm").display().to_string())
                    .replace("/run/amifactory", &at.join("run").display().to_string())
                    .replace("/var/log/amazon/ssm", &at.join("ssm").display().to_string())
            };
            let one = Path::new("1");
            let set: &[(&str, &Path)] = if by_agent { &[("AF_SSM", one)] } else { &[] };
            let ran = run(shell, &seal, change, set);
            assert!(
                ran.results.iter().all(|result| result.rc == 0) && ran.results.len() == 2,
                "{shell}: {:?}",
                ran.results
            );
            let later = booted && by_agent;
            assert_eq!(at.join("ssm/Vault").exists(), later, "{shell}: {:?}", ran.results);
            if later {
                let script = at.join("run/forget-agents.sh");
                let words = fs::read_to_string(at.join("started")).unwrap();
                for word in [
                    "RemainAfterExit=yes",
                    "Before=amazon-ssm-agent.service",
                    &format!("ExecStop=/bin/sh {}", script.display()),
                ] {
                    assert_eq!(words.lines().filter(|line| line == &word).count(), 1, "{shell}: {word} in {words}");
                }
                assert!(Command::new("sh").arg(script).status().unwrap().success());
                assert!(step_output(&ran.log, "b").unwrap().starts_with(b"registrations go when"));
            }
            let left: Vec<_> = fs::read_dir(at.join("ssm")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left, ["plugins"], "{shell}");
        }
    }
}
