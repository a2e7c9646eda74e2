//! What was told last, in Parameter Store: there it is for whoever runs next, with whatever disk.
//!
//! `/amifactory/_notify/<name>/head` holds the text itself where it is short. A longer one lies in parts beside it, `a-0`,
//! `a-1`, … or `b-0`, …: in turn, so that the parts that the head names stay whole until the head names others. No recipe
//! has a name like `_notify`.

use super::api::{Api, op};
use super::parameters;
use crate::target::{Kept, TargetError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long telling one audience is tried.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Of a part, in bytes: JSON adds two quotes, and the head a few words more.
const PART: usize = parameters::LONGEST - 96;
/// As many parts as are ever read; what is longer was not written by us.
const MOST: usize = 128;
/// Names in one call (Systems Manager API reference, `GetParameters`).
const NAMES: usize = 10;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Head {
    /// The whole of it.
    Text(String),
    /// So many parts of this turn.
    Parts(Turn, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Turn {
    A,
    B,
}

fn head(name: &str) -> String {
    format!("/amifactory/_notify/{name}/head")
}

fn part(name: &str, turn: Turn, number: usize) -> String {
    let turn = if turn == Turn::A { "a" } else { "b" };
    format!("/amifactory/_notify/{name}/{turn}-{number}")
}

/// Reads it. Whether parts belong together is for the text itself to say.
pub async fn recall(api: &Api, name: &str) -> Result<Kept, TargetError> {
    let head = match parameters::get::<Head>(api, &head(name)).await {
        Ok(Some(found)) => found.value,
        Ok(None) => return Ok(Kept::Nothing),
        Err(TargetError::Damaged { what, why, .. }) => return Ok(Kept::Damaged(format!("{what}: {why}"))),
        Err(error) => return Err(error),
    };
    let (turn, parts) = match head {
        Head::Text(text) => return Ok(Kept::Text(text)),
        Head::Parts(turn, parts) => (turn, parts),
    };
    if parts > MOST {
        return Ok(Kept::Damaged(format!("it says that it has {parts} parts")));
    }
    let names: Vec<String> = (0..parts).map(|number| part(name, turn, number)).collect();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for some in names.chunks(NAMES) {
        let ask = || api.ssm.get_parameters().set_names(Some(some.to_vec())).send();
        let answer = api.caller.call(op::GET_PARAMETERS, &some[0], ask).await?;
        for parameter in answer.parameters.unwrap_or_default() {
            match (parameter.name(), parameters::read::<String>(parameter.name().unwrap_or_default(), &parameter)) {
                (Some(name), Ok(plain)) => drop(found.insert(name.to_owned(), plain.value)),
                (_, Err(TargetError::Damaged { what, why, .. })) => {
                    return Ok(Kept::Damaged(format!("{what}: {why}")));
                }
                (None, Ok(_)) => {}
                (_, Err(error)) => return Err(error),
            }
        }
    }
    let mut text = String::new();
    for name in &names {
        match found.get(name) {
            Some(part) => text.push_str(part),
            None => return Ok(Kept::Damaged(format!("parameter {name} is not there"))),
        }
    }
    Ok(Kept::Text(text))
}

/// Writes it: all parts, and then the head that names them.
pub async fn remember(api: &Api, name: &str, text: &str) -> Result<(), TargetError> {
    if text.len() <= PART {
        return Ok(parameters::replace(api, &head(name), &Head::Text(text.to_owned())).await?);
    }
    let before = match parameters::get::<Head>(api, &head(name)).await {
        Ok(before) => before.map(|found| found.value),
        Err(TargetError::Damaged { .. }) => None,
        Err(error) => return Err(error),
    };
    let turn = match before {
        Some(Head::Parts(Turn::A, _)) => Turn::B,
        _ => Turn::A,
    };
    let parts: Vec<&[u8]> = text.as_bytes().chunks(PART).collect();
    for (number, bytes) in parts.iter().enumerate() {
        // All of it is ASCII.
        parameters::replace(api, &part(name, turn, number), &String::from_utf8_lossy(bytes)).await?;
    }
    Ok(parameters::replace(api, &head(name), &Head::Parts(turn, parts.len())).await?)
}
