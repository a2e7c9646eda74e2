//! One control's contract, tried on throw-away roots.

use super::super::sandbox::repository_hosts;
use super::super::tree::Listing;
use super::{Library, Lower, Network, TargetError, Trial};
use crate::hardening::{
    AuditKind, Contract, ControlEvidence, Disposition, Ensure, Finding, Outcome, Part, SelectedControl, Status,
    apply_steps, audit_steps, evidence, seen, shell::word,
};
use crate::identity::OsFamily;
use crate::plan::{BundleStep, OnFailure, StepResult};
use std::path::{Path, PathBuf};

/// The most changed paths that are undone one by one.
const MOST_UNDONE: usize = 12;

/// What controls are tried on.
pub struct Bench<'a> {
    /// The controls' functions.
    pub library: &'a Library,
    /// The root, bottom to top.
    pub lowers: Vec<Lower>,
    /// The same root, emptied; none where that clause is not asked for.
    pub empty: Option<Vec<Lower>>,
    /// What the root is.
    pub family: OsFamily,
    /// Where changes are kept.
    pub scratch: PathBuf,
    /// This program.
    pub exe: PathBuf,
    /// Ways to undo a part of a control.
    pub mutation: &'a (dyn Fn(&SelectedControl, &Ensure) -> Option<String> + Sync),
    /// Undo each path that apply changed as well, one at a time, also where another way to undo it is known.
    pub undo: bool,
}

/// Tries a control's contract. How it came out is no error; that it could not be tried is.
pub async fn contract(bench: &Bench<'_>, selected: &SelectedControl) -> Result<Contract, TargetError> {
    let mut found = Findings(Vec::new());
    tried(bench, selected, &mut found).await?;
    Ok(Contract::of(selected.control.slug.clone(), bench.family, found.0))
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, part: Part, outcome: Outcome, said: impl Into<String>) {
        self.0.push(Finding { part, outcome, said: said.into() });
    }
}

async fn tried(bench: &Bench<'_>, selected: &SelectedControl, found: &mut Findings) -> Result<(), TargetError> {
    let audit = audit_steps(std::slice::from_ref(selected), &[AuditKind::Persisted]);
    let nothing = match &selected.disposition {
        Disposition::NotForFamily => Some(format!("it means nothing on {}", bench.family)),
        Disposition::Manual(what) => Some(format!("a person has to look: {what}")),
        Disposition::NotChosen(why) => Some(why.clone()),
        _ if audit.is_empty() => Some("it shows only in a running system".to_owned()),
        _ => None,
    };
    if let Some(why) = nothing {
        found.add(Part::Audit, Outcome::NotShown, why);
        return Ok(());
    }
    let trial = bench.trial(&bench.lowers)?;
    let before = judged(selected, &trial.run(bench.library, &audit, Network::None).await?);
    let changed = names(&trial.changes().await?);
    if before.status == Status::Error {
        found.add(Part::Audit, Outcome::Broken, seen(&before));
    } else if !changed.is_empty() {
        found.add(Part::Audit, Outcome::Broken, format!("it changed {}", changed.join(", ")));
    } else {
        found.add(Part::Audit, Outcome::Kept, seen(&before));
    }
    let apply = apply_steps(std::slice::from_ref(selected));
    let after = if apply.is_empty() { before } else { bench.apply(&trial, selected, &apply, &audit, found).await? };
    let passes = after.status == Status::Pass;
    match after.status {
        Status::Pass => found.add(Part::AuditAfter, Outcome::Kept, "pass"),
        Status::NotApplicable => found.add(Part::AuditAfter, Outcome::NotShown, seen(&after)),
        Status::Fail if apply.is_empty() => {
            found.add(Part::AuditAfter, Outcome::NotShown, format!("mending it is for people: {}", seen(&after)));
        }
        _ => found.add(Part::AuditAfter, Outcome::Broken, seen(&after)),
    }
    if !apply.is_empty() {
        bench.again(&trial, &apply, found).await?;
    }
    if passes {
        bench.mutations(&trial, selected, &audit, found).await?;
    }
    trial.remove().await?;
    if let Some(empty) = &bench.empty {
        let trial = bench.trial(empty)?;
        let on_empty = judged(selected, &trial.run(bench.library, &audit, Network::None).await?);
        trial.remove().await?;
        let wrong = matches!(on_empty.status, Status::Pass | Status::Error);
        found.add(Part::EmptyRoot, if wrong { Outcome::Broken } else { Outcome::Kept }, seen(&on_empty));
    }
    Ok(())
}

