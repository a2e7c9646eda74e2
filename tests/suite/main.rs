//! All integration tests in one binary: each binary links everything again.

mod asked;
#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod aws_moto;
mod aws_settings;
mod bases;
mod build;
mod builder_commands;
mod builder_volumes;
mod control_library;
mod controls;
mod corpus;
mod crash;
mod crash_local;
#[cfg(feature = "aws")]
mod doctor_aws;
mod examples;
#[path = "../fake_aws/mod.rs"]
mod fake_aws;
mod fake_ec2;
mod fake_imagebuilder;
mod fake_ssm;
mod hostile_yaml;
mod http_get;
mod iam_policy;
mod image_builder;
#[cfg(feature = "lambda")]
mod lambda;
mod oci;
mod program;
mod readme;
mod recipes;
mod release;
mod reports;
mod retire;
mod sandbox;
mod sandbox_hostile;
mod sandbox_support;
#[path = "../scale/mod.rs"]
mod scale;
mod schema;
mod served;
mod sigkill;
mod simulated;
mod skip;
mod speed;
mod told;
mod trees;
