//! Primitives: the few typed kinds of setting that most controls are made of. Each becomes one call of a shell
//! function for applying it, one for auditing the image at rest, and for some one for auditing the running system.

use super::shell::{self, NulError};
use super::value::{Expected, Value, Values};
use crate::recipe::ParameterValue;
use std::collections::BTreeSet;

/// One setting, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Primitive {
    /// A kernel parameter, in sysctl.d.
    Sysctl {
        /// `net.ipv4.ip_forward`.
        key: Word,
        /// Its value.
        expected: Expected,
    },
    /// A kernel module that must not load.
    KernelModule {
        /// Its name.
        name: Word,
    },
    /// Permissions and owners of files.
    FileMode {
        /// Paths; `*` and `?` as in the shell.
        paths: Vec<AbsolutePath>,
        /// No bits beyond these.
        mode: Mode,
        /// User names, any of which will do; empty: any.
        user: Vec<Word>,
        /// Group names, any of which will do; empty: any.
        group: Vec<Word>,
        /// A missing file is not applicable instead of failing.
        optional: bool,
        /// Apply makes a missing file, empty.
        create: bool,
    },
    /// Packages none of which may be installed.
    PackageAbsent {
        /// Their names.
        names: Vec<Word>,
    },
    /// Packages one of which must be installed; apply installs the first.
    PackagePresent {
        /// Their names.
        names: Vec<Word>,
    },
    /// Units one of which starts at boot.
    ServiceEnabled {
        /// Their names.
        units: Vec<Word>,
    },
    /// Units none of which starts at boot.
    ServiceDisabled {
        /// Their names.
        units: Vec<Word>,
    },
    /// A mount and its options.
    MountOption {
        /// Where.
        mount: AbsolutePath,
        /// The file system that apply mounts there; none: only an existing mount is looked at.
        file_system: Option<Word>,
        /// Without a mount there the audit fails. Apply can't make a volume, so it has nothing to do for this.
        required: bool,
        /// Options that it has.
        options: Vec<Word>,
    },
    /// An option of the SSH server.
    SshdOption {
        /// `PermitRootLogin`.
        key: Word,
        /// Its value.
        expected: Expected,
    },
    /// Rules of the audit daemon, in a file of their own.
    AuditRule {
        /// The file's stem in rules.d; decides the order.
        name: Word,
        /// The rules.
        rules: Vec<Value>,
    },
    /// A key in a file without sections.
    KeyValue {
        /// The file.
        file: AbsolutePath,
        /// Between key and value where apply writes them.
        separator: Separator,
        /// The key.
        key: Word,
        /// Its value.
        expected: Expected,
    },
    /// A key in a section of a file.
    IniOption {
        /// The file.
        file: AbsolutePath,
        /// The section, without brackets.
        section: Word,
        /// The key.
        key: Word,
        /// Its value.
        expected: Expected,
    },
    /// A module in the stacks that every login passes.
    PamModule {
        /// `pam_faillock`.
        module: Word,
        /// `auth`, `account`, `password`, `session`.
        types: Vec<Word>,
    },
    /// One rule of one PAM service.
    PamRule {
        /// The service.
        service: Word,
        /// `auth`, `account`, `password` or `session`.
        kind: Word,
        /// `required` and the like.
        control: Word,
        /// `pam_wheel.so`.
        module: Word,
        /// Its arguments.
        arguments: Value,
    },
    /// A default of sudo.
    SudoOption {
        /// The option.
        key: Word,
        /// Its value; `yes` for one that is on or off.
        expected: Expected,
    },
    /// A word that no rule of sudo may hold.
    SudoForbid {
        /// `!authenticate`.
        word: Value,
    },
    /// A file's whole content.
    FileContent {
        /// The file.
        path: AbsolutePath,
        /// Its permission bits where apply writes it.
        mode: Mode,
        /// Its text, without the last line end.
        content: Value,
    },
    /// Files that must not exist.
    FileAbsent {
        /// Their paths.
        paths: Vec<AbsolutePath>,
    },
    /// An option on the kernel's command line.
    KernelCmdline {
        /// `audit`.
        option: Word,
        /// Its value.
        expected: Expected,
    },
    /// One part of the firewall's rules, which nftables loads at boot.
    Nftables {
        /// Which part is looked at; apply writes all of them.
        part: NftablesPart,
        /// TCP ports that others may connect to, comma-separated.
        inbound: Value,
        /// TCP ports that the instance may connect to, comma-separated.
        outbound: Value,
    },
    /// A rule over passwd, group and shadow.
    Accounts {
        /// Which.
        check: AccountsCheck,
    },
    /// The control's own scripts, `hardening/scripts/<slug>.apply.sh` and `.audit.sh`.
    Script {
        /// Text of the apply script, where there is one.
        apply: Option<String>,
        /// Text of the audit script.
        audit: String,
        /// Parameters that they see as `AF_PARAM_<NAME>`.
        parameters: BTreeSet<String>,
        /// The audit looks at the running system instead of the image at rest.
        runtime: bool,
        /// Text of a second audit, of the running system, where there is one: `<slug>.runtime.sh`.
        also_runtime: Option<String>,
    },
}

