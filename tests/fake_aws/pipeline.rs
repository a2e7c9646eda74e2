//! What every call goes through: latency → credentials → permission → throttle → faults → the service → lost replies.

use super::credentials::{self, Caller};
use super::dispatch::{self, Lost, Routed, Service};
use super::faults::{self, Fault};
use super::record::{Call, Outcome, UnknownCall};
use super::reply::{Body, Done, Failure, Incoming, Reply};
use super::world::Errand;
use super::xml::{document, node, text};
use super::{
    Broken, Fake, Request, Response, World, autoscaling, cloudwatch, ebs, ec2, imagebuilder, json_error, kms, logs,
    quotas, s3, seen, sns, ssm, sts, throttle,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

pub async fn handle(fake: &Fake, request: Request) -> Result<Response, Broken> {
    let routed = dispatch::route(&request);
    pause(fake, routed.as_ref().ok()).await;
    let routed = match routed {
        Ok(routed) => routed,
        Err(lost) => return Ok(refuse(fake, lost)),
    };
    let (result, busy) = {
        let mut world = fake.world();
        let result = answer(fake, &mut world, &request, &routed);
        (result, !world.errands.is_empty())
    };
    if busy {
        // In a task of its own: the effect has happened, even if the client goes away now.
        let fake = fake.clone();
        let _ = tokio::spawn(async move { run_errands(&fake).await }).await;
    }
    result
}

async fn pause(fake: &Fake, routed: Option<&Routed>) {
    let wait = {
        // Nothing is looked at yet, so nothing needs to be done that is due.
        let world = fake.world_as_it_is();
        let slow = routed.is_some_and(|routed| routed.action.starts_with("Describe"));
        world.latencies.call + if slow { world.weather.rates.slow_describes } else { Duration::ZERO }
    };
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

/// One runner at a time: errands happen in the order in which their causes did.
pub(super) async fn run_errands(fake: &Fake) {
    let _turn = fake.0.errands.lock().await;
    let errands = std::mem::take(&mut fake.world().errands);
    let agent = fake.agent();
    for errand in errands {
        match errand {
            Errand::Boot { instance, disk } => agent.boot(&instance, &disk).await,
            Errand::Image { instance, image } => agent.image(&instance, &image).await,
            Errand::ForgetInstance(instance) => agent.forget_instance(&instance).await,
            Errand::ForgetImage(image) => agent.forget_image(&image).await,
        }
    }
}

fn answer(fake: &Fake, world: &mut World, request: &Request, routed: &Routed) -> Result<Response, Broken> {
    let now = world.clock.now();
    let request_id = world.uuid();
    let scope = credentials::scope(request);
    let fault = world.weather.draw(&routed.action);
    let mut call = Call {
        at: now,
        service: routed.service.prefix(),
        action: routed.action.clone(),
        region: scope.as_ref().map(|scope| scope.region.clone()).unwrap_or_default(),
        key: scope.map(|scope| scope.key).unwrap_or_default(),
        outcome: Outcome::Ok,
        resources: Vec::new(),
        permissions: vec![permission(routed)],
        params: if routed.json.is_null() { routed.params.to_json() } else { routed.json.clone() },
    };
    if fault == Some(Fault::Reset) {
        call.outcome = Outcome::Reset;
        seen::note(request, &call);
        world.calls.push(call);
        return Err(Broken::ConnectionReset);
    }
    let mut reply = admitted(world, request, routed, fault, now)
        .and_then(|caller| serve(fake, world, request, routed, &caller, now, &request_id));
    if let Ok(done) = &reply {
        call.resources.clone_from(&done.resources);
        call.permissions.extend(done.permissions.iter().cloned());
    }
    if let Err(failure) = &reply
        && failure.unknown
    {
        let (service, action) = (routed.service.prefix().to_owned(), routed.action.clone());
        world.unknown_calls.push(UnknownCall { service, action });
    }
    if fault == Some(Fault::ServerErrorAfter) {
        reply = Err(server_error(routed.service, world.random.bool()));
    }
    call.outcome = match &reply {
        _ if fault == Some(Fault::LostReply) => Outcome::ReplyLost,
        Ok(_) => Outcome::Ok,
        Err(failure) => Outcome::Error(failure.code.clone()),
    };
    seen::note(request, &call);
    world.calls.push(call);
    if fault == Some(Fault::LostReply) {
        return Err(Broken::ConnectionReset);
    }
    let mut response = write(routed, &request_id, reply);
    // Every answer says what time it is, in whole seconds.
    response.headers.push(("Date".to_owned(), http_date(world.clock.wall(now))));
    Ok(response)
}

/// `Tue, 15 Nov 1994 08:12:31 GMT`
pub(super) fn http_date(at: time::OffsetDateTime) -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

/// Everything that may refuse a call before its service looks at it.
fn admitted(
    world: &mut World,
    request: &Request,
    routed: &Routed,
    fault: Option<Fault>,
    now: Instant,
) -> Result<Caller, Failure> {
    let caller = caller(world, request, routed.service, now)?;
    let place = format!("{} {} {}", caller.account(), caller.region, routed.service.prefix());
    let limit = throttle::limit(routed.service, &routed.action, ec2::is_filtered(&routed.params));
    if fault == Some(Fault::Throttle) || !world.throttle.admit(&place, &routed.action, limit, now) {
        return Err(throttled(routed));
    }
    if fault == Some(Fault::ServerError) {
        return Err(server_error(routed.service, world.random.bool()));
    }
    allowed(&caller, &permission(routed))?;
    Ok(caller)
}

/// Who calls, if the service knows them.
fn caller(world: &World, request: &Request, service: Service, now: Instant) -> Result<Caller, Failure> {
    let scope = credentials::scope(request).filter(|scope| world.regions.contains(&scope.region));
    let credential = scope.as_ref().and_then(|scope| world.credentials.0.get(&scope.key));
    let (Some(scope), Some(credential)) = (scope, credential) else {
        return Err(match service {
            Service::Ec2 => {
                Failure::new(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
            }
            Service::Sts | Service::AutoScaling | Service::Sns => {
                Failure::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
            }
            Service::S3 => Failure::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Service::ImageBuilder => Failure::new(
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            _ => Failure::bad("UnrecognizedClientException", "The security token included in the request is invalid."),
        });
    };
    if credential.expires.is_some_and(|expires| expires <= now) {
        return Err(match service {
            Service::Ec2 => Failure::bad("RequestExpired", "Request has expired."),
            Service::Sts | Service::AutoScaling | Service::Sns => {
                Failure::new(403, "ExpiredToken", "The security token included in the request is expired")
            }
            Service::S3 => Failure::bad("ExpiredToken", "The provided token has expired."),
            Service::ImageBuilder => {
                Failure::new(403, "ExpiredTokenException", "The security token included in the request is expired")
            }
            _ => Failure::bad("ExpiredTokenException", "The security token included in the request is expired"),
        });
    }
    Ok(Caller { key: scope.key, region: scope.region, credential: credential.clone() })
}

/// Refuses a denied IAM action, in the words of its service.
pub(super) fn allowed(caller: &Caller, action: &str) -> Result<(), Failure> {
    if !caller.credential.denies(action) {
        return Ok(());
    }
    let arn = &caller.credential.arn;
    if action.starts_with("ec2:") || action == "iam:PassRole" {
        let encoded = BASE64_STANDARD.encode(format!("denied {action} for {arn}"));
        let resource = if action == "iam:PassRole" { "arn:aws:iam::role" } else { "arn:aws:ec2" };
        return Err(Failure::new(
            403,
            "UnauthorizedOperation",
            format!(
                "You are not authorized to perform this operation. User: {arn} is not authorized to perform: {action} \
                 on resource: {resource}:{}:{}:* because no identity-based policy allows the {action} action. \
                 Encoded authorization failure message: {encoded}",
                caller.region,
                caller.account()
            ),
        ));
    }
    let (status, code) = if action.starts_with("cloudwatch:") {
        (403, "AccessDenied")
    } else if action.starts_with("sns:") {
        (403, "AuthorizationError")
    } else if action.starts_with("s3:") || action.starts_with("sts:") || action.starts_with("autoscaling:") {
        (403, "AccessDenied")
    } else if action.starts_with("imagebuilder:") {
        (403, "AccessDeniedException")
    } else {
        (400, "AccessDeniedException")
    };
    Err(Failure::new(
        status,
        code,
        format!(
            "User: {arn} is not authorized to perform: {action} because no identity-based policy allows the {action} action"
        ),
    ))
}

fn permission(routed: &Routed) -> String {
    let action = match routed.service {
        Service::S3 => s3::permission(&routed.action, &routed.params),
        _ => &routed.action,
    };
    format!("{}:{action}", routed.service.prefix())
}

/// A 5xx, by the names that the service's model has for it.
fn server_error(service: Service, flip: bool) -> Failure {
    let failure = faults::server_error(flip);
    let code = match (service, failure.status) {
        (Service::ImageBuilder, 500) => "ServiceException",
        (Service::ImageBuilder, _) => "ServiceUnavailableException",
        (Service::S3, 503) => "ServiceUnavailable",
        (Service::S3, _) => "InternalError",
        _ => return failure,
    };
    Failure { code: code.to_owned(), ..failure }
}

fn throttled(routed: &Routed) -> Failure {
    match routed.service {
        Service::Ec2 => Failure::new(503, "RequestLimitExceeded", "Request limit exceeded."),
        Service::Sts | Service::AutoScaling | Service::CloudWatch => Failure::bad("Throttling", "Rate exceeded"),
        Service::Sns => Failure::new(429, "Throttled", "Rate exceeded"),
        Service::S3 => Failure::new(503, "SlowDown", "Please reduce your request rate."),
        Service::Quotas => Failure::bad("TooManyRequestsException", "Rate exceeded"),
        Service::Ebs => Failure::bad("RequestThrottledException", "Rate exceeded").with("Reason", "ACCOUNT_THROTTLED"),
        // The model of calls about tags does not have the other name.
        Service::ImageBuilder if routed.action.ends_with("tagResource") || routed.action.contains("Tag") => {
            Failure::new(429, "TooManyRequestsException", "Rate exceeded")
        }
        Service::ImageBuilder => Failure::new(429, "CallRateLimitExceededException", "Rate exceeded"),
        _ => Failure::bad("ThrottlingException", "Rate exceeded"),
    }
}

fn serve(
    fake: &Fake,
    world: &mut World,
    request: &Request,
    routed: &Routed,
    caller: &Caller,
    now: Instant,
    request_id: &str,
) -> Reply {
    let incoming = Incoming {
        request,
        action: &routed.action,
        caller,
        now,
        request_id,
        params: &routed.params,
        json: &routed.json,
    };
    match routed.service {
        Service::Ec2 => ec2::handle(world, &incoming),
        Service::Ssm => ssm::handle(fake, world, &incoming),
        Service::Sts => sts::handle(world, &incoming),
        Service::Quotas => quotas::handle(world, &incoming),
        Service::Logs => logs::handle(world, &incoming),
        Service::Kms => kms::handle(world, &incoming),
        Service::Ebs => ebs::handle(world, &incoming),
        Service::ImageBuilder => imagebuilder::handle(fake, world, &incoming),
        Service::AutoScaling => autoscaling::handle(world, &incoming),
        Service::Sns => sns::handle(world, &incoming),
        Service::S3 => s3::handle(world, &incoming),
        Service::CloudWatch | Service::CloudWatchJson => cloudwatch::handle(world, &incoming),
    }
}

const EC2_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const SCALING_NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";
const SNS_NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

fn write(routed: &Routed, request_id: &str, reply: Reply) -> Response {
    let kind = match routed.service {
        Service::Ec2 => "text/xml;charset=UTF-8",
        Service::Sts | Service::AutoScaling | Service::Sns => "text/xml",
        Service::S3 => "application/xml",
        Service::Ebs | Service::ImageBuilder => "application/json",
        Service::CloudWatch => "application/cbor",
        _ => "application/x-amz-json-1.1",
    };
    let (status, body, more) = match reply {
        Ok(done) => success(routed, request_id, done),
        Err(failure) => {
            (failure.status, error(routed.service, request_id, &failure), error_headers(routed.service, &failure))
        }
    };
    let mut headers = vec![("x-amzn-RequestId".to_owned(), request_id.to_owned())];
    if routed.service == Service::CloudWatch {
        headers.push(("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()));
    }
    if !more.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    headers.extend(more);
    Response { status, headers, body }
}

fn success(routed: &Routed, request_id: &str, done: Done) -> (u16, Vec<u8>, Vec<(String, String)>) {
    let body = match done.body {
        Body::Bytes(bytes) => bytes,
        Body::Json(value) if routed.service == Service::CloudWatch => cloudwatch::cbor::encode(&value),
        Body::Json(value) if value.is_null() => Vec::new(),
        Body::Json(value) => value.to_string().into_bytes(),
        Body::Xml(children) => {
            let name = format!("{}Response", routed.action);
            let namespace = match routed.service {
                Service::Sts => Some(STS_NAMESPACE),
                Service::AutoScaling => Some(SCALING_NAMESPACE),
                Service::Sns => Some(SNS_NAMESPACE),
                _ => None,
            };
            if let Some(namespace) = namespace {
                let result = node(&format!("{}Result", routed.action), children);
                let metadata = node("ResponseMetadata", vec![text("RequestId", request_id)]);
                document(&name, Some(namespace), &[result, metadata])
            } else {
                let mut all = vec![text("requestId", request_id)];
                all.extend(children);
                document(&name, Some(EC2_NAMESPACE), &all)
            }
        }
    };
    (done.status, body, done.headers)
}

fn error(service: Service, request_id: &str, failure: &Failure) -> Vec<u8> {
    let pair = || vec![text("Code", &failure.code), text("Message", &failure.message)];
    match service {
        Service::Ec2 => {
            let errors = node("Errors", vec![node("Error", pair())]);
            document("Response", None, &[errors, text("RequestID", request_id)])
        }
        Service::Sts | Service::AutoScaling | Service::Sns => {
            let mut inner = vec![text("Type", if failure.status < 500 { "Sender" } else { "Receiver" })];
            inner.extend(pair());
            let namespace = match service {
                Service::Sts => STS_NAMESPACE,
                Service::Sns => SNS_NAMESPACE,
                _ => SCALING_NAMESPACE,
            };
            document("ErrorResponse", Some(namespace), &[node("Error", inner), text("RequestId", request_id)])
        }
        Service::S3 => document("Error", None, &[pair(), vec![text("RequestId", request_id)]].concat()),
        Service::CloudWatch => cloudwatch::cbor::encode(&json!({ "__type": failure.code, "message": failure.message })),
        _ => json_error::body(failure),
    }
}

fn error_headers(service: Service, failure: &Failure) -> Vec<(String, String)> {
    match service {
        Service::Ec2 | Service::Sts | Service::AutoScaling | Service::Sns | Service::S3 => Vec::new(),
        // As clients of its older protocol have known it.
        Service::CloudWatch => {
            let whose = if failure.status < 500 { "Sender" } else { "Receiver" };
            vec![("x-amzn-query-error".to_owned(), format!("{};{whose}", failure.code))]
        }
        _ => vec![("x-amzn-ErrorType".to_owned(), failure.code.clone())],
    }
}

/// A request for a service that the fake does not have.
fn refuse(fake: &Fake, lost: Lost) -> Response {
    let mut world = fake.world();
    let failure = Failure::unknown("UnknownOperationException", &lost.action);
    world.unknown_calls.push(UnknownCall { service: lost.service, action: lost.action });
    let headers = vec![("Content-Type".to_owned(), "application/x-amz-json-1.1".to_owned())];
    Response { status: 404, headers, body: json_error::body(&failure) }
}
