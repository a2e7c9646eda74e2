//! The list of packages, as the seal bundle answers it: one line `name<TAB>version<TAB>arch<TAB>kind` each.

use crate::plan::StepResult;
use crate::target::Package;

/// The steps that answer parts of the list: a step's answer is bounded, so the list comes in several.
pub const STEP_PREFIX: &str = "packages/";

/// Reads the list from a bundle's answers.
pub fn parse(results: &[StepResult]) -> Vec<Package> {
    let mut packages: Vec<Package> = results
        .iter()
        .filter(|result| result.step.starts_with(STEP_PREFIX))
        .flat_map(|result| result.out.lines())
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            Some(Package { name: fields.next()?, version: fields.next()?, arch: fields.next()?, kind: fields.next()? })
        })
        .collect();
    packages.sort();
    packages.dedup();
    packages
}
