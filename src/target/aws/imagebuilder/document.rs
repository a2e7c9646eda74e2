//! A plan's bundles as component documents of AWS TOE ("Use the AWSTOE component document framework for custom components").
//! What they hold is a function of the plan alone, so that a plan that was built before finds its components again.

use super::Label;
use super::lines::LINE;
use crate::identity::{BuildId, Digest, RecipeName};
use crate::plan::{Bundle, Bundles};
use crate::recipe::ExtraVolume;
#[cfg(feature = "aws")]
use crate::target::TargetError;
use crate::target::aws::command::{self, CommandError, Options, Parcel, inline};
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

const COMPONENT: &str = include_str!("component.sh");

/// How many characters a component's inline data has at most (Image Builder API reference, `CreateComponent`, `data`).
pub const MAX_DATA: usize = 16_000;
/// How many its document has at most where it is read from S3. Quotas and guide say 64 KB, and not which.
pub const MAX_STORED: usize = 64_000;
/// How many components a recipe has at most ("EC2 Image Builder endpoints and quotas", components per image recipe).
pub const MAX_COMPONENTS: usize = 20;
/// What a component carries of a parcel: as base64, with its document around it, it stays within [`MAX_DATA`].
const PART_BYTES: usize = 11_430;
/// The same where the document is read from S3, within [`MAX_STORED`].
const STORED_PART_BYTES: usize = 47_100;
/// Beyond a bundle's own time: unpacking, compressing and writing results to disk.
const MARGIN: Duration = Duration::from_secs(300);
/// For what only writes a part to disk.
const SHORT: Duration = Duration::from_secs(300);
/// The wrapper's own limit for what one answer prints: here nothing cuts it.
const ALL_OF_IT: usize = 16 << 20;

/// A component, ready for `CreateComponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// `amifactory-<recipe>-<what>-<16 digits of what it holds>`: another content has another name. Lower case, digits and
    /// hyphens alone, because names that differ only in case, spaces or underscores are the same to the service.
    pub name: String,
    /// What people read beside it.
    pub description: String,
    /// The document.
    pub data: String,
    /// The bucket that the service reads it from; none where it goes with the request.
    pub bucket: Option<String>,
}

/// Why components can't be made. Nothing was created.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DocumentError {
    /// There are too many.
    #[error(
        "the bundles take {components} components of {most} characters, and a recipe of Image Builder has at most \
         {MAX_COMPONENTS}\n  large files in steps do that: fetch them on the builder instead, or install them as \
         packages; {}--target aws carries more",
        match *most {
            MAX_DATA => "with `aws: {component_bucket: NAME}` components go through S3, and may have four times as much; ",
            _ => "",
        }
    )]
    TooMany {
        /// How many it takes.
        components: usize,
        /// How many characters each may have.
        most: usize,
    },
    /// One is too large, and can't be split.
    #[error("component `{what}` has {characters} characters, and {most} are possible: the recipe has too many volumes")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// How many it has.
        characters: usize,
        /// How many are possible.
        most: usize,
    },
    /// The bundles can't be packed.
    #[error(transparent)]
    Packing(#[from] CommandError),
}

/// Whose components these are, and how their bundles run.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The recipe.
    pub recipe: &'a RecipeName,
    /// The plan: results are kept under its name, so that those of another plan, which the base may bring along, do not
    /// count.
    pub plan: &'a Digest,
    /// How long each bundle may run.
    pub limit: Duration,
    /// What must be mounted before a bundle runs.
    pub volumes: &'a [ExtraVolume],
    /// The bucket for what is too large to go with requests.
    pub bucket: Option<&'a str>,
}

/// How large components may be.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// How many characters a document has at most.
    most: usize,
    /// How many bytes of a parcel it carries.
    part: usize,
}

const WITH_REQUESTS: Size = Size { most: MAX_DATA, part: PART_BYTES };
const THROUGH_S3: Size = Size { most: MAX_STORED, part: STORED_PART_BYTES };

/// The shell around the bundles. Every byte counts.
static SHELL: LazyLock<String> = LazyLock::new(|| command::wrapped(COMPONENT));

/// All components of a plan, in the order in which they run. Only what does not fit otherwise goes through a bucket.
pub fn documents(bundles: &Bundles, wanted: &Wanted<'_>) -> Result<Vec<Component>, DocumentError> {
    let bucket = match (of_size(bundles, wanted, WITH_REQUESTS), wanted.bucket) {
        (Err(DocumentError::TooMany { .. } | DocumentError::TooLarge { .. }), Some(bucket)) => bucket,
        (outcome, _) => return outcome,
    };
    let mut all = of_size(bundles, wanted, THROUGH_S3)?;
    for component in all.iter_mut().filter(|component| component.data.len() > MAX_DATA) {
        component.bucket = Some(bucket.to_owned());
    }
    Ok(all)
}

