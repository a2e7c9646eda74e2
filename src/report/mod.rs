//! What people and machines read. Everything here takes events or records and gives text; only sinks write it.
//!
//! | module | for |
//! |---|---|
//! | [`sink`] | which of the three sinks fits: bars, lines or JSON |
//! | [`progress`], [`lines`], [`json`] | those sinks |
//! | [`looking`] | verbs that look at much |
//! | [`ecs`] | what happens, for log stores |
//! | [`summary`] | what is printed after a build, whatever its outcome |
//! | [`view`] | lists and comparisons that look-verbs print |
//! | [`diff`] | what changed between two images |
//! | [`junit`], [`cyclonedx`], [`html`] | evidence as files |
//! | [`fleet`] | the fleet for spreadsheets and Prometheus |
//! | [`pasted`] | the target in commands that are told |
//! | [`notify`] | what is new in the fleet, for mail and chat |
//! | [`metrics`] | Prometheus' format, and the factory in it |
//!
//! Text that comes out of an image or a recipe is hostile until [`visible`] made it fit to be seen.

mod at_line_start;
pub mod cyclonedx;
pub mod diff;
mod duration;
pub mod ecs;
pub mod files;
pub mod fleet;
pub mod html;
pub mod json;
pub mod junit;
pub mod lines;
pub mod looking;
pub mod metrics;
pub mod notify;
pub mod pasted;
pub mod progress;
mod running;
pub mod sink;
mod style;
pub mod summary;
mod table;
mod ticker;
pub mod view;
pub mod visible;
pub mod wording;
mod wrap;

pub use style::Style;
