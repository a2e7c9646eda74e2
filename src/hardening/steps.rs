//! Selected controls as steps of bundles.

use super::evidence::AuditKind;
use super::select::SelectedControl;
use crate::identity::Slug;
use crate::plan::{BundleStep, OnFailure};
use std::time::Duration;

/// Package managers wait for networks; nothing else here waits for anything.
const PACKAGES_TIMEOUT: Duration = Duration::from_secs(900);

/// Everything else reads and writes files of the image, in milliseconds, but for the walk over all of its files, which
/// takes minutes where a large volume is read for the first time. What takes longer than this was told to read what
/// never ends, such as a named pipe: an error of that control, and the others go on.
const FILES_TIMEOUT: Duration = Duration::from_secs(300);

/// The id of the step that applies a control.
pub(super) fn apply_id(slug: &Slug) -> String {
    format!("control/{slug}/apply")
}

/// The id of the step that audits a control.
pub(super) fn audit_id(slug: &Slug, kind: AuditKind) -> String {
    let kind = match kind {
        AuditKind::Persisted => "persisted",
        AuditKind::Runtime => "runtime",
    };
    format!("control/{slug}/audit/{kind}")
}

/// The steps that apply what is to be applied, by phase. One that fails leaves the others to go on: its audit will
/// say what is missing.
pub fn apply_steps(selected: &[SelectedControl]) -> Vec<BundleStep> {
    let mut applied: Vec<&SelectedControl> = selected.iter().filter(|control| control.is_applied()).collect();
    applied.sort_by_key(|selected| selected.control.phase);
    applied
        .into_iter()
        .filter_map(|selected| {
            Some(BundleStep {
                id: apply_id(&selected.control.slug),
                title: selected.control.title.clone(),
                body: selected.apply.clone()?,
                timeout: Some(if selected.changes_packages() { PACKAGES_TIMEOUT } else { FILES_TIMEOUT }),
                on_failure: OnFailure::Continue,
            })
        })
        .collect()
}

/// The steps that audit, of the kinds asked for. Waived controls are audited too.
pub fn audit_steps(selected: &[SelectedControl], kinds: &[AuditKind]) -> Vec<BundleStep> {
    selected
        .iter()
        .flat_map(|selected| selected.audits.iter().map(move |audit| (selected, audit)))
        .filter(|(_, audit)| kinds.contains(&audit.kind))
        .map(|(selected, audit)| BundleStep {
            id: audit_id(&selected.control.slug, audit.kind),
            title: selected.control.title.clone(),
            body: audit.body.clone(),
            timeout: Some(FILES_TIMEOUT),
            on_failure: OnFailure::Continue,
        })
        .collect()
}
