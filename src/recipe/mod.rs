//! Recipes: the schema, loading, package groups, templates and lint.
//!
//! [`load`] reads a factory folder into a [`Factory`] or answers with every mistake in it. What the keys are is said
//! once, in `tables`; the decoder and the JSON [`schema`] both read it from there.

mod aws;
mod channel;
pub mod date;
mod decode;
mod distribution;
mod fleet;
mod graph;
mod load;
mod model;
mod notify;
mod place;
mod retention;
mod rollout;
mod schedule;
pub mod schema;
mod shape;
mod tables;
pub mod template;
mod volumes;

pub use aws::{AwsBase, AwsBaseImage, AwsSettings, InstanceTypes, Subnet, Volume};
pub use channel::ChannelRule;
pub use decode::read_duration as duration;
pub use distribution::{AccountSettings, Distribution, Reach, RegionSettings};
pub use fleet::{Ages, Exemption, FleetAccount, FleetPolicy, Foreign, RecipePolicy};
pub use graph::build_order;
pub use load::{FACTORY_FILE, load, load_only, load_readable};
pub use model::*;
pub use notify::{Audience, Heard, Hook, Notify};
pub use place::Place;
pub use retention::{OtherService, Retention};
pub use rollout::{RolloutPolicy, Window};
pub use schedule::{Cron, Rebuild, Schedule};
pub use template::{TemplateError, render_content, render_script, undefined_names};
pub use volumes::{ExtraVolume, MOST_VOLUMES, MountOption, MountPoint};