/// What is done with a primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Make it so.
    Apply,
    /// Look at the image at rest.
    Persisted,
    /// Look at the running system.
    Runtime,
}

/// A word for a shell function: no blanks, no control characters, never empty, never an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(String);

/// An absolute path without `..`, control characters or blanks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbsolutePath(String);

/// Permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u32);

/// Between a key and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// `KEY VALUE`
    Blank,
    /// `KEY=VALUE`
    Equals,
    /// `KEY = VALUE`
    SpacedEquals,
    /// `KEY`: it has no value.
    None,
}

/// Text that is not what a primitive's field takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct FieldError {
    text: String,
    what: &'static str,
}

fn checked(text: &str, valid: bool, what: &'static str) -> Result<String, FieldError> {
    if valid { Ok(text.to_owned()) } else { Err(FieldError { text: text.to_owned(), what }) }
}

impl std::str::FromStr for Word {
    type Err = FieldError;
    fn from_str(text: &str) -> Result<Self, FieldError> {
        let valid = !text.is_empty() && !text.starts_with('-') && text.bytes().all(|b| b.is_ascii_graphic());
        checked(text, valid, "a word without blanks that does not start with `-`").map(Word)
    }
}

impl std::str::FromStr for AbsolutePath {
    type Err = FieldError;
    fn from_str(text: &str) -> Result<Self, FieldError> {
        let valid = text.len() > 1
            && text.starts_with('/')
            && text.bytes().all(|b| b.is_ascii_graphic())
            && text.split('/').all(|part| part != "..");
        checked(text, valid, "an absolute path without blanks and `..`").map(AbsolutePath)
    }
}

impl std::str::FromStr for Mode {
    type Err = FieldError;
    fn from_str(text: &str) -> Result<Self, FieldError> {
        let bits = (text.len() == 4).then(|| u32::from_str_radix(text, 8).ok()).flatten();
        bits.map(Mode)
            .ok_or(FieldError { text: text.to_owned(), what: "a mode of four octal digits, such as \"0644\"" })
    }
}

impl AbsolutePath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Word {
    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A set of words with their spelling.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// Its spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }
    };
}

