//! KMS: what `DescribeKey` tells. Keys are those that EC2's part of the world knows; all others are there and enabled.

use super::World;
use super::ec2::Home;
use super::reply::{Done, Failure, Incoming, Reply};
use super::throttle::Limit;
use serde_json::json;
use std::collections::BTreeMap;

/// What tests can change.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// ARN of a key → its state, where that is another than `Enabled`.
    pub states: BTreeMap<String, &'static str>,
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    if call.action != "DescribeKey" {
        return Err(Failure::unknown("UnknownOperationException", call.action));
    }
    let Some(named) = call.json["KeyId"].as_str() else {
        return Err(Failure::bad("ValidationException", "1 validation error detected: Value null at 'keyId'"));
    };
    let arn = super::ec2::key_arn(Some(named), &Home::of(call.caller));
    let region = arn.split(':').nth(3).unwrap_or_default();
    if region != call.caller.region || world.ec2.dead_keys.contains(&arn) {
        let what = if named.starts_with("alias/") {
            format!("Alias {arn} is not found.")
        } else {
            format!("Key '{arn}' does not exist")
        };
        return Err(Failure::bad("NotFoundException", what));
    }
    let manager = if super::ec2::is_default_key(&arn) { "AWS" } else { "CUSTOMER" };
    let state = world.kms.states.get(&arn).copied().unwrap_or("Enabled");
    let id = arn.rsplit('/').next().unwrap_or_default();
    Ok(Done::json(json!({ "KeyMetadata": {
        "AWSAccountId": call.caller.account(),
        "KeyId": id,
        "Arn": arn,
        "Enabled": state == "Enabled",
        "KeyState": state,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyManager": manager,
        "KeySpec": "SYMMETRIC_DEFAULT",
    } })))
}

/// KMS quotas: 2,000 DescribeKey a second.
pub fn limit(_action: &str) -> Limit {
    Limit { bucket: "", size: 2000.0, refill: 2000.0 }
}
