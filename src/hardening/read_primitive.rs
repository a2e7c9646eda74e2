//! Primitives read from YAML.

use super::primitive::{AccountsCheck, Mode, NftablesPart, Primitive, Separator, Word};
use super::read::{Scripts, list_of};
use super::value::{Compare, Expected, Value};
use crate::identity::Slug;
use crate::source::{Diagnostics, Fields, Node};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

/// Every primitive's word, in the order in which they are looked for.
const KINDS: [&str; 21] = [
    "sysctl",
    "kernel_module",
    "file_mode",
    "package_absent",
    "package_present",
    "service_enabled",
    "service_disabled",
    "mount_option",
    "sshd_option",
    "audit_rule",
    "key_value",
    "ini_option",
    "pam_module",
    "pam_rule",
    "sudo_option",
    "sudo_forbid",
    "file_content",
    "file_absent",
    "kernel_cmdline",
    "nftables",
    "accounts",
];

/// The one primitive that a map names.
pub(super) fn primitive(
    fields: &mut Fields<'_>,
    slug: &Slug,
    scripts: &Scripts,
    diagnostics: &mut Diagnostics,
) -> Option<Primitive> {
    let mut found = None;
    // All are asked for, so that a misspelt one is reported with the nearest.
    for kind in KINDS.into_iter().chain(["script"]) {
        let Some(node) = fields.optional(kind) else { continue };
        if found.replace((kind, node)).is_some() {
            diagnostics.report(&node.span, "two primitives in one place: write them as two entries of the list");
        }
    }
    match found {
        Some(("script", node)) => script(node, slug, scripts, diagnostics),
        Some((kind, node)) => from_map(kind, node, diagnostics),
        None => None,
    }
}

struct Reader<'a, 'd> {
    fields: Fields<'a>,
    diagnostics: &'d mut Diagnostics,
}

impl Reader<'_, '_> {
    fn one<T>(&mut self, name: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.fields.required(name, self.diagnostics).and_then(|node| node.parse(self.diagnostics))
    }

    fn maybe<T>(&mut self, name: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.fields.optional(name).and_then(|node| node.parse(self.diagnostics))
    }

    fn many<T>(&mut self, name: &'static str) -> Option<Vec<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        let node = self.fields.required(name, self.diagnostics)?;
        let list = list_of(Some(node), name, self.diagnostics);
        if list.is_empty() {
            self.diagnostics.report(&node.span, format!("`{name}` is empty"));
        }
        Some(list)
    }

    fn any<T>(&mut self, name: &'static str) -> Vec<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        list_of(self.fields.optional(name), name, self.diagnostics)
    }

    fn flag(&mut self, name: &'static str) -> bool {
        self.fields.optional(name).and_then(|node| node.boolean(self.diagnostics)).unwrap_or(false)
    }

    fn mode(&mut self) -> Option<Mode> {
        self.one("mode")
    }

    fn expected(&mut self) -> Option<Expected> {
        let value = self.one("value");
        let words = Compare::ALL.map(Compare::as_str);
        let word = self.fields.optional("compare").and_then(|node| node.one_of("comparison", &words, self.diagnostics));
        let compare = Compare::ALL.into_iter().find(|compare| Some(compare.as_str()) == word);
        Some(Expected { compare: compare.unwrap_or(Compare::Equals), value: value? })
    }

    fn nftables_part(&mut self) -> Option<NftablesPart> {
        let words: Vec<&str> = NftablesPart::ALL.iter().map(|part| part.as_str()).collect();
        let node = self.fields.required("part", self.diagnostics)?;
        let word = node.one_of("part of the rules", &words, self.diagnostics)?;
        NftablesPart::ALL.iter().copied().find(|part| part.as_str() == word)
    }

    fn separator(&mut self) -> Option<Separator> {
        let words = Separator::ALL.map(|(_, word)| word);
        let node = self.fields.required("separator", self.diagnostics)?;
        let word = node.one_of("separator", &words, self.diagnostics)?;
        Separator::ALL.iter().find(|(_, known)| *known == word).map(|(separator, _)| *separator)
    }
}

