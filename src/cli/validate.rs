//! `validate`: all mistakes of all files in one run.

use super::exit::{CliError, Exit};
use super::session::{JsonDiagnostic, Session};
use crate::hardening::Library;
use crate::identity::{RecipeName, TargetKind};
use crate::pipeline::clock;
use crate::plan;
use crate::recipe::Factory;
use crate::report::wording;
use crate::source::{Diagnostic, Warning};
use clap::Args;
use serde::Serialize;
use std::path::Path;

/// Find all errors in all files; nothing is started.
#[derive(Debug, Args)]
pub struct Validate {
    /// Only these recipes, with all that they use [default: everything]
    #[arg(value_name = "RECIPE")]
    recipes: Vec<String>,
}

#[derive(Serialize)]
struct Valid {
    valid: bool,
    recipes: usize,
    groups: usize,
    controls: usize,
    warnings: Vec<JsonDiagnostic>,
}

impl Validate {
    pub fn run(self, session: &Session) -> Result<Exit, CliError> {
        let folder = session.folder()?;
        let (factory, library) = session.read_some(&folder, &self.recipes)?;
        let recipes = if self.recipes.is_empty() { factory.recipes.len() } else { self.recipes.len() };
        // A recipe that was named brings those that it is built on; what they say is for whoever names them.
        let named =
            |recipe: &&RecipeName| self.recipes.is_empty() || self.recipes.iter().any(|name| name == recipe.as_str());
        let warnings: Vec<Diagnostic> = factory
            .recipes
            .keys()
            .filter(named)
            .flat_map(|recipe| warnings(&folder, &factory, &library, recipe, session.kind(&factory)))
            .collect();
        let valid = Valid {
            valid: true,
            recipes,
            groups: factory.groups.len(),
            controls: library.catalogue().controls.len(),
            warnings: warnings.iter().map(JsonDiagnostic::of).collect(),
        };
        session.result(&valid, |style| {
            let mut text: String = warnings.iter().map(|warning| format!("{}\n\n", Warning(warning))).collect();
            text.push_str(&format!(
                "{} {} valid, with {} and {}",
                style.green("✓"),
                wording::count(recipes, "recipe"),
                wording::count(factory.groups.len(), "package group"),
                wording::count(valid.controls, "control")
            ));
            if !warnings.is_empty() {
                text.push_str(&format!("; {}", style.yellow(&wording::count(warnings.len(), "warning"))));
            }
            text + "\n"
        })?;
        Ok(Exit::Done)
    }
}

/// What is right in a recipe and most likely not meant, with its place.
fn warnings(
    folder: &Path,
    factory: &Factory,
    library: &Library,
    name: &RecipeName,
    target: TargetKind,
) -> Vec<Diagnostic> {
    let Some(recipe) = factory.recipes.get(name) else { return Vec::new() };
    let families = plan::families(factory, recipe);
    let mut all = plan::advice(factory, library, recipe, &families, target);
    all.extend(plan::far_expiries(recipe, clock::today()));
    let at = |advice: plan::Advice| Diagnostic {
        span: advice.place.find(folder, name),
        message: advice.message,
        help: Some(advice.help),
    };
    all.into_iter().map(at).collect()
}
