//! An empty root: what is left of one when all is gone but a shell, its tools and their libraries. No audit may pass on
//! it: one that does takes what is missing for what is right.

use super::{Library, Network, TargetError, Trial};
use crate::plan::{BundleStep, OnFailure};

/// What audits are written with.
const TOOLS: &str = "sh awk sed grep cat tail head wc base64 stat find mktemp rm mkdir cp mv ln chmod chown readlink tr \
    sort cut cmp date uname id ls env sleep dirname basename touch printf tee";

/// Moves the tools aside, empties all folders, and puts the tools back. Libraries stay: `rm` needs them to the end.
const EMPTY: &str = r#"
mkdir /.tools
for tool in $tools; do
    path=$(command -v "$tool") && [ -f "$path" ] || continue
    cp -L "$path" "/.tools/$tool"
done
PATH=/.tools
for dir in /boot /etc /home /media /mnt /opt /root /srv /var /usr/bin /usr/sbin /usr/share /usr/libexec /usr/local \
    /usr/games /usr/include /usr/src; do
    [ ! -d "$dir" ] || find "$dir" -xdev -mindepth 1 -maxdepth 1 -exec rm -rf {} +
done
for dir in /bin /sbin; do [ -L "$dir" ] || find "$dir" -mindepth 1 -exec rm -rf {} +; done
for dir in /usr/lib /usr/lib64 /lib /lib64 /usr/lib/*-linux-gnu; do
    [ -d "$dir" ] && [ ! -L "$dir" ] || continue
    find "$dir" -mindepth 1 -maxdepth 1 ! -name '*.so*' ! -name '*-linux-gnu' -exec rm -rf {} +
done
cp /.tools/* /bin/
PATH=/bin
rm -rf /.tools
"#;

/// Empties a throw-away root over these layers.
pub async fn hollow(trial: &Trial, library: &Library) -> Result<(), TargetError> {
    let step = BundleStep {
        id: "hollow".into(),
        title: "empties the root".into(),
        body: format!("tools='{TOOLS}'\n{EMPTY}"),
        timeout: None,
        on_failure: OnFailure::Stop,
    };
    let results = trial.run(library, &[step], Network::None).await?;
    match results.iter().find(|result| result.rc != 0) {
        None => Ok(()),
        Some(failed) => Err(TargetError::Io {
            what: "emptying a throw-away root".into(),
            source: std::io::Error::other(failed.out.clone()),
        }),
    }
}

