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
    build("8")?;
    let (mut eight, mut two, mut one) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..settings.rounds.min(3) {
        eight.push(build("8")?.wall.as_secs_f64());
        one.push(build("1")?.wall.as_secs_f64());
        two.push(build("2")?.wall.as_secs_f64());
    }
    let named = "8 in a row";
    Ok(vec![
        Figure::beside("8 hardened builds, --jobs 8", &eight, named, &one, Aim::AtMost(1.0)),
        Figure::beside("8 hardened builds, --jobs 2", &two, named, &one, Aim::AtMost(1.0)),
    ])
}
