//! Image Builder under paused time, and calls to it as a client sends them.

use crate::fake_aws::Request;
use crate::fake_aws::agents::Agent;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_ssm::bench::{Bench, REGION, Refused, read};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub const ACCOUNT: &str = "123456789012";

pub struct Works {
    pub bench: Bench,
    /// Of worlds that have it.
    pub agent: Arc<ShellAgent>,
    tokens: AtomicUsize,
}

/// The ARN of something in the account.
pub fn arn(rest: &str) -> String {
    format!("arn:aws:imagebuilder:{REGION}:{ACCOUNT}:{rest}")
}

/// A document with one phase of one step.
pub fn document(phase: &str, script: &str) -> String {
    let commands = json!([script]);
    format!(
        "schemaVersion: 1.0\nphases:\n- name: {phase}\n  steps:\n  - name: step\n    action: ExecuteBash\n    \
         inputs: {{commands: {commands}}}\n"
    )
}

impl Works {
    pub fn new() -> Works {
        let agent = Arc::new(ShellAgent::new().unwrap());
        Works { bench: Bench::with(agent.clone()), agent, tokens: AtomicUsize::new(0) }
    }

    /// A world with another agent.
    pub fn with(agent: Arc<dyn Agent>) -> Works {
        Works { bench: Bench::with(agent), ..Works::new() }
    }

    /// The same world, as somebody else sees it.
    pub fn seen_by(&self, bench: Bench) -> Works {
        Works { bench, agent: self.agent.clone(), tokens: AtomicUsize::new(1000) }
    }

    /// A call, whatever its method is. A token is added where there is none and one is needed.
    pub async fn call(&self, action: &str, mut body: Value) -> Result<Value, Refused> {
        let changes = ["Create", "Update", "Cancel", "Start"].iter().any(|verb| action.starts_with(verb));
        if changes && body.get("clientToken").is_none() {
            body["clientToken"] = json!(format!("token-{}", self.tokens.fetch_add(1, Ordering::SeqCst)));
        }
        let in_query = action.starts_with("Get") || action.starts_with("Delete");
        let method = match action {
            _ if changes => "PUT",
            _ if action.starts_with("Get") => "GET",
            _ if action.starts_with("Delete") => "DELETE",
            _ => "POST",
        };
        let mut request = Request { method: method.into(), path: format!("/{action}"), ..Request::default() };
        if in_query {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in body.as_object().unwrap() {
                query.append_pair(name, value.as_str().unwrap());
            }
            request.query = query.finish();
        } else {
            request.headers.push(("Content-Type".into(), "application/json".into()));
            request.body = body.to_string().into_bytes();
        }
        self.send(request).await
    }

    pub async fn send(&self, request: Request) -> Result<Value, Refused> {
        let response = self.bench.send("imagebuilder", request).await;
        let kind = response.headers.iter().find(|(name, _)| name == "x-amzn-ErrorType").map(|(_, kind)| kind.clone());
        let answer = read(response);
        assert_eq!(kind, answer.as_ref().err().map(|refused| refused.code.clone()));
        answer
    }

    /// The name of the error.
    pub async fn refused(&self, action: &str, body: Value) -> String {
        self.call(action, body.clone()).await.expect_err(&body.to_string()).code
    }

    pub async fn component(&self, name: &str, data: &str) -> String {
        let body = json!({ "name": name, "semanticVersion": "1.0.0", "platform": "Linux", "data": data });
        text(&self.call("CreateComponent", body).await.unwrap(), "componentBuildVersionArn")
    }

    pub async fn recipe(&self, name: &str, components: &[&str], more: Value) -> String {
        let components: Vec<Value> = components.iter().map(|arn| json!({ "componentArn": arn })).collect();
        let parent = self.bench.fake.world().ec2.latest_al2023(REGION, "x86_64").unwrap();
        let mut body = json!({ "name": name, "semanticVersion": "1.0.0", "parentImage": parent });
        if !components.is_empty() {
            body["components"] = json!(components);
        }
        with(&mut body, more);
        text(&self.call("CreateImageRecipe", body).await.unwrap(), "imageRecipeArn")
    }

