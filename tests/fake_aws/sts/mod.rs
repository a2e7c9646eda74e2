//! Security Token Service: who calls, and credentials for roles.

use super::World;
use super::credentials::Credential;
use super::reply::{Done, Failure, Incoming, Reply};
use super::settings::Settings;
use super::throttle::Limit;
use super::xml::{node, text};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Roles that can be assumed.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Role ARN → external id, where it asks for one.
    pub roles: BTreeMap<String, Option<String>>,
    /// Role ARN → the IAM actions that its policy does not allow.
    pub denied: BTreeMap<String, BTreeSet<String>>,
    made: u64,
}

impl State {
    pub fn new(_settings: &Settings) -> State {
        State::default()
    }
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    match call.action {
        "GetCallerIdentity" => {
            let credential = &call.caller.credential;
            Ok(Done::xml(vec![
                text("Arn", &credential.arn),
                text("UserId", &credential.user_id),
                text("Account", &credential.account),
            ]))
        }
        "AssumeRole" => assume_role(world, call),
        _ => Err(Failure::unknown("InvalidAction", call.action)),
    }
}

fn invalid(message: String) -> Failure {
    Failure::bad("ValidationError", message)
}

fn assume_role(world: &mut World, call: &Incoming<'_>) -> Reply {
    let required = |name: &str| {
        let missing = || {
            invalid(format!(
                "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
            ))
        };
        call.params.get(name).ok_or_else(missing)
    };
    let (arn, session) = (required("RoleArn")?, required("RoleSessionName")?);
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&session.len()) || !session.chars().all(legal) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    let seconds = call.params.number("DurationSeconds")?.unwrap_or(3600);
    if !(900..=43_200).contains(&seconds) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must be between 900 and 43200"
        )));
    }
    let denied = || {
        let caller = &call.caller.credential.arn;
        let message = format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}");
        Failure::new(403, "AccessDenied", message)
    };
    let external = world.sts.roles.get(arn).ok_or_else(denied)?;
    if external.is_some() && external.as_deref() != call.params.get("ExternalId") {
        return Err(denied());
    }
    let (Some(account), Some((_, role))) = (arn.split(':').nth(4), arn.rsplit_once('/')) else { return Err(denied()) };
    let (account, role) = (account.to_owned(), role.to_owned());
    world.sts.made += 1;
    let key = format!("ASIAFAKEFAKEFAKE{:04}", world.sts.made);
    let role_id = "AROAFAKEFAKEFAKE00001";
    let expires = call.now + Duration::from_secs(seconds);
    let assumed = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
    let credential = Credential {
        account,
        arn: assumed.clone(),
        user_id: format!("{role_id}:{session}"),
        expires: Some(expires),
        denied: world.sts.denied.get(arn).cloned().unwrap_or_default(),
    };
    world.credentials.0.insert(key.clone(), credential);
    let credentials = node(
        "Credentials",
        vec![
            text("AccessKeyId", &key),
            text("SecretAccessKey", "not-verified-here"),
            text("SessionToken", format!("session-{key}")),
            text("Expiration", world.clock.iso(expires)),
        ],
    );
    let user =
        node("AssumedRoleUser", vec![text("AssumedRoleId", format!("{role_id}:{session}")), text("Arn", assumed)]);
    Ok(Done::xml(vec![credentials, user]).made([key]))
}

/// IAM and STS quotas: 600 calls a second.
pub fn limit(_action: &str) -> Limit {
    Limit { bucket: "sts", size: 600.0, refill: 600.0 }
}