choices!(
    /// Rules over passwd, group and shadow.
    AccountsCheck {
        /// Passwords are in shadow, not in passwd.
        ShadowedPasswords = "shadowed-passwords",
        /// No account logs in without a password.
        NoEmptyPasswords = "no-empty-passwords",
        /// Root has no password.
        RootLocked = "root-locked",
        /// Every account's group exists.
        GroupsExist = "groups-exist",
        /// No two accounts share a number.
        UniqueUids = "unique-uids",
        /// No two groups share a number.
        UniqueGids = "unique-gids",
        /// No two accounts share a name.
        UniqueUsers = "unique-users",
        /// No two groups share a name.
        UniqueGroups = "unique-groups",
        /// Only root has number 0.
        OnlyRootHasUid0 = "only-root-has-uid-0",
        /// Root's group has number 0.
        RootGroupIs0 = "root-group-is-0",
        /// Nobody is in the group that reads shadow.
        ShadowGroupEmpty = "shadow-group-empty",
        /// Accounts of daemons have no shell and no password.
        SystemAccountsCannotLogIn = "system-accounts-cannot-log-in",
        /// No password was changed in the future.
        PasswordsChangedInThePast = "passwords-changed-in-the-past",
        /// Homes exist and are their users' own.
        HomeFolders = "home-folders",
        /// Dot files are their users' own.
        DotFiles = "dot-files",
        /// Root's search path holds only root's folders.
        RootPath = "root-path",
    }
);

choices!(
    /// Parts of a firewall's rules.
    NftablesPart {
        /// There is a table.
        Table = "table",
        /// Base chains for what comes in, passes through and goes out.
        BaseChains = "base-chains",
        /// The loopback interface is open, and its addresses come from nowhere else.
        Loopback = "loopback",
        /// What no rule accepts is dropped.
        DefaultDeny = "default-deny",
    }
);

impl AccountsCheck {
    /// Apply has one safe answer to it.
    pub const fn can_apply(self) -> bool {
        matches!(
            self,
            AccountsCheck::NoEmptyPasswords
                | AccountsCheck::RootLocked
                | AccountsCheck::SystemAccountsCannotLogIn
                | AccountsCheck::HomeFolders
        )
    }
}

impl Separator {
    /// All of them, with their spelling in files.
    pub const ALL: [(Separator, &'static str); 4] = [
        (Separator::Blank, "blank"),
        (Separator::Equals, "equals"),
        (Separator::SpacedEquals, "spaced-equals"),
        (Separator::None, "none"),
    ];

    const fn argument(self) -> &'static str {
        match self {
            Separator::Blank => " ",
            Separator::Equals => "=",
            Separator::SpacedEquals => " = ",
            Separator::None => "none",
        }
    }
}

/// A call that a primitive becomes: the function's stem, and its arguments.
struct Call {
    name: &'static str,
    arguments: Vec<String>,
}

fn words(list: &[Word]) -> Vec<String> {
    list.iter().map(|word| word.0.clone()).collect()
}

fn either(list: &[Word]) -> String {
    words(list).join("|")
}

fn paths_of(list: &[AbsolutePath]) -> Vec<String> {
    list.iter().map(|path| path.0.clone()).collect()
}

impl Primitive {
    /// Shell text that does `verb`; none where this primitive has nothing to do for it.
    pub fn render(&self, verb: Verb, values: &Values) -> Result<Option<String>, NulError> {
        if !self.can(verb) {
            return Ok(None);
        }
        if let Primitive::Script { apply, audit, parameters, also_runtime, .. } = self {
            let text = match verb {
                Verb::Apply => apply.as_ref(),
                Verb::Persisted => Some(audit),
                Verb::Runtime => also_runtime.as_ref().or(Some(audit)),
            };
            let mut lines = String::new();
            for name in parameters {
                let value = values.get(name).map(ParameterValue::to_string).unwrap_or_default();
                lines.push_str(&format!("AF_PARAM_{}={}\n", name.to_ascii_uppercase(), shell::quote(&value)?));
            }
            return Ok(text.map(|text| lines + &shell::plain(text)));
        }
        let Call { name, arguments } = self.call(verb, values);
        let suffix = match verb {
            Verb::Apply => "apply",
            Verb::Persisted => "audit",
            Verb::Runtime => "runtime",
        };
        shell::call(&format!("af_{name}_{suffix}"), arguments.iter().map(String::as_str)).map(Some)
    }

