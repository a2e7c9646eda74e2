//! Bad input: what `validate` says about each case of `tests/corpus/bad`, as snapshots. A case is a folder of files that
//! are laid over the good factory in `tests/corpus/base`.

use super::recipes::{catalogue, root, today};
use amifactory::recipe::{Factory, load};
use amifactory::source::{Diagnostic, MAX_BYTES};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn corpus(part: &str) -> PathBuf {
    root().join("tests/corpus").join(part)
}

fn cases(kind: &str) -> Vec<String> {
    let entries = fs::read_dir(corpus(kind)).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Copies a folder over another.
pub fn lay_over(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            lay_over(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A good factory with a case laid over it.
pub fn factory_with(case: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    lay_over(&corpus("base"), folder.path());
    lay_over(&corpus(case), folder.path());
    folder
}

fn validate(folder: &Path) -> Result<Factory, Vec<Diagnostic>> {
    let start = Instant::now();
    let answer = load(folder, &catalogue(), today());
    assert!(start.elapsed() < Duration::from_secs(5), "{} took {:?}", folder.display(), start.elapsed());
    answer
}

/// What must hold of every mistake that is ever shown.
fn check(name: &str, diagnostics: &[Diagnostic]) {
    assert!(!diagnostics.is_empty(), "{name}: refused without a reason");
    for diagnostic in diagnostics {
        let span = &diagnostic.span;
        let lines: Vec<&str> = span.file.text.lines().collect();
        assert!((1..=lines.len().max(1)).contains(&span.line), "{name}: {span:?} is behind the file's end");
        let width = lines.get(span.line - 1).map_or(0, |line| line.chars().count());
        assert!((1..=width + 1).contains(&span.column), "{name}: {span:?} is behind the line's end ({width})");
        assert!(span.length >= 1, "{name}: {span:?} has no length");
        assert!(!span.file.path.starts_with('/'), "{name}: {span:?} is not relative to the factory");
        assert!(!diagnostic.message.is_empty() && !diagnostic.message.contains('\n'), "{name}: {diagnostic:?}");
    }
}

#[test]
fn every_bad_case_is_refused_with_its_places() {
    let names = cases("bad");
    assert!(names.len() >= 60, "only {} cases", names.len());
    for name in &names {
        let folder = factory_with(&format!("bad/{name}"));
        let Err(diagnostics) = validate(folder.path()) else { panic!("{name} is accepted") };
        check(name, &diagnostics);
        let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(name.as_str(), shown.join("\n\n"));
    }
    for entry in fs::read_dir(root().join("tests/suite/snapshots")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if let Some(case) = file.strip_prefix("suite__corpus__").and_then(|rest| rest.strip_suffix(".snap")) {
            assert!(names.iter().any(|name| name == case), "the snapshot {file} has no case any more");
        }
    }
}

#[test]
fn every_good_case_is_accepted() {
    for name in cases("good") {
        let folder = factory_with(&format!("good/{name}"));
        if let Err(diagnostics) = validate(folder.path()) {
            let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{name}:\n{}", shown.join("\n\n"));
        }
    }
}

/// Changes a good factory on disk and answers with what is said about it, one `path: message` per line.
fn said_after(change: impl FnOnce(&Path)) -> String {
    let folder = factory_with("base");
    change(folder.path());
    let diagnostics = validate(folder.path()).unwrap_err();
    check("a changed factory", &diagnostics);
    let lines: Vec<String> = diagnostics.iter().map(|d| format!("{}: {}", d.span.file.path, d.message)).collect();
    lines.join("\n")
}

#[test]
fn files_that_are_no_files_are_refused() {
    use std::os::unix::fs::symlink;
    let web = "recipes/web.yaml";
    let said = said_after(|folder| {
        fs::remove_file(folder.join(web)).unwrap();
        fs::create_dir(folder.join(web)).unwrap();
    });
    assert_eq!(said, "recipes/web.yaml: expected a file, found a folder");
    let said = said_after(|folder| {
        fs::remove_file(folder.join(web)).unwrap();
        symlink("web.yaml", folder.join(web)).unwrap();
    });
    assert!(said.starts_with("recipes/web.yaml: can't read this file: Too many levels of symbolic links"), "{said}");
    let said = said_after(|folder| {
        fs::remove_file(folder.join(web)).unwrap();
        symlink("nowhere.yaml", folder.join(web)).unwrap();
    });
    assert!(said.starts_with("recipes/web.yaml: can't read this file: No such file"), "{said}");
    let said = said_after(|folder| {
        fs::remove_file(folder.join(web)).unwrap();
        nix::unistd::mkfifo(&folder.join(web), nix::sys::stat::Mode::S_IRWXU).unwrap();
    });
    assert_eq!(said, "recipes/web.yaml: expected a file, found a device, pipe or socket");
    let said = said_after(|folder| {
        fs::remove_file(folder.join(web)).unwrap();
        symlink("/dev/zero", folder.join(web)).unwrap();
    });
    assert_eq!(said, "recipes/web.yaml: expected a file, found a device, pipe or socket");
}

#[test]
fn a_file_that_may_not_be_read_is_refused() {
    if nix::unistd::geteuid().is_root() {
        // Root may read everything; the same answer comes from a file that the system refuses to anybody.
        let said = said_after(|folder| {
            fs::remove_file(folder.join("recipes/web.yaml")).unwrap();
            std::os::unix::fs::symlink("/proc/self/mem", folder.join("recipes/web.yaml")).unwrap();
        });
        assert!(said.starts_with("recipes/web.yaml: can't read this file: Input/output error"), "{said}");
        return;
    }
    let said = said_after(|folder| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder.join("recipes/web.yaml"), fs::Permissions::from_mode(0o000)).unwrap();
    });
    assert!(said.starts_with("recipes/web.yaml: can't read this file: Permission denied"), "{said}");
}

#[test]
fn files_that_are_too_large_are_refused_unread() {
    let said = said_after(|folder| fs::write(folder.join("recipes/web.yaml"), "#".repeat(MAX_BYTES + 1)).unwrap());
    assert_eq!(said, format!("recipes/web.yaml: the file has {} bytes; at most {MAX_BYTES} are read", MAX_BYTES + 1));
    let said = said_after(|folder| {
        let file = fs::File::create(folder.join("recipes/web.yaml")).unwrap();
        file.set_len(1 << 40).unwrap();
    });
    assert!(said.contains("at most"), "{said}");
}

#[test]
fn missing_files_and_folders_are_named() {
    let said = said_after(|folder| fs::remove_file(folder.join("amifactory.yaml")).unwrap());
    assert!(said.starts_with("amifactory.yaml: can't read this file: No such file"), "{said}");
    let said = said_after(|folder| fs::remove_dir_all(folder.join("recipes")).unwrap());
    assert!(said.starts_with("recipes: can't read this folder: No such file"), "{said}");
    let said = said_after(|folder| fs::remove_dir_all(folder.join("recipes/groups")).unwrap());
    assert!(said.starts_with("recipes/web.yaml: unknown package group `tool`"), "{said}");
}

#[test]
fn mistakes_elsewhere_do_not_hinder_a_selection_and_its_own_do() {
    let folder = factory_with("bad/waiver-expired");
    let load =
        |name: &str| amifactory::recipe::load_only(folder.path(), &catalogue(), today(), &[name.parse().unwrap()]);
    // The mistake is in the base: who is built on it has it too.
    assert_eq!(load("web").unwrap_err()[0].span.file.path, "recipes/base.yaml");
    fs::write(
        folder.path().join("recipes/alone.yaml"),
        "recipe: alone\ndescription: Alone\nversion: 1.0\nbase: {local: host}\n",
    )
    .unwrap();
    assert_eq!(load("alone").unwrap().recipes.len(), 1);
}

/// A linear congruential generator: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

/// Good text, damaged in a few places.
fn damage(text: &str, numbers: &mut Numbers) -> Vec<u8> {
    const SPICE: &[&str] = &[
        "{",
        "}",
        "{{",
        "}}",
        "{{{",
        "[",
        "]",
        "- ",
        ": ",
        "&a ",
        "*a",
        "!x ",
        "|\n",
        ">\n",
        "\"",
        "'",
        "\t",
        "\n",
        "\r\n",
        "#",
        "\0",
        "\u{feff}",
        "\u{202e}",
        "é",
        "{{#if x}}\n",
        "{{/if}}\n",
        "{{else}}",
        "<<: ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "? ",
        "\\",
        "$(",
        "`",
        "<<EOF\n",
        "~",
        "null",
        "true",
        "-1",
        "1e9",
        "99999999999999999999",
        "../",
        "recipe: ",
        "name: ",
        "@",
    ];
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + numbers.below(12)).min(bytes.len());
        match numbers.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let copy = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len());
                bytes.splice(to..to, copy);
            }
            2 if at < bytes.len() => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
            3 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, SPICE[numbers.below(SPICE.len())].bytes())),
        }
    }
    bytes
}

#[test]
fn damaged_files_never_break_the_reader() {
    let folder = factory_with("good/everything");
    let files: Vec<(PathBuf, String)> = [
        "amifactory.yaml",
        "recipes/web.yaml",
        "recipes/everything.yaml",
        "recipes/groups/tool.yaml",
        "recipes/groups/everything.yaml",
    ]
    .iter()
    .map(|path| (folder.path().join(path), fs::read_to_string(folder.path().join(path)).unwrap()))
    .collect();
    let mut numbers = Numbers(20_260_615);
    let (mut refused, mut accepted) = (0, 0);
    for round in 0..2000 {
        let (path, text) = &files[round % files.len()];
        fs::write(path, damage(text, &mut numbers)).unwrap();
        match validate(folder.path()) {
            Ok(_) => accepted += 1,
            Err(diagnostics) => {
                check(&format!("round {round}"), &diagnostics);
                refused += 1;
            }
        }
        fs::write(path, text).unwrap();
    }
    assert!(validate(folder.path()).is_ok());
    assert!(refused > 1000 && accepted > 20, "{refused} refused, {accepted} accepted: the damage is not well chosen");
}
