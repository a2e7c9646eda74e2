//! The library at work on files that a test makes up: in a folder that stands for the root, or in a throw-away root.

use super::sandbox::{Sandbox, base_root, why_not};
use crate::skip::skipped;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The shells that builders have.
pub const SHELLS: [&str; 2] = ["dash", "bash"];

/// The library's functions and its scripts, each a name and a text. The runner is left out: it runs bundles.
struct Texts {
    functions: String,
    scripts: Vec<(String, String)>,
}

fn texts() -> Texts {
    let hardening = Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening");
    let read = |folder: &str| {
        let entries = fs::read_dir(hardening.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "sh")).collect();
        files.sort();
        let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect::<Vec<_>>()
    };
    let parts = read("lib").into_iter().filter(|(name, _)| name != "runner").chain(read("lib/primitives"));
    Texts { functions: parts.map(|(_, text)| text).collect(), scripts: read("scripts") }
}

/// What tests say things with. `script NAME` runs a script of the library, `put` and `program` write below `$T`.
const WORDS: &str = r#"
LC_ALL=C; export LC_ALL; umask 022
AF_PKG=deb AF_LOOKS=0
script() { . "$SCRIPTS/$1.sh"; }
# The words that looks begin with.
said() { ( set +e; "$@" ) | awk -F'\t' '{ print $2 }' | tr '\n' ' ' | sed 's/ $//'; }
full() { ( set +e; "$@" ); }
wants() { if [ "$2" != "$3" ]; then echo "$1: \`$3\`, not \`$2\`"; fi; }
"#;

/// Folders of the root that the folder stands for.
const TOPS: [&str; 6] = ["/etc/", "/boot/", "/run/", "/usr/local/lib/", "/usr/lib/", "/usr/sbin/"];

/// Runs a script with the library, with a folder in place of the root, `$T`. Owners stay as they are.
pub fn in_folder(shell: &str, script: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let moved = |text: &str| {
        let mut text = text.to_owned();
        for top in TOPS {
            for before in ["\"", " ", "'", "\n", "(", "=", "{", ">", "<"] {
                text = text.replace(&format!("{before}{top}"), &format!("{before}{root}{top}"));
            }
        }
        text
    };
    for name in
        ["work", "scripts", "run", "boot/grub", "usr/sbin", "usr/lib/systemd", "etc/profile.d", "etc/default/grub.d"]
    {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    for name in ["etc/ssh/sshd_config.d", "etc/sudoers.d", "etc/pam.d", "etc/security", "etc/nftables"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    let texts = texts();
    for (name, text) in &texts.scripts {
        fs::write(folder.path().join("scripts").join(format!("{name}.sh")), moved(text)).unwrap();
    }
    let own = r#"
        T=@root@ SCRIPTS=@root@/scripts AF_TMP=@root@/work PATH=@root@/usr/sbin:$PATH
        chown() { :; }
        af_owner() { :; }
        put() { cat >"$T/$1"; }
        program() { { echo '#!/bin/sh'; cat; } >"$T/usr/sbin/$1"; chmod 755 "$T/usr/sbin/$1"; }
        audit() { ( set +e; "$@" ) | cut -f 2 | tr '\n' ' '; }
        apply() { ( set -e; "$@" ) 2>/dev/null || echo "apply failed"; }
        twice() {
            apply "$@"; find "$T/etc" "$T/boot" -type f -exec md5sum {} + | sort >"$AF_TMP/once"
            apply "$@"; find "$T/etc" "$T/boot" -type f -exec md5sum {} + | sort | cmp -s - "$AF_TMP/once" || echo "changed again"
        }
    "#;
    let functions = moved(&texts.functions);
    let whole = format!("{functions}\n{WORDS}\n{}\n{}", own.replace("@root@", root), moved(script));
    let file = folder.path().join("script.sh");
    fs::write(&file, whole).unwrap();
    let mut output = Command::new(shell).arg(&file).output().unwrap();
    output.stdout = String::from_utf8(output.stdout).unwrap().replace(root, "").into_bytes();
    output
}

/// What this script prints is the same under both shells, and without an error. Lines, without blanks around them.
pub fn says(script: &str, wanted: &str) {
    for shell in SHELLS {
        let output = in_folder(shell, script);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{shell}: {errors}: {script}");
        assert_eq!(lines(&String::from_utf8(output.stdout).unwrap()), lines(wanted), "{shell}: {script}");
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Runs a case in a throw-away root, in both shells; what it says is what is wrong.
pub fn case(name: &str, body: &str) {
    if let Some(why) = why_not() {
        return skipped(name, &why);
    }
    let texts = texts();
    let mut files =
        format!("mkdir -p /run/scripts\ncat >/run/library <<'END_OF_FILE'\n{}END_OF_FILE\n", texts.functions);
    for (name, text) in &texts.scripts {
        files += &format!("cat >/run/scripts/{name}.sh <<'END_OF_FILE'\n{text}END_OF_FILE\n");
    }
    let own = "cd /; AF_TMP=$(mktemp -d /dev/shm/af.XXXXXX) SCRIPTS=/run/scripts";
    for shell in SHELLS {
        let sandbox = Sandbox::over(&[&base_root()]);
        let said = sandbox.script(&format!(
            "{files}cat >/run/case.sh <<'END_OF_CASE'\n. /run/library\n{WORDS}{own}\n{body}\n\
             END_OF_CASE\ncommand -v {shell} >/dev/null || exit 0\n{shell} -eu /run/case.sh 2>&1"
        ));
        assert_eq!(said, "", "{name} with {shell}");
    }
}
