//! Which service and action a request is for.

use super::credentials;
use super::params::Params;
use super::{Request, cloudwatch, ebs, imagebuilder, s3};
use serde_json::Value;
use std::io::Read;

/// The services of the fake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    Ec2,
    Ssm,
    Sts,
    Quotas,
    Logs,
    Kms,
    Ebs,
    ImageBuilder,
    AutoScaling,
    Sns,
    S3,
    /// Over CBOR, as the SDK for Rust speaks with it.
    CloudWatch,
    /// Over JSON, as boto3 does.
    CloudWatchJson,
}

impl Service {
    /// The prefix of its IAM actions.
    pub fn prefix(self) -> &'static str {
        match self {
            Service::Ec2 => "ec2",
            Service::Ssm => "ssm",
            Service::Sts => "sts",
            Service::Quotas => "servicequotas",
            Service::Logs => "logs",
            Service::Kms => "kms",
            Service::Ebs => "ebs",
            Service::ImageBuilder => "imagebuilder",
            Service::AutoScaling => "autoscaling",
            Service::Sns => "sns",
            Service::S3 => "s3",
            Service::CloudWatch | Service::CloudWatchJson => "cloudwatch",
        }
    }
}

/// A request, read.
pub struct Routed {
    pub service: Service,
    pub action: String,
    pub params: Params,
    pub json: Value,
}

/// A request that is for no service; what it seems to be for.
pub struct Lost {
    pub service: String,
    pub action: String,
}

pub fn route(request: &Request) -> Result<Routed, Lost> {
    if let Some(target) = request.header("x-amz-target") {
        let (api, action) = target.split_once('.').unwrap_or((target, ""));
        let service = match api {
            "AmazonSSM" => Service::Ssm,
            "ServiceQuotasV20190624" => Service::Quotas,
            "Logs_20140328" => Service::Logs,
            "TrentService" => Service::Kms,
            "GraniteServiceVersion20100801" => Service::CloudWatchJson,
            other => return Err(Lost { service: other.to_owned(), action: action.to_owned() }),
        };
        return Ok(Routed { service, action: action.to_owned(), params: Params::default(), json: json(request) });
    }
    if let Some(action) = request.path.strip_prefix(cloudwatch::PATH) {
        let (action, json) = (action.to_owned(), cbor(request));
        return Ok(Routed { service: Service::CloudWatch, action, params: Params::default(), json });
    }
    if s3::is_for(request) {
        let params = Params::parse(request.query.as_bytes());
        return Ok(Routed { service: Service::S3, action: s3::action(request), params, json: Value::Null });
    }
    if request.path.starts_with("/snapshots") {
        let action = ebs::action(&request.method, &request.path).to_owned();
        // Blocks are bytes: only calls that announce JSON have it.
        let announced = request.header("content-type").is_some_and(|kind| kind.contains("json"));
        let json = if announced { json(request) } else { Value::Null };
        return Ok(Routed { service: Service::Ebs, action, params: Params::default(), json });
    }
    // Its paths are its own, and so are those that it does not know.
    if credentials::scope(request).is_some_and(|scope| scope.service == "imagebuilder") {
        let action = imagebuilder::action(&request.method, &request.path);
        let params = Params::parse(request.query.as_bytes());
        return Ok(Routed { service: Service::ImageBuilder, action, params, json: json(request) });
    }
    let form = if request.body.is_empty() { request.query.as_bytes() } else { request.body.as_slice() };
    let params = Params::parse(form);
    let action = params.get("Action").unwrap_or_default().to_owned();
    match params.get("Version") {
        Some("2016-11-15") => Ok(Routed { service: Service::Ec2, action, params, json: Value::Null }),
        Some("2011-01-01") => Ok(Routed { service: Service::AutoScaling, action, params, json: Value::Null }),
        Some("2010-03-31") => Ok(Routed { service: Service::Sns, action, params, json: Value::Null }),
        Some("2011-06-15") => Ok(Routed { service: Service::Sts, action, params, json: Value::Null }),
        _ => {
            let service = credentials::scope(request).map(|scope| scope.service).unwrap_or_default();
            let action = if action.is_empty() { format!("{} {}", request.method, request.path) } else { action };
            Err(Lost { service, action })
        }
    }
}

/// The body as JSON; null where it is not. Handlers see a missing member then.
fn json(request: &Request) -> Value {
    serde_json::from_slice(&unpacked(request)).unwrap_or(Value::Null)
}

/// The body as CBOR; an empty one is an empty map.
fn cbor(request: &Request) -> Value {
    match unpacked(request).as_slice() {
        [] => Value::Object(serde_json::Map::new()),
        body => cloudwatch::cbor::decode(body).unwrap_or(Value::Null),
    }
}

/// The body, which clients pack where it is long.
fn unpacked(request: &Request) -> Vec<u8> {
    let mut body = Vec::new();
    let is_packed = request.header("content-encoding").is_some_and(|encoding| encoding.contains("gzip"));
    match is_packed {
        true if flate2::read::GzDecoder::new(request.body.as_slice()).read_to_end(&mut body).is_ok() => body,
        _ => request.body.clone(),
    }
}
