//! The two programs, and what each is given to build: the same base, nothing installed.

use crate::Failure;
use crate::measure::Running;
use crate::server::Server;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The access keys by which the server tells them apart.
pub const AMIFACTORY: &str = "AKIAAMIFACTORYBENCH0";
pub const PACKER: &str = "AKIAPACKERBENCH00000";

/// A factory of this many recipes.
pub struct Amifactory {
    folder: TempDir,
    recipes: usize,
    target: &'static str,
}

impl Amifactory {
    pub fn new(recipes: usize) -> Result<Amifactory, Failure> {
        let folder = TempDir::with_prefix("amifactory-bench-")?;
        let settings = "default_target: aws\nchannels: [dev]\naws: {instance_profile: amifactory-builder}\n";
        fs::write(folder.path().join("amifactory.yaml"), settings)?;
        fs::create_dir(folder.path().join("recipes"))?;
        for number in 1..=recipes {
            let recipe = format!(
                "recipe: many-{number}\ndescription: nothing but its base\nversion: \"1.0\"\n\
                 base: {{aws: {{name: \"al2023-ami-2023.*-x86_64\", owner: amazon, arch: x86_64}}}}\n\
                 tests:\n  - {{name: it has a shell, run: test -x /bin/sh}}\npublish: {{channel: dev}}\n"
            );
            fs::write(folder.path().join(format!("recipes/many-{number}.yaml")), recipe)?;
        }
        Ok(Amifactory { folder, recipes, target: "aws" })
    }

    /// The same, built by EC2 Image Builder.
    pub fn by_image_builder(recipes: usize) -> Result<Amifactory, Failure> {
        Ok(Amifactory { target: "imagebuilder", ..Amifactory::new(recipes)? })
    }

    pub fn start(&self, server: &Server) -> Result<Running, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amifactory"));
        command
            .args(["build", "--all", "--jobs", &self.recipes.to_string(), "--target", self.target])
            .current_dir(self.folder.path());
        command.arg("--state").arg(self.folder.path().join("state"));
        with(&mut command, AMIFACTORY, self.folder.path());
        command.env("AWS_ENDPOINT_URL", endpoint(server)).env("AWS_REGION", "us-east-1");
        Running::start(vec![command])
    }
}

/// A process for each image.
pub struct Packer {
    folder: TempDir,
    images: usize,
}

impl Packer {
    /// None where there is no Packer here.
    pub fn new(images: usize) -> Result<Option<Packer>, Failure> {
        if version().is_none() {
            return Ok(None);
        }
        Ok(Some(Packer { folder: TempDir::with_prefix("packer-bench-")?, images }))
    }

    pub fn start(&self, server: &Server) -> Result<Running, Failure> {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/packer.json");
        let commands = (0..self.images).map(|number| {
            let mut command = Command::new("packer");
            command.args(["build", "-color=false", "-var", &format!("endpoint={}", endpoint(server))]);
            command.args(["-var", &format!("image_name=packer-{}-{number}", self.images)]).arg(&template);
            command.current_dir(self.folder.path());
            with(&mut command, PACKER, self.folder.path());
            command.env("CHECKPOINT_DISABLE", "1").env("PACKER_CACHE_DIR", self.folder.path().join("cache"));
            command
        });
        Running::start(commands.collect())
    }
}

fn endpoint(server: &Server) -> String {
    format!("http://127.0.0.1:{}", server.port)
}

fn with(command: &mut Command, key: &str, home: &Path) {
    for name in ["AMIFACTORY_STATE", "AWS_PROFILE", "AWS_SESSION_TOKEN", "NO_COLOR", "CI"] {
        command.env_remove(name);
    }
    command.env("HOME", home).env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", "not-verified");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
}

fn version() -> Option<String> {
    let output = Command::new("packer").arg("version").env("CHECKPOINT_DISABLE", "1").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

/// For the head of the table.
pub fn packer_version() -> String {
    version().unwrap_or_else(|| "NO PACKER HERE: its rows are missing".to_owned())
}
