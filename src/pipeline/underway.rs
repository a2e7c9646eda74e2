//! Builds that were begun and have not ended, as their journals and builders show them. Changes nothing.

use super::folder::StateFolder;
use super::journal::{self, Entry, What};
use super::tags::{self, Purpose};
use crate::identity::{BuildId, RecipeName};
use crate::target::{Builder, Target, TargetError};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io;

/// How a build stands that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A process of this machine works on its recipe.
    Running,
    /// Its builder was not begun from this state folder: another machine may be at work, or have died at it.
    Elsewhere,
    /// Nobody works on it here: it was left, and `resume` goes on with it.
    Left,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 3] = [Standing::Running, Standing::Elsewhere, Standing::Left];

    /// As JSON and metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Running => "running",
            Standing::Elsewhere => "elsewhere",
            Standing::Left => "left",
        }
    }
}

/// A build that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InFlight {
    /// Its id.
    pub build: BuildId,
    /// Its recipe.
    pub recipe: String,
    /// The version that it makes.
    pub version: String,
    /// How it stands.
    pub standing: Standing,
    /// When it was begun, or its builder launched, RFC 3339.
    pub begun: String,
    /// The last step that has changed something, or what its builder is for; none where it has not come so far.
    pub step: Option<String>,
    /// Since when it is at that step, RFC 3339.
    pub since: String,
}

/// All of them: those whose journals are here, and those that builders alone tell of.
pub async fn find(target: &dyn Target, state: &StateFolder) -> Result<Vec<InFlight>, UnderwayError> {
    let (mut found, known) = here(state)?;
    found.extend(elsewhere(&target.builders().await?, &known));
    found.sort_by(|a, b| a.build.cmp(&b.build));
    Ok(found)
}

/// They could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum UnderwayError {
    /// Journals could not be read.
    #[error("journals of builds: {0}")]
    State(#[from] io::Error),
    /// The target did not tell its builders.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// Those whose journals are here, and the ids of all builds that have one.
fn here(state: &StateFolder) -> io::Result<(Vec<InFlight>, BTreeSet<BuildId>)> {
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for build in state.builds()? {
        let entries = journal::read(&state.build(&build))?;
        if !journal::has_ended(&entries)
            && let Some(mut one) = of_journal(&build, &entries)
            && let Ok(recipe) = one.recipe.parse::<RecipeName>()
        {
            if state.is_locked(&recipe)? {
                one.standing = Standing::Running;
            }
            found.push(one);
        }
        known.insert(build);
    }
    Ok((found, known))
}

/// What a journal tells that was not closed. None where it does not say what is built.
fn of_journal(build: &BuildId, entries: &[Entry]) -> Option<InFlight> {
    let (at, begun) = entries.iter().enumerate().rev().find(|(_, entry)| matches!(entry.what, What::Begun { .. }))?;
    let What::Begun { recipe, version, .. } = &begun.what else { return None };
    let mut one = InFlight {
        build: build.clone(),
        recipe: recipe.clone(),
        version: version.clone(),
        standing: Standing::Left,
        begun: begun.at.clone(),
        step: None,
        since: begun.at.clone(),
    };
    for entry in &entries[at..] {
        if let What::Intent { step, .. } | What::Answered { step, .. } = &entry.what
            && one.step.as_ref() != Some(step)
        {
            (one.step, one.since) = (Some(step.clone()), entry.at.clone());
        }
    }
    Some(one)
}

/// Those that only builders tell of; of several builders the youngest says how far it is.
fn elsewhere(builders: &[Builder], known: &BTreeSet<BuildId>) -> Vec<InFlight> {
    let mut found: Vec<InFlight> = Vec::new();
    let mut youngest_first: Vec<&Builder> = builders.iter().collect();
    youngest_first.sort_by(|a, b| b.created_at.cmp(&a.created_at));
    for builder in youngest_first {
        let Some(owner) = tags::owner(&builder.tags).filter(|owner| !known.contains(&owner.build)) else { continue };
        if found.iter().any(|one| one.build == owner.build) {
            continue;
        }
        found.push(InFlight {
            build: owner.build,
            recipe: owner.recipe.to_string(),
            version: owner.version.to_string(),
            standing: Standing::Elsewhere,
            begun: builder.created_at.clone(),
            step: Purpose::of(&builder.tags).map(|purpose| purpose.as_str().to_owned()),
            since: builder.created_at.clone(),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::folder::LockAttempt;
    use crate::pipeline::journal::Journal;

    fn begun() -> What {
        What::Begun { recipe: "web".into(), version: "1.0.0".into(), digest: "0".repeat(64) }
    }

    fn intent(step: &str) -> What {
        What::Intent { step: step.into(), call: step.into(), resource: "x".into() }
    }

    fn entry(at: &str, what: What) -> Entry {
        Entry { at: at.into(), what }
    }

    #[test]
    fn the_step_is_the_last_one_and_its_time_when_it_came_to_it() {
        let build: BuildId = "web-0123456789ab-1".parse().unwrap();
        let entries = [
            entry("2026-01-01T00:00:00Z", begun()),
            entry("2026-01-01T00:00:01Z", intent("launch")),
            entry("2026-01-01T00:00:02Z", intent("apply")),
            entry("2026-01-01T00:00:03Z", What::Answered { step: "apply".into(), call: "run".into() }),
        ];
        let one = of_journal(&build, &entries).unwrap();
        assert_eq!((one.step.as_deref(), one.since.as_str()), (Some("apply"), "2026-01-01T00:00:02Z"));
        // Begun once more: what came before is over.
        let again = [&entries[..], &[entry("2026-01-02T00:00:00Z", begun())]].concat();
        let one = of_journal(&build, &again).unwrap();
        assert_eq!(
            (one.step, one.since.as_str(), one.begun.as_str()),
            (None, "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z")
        );
        assert_eq!(of_journal(&build, &entries[1..]), None);
    }

    #[test]
    fn whoever_holds_the_recipe_is_at_work_and_nobody_is_disturbed() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        for (build, ended) in
            [("web-0123456789ab-1", false), ("web-0123456789ab-2", true), ("db-0123456789ab-1", false)]
        {
            let made = state.make_build(&build.parse().unwrap()).unwrap();
            let mut journal = Journal::open(&made).unwrap();
            let What::Begun { version, digest, .. } = begun() else { unreachable!() };
            let recipe = build.split('-').next().unwrap().to_owned();
            journal.write(What::Begun { recipe, version, digest }).unwrap();
            if ended {
                journal.write(What::Ended { outcome: "built".into() }).unwrap();
            }
        }
        let web: RecipeName = "web".parse().unwrap();
        let LockAttempt::Taken(lock) = state.try_lock(&web).unwrap() else { panic!("nobody has it") };
        let standing = || {
            let (found, known) = here(&state).unwrap();
            assert_eq!(known.len(), 3);
            found.into_iter().map(|one| (one.recipe, one.standing)).collect::<Vec<_>>()
        };
        assert_eq!(standing(), [("db".to_owned(), Standing::Left), ("web".to_owned(), Standing::Running)]);
        drop(lock);
        assert_eq!(standing(), [("db".to_owned(), Standing::Left), ("web".to_owned(), Standing::Left)]);
        assert!(!folder.path().join("locks/db.lock").exists(), "looking makes no file");
    }
}
