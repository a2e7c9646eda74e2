//! The hardening library: everything below `hardening/`, read and checked. The program carries a copy of it, so that
//! a factory folder without one works too.

use super::benchmark::{self, Recommendation};
use super::catalogue::Catalogue;
use super::control::{Choice, Control, ControlParameter, Profile};
use super::functions::Functions;
use super::read::{self, Placed, ReadProfile, Scripts};
use super::value::Values;
use crate::identity::{Digest, Slug};
use crate::recipe::ParameterKind;
use crate::source::{self, Diagnostic, Diagnostics, Node, SourceFile, Span};
use include_dir::{Dir, include_dir};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/hardening");

/// Controls, profiles, parameters, and the shell functions that they call.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// All controls.
    pub controls: BTreeMap<Slug, Control>,
    /// All profiles.
    pub profiles: BTreeMap<String, Profile>,
    /// All parameters.
    pub parameters: BTreeMap<String, ControlParameter>,
    /// The recommendations of each benchmark whose facts are known.
    pub benchmarks: BTreeMap<String, Vec<Recommendation>>,
    /// The shell functions, as bundles carry them.
    functions: Functions,
}

/// The text of the library's files, by path below `hardening/`.
type Files = BTreeMap<String, String>;

impl Library {
    /// Reads a folder. Mistakes go into `diagnostics`; what could be read is in the library.
    pub fn load(dir: &Path, diagnostics: &mut Diagnostics) -> Library {
        let mut files = Files::new();
        read_folder(dir, "", &mut files, diagnostics);
        if files.is_empty() && diagnostics.is_empty() {
            report_unreadable("", "there is no such folder, or it holds no files", diagnostics);
        }
        Library::from_files(&files, diagnostics)
    }

    /// The copy inside the program. That it has no mistakes is a test of the program's own.
    pub fn embedded() -> Result<Library, Vec<Diagnostic>> {
        let mut files = Files::new();
        collect(&EMBEDDED, &mut files);
        let mut diagnostics = Diagnostics::new();
        let library = Library::from_files(&files, &mut diagnostics);
        if diagnostics.is_empty() { Ok(library) } else { Err(diagnostics.sorted()) }
    }