impl Bench<'_> {
    fn trial(&self, lowers: &[Lower]) -> Result<Trial, TargetError> {
        Trial::over(lowers, &self.scratch, &self.exe)
    }

    /// Applies, and audits in the same run.
    async fn apply(
        &self,
        trial: &Trial,
        selected: &SelectedControl,
        apply: &[BundleStep],
        audit: &[BundleStep],
        found: &mut Findings,
    ) -> Result<ControlEvidence, TargetError> {
        let steps: Vec<BundleStep> = apply.iter().chain(audit).cloned().collect();
        let results = trial.run(self.library, &steps, self.network(selected)).await?;
        match results.iter().take(apply.len()).find(|result| result.rc != 0) {
            Some(failed) => {
                found.add(Part::Apply, Outcome::Broken, format!("exit status {}: {}", failed.rc, failed.out.trim()));
            }
            None => {
                let changed = names(&trial.changes().await?);
                let said = if changed.is_empty() { "nothing to change".to_owned() } else { changed.join(", ") };
                found.add(Part::Apply, Outcome::Kept, said);
            }
        }
        Ok(judged(selected, &results))
    }

    async fn again(&self, trial: &Trial, apply: &[BundleStep], found: &mut Findings) -> Result<(), TargetError> {
        let first = trial.changes().await?;
        trial.run(self.library, apply, Network::None).await?;
        let second = trial.changes().await?;
        let differing: Vec<String> = first
            .keys()
            .chain(second.keys().filter(|path| !first.contains_key(*path)))
            .filter(|path| first.get(*path) != second.get(*path))
            .map(|path| format!("/{path}"))
            .collect();
        if differing.is_empty() {
            found.add(Part::ApplyAgain, Outcome::Kept, "an identical tree");
        } else {
            found.add(Part::ApplyAgain, Outcome::Broken, format!("it changed {}", differing.join(", ")));
        }
        Ok(())
    }

    async fn mutations(
        &self,
        trial: &Trial,
        selected: &SelectedControl,
        audit: &[BundleStep],
        found: &mut Findings,
    ) -> Result<(), TargetError> {
        let layers = trial.layers();
        let mut known = 0;
        for how in selected.ensured(self.family).filter_map(|ensure| (self.mutation)(selected, ensure)) {
            known += 1;
            self.mutation(&layers, selected, audit, how.trim(), &how, found).await?;
        }
        let undone = if self.undo || known == 0 { undoable(&trial.changes().await?) } else { Vec::new() };
        if !undone.is_empty() {
            let former = self.former(&undone).await?;
            let layers: Vec<Lower> = layers.into_iter().chain(former.layers().pop()).collect();
            let first = found.0.len();
            for path in &undone {
                let how = format!("{UNDO}af_undo {}\nrm -rf /{FORMER}\n", word(path));
                self.mutation(&layers, selected, audit, &format!("undo {path}"), &how, found).await?;
            }
            // Not all that apply leaves is the setting itself: a tool that it calls keeps a copy, or a lock.
            let undone = found.0.get_mut(first..).unwrap_or_default();
            if undone.iter().any(|finding| finding.outcome == Outcome::Kept) {
                for finding in undone.iter_mut().filter(|finding| finding.outcome == Outcome::Broken) {
                    finding.outcome = Outcome::NotShown;
                }
            }
            former.remove().await?;
        }
        if known == 0 && undone.is_empty() {
            found.add(Part::Mutation, Outcome::NotShown, "no way to undo it is known, and apply changed nothing here");
        }
        Ok(())
    }

    /// Undoes something, and audits.
    async fn mutation(
        &self,
        layers: &[Lower],
        selected: &SelectedControl,
        audit: &[BundleStep],
        what: &str,
        how: &str,
        found: &mut Findings,
    ) -> Result<(), TargetError> {
        let trial = self.trial(layers)?;
        let steps: Vec<BundleStep> = [step("mutation", how)].into_iter().chain(audit.iter().cloned()).collect();
        let results = trial.run(self.library, &steps, Network::None).await?;
        trial.remove().await?;
        let seen_now = judged(selected, &results);
        match results.first() {
            Some(result) if result.rc != 0 => {
                found.add(
                    Part::Mutation,
                    Outcome::NotShown,
                    format!("{what}: not possible here: {}", result.out.trim()),
                );
            }
            _ if seen_now.status == Status::Fail => {
                found.add(Part::Mutation, Outcome::Kept, format!("{what}: noticed"))
            }
            _ => found.add(Part::Mutation, Outcome::Broken, format!("{what}: not noticed: {}", seen(&seen_now))),
        }
        Ok(())
    }

    /// A layer that keeps what these paths were before anything was applied.
    async fn former(&self, paths: &[String]) -> Result<Trial, TargetError> {
        let trial = self.trial(&self.lowers)?;
        let list: Vec<String> = paths.iter().map(|path| word(path)).collect();
        let body = format!("{KEEP}af_keep {}\n", list.join(" "));
        let results = trial.run(self.library, &[step("keep", &body)], Network::None).await?;
        match results.iter().find(|result| result.rc != 0) {
            None => Ok(trial),
            Some(failed) => Err(TargetError::Io {
                what: "keeping what a control changes".into(),
                source: std::io::Error::other(failed.out.clone()),
            }),
        }
    }

    /// Package managers reach their repositories, as in a build; nothing else reaches anything.
    fn network(&self, selected: &SelectedControl) -> Network {
        if !selected.changes_packages() {
            return Network::None;
        }
        let folders: Vec<PathBuf> = self
            .lowers
            .iter()
            .map(|lower| match lower {
                Lower::Host => Path::new("/").to_owned(),
                Lower::Dir(folder) => folder.clone(),
            })
            .collect();
        Network::Allow(repository_hosts(&folders))
    }
}

