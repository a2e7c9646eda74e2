//! `validate` of a thousand recipes.

use crate::factory::Factory;
use crate::figure::{Figure, Samples, Unit};
use crate::program::{amifactory, peak_memory, timed};
use crate::{Failure, Settings};

const RECIPES: usize = 1000;
const WALL_S: f64 = 0.300;

pub fn run(settings: &Settings) -> Result<Vec<Figure>, Failure> {
    let factory = Factory::shipped()?;
    factory.fill_up_with_web_tiers(RECIPES)?;
    let validate = || amifactory(&factory, &["validate"]);
    timed(&mut validate())?;
    let mut wall = Samples::default();
    for _ in 0..settings.rounds * 2 {
        wall.push(timed(&mut validate())?.wall.as_secs_f64());
    }
    let peak = peak_memory(&validate())?;
    let what = format!("validate {RECIPES} recipes (peak {:.0} MB)", peak / 1e6);
    Ok(vec![Figure::bounded(what, &wall, WALL_S, Unit::Seconds)])
}