    /// The shell functions that these scripts reach, in a fixed order. Comments stay behind: they are for who reads the
    /// library, and every byte travels to every builder.
    pub fn functions_for<'a>(&self, scripts: impl IntoIterator<Item = &'a str>) -> String {
        self.functions.reached_by(scripts)
    }

    /// What all its functions together are.
    pub fn functions_digest(&self) -> Digest {
        Digest::of(self.functions.all())
    }

    #[cfg(test)]
    pub(super) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// The names that recipes may use.
    pub fn catalogue(&self) -> Catalogue {
        Catalogue {
            controls: self.controls.keys().cloned().collect(),
            ids: self.ids(),
            profiles: self
                .profiles
                .keys()
                .filter_map(|name| Some((name.clone(), self.resolve_profile(name)?.0)))
                .collect(),
            parameters: self.parameters.clone(),
        }
    }

    /// Each benchmark id with the controls that have it, as `slug (benchmark)`.
    fn ids(&self) -> BTreeMap<String, Vec<String>> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for control in self.controls.values() {
            for (benchmark, id) in &control.ids {
                all.entry(id.clone()).or_default().push(format!("`{}` ({benchmark})", control.slug));
            }
        }
        all
    }

    /// All controls and values of a profile, with those of the profiles that it extends. None where there is no such
    /// profile.
    pub fn resolve_profile(&self, name: &str) -> Option<(BTreeSet<Slug>, Values)> {
        let profile = self.profiles.get(name)?;
        let mut controls = BTreeSet::new();
        let mut values = Values::new();
        for parent in &profile.extends {
            if let Some((slugs, inherited)) = self.resolve_profile(parent) {
                controls.extend(slugs);
                values.extend(inherited);
            }
        }
        controls.extend(profile.controls.iter().cloned());
        values.extend(profile.parameters.clone());
        Some((controls, values))
    }

    /// The default of every parameter.
    pub fn defaults(&self) -> Values {
        self.parameters
            .iter()
            .filter_map(|(name, parameter)| Some((name.clone(), parameter.declaration.default.clone()?)))
            .collect()
    }

    fn from_files(files: &Files, diagnostics: &mut Diagnostics) -> Library {
        let mut library = Library { functions: functions(files), ..Library::default() };
        let scripts: Scripts = below(files, "scripts/", ".sh").collect();
        if let Some(root) = files.get("parameters.yaml").and_then(|text| tree("parameters.yaml", text, diagnostics)) {
            library.parameters = read::parameters(&root, diagnostics);
        }
        for (name, text) in below(files, "benchmarks/", ".tsv") {
            let found = benchmark::read(&format!("benchmarks/{name}"), &text, diagnostics);
            library.benchmarks.insert(name.trim_end_matches(".tsv").to_owned(), found);
        }
        for (name, text) in below(files, "controls/", ".yaml") {
            if let Some(root) = tree(&format!("controls/{name}"), &text, diagnostics) {
                for placed in read::controls(&root, &scripts, diagnostics) {
                    library.add(placed, diagnostics);
                }
            }
        }
        library.read_profiles(files, diagnostics);
        library
    }

    fn add(&mut self, placed: Placed<Control>, diagnostics: &mut Diagnostics) {
        let Placed { value: control, span } = placed;
        for name in control.ensure.iter().flat_map(|ensure| ensure.primitive.parameters()) {
            if !self.parameters.contains_key(name) {
                diagnostics.report_unknown(&span, "parameter", name, self.parameters.keys().map(String::as_str));
            }
        }
        for (benchmark, id) in &control.ids {
            let facts = self.benchmarks.get(benchmark);
            if facts.is_some_and(|facts| facts.iter().all(|fact| fact.id != *id)) {
                diagnostics.report(&span, format!("{benchmark} has no recommendation {id}"));
            }
        }
        for Choice { parameter, word } in control.ensure.iter().filter_map(|ensure| ensure.choice.as_ref()) {
            match self.parameters.get(parameter).map(|known| &known.declaration.kind) {
                Some(ParameterKind::Choice(words)) => {
                    if !words.contains(word) {
                        diagnostics.report_unknown(&span, "choice", word, words.iter().map(String::as_str));
                    }
                }
                Some(_) => diagnostics.report(&span, format!("the parameter `{parameter}` is not one of words")),
                None => {
                    let known = self.parameters.keys().map(String::as_str);
                    diagnostics.report_unknown(&span, "parameter", parameter, known);
                }
            }
        }
        if self.controls.contains_key(&control.slug) {
            diagnostics.report(&span, format!("there are two controls `{}`", control.slug));
        }
        self.controls.insert(control.slug.clone(), control);
    }

    fn read_profiles(&mut self, files: &Files, diagnostics: &mut Diagnostics) {
        let mut spans = BTreeMap::new();
        for (name, text) in below(files, "profiles/", ".yaml") {
            let Some(root) = tree(&format!("profiles/{name}"), &text, diagnostics) else { continue };
            let stem = name.trim_end_matches(".yaml");
            let Some(ReadProfile { mut profile, span: at, named }) =
                read::profile(&root, stem, &self.parameters, diagnostics)
            else {
                continue;
            };
            for (slug, span) in named {
                match self.controls.get_key_value(slug.as_str()) {
                    Some((slug, _)) => drop(profile.controls.insert(slug.clone())),
                    None => {
                        diagnostics.report_unknown(&span, "control", &slug, self.controls.keys().map(Slug::as_str));
                    }
                }
            }
            spans.insert(stem.to_owned(), at);
            self.profiles.insert(stem.to_owned(), profile);
        }
        let names: Vec<String> = self.profiles.keys().cloned().collect();
        for (name, span) in &spans {
            let Some(profile) = self.profiles.get_mut(name) else { continue };
            for parent in &profile.extends {
                if !names.contains(parent) {
                    diagnostics.report_unknown(span, "profile", parent, names.iter().map(String::as_str));
                }
            }
            profile.extends.retain(|parent| names.contains(parent));
        }
        for (name, span) in &spans {
            if self.extends_itself(name) {
                diagnostics.report(span, format!("the profile `{name}` extends itself"));
                if let Some(profile) = self.profiles.get_mut(name) {
                    profile.extends.clear();
                }
            }
        }
    }

    fn extends_itself(&self, name: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = vec![name];
        while let Some(at) = open.pop() {
            for parent in self.profiles.get(at).map(|profile| profile.extends.as_slice()).unwrap_or_default() {
                if parent == name {
                    return true;
                }
                if seen.insert(parent.as_str()) {
                    open.push(parent);
                }
            }
        }
        false
    }
}

/// The shell functions: helpers, primitives, sealing, and the runner last.
fn functions(files: &Files) -> Functions {
    let lib = |name: &str| files.get(&format!("lib/{name}")).cloned();
    let first = ["system.sh", "audit.sh"].into_iter().filter_map(lib);
    let primitives = below(files, "lib/primitives/", ".sh").map(|(_, text)| text);
    let last = ["seal.sh", "runner.sh"].into_iter().filter_map(lib);
    Functions::of(first.chain(primitives).chain(last))
}

/// The files directly in one folder, by name.
fn below<'a>(files: &'a Files, folder: &'a str, ending: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
    files.iter().filter_map(move |(path, text)| {
        let name = path.strip_prefix(folder)?;
        (!name.contains('/') && name.ends_with(ending)).then(|| (name.to_owned(), text.clone()))
    })
}

