//! Builds by EC2 Image Builder, on the fake of the service.

mod build;
mod crash;
mod shared;
