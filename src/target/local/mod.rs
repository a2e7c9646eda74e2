//! The local target: builds in a sandbox on this machine.

pub mod base;
pub mod oci;
pub mod tree;
