//! `logs`: what a build's commands printed.

use super::exit::{CliError, Exit};
use super::session::{self, Session};
use crate::pipeline::StateFolder;
use crate::report::visible;
use clap::Args;
use serde::Serialize;

/// Show what a build's commands printed.
#[derive(Debug, Args)]
pub struct Logs {
    /// The build's id, as `build` and `show` name it, or a recipe for its last build here
    #[arg(value_name = "BUILD")]
    build: String,
    /// Only this bundle's: apply, seal or boot-test
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<String>,
}

#[derive(Serialize)]
struct Log {
    bundle: String,
    path: String,
    text: String,
}

#[derive(Serialize)]
struct Printed {
    build: String,
    logs: Vec<Log>,
}

impl Logs {
    pub fn run(self, session: &Session) -> Result<Exit, CliError> {
        let state: StateFolder = session.state()?;
        let builds = state.builds()?;
        let last = match self.build.parse() {
            Ok(recipe) => state.last_build(&recipe)?,
            Err(_) => None,
        };
        let named = builds.iter().find(|build| build.as_str() == self.build);
        let Some(build) = named.or(last.as_ref()) else {
            let near = crate::source::nearest(&self.build, builds.iter().map(|build| build.as_str()));
            let help = near.map_or_else(
                || "`amifactory images` and the summary of each build name them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(CliError::Usage(format!("there is no build `{}`\n  {help}", visible::line(&self.build))));
        };
        let folder = state.build(build).join("log");
        let mut logs = Vec::new();
        for bundle in ["apply", "seal", "boot-test"] {
            let path = folder.join(format!("{bundle}.log"));
            if self.bundle.as_deref().is_none_or(|only| only == bundle) && path.is_file() {
                let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                logs.push(Log { bundle: bundle.into(), path: path.display().to_string(), text });
            }
        }
        if logs.is_empty() {
            return Err(CliError::Usage(match self.bundle {
                Some(bundle) => format!("build {build} has no log of a bundle `{}`", visible::line(&bundle)),
                None => format!("build {build} has run nothing yet"),
            }));
        }
        if session.is_json() {
            session.result(&Printed { build: build.to_string(), logs }, |_| String::new())?;
        } else {
            for log in logs {
                session::write_all(format!("── {} ({})\n", log.bundle, log.path).as_bytes())?;
                session::write_all(visible::block(&log.text).as_bytes())?;
            }
        }
        Ok(Exit::Done)
    }
}
