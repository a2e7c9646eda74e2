//! Factory folders that benchmarks build in.

use crate::Failure;
use std::fs;
use std::path::{Path, PathBuf};
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

    /// Only cis-base, under so many names that don't depend on each other.
    pub fn bases(recipes: usize) -> Result<Factory, Failure> {
        let (shipped, factory) = (Factory::shipped()?, Factory::empty()?);
        let base = shipped.read("recipes/cis-base.yaml")?;
        for number in 1..=recipes {
            let text = base.replace("recipe: cis-base", &format!("recipe: base-{number}"));
            factory.write(&format!("recipes/base-{number}.yaml"), &text)?;
        }
        Ok(factory)
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
