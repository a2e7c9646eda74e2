//! `controls test`: one control's contract on a root filesystem, which is only read.

use super::controls::{named, no_control};
use super::exit::{CliError, Exit};
use super::session::Session;
use crate::hardening::{Control, Ensure, Library, Outcome, SelectedControl, mutation, select};
use crate::identity::{Arch, OsFamily, Slug};
use crate::recipe::HardeningSpec;
use crate::report::view::{self, TriedContract};
use crate::target::local::base::os_of;
use crate::target::local::sandbox::{self, Lower};
use crate::target::local::trial::{self, Bench, Trial};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Try one control's contract on a copy-on-write overlay of a root filesystem: audit, apply, audit passes, a second
/// apply changes nothing, undoing it is noticed, an empty root does not pass. The folder itself is only read.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 kept · 1 broken · 2 usage or input · 5 nothing broken, but not all of it shown")]
pub struct Test {
    /// The control, by its name or by a benchmark id that it alone has
    #[arg(value_name = "CONTROL")]
    control: String,
    /// The folder that holds the root filesystem; / is this machine's own
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// With this profile's values [default: one that has the control]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
}

impl Test {
    pub fn run(self, session: &Session, library: &Library) -> Result<Exit, CliError> {
        let root = root_folder(&self.root)?;
        let (family, os, arch) = os_of(&root)?;
        let (control, elsewhere) = named(library, &self.control, family)?;
        if Arch::of_this_machine().is_some_and(|here| here != arch) {
            return Err(CliError::Usage(format!(
                "{} is for {arch}, this machine is not\n  take a root filesystem for this architecture",
                root.display()
            )));
        }
        let host = root == Path::new("/");
        sandbox::check(host).map_err(|error| CliError::Usage(error.to_string()))?;
        let selected = self.selected(library, control, family)?;
        let lower = if host { Lower::Host } else { Lower::Dir(root.clone()) };
        session.block_on(async {
            let scratch = session.scratch()?;
            let exe = std::env::current_exe()?;
            let tools = Trial::over(std::slice::from_ref(&lower), &scratch, &exe)?;
            let empty = trial::hollow(&tools, library).await?;
            let known = |selected: &SelectedControl, ensure: &Ensure| {
                mutation(&selected.control.slug, &ensure.primitive, &selected.parameters, family)
            };
            let bench = Bench {
                library,
                lowers: vec![lower],
                empty: Some(empty),
                family,
                scratch,
                exe,
                mutation: &known,
                undo: true,
            };
            let contract = trial::contract(&bench, &selected).await?;
            tools.remove().await?;
            let exit = match contract.outcome {
                Outcome::Kept => Exit::Done,
                Outcome::Broken => Exit::Failed,
                Outcome::NotShown => Exit::Partly,
            };
            let root = root.display().to_string();
            let tried = TriedContract { root, os, asked: self.control.clone(), elsewhere, contract };
            session.result(&tried, |style| view::contract(&tried, style))?;
            Ok(exit)
        })
    }

    /// The control with the values that a profile gives it.
    fn selected(&self, library: &Library, control: &Control, family: OsFamily) -> Result<SelectedControl, CliError> {
        let has =
            |name: &&String| library.resolve_profile(name).is_some_and(|(slugs, _)| slugs.contains(&control.slug));
        let profile = self.profile.as_ref().or_else(|| library.profiles.keys().find(has));
        let profile = profile.or_else(|| library.profiles.keys().next()).cloned().unwrap_or_default();
        let add: Vec<Slug> = vec![control.slug.clone()];
        let spec = HardeningSpec { profile, parameters: BTreeMap::new(), add, waivers: Vec::new(), network: None };
        let wrong = |errors: Vec<crate::hardening::SelectError>| {
            CliError::Usage(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        };
        let all = select(library, &spec, family, &[], &[]).map_err(wrong)?;
        all.into_iter()
            .find(|selected| selected.control.slug == control.slug)
            .ok_or_else(|| no_control(library, control.slug.as_str()))
    }
}

fn root_folder(given: &Path) -> Result<PathBuf, CliError> {
    let root = given.canonicalize().map_err(|error| {
        CliError::Usage(format!(
            "--root {}: {error}\n  name a folder that holds a root filesystem, such as one that mmdebstrap makes",
            given.display()
        ))
    })?;
    if root.is_dir() {
        return Ok(root);
    }
    Err(CliError::Usage(format!(
        "--root {} is not a folder\n  unpack an archive first; a folder with etc, usr and bin in it is what is expected",
        given.display()
    )))
}
