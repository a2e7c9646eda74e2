//! IAM actions that a call needs beside its own: "Actions, resources, and condition keys for Amazon EC2 Image Builder",
//! dependent actions.

use super::super::pipeline::allowed;
use super::super::reply::{Failure, Incoming, Reply};

/// Refuses the call where the caller may not do one of them.
pub fn check(call: &Incoming<'_>, actions: &[&str]) -> Result<(), Failure> {
    for action in actions {
        // This service tells it in its own words, whatever service the action is of.
        allowed(call.caller, action).map_err(|failure| Failure::new(403, "AccessDeniedException", failure.message))?;
    }
    Ok(())
}

/// Records them with a call that had success.
pub fn record(reply: Reply, actions: &[&str]) -> Reply {
    reply.map(|done| done.needs(actions.iter().copied()))
}

/// These, and the one for tags where there are some.
pub fn with_tags(call: &Incoming<'_>, actions: &[&'static str]) -> Vec<&'static str> {
    let tags = call.json["tags"].as_object().is_some_and(|tags| !tags.is_empty());
    actions.iter().copied().chain(tags.then_some("imagebuilder:TagResource")).collect()
}
