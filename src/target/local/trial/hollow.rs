//! An empty root: a shell, its tools and their libraries, taken from a root filesystem, and nothing else. No audit may
//! pass on it: one that does takes what is missing for what is right.

use super::{Library, Lower, Network, TargetError, Trial};
use crate::plan::{BundleStep, OnFailure};

/// What audits are written with.
const TOOLS: &str = "sh awk sed grep cat tail head wc base64 stat find mktemp rm mkdir cp mv ln chmod chown readlink tr \
    sort cut cmp date uname id ls env sleep dirname basename touch printf tee";

/// Where in the overlay it is put together.
const PLACE: &str = ".hollow";

/// The loader itself says which libraries a program needs.
const GATHER: &str = r#"
mkdir -p "$to/bin" "$to/usr" "$to/etc" "$to/dev" "$to/proc" "$to/sys" "$to/run" "$to/tmp"
for tool in $tools; do
    path=$(command -v "$tool") && [ -f "$path" ] || continue
    cp -L "$path" "$to/bin/$tool"
    LD_TRACE_LOADED_OBJECTS=1 "$path" </dev/null 2>/dev/null | grep -o '/[^ )]*' | while read -r library; do
        [ ! -e "$to$library" ] || continue
        mkdir -p "$to${library%/*}"
        cp -L "$library" "$to$library"
    done
done
"#;

/// The layers of an empty root with this trial's tools. They live as long as the trial.
pub async fn hollow(trial: &Trial, library: &Library) -> Result<Vec<Lower>, TargetError> {
    let step = BundleStep {
        id: "hollow".into(),
        title: "gathers a shell and its tools".into(),
        body: format!("to=/{PLACE}\ntools='{TOOLS}'\n{GATHER}"),
        timeout: None,
        on_failure: OnFailure::Stop,
    };
    let results = trial.run(library, &[step], Network::None).await?;
    match results.iter().find(|result| result.rc != 0) {
        None => Ok(vec![Lower::Dir(trial.at("upper").join(PLACE))]),
        Some(failed) => Err(TargetError::Io {
            what: "gathering a shell and its tools".into(),
            source: std::io::Error::other(failed.out.clone()),
        }),
    }
}
