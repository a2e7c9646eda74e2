//! A fake under paused time, and calls to it as a client sends them.

use crate::fake_aws::agents::{Agent, NoAgent};
use crate::fake_aws::credentials::{Credential, DEFAULT_KEY};
use crate::fake_aws::{Fake, Latencies, Request, Response, Settings};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub const REGION: &str = "us-east-1";

pub struct Bench {
    pub fake: Fake,
    pub key: String,
}

/// An error's status, name and text.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with(Arc::new(NoAgent))
    }

    pub fn with(agent: Arc<dyn Agent>) -> Bench {
        let settings = Settings { latencies: Latencies::realistic(), ..Settings::new(agent) };
        Bench { fake: Fake::new(settings), key: DEFAULT_KEY.to_owned() }
    }

    /// The same world, seen by somebody who may not do everything.
    pub fn denied(&self, actions: &[&str]) -> Bench {
        let mut credential = Credential::user("123456789012", "somebody");
        credential.denied = actions.iter().map(|action| (*action).to_owned()).collect();
        self.fake.world().credentials.0.insert("AKIADENIED".to_owned(), credential);
        Bench { fake: self.fake.clone(), key: "AKIADENIED".to_owned() }
    }

    pub async fn send(&self, service: &str, mut request: Request) -> Response {
        let scope = format!("{}/20261120/{REGION}/{service}/aws4_request", self.key);
        let value = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
        request.headers.push(("Authorization".to_owned(), value));
        self.fake.handle(request).await.expect("an answer")
    }

    async fn json(&self, service: &str, target: &str, body: Value) -> Result<Value, Refused> {
        let headers = vec![
            ("X-Amz-Target".to_owned(), target.to_owned()),
            ("Content-Type".to_owned(), "application/x-amz-json-1.1".to_owned()),
        ];
        let body = body.to_string().into_bytes();
        let request = Request { method: "POST".into(), path: "/".into(), headers, body, ..Request::default() };
        read(self.send(service, request).await)
    }

    pub async fn ssm(&self, action: &str, body: Value) -> Result<Value, Refused> {
        self.json("ssm", &format!("AmazonSSM.{action}"), body).await
    }

    pub async fn logs(&self, action: &str, body: Value) -> Result<Value, Refused> {
        self.json("logs", &format!("Logs_20140328.{action}"), body).await
    }

    pub async fn quotas(&self, action: &str, body: Value) -> Result<Value, Refused> {
        self.json("servicequotas", &format!("ServiceQuotasV20190624.{action}"), body).await
    }

    /// A call of EC2's or STS's query protocol: status and XML.
    pub async fn query(&self, service: &str, version: &str, action: &str, pairs: &[(&str, &str)]) -> (u16, String) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", version);
        for (key, value) in pairs {
            form.append_pair(key, value);
        }
        let body = form.finish().into_bytes();
        let response =
            self.send(service, Request { method: "POST".into(), path: "/".into(), body, ..Request::default() }).await;
        (response.status, String::from_utf8(response.body).unwrap())
    }

    pub async fn ec2(&self, action: &str, pairs: &[(&str, &str)]) -> String {
        let (status, xml) = self.query("ec2", "2016-11-15", action, pairs).await;
        assert_eq!(status, 200, "{action}: {xml}");
        xml
    }

    pub async fn sts(&self, action: &str, pairs: &[(&str, &str)]) -> (u16, String) {
        self.query("sts", "2011-06-15", action, pairs).await
    }

    /// A call of the EBS direct APIs.
    pub async fn ebs(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut all: Vec<_> = headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        if body.first() == Some(&b'{') {
            all.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        let request = Request { method: method.into(), path: path.into(), query: query.into(), headers: all, body };
        self.send("ebs", request).await
    }

    /// Launches an instance of the newest Amazon Linux with the builder's profile, and waits for nothing.
    pub async fn launch(&self) -> String {
        let image = self.fake.world().ec2.latest_al2023(REGION, "x86_64").expect("an Amazon Linux");
        self.launch_of(&image).await
    }

    pub async fn launch_of(&self, image: &str) -> String {
        let pairs = [
            ("ImageId", image),
            ("InstanceType", "m5.large"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("IamInstanceProfile.Name", "amifactory-builder"),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "purpose"),
            ("TagSpecification.1.Tag.1.Value", "test"),
        ];
        let xml = self.ec2("RunInstances", &pairs).await;
        between(&xml, "<instanceId>", "</instanceId>").to_owned()
    }

    /// Launches one and waits until its agent is online.
    pub async fn online(&self) -> String {
        let instance = self.launch().await;
        tokio::time::sleep(Duration::from_secs(40)).await;
        instance
    }

    /// Sends a command; its id.
    pub async fn command(&self, instance: &str, script: &str) -> String {
        let body = json!({ "DocumentName": "AWS-RunShellScript", "InstanceIds": [instance],
            "Parameters": { "commands": [script] } });
        id(&self.ssm("SendCommand", body).await.unwrap())
    }

    pub async fn invocation(&self, command: &str, instance: &str) -> Value {
        let body = json!({ "CommandId": command, "InstanceId": instance });
        self.ssm("GetCommandInvocation", body).await.unwrap()
    }

    /// Polls until the command has ended, at most for that long.
    pub async fn ended(&self, command: &str, instance: &str, within: Duration) -> Value {
        let start = Instant::now();
        loop {
            let invocation = self.invocation(command, instance).await;
            let status = invocation["Status"].as_str().unwrap();
            if !["Pending", "InProgress", "Delayed", "Cancelling"].contains(&status) {
                return invocation;
            }
            assert!(start.elapsed() < within, "still {invocation}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

pub fn id(answer: &Value) -> String {
    answer["Command"]["CommandId"].as_str().unwrap().to_owned()
}

pub fn read(response: Response) -> Result<Value, Refused> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    if response.status < 300 {
        return Ok(body);
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Err(Refused { status: response.status, code: text("__type"), message: text("message") })
}

pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{start} in {text}"));
    rest.split_once(end).unwrap_or_else(|| panic!("{end} in {text}")).0
}

/// The name of the error that a call ended with.
pub fn code(answer: Result<Value, Refused>) -> String {
    let refused = answer.expect_err("a refusal");
    assert_eq!(refused.status, 400, "{refused:?}");
    refused.code
}