    /// Whether it has anything to do for `verb`.
    pub fn can(&self, verb: Verb) -> bool {
        match (verb, self) {
            (Verb::Apply, Primitive::Accounts { check }) => check.can_apply(),
            (Verb::Apply, Primitive::Script { apply, .. }) => apply.is_some(),
            (Verb::Apply, Primitive::MountOption { required, .. }) => !required,
            (Verb::Persisted, Primitive::Script { runtime, .. }) => !runtime,
            (Verb::Runtime, Primitive::Script { runtime, also_runtime, .. }) => *runtime || also_runtime.is_some(),
            (Verb::Apply | Verb::Persisted, _) => true,
            (Verb::Runtime, primitive) => matches!(
                primitive,
                Primitive::Sysctl { .. }
                    | Primitive::KernelModule { .. }
                    | Primitive::MountOption { .. }
                    | Primitive::AuditRule { .. }
                    | Primitive::KernelCmdline { .. }
                    | Primitive::Nftables { .. }
            ),
        }
    }

    /// Its kind, as controls spell it.
    pub fn kind(&self) -> &'static str {
        self.call(Verb::Persisted, &Values::new()).name
    }

    /// Installs or removes packages.
    pub fn is_about_packages(&self) -> bool {
        matches!(self, Primitive::PackageAbsent { .. }) || self.installs().is_some()
    }

    /// Of which packages its apply makes sure that one is there; none where it installs nothing, empty where a script
    /// decides which.
    pub fn installs(&self) -> Option<Vec<String>> {
        match self {
            Primitive::PackagePresent { names } => Some(words(names)),
            Primitive::Script { apply: Some(apply), .. } if apply.contains("af_install ") => Some(Vec::new()),
            _ => None,
        }
    }

    /// Every value in it that may name parameters.
    pub fn parameters(&self) -> BTreeSet<&str> {
        match self {
            Primitive::Sysctl { expected, .. }
            | Primitive::SshdOption { expected, .. }
            | Primitive::KeyValue { expected, .. }
            | Primitive::IniOption { expected, .. }
            | Primitive::SudoOption { expected, .. }
            | Primitive::KernelCmdline { expected, .. } => expected.value.parameters(),
            Primitive::AuditRule { rules, .. } => rules.iter().flat_map(Value::parameters).collect(),
            Primitive::PamRule { arguments: value, .. }
            | Primitive::SudoForbid { word: value }
            | Primitive::FileContent { content: value, .. } => value.parameters(),
            Primitive::Nftables { inbound, outbound, .. } => {
                inbound.parameters().into_iter().chain(outbound.parameters()).collect()
            }
            Primitive::Script { parameters, .. } => parameters.iter().map(String::as_str).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// For people: the primitive with its values.
    pub fn describe(&self, values: &Values) -> String {
        match self {
            Primitive::Sysctl { key, expected } => format!("sysctl {} = {}", key.0, expected.describe(values)),
            Primitive::SshdOption { key, expected } => format!("sshd {} {}", key.0, expected.describe(values)),
            Primitive::KeyValue { file, key, expected, .. } => {
                format!("{} {} {}", file.0, key.0, expected.describe(values))
            }
            Primitive::IniOption { file, section, key, expected } => {
                format!("{} [{}] {} = {}", file.0, section.0, key.0, expected.describe(values))
            }
            Primitive::SudoOption { key, expected } => format!("sudo {} = {}", key.0, expected.describe(values)),
            Primitive::KernelCmdline { option, expected } => {
                format!("kernel command line {}={}", option.0, expected.describe(values))
            }
            Primitive::Accounts { check } => format!("accounts {}", check.as_str()),
            Primitive::Script { .. } => "script".to_owned(),
            other => {
                let Call { name, arguments } = other.call(Verb::Persisted, values);
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).filter(|a| !a.is_empty()).collect();
                format!("{} {}", name.replace('_', " "), arguments.join(" "))
            }
        }
    }

    fn call(&self, verb: Verb, values: &Values) -> Call {
        let expect = |first: Vec<&str>, expected: &Expected| {
            let mut all: Vec<String> = first.into_iter().map(str::to_owned).collect();
            all.push(expected.compare.as_str().to_owned());
            all.push(expected.value.resolve(values));
            all
        };
        let (name, arguments) = match self {
            Primitive::Sysctl { key, expected } => ("sysctl", expect(vec![&key.0], expected)),
            Primitive::KernelModule { name } => ("kernel_module", vec![name.0.clone()]),
            Primitive::FileMode { paths, mode, user, group, optional, create } => {
                let first = match (verb, optional, create) {
                    (Verb::Apply, _, true) => "yes",
                    (Verb::Apply, _, false) => "no",
                    (_, true, _) => "not_applicable",
                    (_, false, _) => "fail",
                };
                let mut all = vec![first.to_owned(), format!("{:04o}", mode.0), either(user), either(group)];
                all.extend(paths_of(paths));
                ("file_mode", all)
            }
            Primitive::PackageAbsent { names } => ("package_absent", words(names)),
            Primitive::PackagePresent { names } => ("package_present", words(names)),
            Primitive::ServiceEnabled { units } => ("service_enabled", words(units)),
            Primitive::ServiceDisabled { units } => ("service_disabled", words(units)),
            Primitive::MountOption { mount, file_system, options, required } => {
                let otherwise = if *required { "volume" } else { "" };
                let file_system = file_system.as_ref().map_or_else(|| otherwise.to_owned(), |word| word.0.clone());
                ("mount_option", vec![mount.0.clone(), file_system, words(options).join(",")])
            }
            Primitive::SshdOption { key, expected } => ("sshd_option", expect(vec![&key.0], expected)),
            Primitive::AuditRule { name, rules } => {
                let rules = rules.iter().map(|rule| rule.resolve(values));
                ("audit_rule", std::iter::once(name.0.clone()).chain(rules).collect())
            }
            Primitive::KeyValue { file, separator, key, expected } => {
                ("key_value", expect(vec![&file.0, separator.argument(), &key.0], expected))
            }
            Primitive::IniOption { file, section, key, expected } => {
                ("ini_option", expect(vec![&file.0, &section.0, &key.0], expected))
            }
            Primitive::PamModule { module, types } => {
                ("pam_module", std::iter::once(module.0.clone()).chain(words(types)).collect())
            }
            Primitive::PamRule { service, kind, control, module, arguments } => {
                let mut all: Vec<String> = [service, kind, control, module].map(|word| word.0.clone()).into();
                all.push(arguments.resolve(values));
                ("pam_rule", all)
            }
            Primitive::SudoOption { key, expected } => ("sudo_option", expect(vec![&key.0], expected)),
            Primitive::SudoForbid { word } => ("sudo_forbid", vec![word.resolve(values)]),
            Primitive::FileContent { path, mode, content } => {
                ("file_content", vec![path.0.clone(), format!("{:04o}", mode.0), content.resolve(values)])
            }
            Primitive::FileAbsent { paths } => ("file_absent", paths_of(paths)),
            Primitive::KernelCmdline { option, expected } => ("kernel_cmdline", expect(vec![&option.0], expected)),
            Primitive::Nftables { part, inbound, outbound } => {
                ("nftables", vec![part.as_str().to_owned(), inbound.resolve(values), outbound.resolve(values)])
            }
            Primitive::Accounts { check } => ("accounts", vec![check.as_str().to_owned()]),
            // Rendered from their own text; they never come here.
            Primitive::Script { .. } => ("script", Vec::new()),
        };
        Call { name, arguments }
    }
}
