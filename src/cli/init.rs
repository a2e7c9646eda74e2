//! `init`: a new factory folder with recipes that build.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::recipe::schema;
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Make a new factory folder with a recipe that builds.
#[derive(Debug, Args)]
pub struct Init {
    /// Where
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

/// The shipped files that a new factory begins with. The hardening library comes with the program.
const FILES: [(&str, &str); 6] = [
    ("amifactory.yaml", include_str!("../../amifactory.yaml")),
    ("recipes/cis-base.yaml", include_str!("../../recipes/cis-base.yaml")),
    ("recipes/web-tier.yaml", include_str!("../../recipes/web-tier.yaml")),
    ("recipes/groups/security-tools.yaml", include_str!("../../recipes/groups/security-tools.yaml")),
    ("recipes/groups/nginx.yaml", include_str!("../../recipes/groups/nginx.yaml")),
    ("recipes/groups/monitoring-agent.yaml", include_str!("../../recipes/groups/monitoring-agent.yaml")),
];

#[derive(Serialize)]
struct Made {
    folder: PathBuf,
    files: Vec<String>,
}

impl Init {
    pub fn run(self, session: &Session) -> Result<Exit, CliError> {
        let mut files: Vec<(String, String)> =
            FILES.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
        for (kind, schema) in [("recipe", schema::recipe()), ("group", schema::group()), ("factory", schema::factory())]
        {
            files.push((format!("schema/{kind}.schema.json"), format!("{schema:#}\n")));
        }
        files.push((".gitignore".into(), "/.amifactory\n".into()));
        // All or nothing: nothing is written where anything would be overwritten.
        if let Some((taken, _)) = files.iter().find(|(path, _)| path != ".gitignore" && self.folder.join(path).exists())
        {
            return Err(CliError::Usage(format!(
                "{} exists already, and init overwrites nothing\n  name another folder: amifactory init DIR",
                self.folder.join(taken).display()
            )));
        }
        let mut made = Made { folder: self.folder.clone(), files: Vec::new() };
        for (path, text) in files {
            if create(&self.folder.join(&path), &text)? {
                made.files.push(path);
            }
        }
        session.result(&made, |style| {
            let mut text: String = made
                .files
                .iter()
                .map(|path| format!("{} {}\n", style.green("+"), self.folder.join(path).display()))
                .collect();
            let go =
                if self.folder == Path::new(".") { String::new() } else { format!("cd {} && ", self.folder.display()) };
            text.push_str(&format!("\nnext\n  {go}amifactory plan web-tier\n  {go}amifactory build web-tier\n"));
            text
        })?;
        Ok(Exit::Done)
    }
}

/// Writes a file that must not exist. A .gitignore that exists is left as it is.
fn create(path: &Path, text: &str) -> Result<bool, CliError> {
    let wrong = |error: std::io::Error| CliError::Failed(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(wrong)?;
    }
    match std::fs::File::options().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true).map_err(wrong),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(wrong(error)),
    }
}
