//! `plan`: whether a build is needed, why, and what it would do.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::pipeline::prepare::{self, Planner};
use crate::pipeline::{engine, published, tags};
use crate::plan::{self, Bundle, Bundles};
use crate::report::view;
use clap::Args;
use std::path::{Path, PathBuf};

/// Say whether a build is needed, why, and what it would do.
#[derive(Debug, Args)]
pub struct Plan {
    /// Which recipe
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// Write the scripts that would run into this folder, just as a builder gets them: apply.sh, seal.sh, boot-test.sh
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
}

impl Plan {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_for(std::slice::from_ref(&self.recipe))?;
        open.reach().await?;
        let recipe = open.recipe(&self.recipe)?;
        let target = &*open.target;
        let planner = Planner::new(&open.factory, &open.library, target);
        let prepared = planner.prepare(&recipe).await?;
        let plan = &*prepared.plan;
        let images = target.images().await?;
        let current = published::of_plan(target, &images, plan).await?;
        let last = prepare::last_image(target, plan).await?;
        let mut reasons = prepare::reasons(target, plan, false).await?;
        if prepared.launch.is_none() {
            reasons.push(format!("its base {} is built first", plan.base.description));
        }
        let version = match current.as_ref().and_then(tags::version_of) {
            Some(version) => version,
            None => engine::next_version(target, plan, None, &images).await?,
        };
        // Only an estimate: without a record there is none.
        let about_s = match &last {
            Some(image) => target.record(&image.id).await.ok().and_then(|record| prepare::duration_s(&record)),
            None => None,
        };
        let scripts = match &self.scripts {
            Some(folder) => write_scripts(folder, &plan.bundles)?,
            None => Vec::new(),
        };
        let planned = view::Planned {
            scripts,
            recipe,
            version,
            digest: plan.digest.clone(),
            outcome: if current.is_some() { view::PlanVerdict::UpToDate } else { view::PlanVerdict::Build },
            revoked: current.as_ref().and_then(|image| tags::revoked(&image.tags)).map(str::to_owned),
            image: current.as_ref().or(last.as_ref()).map(|image| image.id.clone()),
            reasons,
            steps: match current {
                Some(_) => Vec::new(),
                None => plan::describe(plan, target.kind())
                    .into_iter()
                    .map(|(step, what)| view::PlanStep { step, what })
                    .collect(),
            },
            warnings: planner.advice(plan).iter().map(ToString::to_string).collect(),
            can_break: plan
                .controls
                .iter()
                .map(|selected| view::CanBreak { control: selected.control.slug.clone(), breaks: selected.can_break() })
                .filter(|control| !control.breaks.is_empty())
                .collect(),
            calls: if current.is_some() { engine::CALLS_UP_TO_DATE } else { engine::CALLS_OF_A_BUILD },
            about_s,
        };
        session.result(&planned, |style| view::plan(&planned, style))?;
        Ok(Exit::Done)
    }
}

/// Writes them, over those of an earlier plan; answers with their paths.
fn write_scripts(folder: &Path, bundles: &Bundles) -> Result<Vec<PathBuf>, CliError> {
    let failed = |path: &Path, error: std::io::Error| CliError::Usage(format!("{}: {error}", path.display()));
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let write = |bundle: &Bundle| {
        let path = folder.join(format!("{}.sh", bundle.name));
        std::fs::write(&path, &bundle.script).map_err(|error| failed(&path, error))?;
        Ok(path)
    };
    [&bundles.apply, &bundles.seal, &bundles.boot_test].into_iter().map(write).collect()
}
