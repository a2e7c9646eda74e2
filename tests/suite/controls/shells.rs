//! Scripts mean the same in every shell that a builder may have as `/bin/sh`: dash on Debian, bash on Amazon Linux.

use super::{all_controls, base_root, lower, scratch, why_not};
use crate::sandbox_support::{EXE, runtime};
use crate::skip::skipped;
use amifactory::hardening::{AuditKind, Library, apply_steps, audit_steps};
use amifactory::identity::OsFamily;
use amifactory::plan::{BundleStep, OnFailure, StepResult};
use amifactory::target::local::sandbox::{Lower, Network};
use amifactory::target::local::trial::Trial;
use std::collections::BTreeMap;
use std::path::Path;

/// A tree without the times in it.
type Timeless = BTreeMap<String, String>;

/// What these steps answer and leave, with this shell.
fn with_shell(library: &Library, shell: &str, steps: &[BundleStep]) -> (Vec<StepResult>, Timeless) {
    let runtime = runtime();
    let over = |lowers: &[Lower]| Trial::over(lowers, &scratch(), Path::new(EXE)).unwrap();
    let chosen = over(&[lower(&base_root())]);
    let body = format!("ln -sf {shell} /bin/sh; [ \"$(readlink /bin/sh)\" = {shell} ] && command -v {shell}");
    let choose = BundleStep {
        id: "shell".into(),
        title: "chooses the shell".into(),
        body,
        timeout: None,
        on_failure: OnFailure::Stop,
    };
    let chose = runtime.block_on(chosen.run(library, &[choose], Network::None)).unwrap();
    assert_eq!(chose[0].rc, 0, "{chose:?}");
    let trial = over(&chosen.layers());
    let answers = runtime.block_on(trial.run(library, steps, Network::None)).unwrap();
    let changes = runtime.block_on(trial.changes()).unwrap();
    // Package managers write down when they did something.
    let lasting = |path: &String| ["var/log/", "var/cache/", "var/lib/"].iter().all(|folder| !path.starts_with(folder));
    let timeless = |says: String| {
        let fields: Vec<&str> = says.split(' ').collect();
        // Kind, mode, owner, times, content.
        fields.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, field)| *field).collect::<Vec<_>>().join(" ")
    };
    let tree = changes.into_iter().filter(|(path, _)| lasting(path)).map(|(path, says)| (path, timeless(says)));
    (answers, tree.collect())
}

#[test]
fn all_controls_answer_and_leave_the_same_under_dash_and_bash() {
    let name = "all_controls_answer_and_leave_the_same_under_dash_and_bash";
    if let Some(why) = why_not() {
        return skipped(name, &why);
    }
    let library = Library::embedded().unwrap();
    let selected = all_controls(&library, OsFamily::Debian12);
    let audits = audit_steps(&selected, &[AuditKind::Persisted]);
    let steps: Vec<BundleStep> = apply_steps(&selected).into_iter().chain(audits).collect();
    let (dash_said, dash_left) = with_shell(&library, "dash", &steps);
    let (bash_said, bash_left) = with_shell(&library, "bash", &steps);
    assert!(dash_left.len() > 50, "{dash_left:#?}");
    for (dash, bash) in dash_said.iter().zip(&bash_said) {
        // What a package manager, which has no network here, prints is its own.
        if !dash.out.contains("apt-get") {
            assert_eq!((&dash.step, dash.rc, &dash.out), (&bash.step, bash.rc, &bash.out));
        }
        assert_eq!(dash.rc, bash.rc, "{}", dash.step);
    }
    let paths = dash_left.keys().chain(bash_left.keys());
    let differing: Vec<String> = paths
        .filter(|path| dash_left.get(*path) != bash_left.get(*path))
        .map(|path| format!("{path}: {:?}, {:?}", dash_left.get(path), bash_left.get(path)))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
