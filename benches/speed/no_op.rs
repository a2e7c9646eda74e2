//! A build with nothing changed: what every pipeline run pays that has nothing to do.

use crate::factory::Factory;
use crate::figure::{Figure, Samples, Unit};
use crate::program::{amifactory, peak_memory, timed};
use crate::{Failure, Settings};

const WALL_S: f64 = 0.030;
const PEAK_BYTES: f64 = 25e6;

pub fn run(settings: &Settings) -> Result<Vec<Figure>, Failure> {
    crate::by_hand::needs_root()?;
    let factory = Factory::shipped()?;
    // cis-base needs no packages, and so no network.
    let build = || amifactory(&factory, &["build", "cis-base"]);
    timed(&mut build())?;
    let (mut wall, mut peak) = (Samples::default(), Samples::default());
    for _ in 0..settings.rounds * 4 {
        wall.push_time(timed(&mut build())?);
        peak.push(peak_memory(&build())?);
    }
    Ok(vec![
        Figure::bounded("no-op build of cis-base, wall", &wall, WALL_S, Unit::Seconds),
        Figure::bounded("no-op build of cis-base, peak memory", &peak, PEAK_BYTES, Unit::Bytes),
    ])
}
