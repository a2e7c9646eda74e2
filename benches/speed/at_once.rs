//! Eight builds at once beside the same eight in a row.

use crate::factory::Factory;
use crate::figure::{Aim, Figure, Samples};
use crate::program::{amifactory, timed};
use crate::{Failure, Settings};

const BUILDS: usize = 8;

pub fn run(settings: &Settings) -> Result<Vec<Figure>, Failure> {
    crate::by_hand::needs_root()?;
    let factory = Factory::bases(BUILDS)?;
    let build = |jobs: &str| timed(&mut amifactory(&factory, &["build", "--all", "--force", "--jobs", jobs]));
    // What the machine is, is found out once, and counts for neither.
    timed(&mut amifactory(&factory, &["build", "base-1"]))?;
    let (mut at_once, mut in_a_row) = (Samples::default(), Samples::default());
    // Each takes as long as eight of the other benchmarks' builds.
    for round in 0..settings.rounds.min(3) {
        if round % 2 == 0 {
            at_once.push(build("8")?.wall.as_secs_f64());
            in_a_row.push(build("1")?.wall.as_secs_f64());
        } else {
            in_a_row.push(build("1")?.wall.as_secs_f64());
            at_once.push(build("8")?.wall.as_secs_f64());
        }
    }
    Ok(vec![Figure::beside("8 hardened builds at once", &at_once, "8 in a row", &in_a_row, Aim::AtMost(1.0))])
}
