//! Component documents: what is read, what is refused, what references become.

use crate::fake_aws::imagebuilder::document::{Action, OnFailure, fill, read};
use std::collections::BTreeMap;
use std::time::Duration;

const STEP: &str = "{name: s, action: ExecuteBash, inputs: {commands: [ls]}}";

fn with_step(step: &str) -> String {
    format!("schemaVersion: 1.0\nphases: [{{name: build, steps: [{step}]}}]")
}

#[test]
fn a_document_is_read() {
    let text = "
name: all of it
description: that there is
schemaVersion: 1.0
parameters:
  - Who:
      type: string
      default: world
      allowedValues: [world, moon]
phases:
  - name: build
    steps:
      - name: one
        action: ExecuteBash
        onFailure: Continue
        timeoutSeconds: 60
        maxAttempts: 3
        inputs:
          commands:
            - echo one
            - |
              echo two
              echo three
      - name: two
        action: Reboot
        timeoutSeconds: -1
  - name: test
    steps: [{name: s, action: ExecuteBash, inputs: {commands: [ls]}}]
";
    let document = read(text).unwrap();
    assert_eq!(document.parameters[0].default.as_deref(), Some("world"));
    let steps = &document.phase("build").unwrap().steps;
    assert_eq!(steps[0].action, Action::Bash(vec!["echo one".into(), "echo two\necho three\n".into()]));
    assert_eq!((steps[0].on_failure, steps[0].attempts), (OnFailure::Continue, 3));
    assert_eq!(steps[0].timeout, Some(Duration::from_secs(60)));
    assert_eq!((&steps[1].action, steps[1].timeout), (&Action::Reboot, None));
    assert_eq!(document.phase("test").unwrap().steps[0].timeout, Some(Duration::from_secs(7200)));
    assert!(document.phase("validate").is_none());
    assert_eq!(document.kind(), "BUILD");
    let alone = read("schemaVersion: 1.0\nphases: [{name: test, steps: [{name: s, action: Reboot}]}]").unwrap();
    assert_eq!(alone.kind(), "TEST");
}

#[test]
fn what_is_not_valid_says_what_and_where() {
    for (text, why) in [
        (String::new(), "empty"),
        ("- a list".into(), "to be a map"),
        ("schemaVersion: [".into(), "not valid YAML"),
        ("schemaVersion: 2.0".into(), "Schema version '2.0' is not supported"),
        ("schemaVersion: 1.0".into(), "at least one of the phases"),
        ("phases: []".into(), "no 'schemaVersion'"),
        (format!("{}\nmore: x", with_step(STEP)), "Unknown key 'more' in the document (line 3)"),
        (format!("{}\nconstants: []", with_step(STEP)), "constants"),
        (with_step(STEP).replace("build", "bake"), "Invalid phase name 'bake'"),
        (with_step(""), "Phase 'build' has no steps"),
        (with_step(&format!("{STEP}, {STEP}")), "step name 's' is there more than once in phase 'build'"),
        (with_step(&STEP.replace("name: s", "name: a b")), "Invalid step name 'a b' in phase 'build'"),
        (with_step(&STEP.replace("ExecuteBash", "ExecuteZsh")), "Invalid action 'ExecuteZsh' in step 's'"),
        (with_step(&STEP.replace("ExecuteBash", "UpdateOS")), "not UpdateOS"),
        (with_step("{name: s, action: ExecuteBash}"), "no inputs"),
        (with_step("{name: s, action: ExecuteBash, inputs: {commands: []}}"), "no commands"),
        (with_step("{name: s, action: ExecuteBash, inputs: {commands: [[a]]}}"), "'commands' must be text"),
        (with_step("{name: s, action: Reboot, onFailure: Retry}"), "Invalid onFailure 'Retry'"),
        (with_step("{name: s, action: Reboot, timeoutSeconds: 0}"), "Invalid timeoutSeconds 0"),
        (with_step("{name: s, action: Reboot, timeoutSeconds: soon}"), "'timeoutSeconds' must be a whole number"),
        (with_step("{name: s, action: Reboot, maxAttempts: 0}"), "Invalid maxAttempts 0"),
        (with_step("{name: s, action: Reboot, loop: {}}"), "This fake does not have 'loop'"),
        (format!("{}\nparameters: [{{N: {{type: number}}}}]", with_step(STEP)), "The type 'number' of parameter 'N'"),
    ] {
        let refused = read(&text).expect_err(&text);
        assert!(refused.contains(why), "{text}\n{refused}");
    }
}

#[test]
fn references_are_filled_and_other_braces_stay() {
    let values =
        BTreeMap::from([("Who".to_owned(), "me".to_owned()), ("build.s.outputs.stdout".to_owned(), "x".to_owned())]);
    let filled = fill("{{ Who }} {{Who}} {{ build.s.outputs.stdout }}", &values);
    assert_eq!(filled.unwrap(), "me me x");
    for text in ["{{.Names}}", "a {{", "{{ }}", "{{ two words }}", "${x} {y} }}"] {
        assert_eq!(fill(text, &values).unwrap(), text);
    }
    assert_eq!(fill("echo {{ Nobody }}", &values).unwrap_err(), "Nobody");
}