    pub async fn infrastructure(&self, name: &str, more: Value) -> String {
        let mut body = json!({ "name": name, "instanceProfileName": "amifactory-builder" });
        with(&mut body, more);
        text(&self.call("CreateInfrastructureConfiguration", body).await.unwrap(), "infrastructureConfigurationArn")
    }

    pub async fn image(&self, recipe: &str, infrastructure: &str, more: Value) -> String {
        let mut body = json!({ "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure });
        with(&mut body, more);
        text(&self.call("CreateImage", body).await.unwrap(), "imageBuildVersionArn")
    }

    /// An image of one component with these documents' phases; its ARN.
    pub async fn image_of(&self, documents: &[&str], infrastructure: Value) -> String {
        let mut components = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            components.push(self.component(&format!("component-{index}"), document).await);
        }
        let components: Vec<&str> = components.iter().map(String::as_str).collect();
        let recipe = self.recipe("recipe", &components, json!({})).await;
        let infrastructure = self.infrastructure("infrastructure", infrastructure).await;
        self.image(&recipe, &infrastructure, json!({})).await
    }

    pub async fn get(&self, arn: &str) -> Value {
        self.call("GetImage", json!({ "imageBuildVersionArn": arn })).await.unwrap()["image"].take()
    }

    pub async fn status(&self, arn: &str) -> String {
        text(&self.get(arn).await["state"], "status")
    }

    /// Waits until the image has that status.
    pub async fn until(&self, arn: &str, status: &str) {
        let began = Instant::now();
        while self.status(arn).await != status {
            assert!(began.elapsed() < Duration::from_secs(3600), "still {}", self.get(arn).await["state"]);
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// The image, once it has ended, and the states that were seen.
    pub async fn ended(&self, arn: &str) -> (Value, Vec<String>) {
        let mut seen: Vec<String> = Vec::new();
        let began = Instant::now();
        loop {
            let image = self.get(arn).await;
            let status = text(&image["state"], "status");
            if seen.last() != Some(&status) {
                seen.push(status.clone());
            }
            if ["AVAILABLE", "FAILED", "CANCELLED"].contains(&status.as_str()) {
                return (image, seen);
            }
            assert!(began.elapsed() < Duration::from_secs(24 * 3600), "still {}", image["state"]);
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// The lines of a build's log.
    pub async fn lines(&self, arn: &str) -> Vec<String> {
        let group = self.get(arn).await["loggingConfiguration"]["logGroupName"].clone();
        let end: Vec<&str> = arn.rsplit('/').take(2).collect();
        let body =
            json!({ "logGroupName": group, "logStreamName": format!("{}/{}", end[1], end[0]), "startFromHead": true });
        let answer = self.bench.logs("GetLogEvents", body).await;
        let events = answer.map(|mut answer| answer["events"].take()).unwrap_or(json!([]));
        events.as_array().unwrap().iter().map(|event| text(event, "message")).collect()
    }

    /// Names and states of instances that a build has launched.
    pub fn instances(&self, arn: &str) -> Vec<(String, String, &'static str)> {
        let world = self.bench.fake.world();
        let now = world.clock.now();
        let mut found: Vec<_> = world
            .ec2
            .instances
            .values()
            .map(|instance| (instance, world.ec2.tags_at(&instance.id, now)))
            .filter(|(_, tags)| tags.get("Ec2ImageBuilderArn").is_some_and(|tag| tag == arn))
            .map(|(instance, tags)| (tags["Name"].clone(), instance.id.clone(), instance.state.at(now).name()))
            .collect();
        found.sort();
        found
    }
}

/// Puts members over those that are there.
pub fn with(body: &mut Value, more: Value) {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}
