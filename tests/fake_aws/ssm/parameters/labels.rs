//! Labels of versions: at most ten each, every label on one version only.

use super::super::refusal::Refusal;
use super::names::is_label;
use super::{Parameter, Store};

/// Labels of one version: "Working with parameter labels" in the user guide.
pub const LABELS: usize = 10;

/// What came of labelling.
#[derive(Debug, PartialEq, Eq)]
pub struct Labelled {
    pub version: u64,
    pub invalid: Vec<String>,
}

impl Store {
    /// Puts labels on a version, the newest where none is named. A label that another version has moves.
    pub fn label(&mut self, name: &str, version: Option<u64>, labels: &[String]) -> Result<Labelled, Refusal> {
        let parameter = self.parameters.get_mut(name).ok_or_else(not_found)?;
        let version = find(name, parameter, version)?;
        let (good, invalid): (Vec<_>, Vec<_>) = labels.iter().cloned().partition(|label| is_label(label));
        for found in &parameter.versions {
            let mut after = found.labels.clone();
            after.extend(good.iter().cloned());
            if found.number == version && after.len() > LABELS {
                return Err(Refusal::new(
                    "ParameterVersionLabelLimitExceeded",
                    format!("A parameter version can have a maximum of {LABELS} labels."),
                ));
            }
        }
        for found in &mut parameter.versions {
            for label in &good {
                if found.number == version {
                    found.labels.insert(label.clone());
                } else {
                    found.labels.remove(label);
                }
            }
        }
        Ok(Labelled { version, invalid })
    }

    /// Takes labels off a version; says which were on it and which not.
    pub fn unlabel(
        &mut self,
        name: &str,
        version: u64,
        labels: &[String],
    ) -> Result<(Vec<String>, Vec<String>), Refusal> {
        let parameter = self.parameters.get_mut(name).ok_or_else(not_found)?;
        find(name, parameter, Some(version))?;
        let found = parameter.versions.iter_mut().find(|found| found.number == version).ok_or_else(not_found)?;
        Ok(labels.iter().cloned().partition(|label| found.labels.remove(label)))
    }
}

fn find(name: &str, parameter: &Parameter, version: Option<u64>) -> Result<u64, Refusal> {
    let found = match version {
        None => parameter.newest(),
        Some(number) => parameter.versions.iter().find(|version| version.number == number),
    };
    found.map(|version| version.number).ok_or_else(|| version_not_found(name, &version.unwrap_or(0).to_string()))
}

pub fn not_found() -> Refusal {
    Refusal::new("ParameterNotFound", "")
}

pub fn version_not_found(name: &str, selector: &str) -> Refusal {
    Refusal::new(
        "ParameterVersionNotFound",
        format!("Systems Manager could not find version {selector} of {name}. Verify the version and try again."),
    )
}
