//! Calling AWS: clients from the standard chain, one owner of retries, buckets that hold calls back.

#[cfg(feature = "aws")]
mod call;
#[cfg(feature = "aws")]
mod class;
#[cfg(feature = "aws")]
mod clients;
pub mod limit;
pub mod op;
#[cfg(feature = "aws")]
mod service_clock;

#[cfg(feature = "aws")]
pub use call::{CallError, Caller, EVENTUAL, PATIENCE};
#[cfg(feature = "aws")]
pub use class::Class;
#[cfg(feature = "aws")]
pub use clients::{Api, our_way, standard_config};
pub use op::Operation;
#[cfg(feature = "aws")]
pub use service_clock::ServiceClock;
