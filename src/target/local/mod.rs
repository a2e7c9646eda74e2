//! The local target: builds in a sandbox on this machine.

pub mod sandbox;
