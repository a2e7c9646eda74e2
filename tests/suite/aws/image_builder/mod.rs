//! Builds by EC2 Image Builder, on the fake of the service.

mod beside;
mod build;
mod crash;
mod outdated;
mod pipelines;
mod pipelines_altered;
mod pipelines_crash;
mod program;
mod shared;
mod through_s3;
mod weather;
