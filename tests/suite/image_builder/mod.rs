//! Components and results of EC2 Image Builder: real shells run the components in a folder that stands for an instance's disk.

mod instance;
mod limits;
mod lost;
mod normal;
