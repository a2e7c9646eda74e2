//! The fake AWS of the tests as a server on loopback.

#[path = "../../tests/fake_aws/mod.rs"]
mod fake_aws;

fn main() {}
