//! The fake's EC2 keeps the rules of the real one. Each test is one rule.

mod images;
mod launch;
mod life;
mod lists;
mod network;
mod tags;
mod weather;
mod wire;

use crate::fake_aws::agents::NoAgent;
use crate::fake_aws::credentials::DEFAULT_KEY;
use crate::fake_aws::{Broken, Fake, Latencies, Request, Settings};
use std::sync::Arc;
use std::time::Duration;

/// A client of the fake that speaks the query protocol.
struct Client {
    fake: Fake,
    region: &'static str,
    key: String,
}

/// An answer's status and document.
#[derive(Debug)]
struct Answer {
    status: u16,
    xml: String,
}

impl Answer {
    /// The texts of all elements of that name.
    fn all(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let pieces = self.xml.split(&open).skip(1);
        pieces.filter_map(|piece| piece.split(&close).next()).map(str::to_owned).collect()
    }

    fn one(&self, name: &str) -> String {
        self.all(name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {}", self.xml))
    }

    fn has(&self, piece: &str) -> bool {
        self.xml.contains(piece)
    }
}

fn settings() -> Settings {
    Settings::new(Arc::new(NoAgent))
}

/// A world in which things take as long as on EC2, except the calls themselves.
fn slow() -> Settings {
    Settings { latencies: Latencies { call: Duration::ZERO, ..Latencies::realistic() }, ..settings() }
}

fn client(settings: Settings) -> Client {
    Client { fake: Fake::new(settings), region: "us-east-1", key: DEFAULT_KEY.to_owned() }
}

fn request(key: &str, region: &str, action: &str, params: &[(&str, &str)]) -> Request {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("Action", action).append_pair("Version", "2016-11-15").extend_pairs(params);
    let scope = format!("AWS4-HMAC-SHA256 Credential={key}/20261120/{region}/ec2/aws4_request, SignedHeaders=host");
    Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: vec![("Authorization".to_owned(), scope)],
        body: body.finish().into_bytes(),
        ..Request::default()
    }
}

impl Client {
    async fn send(&self, action: &str, params: &[(&str, &str)]) -> Result<Answer, Broken> {
        let response = self.fake.handle(request(&self.key, self.region, action, params)).await?;
        Ok(Answer { status: response.status, xml: String::from_utf8(response.body).unwrap() })
    }

    /// A call that must succeed.
    async fn ok(&self, action: &str, params: &[(&str, &str)]) -> Answer {
        let answer = self.send(action, params).await.unwrap();
        assert_eq!(answer.status, 200, "{action}: {}", answer.xml);
        answer
    }

    /// The code of a call that must fail.
    async fn code(&self, action: &str, params: &[(&str, &str)]) -> String {
        let answer = self.send(action, params).await.unwrap();
        assert_ne!(answer.status, 200, "{action} should fail: {}", answer.xml);
        answer.one("Code")
    }

    fn ami(&self) -> String {
        self.fake.world().ec2.latest_al2023(self.region, "x86_64").unwrap()
    }

    async fn run(&self, more: &[(&str, &str)]) -> String {
        self.ok("RunInstances", &self.launch(more).iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>())
            .await
            .one("instanceId")
    }

    async fn run_code(&self, more: &[(&str, &str)]) -> String {
        let params = self.launch(more);
        self.code("RunInstances", &params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>()).await
    }

    /// What a launch needs, with changes.
    fn launch(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let ami = self.ami();
        let mut all =
            vec![("ImageId", ami.as_str()), ("InstanceType", "m5.large"), ("MinCount", "1"), ("MaxCount", "1")];
        all.retain(|(name, _)| !more.iter().any(|(changed, _)| changed == name));
        all.extend_from_slice(more);
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    async fn state(&self, id: &str) -> String {
        self.ok("DescribeInstances", &[("InstanceId.1", id)]).await.one("name")
    }

    async fn image_state(&self, id: &str) -> String {
        self.ok("DescribeImages", &[("ImageId.1", id)]).await.one("imageState")
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
