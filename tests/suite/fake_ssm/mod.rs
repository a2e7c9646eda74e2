//! The fake's Systems Manager, STS, quotas, logs and EBS direct APIs keep the real services' rules.

pub mod agents;
pub mod bench;
mod commands;
mod ebs;
mod images;
mod limits;
mod lives;
mod logs;
mod nodes;
mod parameters;
mod small;
mod versions;
