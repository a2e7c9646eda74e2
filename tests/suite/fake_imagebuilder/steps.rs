//! How steps of components run: failures, attempts, time-outs, restarts, references.

use super::bench::{Works, document, text};
use serde_json::{Value, json};

/// A document with a build phase of these steps.
fn steps(steps: &[(&str, &str, &str)]) -> String {
    let mut all = "schemaVersion: 1.0\nphases:\n- name: build\n  steps:\n".to_owned();
    for (name, script, more) in steps {
        let commands = json!([script]);
        all += &format!("  - {{name: {name}, action: ExecuteBash, {more} inputs: {{commands: {commands}}}}}\n");
    }
    all
}

async fn built(works: &Works, data: &str) -> (Value, Vec<String>) {
    let arn = works.image_of(&[data], json!({})).await;
    let (image, _) = works.ended(&arn).await;
    (image, works.lines(&arn).await)
}

fn output(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).filter(|line| line.starts_with("Std")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_ends_the_image() {
    let works = Works::new();
    let data = steps(&[("one", "echo fine", ""), ("two", "echo wrong >&2; exit 7", ""), ("three", "echo never", "")]);
    let (image, lines) = built(&works, &data).await;
    assert_eq!(output(&lines), ["Stdout: fine", "Stderr: wrong"]);
    let component = super::bench::arn("component/component-0/1.0.0/1");
    let reason = text(&image["state"], "reason");
    let workflow = text(&image["state"]["failureContext"], "workflowExecutionId");
    assert_eq!(reason, format!("Workflow Execution ID: '{workflow}' failed with reason: Document {component} failed!"));
    let failure = &image["state"]["failureContext"]["componentFailure"];
    assert_eq!(
        failure,
        &json!({ "componentArn": component, "phaseName": "build", "stepName": "two", "action": "ExecuteBash",
            "errorMessage": "exit status 7" })
    );
    let step = json!({ "stepExecutionId": image["state"]["failureContext"]["stepExecutionId"] });
    let step = works.call("GetWorkflowStepExecution", step).await.unwrap();
    assert_eq!((text(&step, "name"), text(&step, "status")), ("ApplyBuildComponents".into(), "FAILED".into()));
    assert_eq!(text(&step, "outputs"), format!("Document {component} failed!"));
    // No AMI was made of it.
    assert!(works.bench.fake.world().ec2.own_images(super::bench::ACCOUNT).is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_the_last_command_of_a_script_decides() {
    // As bash does it without `set -e`.
    let (image, lines) = built(&Works::new(), &steps(&[("one", "false\necho on", "")])).await;
    assert_eq!((text(&image["state"], "status").as_str(), output(&lines)), ("AVAILABLE", vec!["Stdout: on"]));
    let (image, _) = built(&Works::new(), &steps(&[("one", "set -e\nfalse\necho on", "")])).await;
    assert_eq!(text(&image["state"], "status"), "FAILED");
}

#[tokio::test(start_paused = true)]
async fn it_is_bash_that_runs() {
    let (image, lines) =
        built(&Works::new(), &steps(&[("one", "[[ -n $BASH_VERSION ]] && echo \"${BASH##*/}\"; pwd", "")])).await;
    assert_eq!(text(&image["state"], "status"), "AVAILABLE");
    assert_eq!(output(&lines), ["Stdout: bash", "Stdout: /tmp"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_may_be_passed_over_or_ignored() {
    let works = Works::new();
    let goes_on = steps(&[("one", "exit 1", "onFailure: Continue,"), ("two", "echo on", "")]);
    let (image, lines) = built(&works, &goes_on).await;
    assert_eq!((text(&image["state"], "status").as_str(), output(&lines)), ("FAILED", vec!["Stdout: on"]));
    assert_eq!(image["state"]["failureContext"]["componentFailure"]["stepName"], "one");
    let works = Works::new();
    let ignored = steps(&[("one", "exit 1", "onFailure: Ignore,"), ("two", "echo on", "")]);
    let (image, lines) = built(&works, &ignored).await;
    assert_eq!((text(&image["state"], "status").as_str(), output(&lines)), ("AVAILABLE", vec!["Stdout: on"]));
}

#[tokio::test(start_paused = true)]
async fn a_step_is_tried_as_often_as_it_says() {
    let script = "echo x >> $AMIFACTORY_ROOT/tries; [ $(wc -l < $AMIFACTORY_ROOT/tries) = 3 ]";
    let (image, _) = built(&Works::new(), &steps(&[("one", script, "maxAttempts: 3,")])).await;
    assert_eq!(text(&image["state"], "status"), "AVAILABLE");
    let (image, _) = built(&Works::new(), &steps(&[("one", script, "maxAttempts: 2,")])).await;
    assert_eq!(text(&image["state"], "status"), "FAILED");
}

#[tokio::test(start_paused = true)]
async fn a_step_ends_when_its_time_is_over() {
    let (image, _) = built(&Works::new(), &steps(&[("one", "sleep 60", "timeoutSeconds: 1,")])).await;
    let failure = &image["state"]["failureContext"]["componentFailure"];
    assert_eq!(
        (&image["state"]["status"], &failure["errorMessage"]),
        (&json!("FAILED"), &json!("The step has timed out."))
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_asks_for_a_restart_runs_again_after_it() {
    let works = Works::new();
    let script = "if [ -e $AMIFACTORY_ROOT/up ]; then echo again; else touch $AMIFACTORY_ROOT/up; exit 194; fi";
    let (image, lines) = built(&works, &steps(&[("one", script, ""), ("two", "echo next", "")])).await;
    assert_eq!(
        (text(&image["state"], "status").as_str(), output(&lines)),
        ("AVAILABLE", vec!["Stdout: again", "Stdout: next"])
    );
    let build = works.instances(&text(&image, "arn"))[0].1.clone();
    assert!(works.bench.fake.world().ec2.instances[&build].rebooted.is_some());
}

#[tokio::test(start_paused = true)]
async fn inputs_name_parameters_and_what_was_printed() {
    let works = Works::new();
    let data = steps(&[
        ("first", "echo {{ Who }}", ""),
        ("second", "echo '<{{ build.first.outputs.stdout }}>' '{{.Names}}'", ""),
    ]) + "parameters: [{Who: {default: world}}]\n";
    let component = works.component("component", &data).await;
    let given = json!([{ "componentArn": component, "parameters": [{ "name": "Who", "value": ["moon"] }] }]);
    let recipe = works.recipe("recipe", &[], json!({ "components": given })).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let arn = works.image(&recipe, &infrastructure, json!({})).await;
    works.until(&arn, "AVAILABLE").await;
    assert_eq!(output(&works.lines(&arn).await), ["Stdout: moon", "Stdout: <moon> {{.Names}}"]);
    // A value that is not allowed is found out on the instance.
    let works = Works::new();
    let (image, lines) = built(&works, &data.replace("default: world", "default: world, allowedValues: [moon]")).await;
    assert_eq!((text(&image["state"], "status").as_str(), output(&lines).len()), ("FAILED", 0));
    // A name that nothing has fails the step, after everything before it has run.
    let works = Works::new();
    let (image, lines) = built(&works, &steps(&[("one", "echo before", ""), ("two", "echo {{ Nobody }}", "")])).await;
    assert_eq!((text(&image["state"], "status").as_str(), output(&lines)), ("FAILED", vec!["Stdout: before"]));
    let message = text(&image["state"]["failureContext"]["componentFailure"], "errorMessage");
    assert!(message.contains("'Nobody'"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_test_that_fails_leaves_an_ami_behind() {
    let works = Works::new();
    let (image, _) = built(&works, &document("test", "exit 1")).await;
    let context = &image["state"]["failureContext"];
    assert_eq!((&context["imageStatus"], &context["failedStep"]), (&json!("TESTING"), &json!("ApplyTestComponents")));
    // The image does not say so.
    assert_eq!(image["outputResources"]["amis"], json!([]));
    assert_eq!(works.bench.fake.world().ec2.own_images(super::bench::ACCOUNT).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn long_lines_come_in_pieces() {
    let (_, lines) =
        built(&Works::new(), &steps(&[("one", "head -c 300000 /dev/zero | tr '\\0' a; echo; echo end", "")])).await;
    let first = lines.iter().position(|line| line.starts_with("Stdout: aaa")).unwrap();
    assert_eq!(lines[first].len() + lines[first + 1].len(), "Stdout: ".len() + 300_000);
    assert_eq!(lines[first + 2], "Stdout: end");
}