const FORMER: &str = ".amifactory-former";

const KEEP: &str = r#"
kept=/.amifactory-former
mkdir -p "$kept"
af_keep() {
    for path; do
        if [ -d "$path" ] && [ ! -L "$path" ]; then
            mkdir -p "$kept$path"
            chmod --reference="$path" "$kept$path"
            chown --reference="$path" "$kept$path"
        elif [ -e "$path" ] || [ -L "$path" ]; then
            mkdir -p "$kept${path%/*}"
            cp -a "$path" "$kept$path"
        fi
    done
}
"#;

const UNDO: &str = r#"
af_undo() {
    local path="$1" was="/.amifactory-former$1"
    if [ -d "$was" ] && [ ! -L "$was" ] && [ -d "$path" ]; then
        chmod --reference="$was" "$path"
        chown --reference="$was" "$path"
    else
        rm -rf "$path"
        if [ -e "$was" ] || [ -L "$was" ]; then cp -a "$was" "$path"; fi
    fi
}
"#;

fn step(id: &str, body: &str) -> BundleStep {
    BundleStep {
        id: id.to_owned(),
        title: id.to_owned(),
        body: body.to_owned(),
        timeout: None,
        on_failure: OnFailure::Continue,
    }
}

fn judged(selected: &SelectedControl, results: &[StepResult]) -> ControlEvidence {
    // One control in, one out.
    evidence(std::slice::from_ref(selected), &[], &[], results, false).remove(0)
}

/// The paths of files that were changed, and of folders that hold no other changed path.
fn leaves(changes: &Listing) -> impl Iterator<Item = (&String, &String)> {
    changes.iter().filter(|(path, says)| {
        let inner = format!("{path}/");
        !says.starts_with('d')
            || !changes.range(inner.clone()..).next().is_some_and(|(next, _)| next.starts_with(&inner))
    })
}

fn names(changes: &Listing) -> Vec<String> {
    leaves(changes).map(|(path, _)| format!("/{path}")).collect()
}

/// What can be undone one by one: few enough paths, all of them text.
fn undoable(changes: &Listing) -> Vec<String> {
    let paths: Vec<String> = names(changes).into_iter().filter(|path| !path.contains(['\u{fffd}', '\n'])).collect();
    if paths.len() > MOST_UNDONE { Vec::new() } else { paths }
}
