//! The list of packages, as the seal bundle prints it: one line `name<TAB>version<TAB>arch<TAB>kind` each.

use crate::plan;
use crate::target::Package;

/// Reads the list from the log of the seal bundle: it is longer than what travels with a step's result. None where
/// the log does not hold it.
pub fn parse(log: &[u8]) -> Option<Vec<Package>> {
    let text = String::from_utf8_lossy(plan::step_output(log, plan::PACKAGE_LIST)?).into_owned();
    let mut packages: Vec<Package> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            Some(Package { name: fields.next()?, version: fields.next()?, arch: fields.next()?, kind: fields.next()? })
        })
        .collect();
    packages.sort();
    packages.dedup();
    Some(packages)
}
