//! What is under way, as told by events: the state behind bars and lines.

use super::visible;
use crate::identity::{BuildId, RecipeName};
use crate::pipeline::{BuildResult, Event};
use std::collections::BTreeMap;
use std::time::Duration;

/// Builds that have begun and not ended. Times count from when the sink was made.
#[derive(Default)]
pub struct Running {
    /// By build.
    pub builds: BTreeMap<BuildId, Build>,
    /// Recipes that another process builds.
    pub waiting: BTreeMap<RecipeName, Wait>,
}

/// One build under way.
pub struct Build {
    /// Recipe and version.
    pub label: String,
    recipe: Option<RecipeName>,
    /// When it began.
    pub started: Duration,
    /// The step at hand.
    pub step: Option<Step>,
}

/// One step under way.
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// When it began.
    pub started: Duration,
    /// Parts done.
    pub done: usize,
    /// All parts; 0 where that is not known.
    pub total: usize,
    /// The part at hand.
    pub detail: String,
}

/// A wait for another process.
pub struct Wait {
    /// Who holds the recipe.
    pub holder: String,
    /// Since when.
    pub since: Duration,
}

impl Running {
    /// Takes note of an event. The end of a build is [`Running::finish`]'s, whose caller needs what is known of it.
    pub fn note(&mut self, event: &Event, now: Duration) {
        match event {
            Event::BuildStarted { build, recipe, version, .. } => {
                self.waiting.remove(recipe);
                // A recipe has one build at a time: one that starts anew ends the one before.
                self.builds.retain(|_, known| known.recipe.as_ref() != Some(recipe));
                let label = format!("{recipe} {version}");
                self.builds
                    .insert(build.clone(), Build { label, recipe: Some(recipe.clone()), started: now, step: None });
            }
            Event::UpToDate { recipe, .. } => {
                self.waiting.remove(recipe);
            }
            Event::Waiting { recipe, holder } => {
                let since = self.waiting.get(recipe).map_or(now, |wait| wait.since);
                self.waiting.insert(recipe.clone(), Wait { holder: visible::line(holder).into_owned(), since });
            }
            Event::StepStarted { build, step } => {
                self.step(build, step, now);
            }
            Event::StepProgress { build, step, done, total, detail } => {
                let at = self.step(build, step, now);
                (at.done, at.total) = (*done, *total);
                at.detail = visible::line(detail).into_owned();
            }
            Event::StepFinished { build, .. } | Event::StepFailed { build, .. } => {
                if let Some(build) = self.builds.get_mut(build) {
                    build.step = None;
                }
            }
            Event::Notice { .. } | Event::RolloutStep { .. } | Event::BuildFinished(_) => {}
        }
    }

    /// The step at hand, begun now if it was not.
    fn step(&mut self, build: &BuildId, name: &'static str, now: Duration) -> &mut Step {
        let build = self.builds.entry(build.clone()).or_insert_with(|| Build {
            label: build.to_string(),
            recipe: None,
            started: now,
            step: None,
        });
        let begun = build.step.take().filter(|step| step.name == name);
        build.step.insert(begun.unwrap_or(Step { name, started: now, done: 0, total: 0, detail: String::new() }))
    }

    /// Takes a build out. A result that does not name its build ends its recipe's.
    pub fn finish(&mut self, result: &BuildResult) -> Option<(BuildId, Build)> {
        self.waiting.remove(&result.recipe);
        let ended = result.build.clone().filter(|build| self.builds.contains_key(build)).or_else(|| {
            let of_recipe = |build: &Build| build.recipe.as_ref() == Some(&result.recipe);
            self.builds.iter().find(|(_, build)| of_recipe(build)).map(|(id, _)| id.clone())
        })?;
        self.builds.remove_entry(&ended)
    }

    /// Recipe and version of a build, or its id where it never said that it began.
    pub fn label(&self, build: &BuildId) -> String {
        self.builds.get(build).map_or_else(|| build.to_string(), |build| build.label.clone())
    }
}
