//! The fake's Image Builder keeps the real service's rules, and its images are made of what really ran.

mod bench;
mod builds;
mod components;
mod configurations;
mod distribution;
mod documents;
mod ends;
mod nasty;
mod pipelines;
mod steps;
