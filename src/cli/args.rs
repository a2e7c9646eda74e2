//! The command line's grammar.

use super::{
    adopt, build, completions, controls, diff, distribute, doctor, fleet, history, iam_policy, images, init, logs, man,
    pin, pipeline, plan, promote, report, resume, retire, revoke, rollback, rollout, schema, serve, show, sweep,
    validate, verify,
};
use crate::identity::TargetKind;
use crate::report::sink::{Color, Format};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Builds hardened, audited, boot-tested machine images from YAML recipes.
#[derive(Debug, Parser)]
#[command(name = "amifactory", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// What every verb takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 done · 1 failed · 2 usage or input · 3 refused by a gate · \
    4 stale or drift found · 5 partly done · 130 interrupted";

/// What every verb takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The factory folder [default: the nearest parent that holds amifactory.yaml]
    #[arg(long, global = true, value_name = "DIR")]
    pub factory: Option<PathBuf>,
    /// Where builds run [default: default_target of amifactory.yaml]
    #[arg(long, global = true, value_name = "TARGET", value_parser = parse_target)]
    pub target: Option<TargetKind>,
    /// For people, or one JSON object per line with the result last; `fleet` has the others too
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Journals, local images, evidence [default: .amifactory in the factory folder]
    #[arg(long, global = true, value_name = "DIR", env = "AMIFACTORY_STATE")]
    pub state: Option<PathBuf>,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say only the result
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Append what happens to FILE, a JSON object per line with the names of the Elastic Common Schema; `-` has it on
    /// standard error, in place of progress
    #[arg(long, global = true, value_name = "FILE", env = "AMIFACTORY_LOG")]
    pub log: Option<PathBuf>,
    /// No bars, also on a terminal
    #[arg(long, global = true)]
    pub no_progress: bool,
}

fn parse_target(text: &str) -> Result<TargetKind, crate::identity::NameError> {
    text.parse()
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a new factory folder with a recipe that builds
    Init(init::Init),
    /// Find all errors in all files; nothing is started
    Validate(validate::Validate),
    /// Say whether a build is needed, why, and what it would do
    Plan(plan::Plan),
    /// Build images: harden, audit, seal, test, publish
    Build(build::Build),
    /// Finish what a dead run left, or clean it up
    Resume(resume::Resume),
    /// What EC2 Image Builder builds by itself, by the schedules of recipes
    Pipeline(pipeline::Pipeline),
    /// Bring what pipelines have made into the first channel, through the gates of a build
    Adopt(adopt::Adopt),
    /// List what dead runs left behind; remove it with --yes
    Sweep(sweep::Sweep),
    /// List images
    Images(images::Images),
    /// Show one image with its evidence
    Show(show::Show),
    /// Show what a build's commands printed
    Logs(logs::Logs),
    /// Compare two images
    Diff(diff::Diff),
    /// Copy an image to regions and share it with accounts; no channel moves
    Distribute(distribute::Distribute),
    /// Move a channel to the image of the channel before it, if its gates are met
    Promote(promote::Promote),
    /// Move a channel back to an earlier image
    Rollback(rollback::Rollback),
    /// Bring Auto Scaling groups to the image that a channel names, wave by wave
    Rollout(rollout::Rollout),
    /// Show who moved which channel, when and why
    History(history::History),
    /// Hold a channel: nobody moves it
    Pin(pin::Pin),
    /// Let a channel go again
    Unpin(pin::Unpin),
    /// Mark an image, and all images built on it, as not to be used
    Revoke(revoke::Revoke),
    /// Say who runs which image, and how far behind its channel it is
    Fleet(fleet::Fleet),
    /// Show images, channels, evidence, builds and the fleet on a small web page, and as metrics
    Serve(serve::Serve),
    /// Say of each image what keeps it; remove what nothing keeps with --apply
    Retire(retire::Retire),
    /// Check all pointers against what is really there
    Verify(verify::Verify),
    /// Write an image's evidence as a page, JUnit or CycloneDX
    Report(report::Report),
    /// List, explain or test hardening controls
    Controls(controls::Controls),
    /// Check whether builds can run here
    Doctor(doctor::Doctor),
    /// Print the IAM policies that builds on AWS need
    IamPolicy(iam_policy::IamPolicy),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(schema::Schema),
    /// Print shell completions
    Completions(completions::Completions),
    /// Print the manual page
    Man(man::Man),
}
