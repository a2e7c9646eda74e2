//! A build with nothing changed: what every pipeline run pays that has nothing to do.

use crate::factory::Factory;
use crate::figure::{Figure, Samples, Unit};
use crate::program::{amifactory, peak_memory, timed};
use crate::{Failure, Settings};

const WALL_S: f64 = 0.030;
const PEAK_BYTES: f64 = 25e6;

pub fn run(settings: &Settings) -> Result<Vec<Figure>, Failure> {
    crate::by_hand::needs_root()?;
    let factory = Factory::bases(1)?;
    factory.tier()?;
    let build = || amifactory(&factory, &["build", "tier"]);
    timed(&mut build())?;
    let (mut wall, mut peak) = (Samples::default(), Samples::default());
    for _ in 0..settings.rounds * 4 {
        wall.push(timed(&mut build())?.wall.as_secs_f64());
        peak.push(peak_memory(&build())?);
    }
    Ok(vec![
        Figure::bounded("no-op build, hardened on a hardened base, wall", &wall, WALL_S, Unit::Seconds),
        Figure::bounded("  its peak memory", &peak, PEAK_BYTES, Unit::Bytes),
    ])
}
