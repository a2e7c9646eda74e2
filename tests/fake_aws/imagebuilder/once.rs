//! Client tokens and dry runs: what every call that makes or changes something goes through.

use super::super::World;
use super::super::ec2::Home;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::args::Args;
use super::rules::TOKEN;
use serde_json::{Value, json};

/// A client token that was used: what with, and what came of it.
#[derive(Debug, Clone)]
pub struct Used {
    request: Value,
    answer: Value,
}

/// Does it once for each client token. A repeated call has the first one's answer; the same token with anything else is
/// refused. `act` gives the answer and what it has made.
pub fn once(
    world: &mut World,
    call: &Incoming<'_>,
    args: &Args,
    act: impl FnOnce(&mut World) -> Result<(Value, String), Failure>,
) -> Reply {
    let token = args.required("clientToken", &TOKEN)?.to_owned();
    let key = (Home::of(call.caller), call.action.to_owned(), token.clone());
    let mut request = call.json.clone();
    if let Some(members) = request.as_object_mut() {
        members.remove("clientToken");
        members.remove("dryRun");
    }
    if let Some(used) = world.imagebuilder.tokens.get(&key) {
        if used.request != request {
            return Err(Failure::bad(
                "IdempotentParameterMismatchException",
                format!("The client token '{token}' was used before, with other parameters."),
            ));
        }
        return Ok(Done::json(with_ids(used.answer.clone(), call, &token)));
    }
    if args.flag("dryRun")?.unwrap_or(false) {
        // Everything is checked as if it were meant, and nothing of it stays.
        let saved = (world.imagebuilder.clone(), world.random.clone());
        let outcome = act(world);
        (world.imagebuilder, world.random) = saved;
        outcome?;
        return Err(Failure::new(
            412,
            "DryRunOperationException",
            "The request would have succeeded: it is a dry run.",
        ));
    }
    let (answer, made) = act(world)?;
    world.imagebuilder.tokens.insert(key, Used { request, answer: answer.clone() });
    Ok(Done::json(with_ids(answer, call, &token)).made([made]))
}

fn with_ids(mut answer: Value, call: &Incoming<'_>, token: &str) -> Value {
    answer["requestId"] = json!(call.request_id);
    answer["clientToken"] = json!(token);
    answer
}