fn tree(path: &str, text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let file = Arc::new(SourceFile { path: format!("hardening/{path}"), text: text.to_owned() });
    source::parse(&file, diagnostics)
}

fn collect(dir: &Dir<'_>, files: &mut Files) {
    for file in dir.files() {
        if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
            files.insert(path.to_owned(), text.to_owned());
        }
    }
    for inner in dir.dirs() {
        collect(inner, files);
    }
}

fn read_folder(dir: &Path, prefix: &str, files: &mut Files, diagnostics: &mut Diagnostics) {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return report_unreadable(prefix, &error.to_string(), diagnostics),
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        // Links are not followed: a library is files in its own folder.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read_folder(&entry.path(), &format!("{path}/"), files, diagnostics),
            Ok(kind) if kind.is_file() && [".yaml", ".sh", ".tsv"].iter().any(|ending| name.ends_with(ending)) => {
                match read_bounded(&entry.path()) {
                    Ok(text) => drop(files.insert(path, text)),
                    Err(error) => report_unreadable(&path, &error.to_string(), diagnostics),
                }
            }
            _ => {}
        }
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let most = source::MAX_BYTES as u64 + 1;
    std::fs::File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

fn report_unreadable(path: &str, why: &str, diagnostics: &mut Diagnostics) {
    let file = Arc::new(SourceFile { path: format!("hardening/{path}"), text: String::new() });
    diagnostics.report(&Span::start_of(&file), format!("can't be read: {why}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_has_no_mistakes() {
        if let Err(mistakes) = Library::embedded() {
            panic!("{}", mistakes.iter().map(|mistake| format!("{mistake}\n")).collect::<String>());
        }
    }

    fn mistakes(path: &str, text: &str) -> String {
        let mut files = Files::new();
        collect(&EMBEDDED, &mut files);
        files.insert(path.to_owned(), text.to_owned());
        let mut diagnostics = Diagnostics::new();
        Library::from_files(&files, &mut diagnostics);
        diagnostics.sorted().iter().map(|mistake| format!("{mistake}\n")).collect()
    }

    #[test]
    fn mistakes_are_shown_where_they_are_and_all_at_once() {
        let control = "controls:
  - control: a-new-one
    title: T
    rationale: R
    level: 3
    section: 1
    phase: confg
    ensure:
      - sysctl: {key: a b, value: \"{no_such}\", compar: equals}
      - sshd_optoin: {}
";
        let shown = mistakes("controls/x.yaml", control);
        for part in [
            "--> hardening/controls/x.yaml:5:12",
            "did you mean `config`?",
            "`a b` is not a word",
            "did you mean `compare`?",
            "did you mean `sshd_option`?",
            "from 1 to 2",
        ] {
            assert!(shown.contains(part), "{part} is missing:\n{shown}");
        }
    }

    #[test]
    fn a_choice_names_a_parameter_and_one_of_its_words() {
        let control = "controls:
  - control: a-new-one
    title: T
    rationale: R
    level: 1
    section: 1
    phase: config
    ensure:
      - nftables: {part: tabel, inbound: \"22\", outbound: \"\"}
      - kernel_module: {name: x}
        choice: {firewal: nftables}
      - kernel_module: {name: x}
        choice: {firewall: nftable}
      - kernel_module: {name: x}
        choice: {log_host: x}
      - kernel_module: {name: x}
        choice: {firewall: nftables, log_host: x}
";
        let shown = mistakes("controls/x.yaml", control);
        for part in [
            "did you mean `table`?",
            "did you mean `firewall`?",
            "did you mean `nftables`?",
            "`log_host` is not one of words",
            "expected one parameter",
        ] {
            assert!(shown.contains(part), "{part} is missing:\n{shown}");
        }
    }

    #[test]
    fn profiles_name_what_exists_and_do_not_go_in_circles() {
        let shown = mistakes(
            "profiles/x.yaml",
            "profile: x\ntitle: T\nextends: [cis-l1-servr]\ncontrols: [kernel-module-cramfs-disable]\nparameters: {shell_timeout: 5}\n",
        );
        for part in [
            "did you mean `cis-l1-server`?",
            "did you mean `kernel-module-cramfs-disabled`?",
            "a number from 60 to 900",
        ] {
            assert!(shown.contains(part), "{part} is missing:\n{shown}");
        }
        let shown = mistakes(
            "profiles/cis-al2023-l1-server.yaml",
            "profile: cis-al2023-l1-server\ntitle: T\nextends: [cis-l1-server]\n",
        );
        assert!(shown.contains("extends itself"), "{shown}");
    }

    #[test]
    fn level_2_holds_all_of_level_1() {
        let library = Library::embedded().unwrap();
        let (one, _) = library.resolve_profile("cis-al2023-l1-server").unwrap();
        let (two, _) = library.resolve_profile("cis-al2023-l2-server").unwrap();
        assert!(one.is_subset(&two) && two.len() > one.len());
    }
}