fn from_map(kind: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Primitive> {
    if kind == "accounts" {
        let words: Vec<&str> = AccountsCheck::ALL.iter().map(|check| check.as_str()).collect();
        let word = node.one_of("account rule", &words, diagnostics)?;
        let check = AccountsCheck::ALL.iter().copied().find(|check| check.as_str() == word)?;
        return Some(Primitive::Accounts { check });
    }
    let fields = node.fields("a primitive's values", diagnostics)?;
    let mut read = Reader { fields, diagnostics };
    let primitive = fields_of(kind, &mut read);
    let Reader { fields, diagnostics } = read;
    fields.finish(diagnostics);
    primitive
}

fn fields_of(kind: &str, read: &mut Reader<'_, '_>) -> Option<Primitive> {
    // Every field is read before the first `?`, so that all mistakes of a primitive are reported at once.
    match kind {
        "sysctl" => {
            let (key, expected) = (read.one("key"), read.expected());
            Some(Primitive::Sysctl { key: key?, expected: expected? })
        }
        "kernel_module" => Some(Primitive::KernelModule { name: read.one("name")? }),
        "file_mode" => {
            let (paths, mode) = (read.many("paths"), read.mode());
            let (user, group) = (read.any("user"), read.any("group"));
            let (optional, create) = (read.flag("optional"), read.flag("create"));
            Some(Primitive::FileMode { paths: paths?, mode: mode?, user, group, optional, create })
        }
        "package_absent" => Some(Primitive::PackageAbsent { names: read.many("names")? }),
        "package_present" => Some(Primitive::PackagePresent { names: read.many("names")? }),
        "service_enabled" => Some(Primitive::ServiceEnabled { units: read.many("units")? }),
        "service_disabled" => Some(Primitive::ServiceDisabled { units: read.many("units")? }),
        "mount_option" => {
            let (mount, file_system, options) = (read.one("mount"), read.maybe("file_system"), read.any("options"));
            let required = read.flag("required");
            Some(Primitive::MountOption { mount: mount?, file_system, options, required })
        }
        "sshd_option" => {
            let (key, expected) = (read.one("key"), read.expected());
            Some(Primitive::SshdOption { key: key?, expected: expected? })
        }
        "audit_rule" => {
            let (name, rules) = (read.one("name"), read.many::<Value>("rules"));
            Some(Primitive::AuditRule { name: name?, rules: rules? })
        }
        "key_value" => {
            let (file, separator) = (read.one("file"), read.separator());
            let (key, expected) = (read.one("key"), read.expected());
            Some(Primitive::KeyValue { file: file?, separator: separator?, key: key?, expected: expected? })
        }
        "ini_option" => {
            let (file, section) = (read.one("file"), read.one("section"));
            let (key, expected) = (read.one("key"), read.expected());
            Some(Primitive::IniOption { file: file?, section: section?, key: key?, expected: expected? })
        }
        "pam_module" => {
            let (module, types) = (read.one("module"), read.many("types"));
            Some(Primitive::PamModule { module: module?, types: types? })
        }
        "pam_rule" => {
            let (service, kind, control) = (read.one("service"), read.one("type"), read.one("control"));
            let (module, arguments) = (read.one("module"), read.one("arguments"));
            Some(Primitive::PamRule {
                service: service?,
                kind: kind?,
                control: control?,
                module: module?,
                arguments: arguments?,
            })
        }
        "sudo_option" => {
            let (key, expected): (Option<Word>, _) = (read.one("key"), read.expected());
            Some(Primitive::SudoOption { key: key?, expected: expected? })
        }
        "sudo_forbid" => Some(Primitive::SudoForbid { word: read.one("word")? }),
        "file_content" => {
            let (path, mode, content) = (read.one("path"), read.mode(), read.one("content"));
            Some(Primitive::FileContent { path: path?, mode: mode?, content: content? })
        }
        "file_absent" => Some(Primitive::FileAbsent { paths: read.many("paths")? }),
        "kernel_cmdline" => {
            let (option, expected) = (read.one("option"), read.expected());
            Some(Primitive::KernelCmdline { option: option?, expected: expected? })
        }
        "nftables" => {
            let (part, inbound, outbound) = (read.nftables_part(), read.one("inbound"), read.one("outbound"));
            Some(Primitive::Nftables { part: part?, inbound: inbound?, outbound: outbound? })
        }
        _ => None,
    }
}

/// `script: {apply: true, parameters: [...]}`: the texts are in files named after the control. With `runtime: true` the
/// audit is one of the running system; `also_runtime: true` says that there is one of that kind too, `<slug>.runtime.sh`.
fn script(node: &Node, slug: &Slug, scripts: &Scripts, diagnostics: &mut Diagnostics) -> Option<Primitive> {
    let mut fields = node.fields("a script", diagnostics)?;
    let applies = fields.required("apply", diagnostics).and_then(|node| node.boolean(diagnostics));
    let parameters: BTreeSet<String> =
        list_of(fields.optional("parameters"), "parameter names", diagnostics).into_iter().collect();
    let runtime = fields.optional("runtime").and_then(|node| node.boolean(diagnostics)).unwrap_or(false);
    let also = fields.optional("also_runtime").and_then(|node| node.boolean(diagnostics)).unwrap_or(false);
    fields.finish(diagnostics);
    let mut text = |what: &str| {
        let name = format!("{slug}.{what}.sh");
        let found = scripts.get(&name).cloned();
        if found.is_none() {
            diagnostics.report(&node.span, format!("there is no script hardening/scripts/{name}"));
        }
        found
    };
    let apply = if applies? { Some(text("apply")?) } else { None };
    let also_runtime = if also { Some(text("runtime")?) } else { None };
    Some(Primitive::Script { apply, audit: text("audit")?, parameters, runtime, also_runtime })
}
