//! tests
mod sandbox;
mod sandbox_hostile;
mod sandbox_support;
