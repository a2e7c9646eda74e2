//! What a build leaves to be read: its states, its workflows' steps, its log, what it tells a topic.

use super::super::super::sns::Message;
use super::super::images::{self, Image, State};
use super::super::workflows::{Step, Workflow};
use super::{End, Life, Problem};
use serde_json::{Value, json};

/// The longest message of a component's failure: "Image Builder truncates messages that are longer than 1024 characters."
pub const MESSAGE: usize = 1024;

impl Life {
    /// A line of the build's log.
    pub fn log(&self, line: &str) {
        let mut world = self.fake.world();
        let now = world.clock.now();
        if world.imagebuilder.pokes.lost_logs {
            return;
        }
        let Some(image) = world.imagebuilder.images.get(&self.arn) else { return };
        let (group, stream) = (image.log_group.clone(), image.log_stream());
        world.logs.append(&self.home, &group, &stream, format!("{line}\n").as_bytes(), now);
    }

    pub fn enter(&self, state: State) {
        self.log(&format!("Image transitioned to {} state for Image ARN: {}", state.status, self.arn));
        self.with(|image, now| image.state.set(now, state));
    }

    /// Runs a workflow, and keeps what became of it.
    pub async fn workflow<T>(
        &self,
        kind: &'static str,
        name: &str,
        total: usize,
        work: impl Future<Output = Result<T, End>>,
    ) -> Result<T, End> {
        let arn = format!("arn:aws:imagebuilder:{}:aws:workflow/{name}", self.home.region);
        self.log(&format!("Started {kind} workflow {arn}"));
        self.log(&format!("Total {total} steps to run for workflow {arn}"));
        let id = format!("wf-{}", self.fake.world().uuid());
        let message = String::new();
        self.with(|image, now| {
            let workflow = Workflow {
                id,
                arn,
                kind,
                status: "RUNNING",
                message,
                started: now,
                ended: None,
                total,
                steps: Vec::new(),
            };
            image.workflows.push(workflow);
        });
        let result = work.await;
        let (status, message) = match &result {
            Ok(_) => ("COMPLETED", String::new()),
            Err(End::Cancelled) => ("CANCELLED", String::new()),
            Err(End::Failed(state)) => ("FAILED", state.reason.clone().unwrap_or_default()),
        };
        self.with(|image, now| {
            if let Some(workflow) = image.workflows.last_mut() {
                (workflow.status, workflow.message, workflow.ended) = (status, message, Some(now));
            }
        });
        result
    }

    /// Runs a step of the workflow that runs, and keeps what became of it. `work` gives its outputs too.
    pub async fn step<T>(
        &self,
        (name, action): (&'static str, &'static str),
        inputs: Value,
        work: impl Future<Output = Result<(T, Value), Problem>>,
    ) -> Result<T, End> {
        self.log(&format!("No 'if' conditions to evaluate for step: {name}"));
        self.log(&format!("Started step {name} with action {action}"));
        self.open(name, action, "RUNNING", inputs);
        let result = match self.pause().await {
            Ok(()) => work.await,
            Err(problem) => Err(problem),
        };
        match result {
            Ok((value, outputs)) => {
                self.close("COMPLETED", String::new(), outputs);
                self.log(&format!("Finished step {name}"));
                Ok(value)
            }
            Err(Problem::Cancelled) => {
                self.close("CANCELLED", String::new(), Value::Null);
                Err(End::Cancelled)
            }
            Err(Problem::Failed { why, component, distribution }) => {
                self.close("FAILED", why.clone(), json!(why));
                self.log(&format!("Step {name} failed: {why}"));
                Err(End::Failed(self.failed(&why, component, distribution)))
            }
        }
    }

    /// A step that has nothing to do.
    pub fn skip(&self, name: &'static str, action: &'static str, why: &str) {
        self.log(&format!("Skipped step {name} with action {action}"));
        self.open(name, action, "SKIPPED", json!({}));
        self.close("SKIPPED", why.to_owned(), Value::Null);
    }

    fn open(&self, name: &'static str, action: &'static str, status: &'static str, inputs: Value) {
        let id = format!("step-{}", self.fake.world().uuid());
        self.with(|image, now| {
            let step = Step {
                id,
                name,
                action,
                status,
                message: String::new(),
                inputs,
                outputs: Value::Null,
                started: now,
                ended: None,
            };
            if let Some(workflow) = image.workflows.last_mut() {
                workflow.steps.push(step);
            }
        });
    }

    fn close(&self, status: &'static str, message: String, outputs: Value) {
        self.with(|image, now| {
            if let Some(step) = image.workflows.last_mut().and_then(|workflow| workflow.steps.last_mut()) {
                (step.status, step.message, step.outputs, step.ended) = (status, message, outputs, Some(now));
            }
        });
    }

    /// The state of an image whose last step has failed.
    fn failed(&self, why: &str, component: Option<Value>, distribution: Option<Value>) -> State {
        if self.fake.world().imagebuilder.pokes.unexplained {
            return State::of("FAILED");
        }
        let describe = |image: &mut Image, now| {
            let workflow = image.workflows.last()?;
            let step = workflow.steps.last()?;
            let mut context = json!({
                "imageStatus": image.state.at(now).status,
                "workflowExecutionId": workflow.id,
                "workflowArn": workflow.arn,
                "stepExecutionId": step.id,
                "failedStep": step.name,
            });
            if let Some(component) = component {
                context["componentFailure"] = component;
            }
            if let Some(distribution) = distribution {
                context["distributionFailure"] = distribution;
            }
            let reason = format!("Workflow Execution ID: '{}' failed with reason: {why}", workflow.id);
            Some(State { status: "FAILED", reason: Some(cut(&reason)), failure: Some(context) })
        };
        self.with(describe).flatten().unwrap_or_else(|| State::of("FAILED"))
    }

    /// "Image Builder sends image build event notifications" to the topic of the infrastructure configuration.
    pub fn notify(&self) {
        let mut world = self.fake.world();
        let now = world.clock.now();
        let Some(image) = world.imagebuilder.images.get(&self.arn) else { return };
        let Some(topic) = image.infrastructure["snsTopicArn"].as_str().map(str::to_owned) else { return };
        let body = images::shown(&world, image, now).to_string();
        if let Some(messages) = world.sns.topics.get_mut(&topic) {
            messages.push(Message { subject: String::new(), body });
        }
    }
}

/// As long as reasons and messages may be.
pub fn cut(text: &str) -> String {
    text.chars().take(MESSAGE).collect()
}
