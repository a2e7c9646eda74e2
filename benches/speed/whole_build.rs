//! A whole local build beside plain `sh` running the same three bundles in the same kind of overlay.
//!
//! What the program does beside running bundles is plan, find out what the machine is, hold limits, keep a journal,
//! write the image as an OCI layout, judge it, and write evidence.

use crate::by_hand::ByHand;
use crate::factory::Factory;
use crate::figure::{Aim, Figure, Samples};
use crate::program::{Took, amifactory, timed};
use crate::{Failure, Settings};
use std::fs;

/// How much longer than plain `sh` a build may take.
const MOST: f64 = 1.15;
const NAMED: &str = "plain sh";

/// The hardened base image, without packages, from an empty state folder: what the machine is, is not known yet.
pub fn hardened(settings: &Settings) -> Result<Vec<Figure>, Failure> {
    let factory = Factory::bases(1)?;
    let by_hand = ByHand::prepare(&factory, &["base-1"])?;
    let build = || from_nothing(&factory, "base-1");
    compare("hardened, empty state folder", settings.rounds, &build, &by_hand, Aim::AtMost(MOST))
}

/// The same in a state folder that has been built in.
pub fn again(settings: &Settings) -> Result<Vec<Figure>, Failure> {
    let factory = Factory::bases(1)?;
    let by_hand = ByHand::prepare(&factory, &["base-1"])?;
    let build = || timed(&mut amifactory(&factory, &["build", "base-1", "--force"]));
    compare("hardened, built before", settings.rounds, &build, &by_hand, Aim::AtMost(MOST))
}

/// One step and one test, not hardened: here all that the program does beside the bundles shows.
pub fn tiny(settings: &Settings) -> Result<Vec<Figure>, Failure> {
    let factory = Factory::empty()?;
    factory.tiny()?;
    let by_hand = ByHand::prepare(&factory, &["tiny"])?;
    let build = || timed(&mut amifactory(&factory, &["build", "tiny", "--force"]));
    compare("one step, not hardened", settings.rounds * 2, &build, &by_hand, Aim::None)
}

/// web-tier with its base, both from an empty state folder. Both arms install packages from the same mirror.
pub fn web_tier(settings: &Settings) -> Result<Vec<Figure>, Failure> {
    let factory = Factory::shipped()?;
    let by_hand = ByHand::prepare(&factory, &["cis-base", "web-tier"])?;
    let build = || from_nothing(&factory, "web-tier");
    compare("web-tier and cis-base, with packages", settings.rounds.min(3), &build, &by_hand, Aim::AtMost(MOST))
}

fn from_nothing(factory: &Factory, recipe: &str) -> Result<Took, Failure> {
    let state = factory.state("from-nothing");
    if state.exists() {
        fs::remove_dir_all(&state)?;
    }
    fs::create_dir_all(&state)?;
    timed(amifactory(factory, &["build", recipe, "--state"]).arg(&state))
}

/// Both in turn, the first to go changing each round, after one of each that does not count.
fn compare(
    what: &str,
    rounds: usize,
    build: &dyn Fn() -> Result<Took, Failure>,
    by_hand: &ByHand,
    aim: Aim,
) -> Result<Vec<Figure>, Failure> {
    let steps = by_hand.run()?.steps;
    build()?;
    let (mut built, mut reference) = (Both::default(), Both::default());
    for round in 0..rounds {
        if round % 2 == 0 {
            built.push(build()?);
            reference.push(by_hand.run()?.took);
        } else {
            reference.push(by_hand.run()?.took);
            built.push(build()?);
        }
    }
    Ok(vec![
        Figure::beside(format!("build {what} ({steps} steps)"), &built.wall, NAMED, &reference.wall, aim),
        Figure::beside("  its processor time", &built.cpu, NAMED, &reference.cpu, Aim::None),
    ])
}

#[derive(Default)]
struct Both {
    wall: Samples,
    cpu: Samples,
}

impl Both {
    fn push(&mut self, took: Took) {
        self.wall.push(took.wall.as_secs_f64());
        self.cpu.push(took.cpu_s);
    }
}
