//! What IAM must allow: policies for whoever runs builds, for whoever releases, and for the builders' role, made from the table of operations
//! ([`super::api::op`]) and from what a factory says. Pure: nothing is asked of AWS.

mod builder;
mod distributor;
mod document;
mod fleet;
mod image_builder;
mod operator;
mod releaser;
mod retirer;
mod rollout;
mod scope;
#[cfg(test)]
mod tests;

pub use builder::{builder, trust};
pub use distributor::{consumer, consumer_trust, distributor};
pub use document::{INLINE_LIMIT, MANAGED_LIMIT, Policy, Statement, matches};
pub use fleet::{fleet, fleet_alarms, fleet_notify, fleet_role};
pub use image_builder::{image_builder, image_builder_components, image_builder_instance, image_builder_pipelines};
pub use operator::{Grant, operator};
pub use releaser::releaser;
pub use retirer::{retirer, retirer_apply};
pub use rollout::rollout;
pub use scope::Scope;
