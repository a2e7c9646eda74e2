//! What the service has done for an image, step by step, and the calls that tell it.

use super::super::World;
use super::super::ec2::Home;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::args::Args;
use super::images::Image;
use super::page;
use super::refusal::not_found;
use super::rules::{IMAGE_BUILD, RUN, STEP_RUN};
use serde_json::{Value, json};
use tokio::time::Instant;

/// One run of a workflow.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// `wf-…`
    pub id: String,
    pub arn: String,
    /// `BUILD`, `TEST`, `DISTRIBUTION`.
    pub kind: &'static str,
    pub status: &'static str,
    pub message: String,
    pub started: Instant,
    pub ended: Option<Instant>,
    /// How many steps its document has.
    pub total: usize,
    /// Those that have begun.
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub struct Step {
    /// `step-…`
    pub id: String,
    pub name: &'static str,
    pub action: &'static str,
    pub status: &'static str,
    pub message: String,
    pub inputs: Value,
    pub outputs: Value,
    pub started: Instant,
    pub ended: Option<Instant>,
}

/// The longest message.
const MESSAGE: usize = 500;

impl Workflow {
    fn shown(&self, world: &World) -> Value {
        let count = |status: &str| self.steps.iter().filter(|step| step.status == status).count();
        let mut shown = json!({
            "workflowBuildVersionArn": self.arn,
            "workflowExecutionId": self.id,
            "type": self.kind,
            "status": self.status,
            "message": cut(&self.message),
            "totalStepCount": self.total,
            "totalStepsSucceeded": count("COMPLETED"),
            "totalStepsFailed": count("FAILED"),
            "totalStepsSkipped": count("SKIPPED"),
            "startTime": world.clock.iso(self.started),
        });
        if let Some(ended) = self.ended {
            shown["endTime"] = json!(world.clock.iso(ended));
        }
        shown
    }
}

impl Step {
    fn shown(&self, world: &World) -> Value {
        let mut shown = json!({
            "stepExecutionId": self.id,
            "name": self.name,
            "action": self.action,
            "status": self.status,
            "message": cut(&self.message),
            "inputs": self.inputs.to_string(),
            "startTime": world.clock.iso(self.started),
            "attemptNumber": 1,
            "maxAttempts": 1,
        });
        if !self.outputs.is_null() {
            // "If the step failed, this field contains the error message."
            shown["outputs"] = json!(self.outputs.as_str().map_or_else(|| self.outputs.to_string(), str::to_owned));
        }
        if let Some(ended) = self.ended {
            shown["endTime"] = json!(world.clock.iso(ended));
        }
        shown
    }
}

fn cut(message: &str) -> String {
    message.chars().take(MESSAGE).collect()
}

fn own<'a>(world: &'a World, call: &Incoming<'_>) -> impl Iterator<Item = &'a Image> {
    let home = Home::of(call.caller);
    world.imagebuilder.images.values().filter(move |image| image.home == home)
}

fn find<'a>(world: &'a World, call: &Incoming<'_>, id: &str) -> Result<(&'a Image, &'a Workflow), Failure> {
    let mut all = own(world, call).flat_map(|image| image.workflows.iter().map(move |workflow| (image, workflow)));
    all.find(|(_, workflow)| workflow.id == id).ok_or_else(|| not_found(id))
}

pub fn list(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("imageBuildVersionArn", &IMAGE_BUILD)?;
    let image = own(world, call).find(|image| image.arn == arn).ok_or_else(|| not_found(arn))?;
    let shown = image.workflows.iter().map(|workflow| workflow.shown(world)).collect();
    let mut answer = page::answer(call, &args, "workflowExecutions", shown)?;
    answer["imageBuildVersionArn"] = json!(arn);
    Ok(Done::json(answer))
}

pub fn list_steps(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let id = args.required("workflowExecutionId", &RUN)?;
    let (image, workflow) = find(world, call, id)?;
    let shown = workflow.steps.iter().map(|step| step.shown(world)).collect();
    let mut answer = page::answer(call, &args, "steps", shown)?;
    answer["imageBuildVersionArn"] = json!(image.arn);
    answer["workflowExecutionId"] = json!(workflow.id);
    answer["workflowBuildVersionArn"] = json!(workflow.arn);
    Ok(Done::json(answer))
}

pub fn get(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let (image, workflow) = find(world, call, args.required("workflowExecutionId", &RUN)?)?;
    let mut shown = workflow.shown(world);
    shown["requestId"] = json!(call.request_id);
    shown["imageBuildVersionArn"] = json!(image.arn);
    Ok(Done::json(shown))
}

pub fn get_step(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let id = args.required("stepExecutionId", &STEP_RUN)?;
    for image in own(world, call) {
        for workflow in &image.workflows {
            let Some(step) = workflow.steps.iter().find(|step| step.id == id) else { continue };
            let mut shown = step.shown(world);
            shown["requestId"] = json!(call.request_id);
            shown["imageBuildVersionArn"] = json!(image.arn);
            shown["workflowExecutionId"] = json!(workflow.id);
            shown["workflowBuildVersionArn"] = json!(workflow.arn);
            shown["onFailure"] = json!("Abort");
            return Ok(Done::json(shown));
        }
    }
    Err(not_found(id))
}
