//! Factory folders that benchmarks build in.

use crate::Failure;
use amifactory::hardening::Library;
use amifactory::identity::RecipeName;
use amifactory::pipeline::clock;
use amifactory::pipeline::prepare::Planner;
use amifactory::plan::Plan;
use amifactory::recipe;
use amifactory::source::Diagnostic;
use amifactory::target::local::LocalTarget;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A factory folder that goes with its value.
pub struct Factory {
    folder: TempDir,
}

impl Factory {
    /// The shipped recipes and groups.
    pub fn shipped() -> Result<Factory, Failure> {
        let factory = Factory { folder: TempDir::with_prefix("amifactory-speed-")? };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::copy(repository.join("amifactory.yaml"), factory.path().join("amifactory.yaml"))?;
        for folder in ["recipes", "recipes/groups"] {
            fs::create_dir(factory.path().join(folder))?;
            for entry in fs::read_dir(repository.join(folder))? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    fs::copy(entry.path(), factory.path().join(folder).join(entry.file_name()))?;
                }
            }
        }
        Ok(factory)
    }

    /// No recipes yet.
    pub fn empty() -> Result<Factory, Failure> {
        let factory = Factory { folder: TempDir::with_prefix("amifactory-speed-")? };
        factory.write("amifactory.yaml", "default_target: local\nchannels: [dev, staging, prod]\n")?;
        Ok(factory)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder for a build's state, or what stands for it: on the same filesystem for all that are compared.
    pub fn state(&self, name: &str) -> PathBuf {
        self.path().join("states").join(name)
    }

    /// A recipe of one small group, not hardened.
    pub fn tiny(&self) -> Result<(), Failure> {
        self.write(
            "recipes/tiny.yaml",
            "recipe: tiny\ndescription: a small image\nversion: \"1.0\"\nbase: {local: host}\ngroups: [hello]\n\
             tests:\n  - name: it says hello\n    run: grep -q hello /srv/hello\npublish: {channel: dev}\n",
        )?;
        self.write(
            "recipes/groups/hello.yaml",
            "group: hello\nversion: \"1.0.0\"\ndescription: writes a file\n\
             packages: {debian-12: [], ubuntu: [], amazon-linux-2023: []}\n\
             steps:\n  - name: hello\n    run: echo hello >/srv/hello\n",
        )
    }

    /// As many recipes as it takes until there are `recipes`: web-tier under other names, in chains of ten that are
    /// built on each other.
    pub fn fill_up_with_web_tiers(&self, recipes: usize) -> Result<(), Failure> {
        let web = self.read("recipes/web-tier.yaml")?;
        let mut there = 0;
        for entry in fs::read_dir(self.path().join("recipes"))? {
            there += usize::from(entry?.file_type()?.is_file());
        }
        for number in 0..recipes.saturating_sub(there) {
            let base = if number % 10 == 0 { "cis-base".to_owned() } else { format!("web-{}", number - 1) };
            let text = web
                .replace("recipe: web-tier", &format!("recipe: web-{number}"))
                .replace("recipe: cis-base", &format!("recipe: {base}"));
            self.write(&format!("recipes/web-{number}.yaml"), &text)?;
        }
        Ok(())
    }

    /// Recipes `base-1`, `base-2`, … that don't depend on each other: cis-base without its package group, and with
    /// the controls that install packages waived, so that nothing waits for a network.
    pub fn bases(recipes: usize) -> Result<Factory, Failure> {
        let (shipped, factory) = (Factory::shipped()?, Factory::empty()?);
        let text = shipped.read("recipes/cis-base.yaml")?;
        let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("groups:")).collect();
        let text = text.join("\n") + "\n";
        let write = |number: usize, text: &str| {
            let named = text.replace("recipe: cis-base", &format!("recipe: base-{number}"));
            factory.write(&format!("recipes/base-{number}.yaml"), &named)
        };
        write(1, &text)?;
        let mut hardening = "  profile: cis-l1-server\n  waivers:\n".to_owned();
        for plan in planned(&factory, &["base-1"])? {
            for control in plan.controls.iter().filter(|control| control.changes_packages()) {
                let slug = &control.control.slug;
                hardening.push_str(&format!(
                    "    - {{control: {slug}, reason: measured without a network, owner: speed, expires: 2999-12-31}}\n"
                ));
            }
        }
        let text = text.replace("  profile: cis-l1-server\n", &hardening);
        (1..=recipes).try_for_each(|number| write(number, &text))?;
        Ok(factory)
    }

    /// A recipe `tier` that is built on `base-1`, with the same hardening, as web-tier is on cis-base.
    pub fn tier(&self) -> Result<(), Failure> {
        let base = self.read("recipes/base-1.yaml")?;
        let tier = base.replace("recipe: base-1", "recipe: tier").replace("{local: host}", "{recipe: base-1}");
        self.write("recipes/tier.yaml", &tier)
    }

    fn read(&self, path: &str) -> Result<String, Failure> {
        Ok(fs::read_to_string(self.path().join(path))?)
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let path = self.path().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(path, text)?)
    }
}

/// The plans of recipes, as the program makes them.
pub fn planned(factory: &Factory, recipes: &[&str]) -> Result<Vec<Arc<Plan>>, Failure> {
    let library = Library::embedded().map_err(listed)?;
    let loaded = recipe::load(factory.path(), &library.catalogue(), clock::today()).map_err(listed)?;
    let state = factory.state("planned");
    fs::create_dir_all(&state)?;
    let target = LocalTarget::with_program(&state, factory.path(), env!("CARGO_BIN_EXE_amifactory").into())?;
    let planner = Planner::new(&loaded, &library, &target);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut plans = Vec::new();
    for recipe in recipes {
        let name: RecipeName = recipe.parse()?;
        plans.push(runtime.block_on(planner.prepare(&name))?.plan);
    }
    Ok(plans)
}

fn listed(diagnostics: Vec<Diagnostic>) -> Failure {
    let all: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    all.join("\n").into()
}
