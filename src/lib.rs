//! amifactory: YAML image recipes become hardened, audited, boot-tested images.

pub mod cli;
pub mod fleet;
pub mod hardening;
pub mod identity;
pub mod pipeline;
pub mod plan;
pub mod recipe;
pub mod release;
pub mod report;
pub mod rollout;
pub mod serve;
pub mod source;
pub mod target;
