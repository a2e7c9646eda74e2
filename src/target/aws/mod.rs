//! The AWS target: builders are EC2 instances, reached through SSM Run Command alone.

pub mod command;
