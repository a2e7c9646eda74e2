//! What AWS TOE does on an instance: it runs the documents of all components, phase by phase, and writes a log.
//!
//! The log's lines are as public reports of real builds show them: `Stdout: ` or `Stderr: ` before each line of output.

use super::super::super::agents::{Output, RunContext};
use super::super::super::ssm::nodes;
use super::super::document::{self, Action, Document, OnFailure, Step};
use super::super::store;
use super::journal::cut;
use super::{Life, Problem};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// The status by which a step asks for a restart, after which it is run again.
const REBOOT: i32 = 194;

/// Where and what.
pub struct Stage<'a> {
    pub instance: &'a str,
    /// Each of all components before the next one.
    pub phases: &'static [&'static str],
}

/// A component of the recipe, with its parameters' values.
struct Component {
    arn: String,
    document: Document,
    /// By the names that `{{ }}` holds.
    values: BTreeMap<String, String>,
}

/// A step that has failed.
struct Failed {
    step: String,
    action: &'static str,
    message: String,
}

impl Life {
    pub async fn components(&self, stage: Stage<'_>) -> Result<((), Value), Problem> {
        let (mut components, folder) = self.load().map_err(Problem::failed)?;
        self.log("Sending command to instance to run");
        for component in &components {
            self.log(&format!("Setup: Currently validating document {}", component.arn));
        }
        self.log("Executor: STARTED EXECUTION OF ALL DOCUMENTS");
        for phase in stage.phases {
            for component in &mut components {
                let failed = self.phase(stage.instance, component, phase, &folder).await?;
                if let Some(failed) = failed {
                    self.log("TOE has completed execution with failure - Execution failed!");
                    return Err(Problem::Failed {
                        why: format!("Document {} failed!", component.arn),
                        component: Some(json!({
                            "componentArn": component.arn,
                            "phaseName": phase,
                            "stepName": failed.step,
                            "action": failed.action,
                            "errorMessage": cut(&failed.message),
                        })),
                        distribution: None,
                    });
                }
            }
        }
        self.log("Executor: FINISHED EXECUTION OF ALL DOCUMENTS");
        self.log("TOE has completed execution successfully");
        Ok(((), json!({ "status": "success" })))
    }

    /// The recipe's components, each as the newest build that its ARN means now, and the working directory.
    fn load(&self) -> Result<(Vec<Component>, String), String> {
        let image = self.image().ok_or("The image is gone.")?;
        let world = self.fake.world();
        let now = world.clock.now();
        let mut components = Vec::new();
        for named in image.recipe["components"].as_array().into_iter().flatten() {
            let arn = named["componentArn"].as_str().unwrap_or_default();
            let found = store::newest_of(&world, &self.home, arn, now).map_err(|failure| failure.message)?;
            let document = document::read(found.text("data").unwrap_or_default())?;
            let mut values = BTreeMap::new();
            for parameter in &document.parameters {
                let given = named["parameters"].as_array().into_iter().flatten();
                let given = given.clone().find(|one| one["name"] == parameter.name.as_str());
                let value = given.and_then(|one| one["value"][0].as_str().map(str::to_owned));
                if let Some(value) = value.or_else(|| parameter.default.clone()) {
                    values.insert(parameter.name.clone(), value);
                }
            }
            components.push(Component { arn: found.arn.clone(), document, values });
        }
        let folder = image.recipe["workingDirectory"].as_str().unwrap_or("/tmp").to_owned();
        Ok((components, folder))
    }

    /// One phase of a component; the first step of it that makes it fail.
    async fn phase(
        &self,
        instance: &str,
        component: &mut Component,
        phase: &str,
        folder: &str,
    ) -> Result<Option<Failed>, Problem> {
        let Some(steps) = component.document.phase(phase).map(|phase| phase.steps.clone()) else { return Ok(None) };
        self.log(&format!("Document {}", component.arn));
        self.log(&format!("Phase {phase}"));
        let mut first = None;
        for step in steps {
            self.log(&format!("Step {}", step.name));
            let outcome = self.attempts(instance, &step, &component.values, folder).await?;
            match outcome {
                Ok(stdout) => {
                    let name = format!("{phase}.{}.outputs.stdout", step.name);
                    component.values.insert(name, stdout.trim_end().to_owned());
                }
                Err(_) if step.on_failure == OnFailure::Ignore => {}
                Err(message) => {
                    let action = step.action.name();
                    first = first.or(Some(Failed { step: step.name.clone(), action, message }));
                    if step.on_failure == OnFailure::Abort {
                        break;
                    }
                }
            }
        }
        Ok(first)
    }

