//! The machine that is measured on, and what else it had to do meanwhile.

use crate::program::{seconds, seconds_of_children};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::{SysconfVar, sysconf};
use std::fs;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

/// How long is looked before the first benchmark.
const LOOK: Duration = Duration::from_millis(500);
/// Above this share of the processors, others had a hand in the figures.
const BUSY: f64 = 0.05;

pub struct Machine {
    cores: usize,
    began: Instant,
    /// Processor seconds that the machine, and this process with its children, had used.
    machine_s: f64,
    own_s: f64,
    others_before: f64,
}

impl Machine {
    pub fn now() -> Machine {
        let cores = available_parallelism().map_or(1, Into::into);
        let (began, before) = (Instant::now(), machine_seconds());
        sleep(LOOK);
        let machine_s = machine_seconds();
        let others_before = (machine_s - before) / began.elapsed().as_secs_f64() / cores as f64;
        Machine { cores, began: Instant::now(), machine_s, own_s: own_seconds(), others_before }
    }

    pub fn before(&self) -> String {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or("?");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cores = self.cores;
        format!("{cores} cores, kernel {}, load {load}; {}", kernel.trim(), busy("before", self.others_before))
    }

    pub fn after(&self) -> String {
        let wall = self.began.elapsed().as_secs_f64();
        let others = machine_seconds() - self.machine_s - (own_seconds() - self.own_s);
        let share = (others / wall / self.cores as f64).max(0.0);
        format!("{} cores, {wall:.0} s in all; {}", self.cores, busy("meanwhile", share))
    }
}

fn busy(when: &str, share: f64) -> String {
    let percent = share * 100.0;
    if share > BUSY {
        format!("{when}, others used {percent:.0} % of them: BUSY, take the figures with care")
    } else {
        format!("{when}, others used {percent:.0} % of them: quiet")
    }
}

/// All but idle and waiting, with what the hypervisor gave to others.
fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    // user nice system idle iowait irq softirq steal; guests are counted as users already.
    let ticks: Vec<f64> = line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    let busy: f64 = ticks.iter().enumerate().filter(|(index, _)| ![3, 4].contains(index)).map(|(_, ticks)| ticks).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    busy / per_second as f64
}

fn own_seconds() -> f64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| seconds(&usage)) + seconds_of_children()
}