fn of_size(bundles: &Bundles, wanted: &Wanted<'_>, size: Size) -> Result<Vec<Component>, DocumentError> {
    let Bundles { apply, seal, boot_test } = bundles;
    // Whose results these are: not one build's, or each build had components of its own.
    let owner = format!("{}-{}", wanted.recipe, wanted.plan.short());
    let Ok(owner) = owner.parse::<BuildId>() else {
        return Err(CommandError::Packing { bundles: owner, why: "its name is no build's".into() }.into());
    };
    let options = Options { build: &owner, limit: wanted.limit, live: true, volumes: wanted.volumes };

    let parcel = Parcel::of(&[apply, seal])?;
    let parts = parcel.parts(size.part).len();
    let mut all = carried(wanted, &parcel, Label::Build, size);
    let building = format!("{}AF_KEEP=1\n", parcel.run(&options, 1, parts));
    all.push(runner(wanted, apply, Label::Build, &call(&building, Label::Build), 1));
    let sealing = parcel.run(&options, 2, parts);
    all.push(runner(wanted, seal, Label::Validate, &call(&sealing, Label::Validate), 2));

    let parcel = Parcel::of(&[boot_test])?;
    let parts = parcel.parts(size.part).len();
    all.extend(carried(wanted, &parcel, Label::Test, size));
    let again = command::reading(&[&apply.digest, &seal.digest], &options);
    let testing = parcel.run(&options, 1, parts);
    let script = format!("{again}{}af_said {}\n{}", settings(), Label::Again, call(&testing, Label::Test));
    all.push(runner(wanted, boot_test, Label::Test, &script, 1));

    let most = size.most;
    let too_large = |one: &&(&'static str, Component)| one.1.data.len() > most;
    if let Some((what, component)) = all.iter().find(too_large) {
        return Err(DocumentError::TooLarge { what, characters: component.data.len(), most });
    }
    match all.len() {
        components if components > MAX_COMPONENTS => Err(DocumentError::TooMany { components, most }),
        _ => Ok(all.into_iter().map(|(_, component)| component).collect()),
    }
}

/// Whether components can carry these bundles, with a bucket or without: those of the image first, then the one of its test.
#[cfg(feature = "aws")]
pub fn check(build: &BuildId, together: &[&[&Bundle]], bucket: Option<&str>) -> Result<(), TargetError> {
    let refused = |why: String| TargetError::Unsupported {
        what: format!("{build} can't be built by EC2 Image Builder"),
        help: why,
    };
    let [[apply, seal], [boot_test]] = together else {
        return Err(refused("it has other bundles than Image Builder has phases".into()));
    };
    let bundles = Bundles { apply: (*apply).clone(), seal: (*seal).clone(), boot_test: (*boot_test).clone() };
    // `<recipe>-<digits of the plan>-<attempt>`
    let recipe = build.as_str().rsplitn(3, '-').nth(2).and_then(|recipe| recipe.parse().ok());
    let recipe: RecipeName = recipe.ok_or_else(|| refused("its id names no recipe".into()))?;
    let plan = Digest::of(build.as_str());
    let wanted = Wanted { recipe: &recipe, plan: &plan, limit: SHORT, volumes: &[], bucket };
    documents(&bundles, &wanted).map(drop).map_err(|error| refused(error.to_string()))
}

/// What is the same for all of them: an answer is printed whole, in lines.
fn settings() -> String {
    format!("AF_STDOUT_BYTES={ALL_OF_IT}\nAF_LINE={LINE}\n")
}

fn call(head: &str, label: Label) -> String {
    format!("{head}{}af_component {label}\n", settings())
}

/// The component that runs a bundle. It is given the time of all bundles that run in it.
fn runner(wanted: &Wanted<'_>, bundle: &Bundle, phase: Label, script: &str, bundles: u32) -> (&'static str, Component) {
    let script = format!("{}\n{script}", *SHELL);
    let description = format!("{} of {}, plan {}", bundle.name, wanted.recipe, wanted.plan.short());
    let time = wanted.limit.saturating_mul(bundles).saturating_add(MARGIN);
    (bundle.name, component(wanted, bundle.name, description, phase, time, &script))
}

/// The components that bring a parcel, a part each, to where the wrapper looks for it.
fn carried(wanted: &Wanted<'_>, parcel: &Parcel, phase: Label, size: Size) -> Vec<(&'static str, Component)> {
    let parts = parcel.parts(size.part);
    let one = |(number, part): (usize, &&[u8])| {
        let script = format!(
            "umask 077\nAF_STATE=${{AMIFACTORY_ROOT:-}}/var/lib/amifactory\nAF_PART=$AF_STATE/parts/{}.{number}\n\
             af_part() {{\n{}\n}}\n\
             mkdir -p \"$AF_STATE/parts\" && chmod 0700 \"$AF_STATE\" && af_part >\"$AF_PART.new\" \\\n\
             && mv \"$AF_PART.new\" \"$AF_PART\"\n",
            parcel.id(),
            inline(part),
        );
        // Nothing that differs between plans: the same part is the same component in all respects.
        let description = format!("part {} of {} of a bundle of {}", number + 1, parts.len(), wanted.recipe);
        ("part", component(wanted, "part", description, phase, SHORT, &script))
    };
    parts.iter().enumerate().map(one).collect()
}

fn component(
    wanted: &Wanted<'_>,
    what: &str,
    description: String,
    phase: Label,
    time: Duration,
    script: &str,
) -> Component {
    let mut data = format!(
        "name: amifactory-{what}\nschemaVersion: 1.0\nphases:\n  - name: {phase}\n    steps:\n      - name: {what}\n        \
         action: ExecuteBash\n        onFailure: Abort\n        timeoutSeconds: {}\n        inputs:\n          commands:\n\
         {INDENT}- |\n",
        time.as_secs(),
    );
    for line in script.lines() {
        let _ = writeln!(data, "{INDENT}  {line}");
    }
    let name = format!("amifactory-{}-{what}-{}", wanted.recipe, &Digest::of(&data).as_str()[..16]);
    Component { name, description, data, bucket: None }
}

/// Each line of a script costs this.
const INDENT: &str = "            ";
