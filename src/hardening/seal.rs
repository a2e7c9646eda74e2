//! The steps that make an image of a machine.

use crate::plan::{BundleStep, OnFailure};

/// What is taken away, in order: the function of `hardening/lib/seal.sh`, and what people read.
const PARTS: [(&str, &str); 9] = [
    ("cloud_init", "Forget the builder's first boot"),
    ("ssh", "Remove host keys and authorized keys"),
    ("histories", "Remove shell histories"),
    ("packages", "Empty package caches"),
    ("agents", "Remove agent registrations"),
    ("logs", "Empty logs"),
    ("temporary", "Remove temporary files"),
    ("machine_id", "Empty the machine id"),
    ("sync", "Write everything to disk"),
];

/// Steps of the `seal` bundle. Running them twice changes nothing the second time; one that fails stops the bundle,
/// because an image that is sealed by halves must not come out.
pub fn seal_steps() -> Vec<BundleStep> {
    PARTS
        .iter()
        .map(|(part, title)| BundleStep {
            id: format!("seal/{}", part.replace('_', "-")),
            title: (*title).to_owned(),
            body: format!("af_seal_{part}\n"),
            timeout: None,
            on_failure: OnFailure::Stop,
        })
        .collect()
}