    /// A step, as often as it may be tried; what it printed, or why it failed.
    async fn attempts(
        &self,
        instance: &str,
        step: &Step,
        values: &BTreeMap<String, String>,
        folder: &str,
    ) -> Result<Result<String, String>, Problem> {
        let mut last = Err(String::new());
        for _ in 0..step.attempts {
            last = match &step.action {
                Action::Reboot => self.reboot(instance).await.map(|()| Ok(String::new()))?,
                Action::Bash(lines) => match document::fill(&lines.join("\n"), values) {
                    Ok(script) => self.bash(instance, step, &script, folder).await?,
                    Err(name) => Err(format!("'{name}' names no parameter and no output of an earlier step.")),
                },
            };
            if last.is_ok() {
                break;
            }
        }
        Ok(last)
    }

    /// `ExecuteBash`, again and again while it asks for restarts.
    async fn bash(
        &self,
        instance: &str,
        step: &Step,
        script: &str,
        folder: &str,
    ) -> Result<Result<String, String>, Problem> {
        loop {
            self.log("ExecuteBash: STARTED EXECUTION");
            let output = self.execute(instance, step, script, folder).await?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            for (stream, text) in [("Stdout", &stdout), ("Stderr", &stderr)] {
                for line in text.lines() {
                    self.log(&format!("{stream}: {line}"));
                }
            }
            if output.code == REBOOT && !output.timed_out {
                self.reboot(instance).await?;
                continue;
            }
            let outcome = match output.code {
                _ if output.timed_out => Err("The step has timed out.".to_owned()),
                0 => Ok(stdout),
                code => Err(format!("exit status {code}")),
            };
            if let Err(why) = &outcome {
                self.log(&format!("CmdExecution: [ERROR] Command execution has resulted in an error: {why}"));
            }
            self.log("ExecuteBash: FINISHED EXECUTION");
            return Ok(outcome);
        }
    }

    /// Runs a script once, as root. Whatever takes the instance away takes the script with it, and so does whoever
    /// cancels.
    async fn execute(&self, instance: &str, step: &Step, script: &str, folder: &str) -> Result<Output, Problem> {
        self.check()?;
        let (context, takes) = {
            let mut world = self.fake.world();
            let now = world.clock.now();
            let up_since = nodes::up_since(&world, instance, now);
            let stop = world.imagebuilder.images.get(&self.arn).map(|image| image.stop.clone()).unwrap_or_default();
            let (life, id, clock) = (self.clone(), instance.to_owned(), Handle::current());
            let stop = stop.also(move || {
                // The agent may have a runtime of its own, whose clock is not the world's.
                let _clock = clock.enter();
                let world = life.fake.world();
                nodes::up_since(&world, &id, world.clock.now()) != up_since
            });
            let context = RunContext {
                region: self.home.region.clone(),
                account: self.home.account.clone(),
                command_id: world.uuid(),
                working_directory: Some(folder.to_owned()),
                timeout: step.timeout,
                stop,
                secrets: world.ssm.readable(&self.home),
                ..RunContext::default()
            };
            (context, world.ssm.runs_take)
        };
        let began = Instant::now();
        let script = format!("#!/bin/bash\n{script}\n");
        let output = self.fake.agent().run(instance, &script, &context).await;
        self.take(takes.saturating_sub(began.elapsed())).await?;
        self.check()?;
        self.online(instance).await?;
        Ok(output)
    }

    async fn reboot(&self, instance: &str) -> Result<(), Problem> {
        {
            let mut world = self.fake.world();
            let up = world.clock.now() + world.latencies.reboot;
            world.ec2.reboot(instance, up);
        }
        self.online(instance).await
    }
}
