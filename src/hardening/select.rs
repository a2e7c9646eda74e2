//! What a recipe asks of its hardening, resolved for one OS family: which controls, with which values, and what is to
//! be done with each.

use super::control::{Choice, Control, Ensure};
use super::evidence::AuditKind;
use super::library::Library;
use super::primitive::Verb;
use super::shell::{self, NulError};
use super::value::Values;
use crate::identity::{OsFamily, RecipeName, Slug};
use crate::recipe::{HardeningSpec, ImpliedException, Waiver};
use crate::source::nearest;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done with a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is applied and audited.
    Apply,
    /// On record as not met. It is audited, not applied.
    Waived(Waiver),
    /// A package group makes it impossible, for this reason. It is audited, not applied.
    Implied(String),
    /// A person has to look, at this.
    Manual(String),
    /// It means nothing on this OS family.
    NotForFamily,
    /// Another of the benchmark's either-or answers was chosen, for this reason. It is neither applied nor audited.
    NotChosen(String),
}

/// A control as one image has it.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectedControl {
    /// The control.
    pub control: Control,
    /// What is done with it.
    pub disposition: Disposition,
    /// The gate asks for it.
    pub required: bool,
    /// The values of the parameters that it uses.
    pub parameters: Values,
    /// Shell text that applies it; none where there is nothing to apply.
    pub apply: Option<String>,
    /// Its audits.
    pub audits: Vec<SelectedAudit>,
    /// Where it is waived: the recipes below that have applied it all the same, the nearest first.
    pub applied_below: Vec<RecipeName>,
}

/// One audit of a selected control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedAudit {
    /// Persisted or runtime.
    pub kind: AuditKind,
    /// What it runs, for people.
    pub ran: String,
    /// Shell text.
    pub body: String,
}

/// What a recipe asks for that the library does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No such profile.
    #[error("there is no hardening profile `{name}`{}", did_you_mean(.near))]
    UnknownProfile {
        /// The name given.
        name: String,
        /// The nearest real one.
        near: Option<String>,
    },
    /// No such control.
    #[error("there is no control `{name}`{}", did_you_mean(.near))]
    UnknownControl {
        /// The slug given.
        name: Slug,
        /// The nearest real one.
        near: Option<String>,
    },
    /// A waiver for a control that the image does not have anyway.
    #[error("`{0}` is waived but is not in the profile: remove the waiver, or add the control")]
    NotSelected(Slug),
    /// No such parameter.
    #[error("there is no hardening parameter `{name}`{}", did_you_mean(.near))]
    UnknownParameter {
        /// The name given.
        name: String,
        /// The nearest real one.
        near: Option<String>,
    },
    /// A value that its parameter does not take.
    #[error("hardening parameter `{name}`: {why}")]
    Parameter {
        /// The parameter.
        name: String,
        /// Why not.
        why: String,
    },
    /// A value that can't be put into a script.
    #[error("control `{control}`: {source}")]
    Unquotable {
        /// The control.
        control: Slug,
        /// Why not.
        source: NulError,
    },
}

fn did_you_mean(near: &Option<String>) -> String {
    near.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

/// Resolves a recipe's hardening for one OS family. The controls come by section and benchmark id.
pub fn select(
    library: &Library,
    spec: &HardeningSpec,
    family: OsFamily,
    implied: &[ImpliedException],
    required: &[Slug],
) -> Result<Vec<SelectedControl>, Vec<SelectError>> {
    let mut errors = Vec::new();
    let (mut slugs, profile_values) = library.resolve_profile(&spec.profile).unwrap_or_else(|| {
        let near = nearest(&spec.profile, library.profiles.keys().map(String::as_str)).map(str::to_owned);
        errors.push(SelectError::UnknownProfile { name: spec.profile.clone(), near });
        (BTreeSet::new(), Values::new())
    });
    slugs.extend(spec.add.iter().cloned());
    for slug in spec.add.iter().chain(spec.waivers.iter().map(|waiver| &waiver.control)) {
        if !library.controls.contains_key(slug) {
            let near = nearest(slug.as_str(), library.controls.keys().map(Slug::as_str)).map(str::to_owned);
            errors.push(SelectError::UnknownControl { name: slug.clone(), near });
        } else if !slugs.contains(slug) {
            errors.push(SelectError::NotSelected(slug.clone()));
        }
    }
    let mut values = library.defaults();
    values.extend(profile_values);
    check_parameters(library, &spec.parameters, &mut errors);
    values.extend(spec.parameters.clone());
    let mut selected: Vec<SelectedControl> = Vec::new();
    for control in slugs.iter().filter_map(|slug| library.controls.get(slug)) {
        let disposition = disposition(control, family, &spec.waivers, implied, &values);
        match resolve(control, disposition, family, required, &values) {
            Ok(resolved) => selected.push(resolved),
            Err(source) => errors.push(SelectError::Unquotable { control: control.slug.clone(), source }),
        }
    }
    selected.sort_by(|a, b| order(&a.control).cmp(&order(&b.control)));
    if errors.is_empty() { Ok(selected) } else { Err(errors) }
}

fn check_parameters(library: &Library, given: &Values, errors: &mut Vec<SelectError>) {
    for (name, value) in given {
        match library.parameters.get(name) {
            None => {
                let near = nearest(name, library.parameters.keys().map(String::as_str)).map(str::to_owned);
                errors.push(SelectError::UnknownParameter { name: name.clone(), near });
            }
            Some(parameter) => {
                if let Some(why) = parameter.refuses(value) {
                    errors.push(SelectError::Parameter { name: name.clone(), why });
                }
            }
        }
    }
}

/// By section, then by the first benchmark id as numbers, then by name.
fn order(control: &Control) -> (u8, Vec<u32>, &Slug) {
    let id = control.ids.values().next().map(String::as_str).unwrap_or("999");
    (control.section, id.split('.').filter_map(|part| part.parse().ok()).collect(), &control.slug)
}

fn disposition(
    control: &Control,
    family: OsFamily,
    waivers: &[Waiver],
    implied: &[ImpliedException],
    values: &Values,
) -> Disposition {
    let means_something = control.families.contains(&family)
        && (control.manual.is_some() || for_family(control, family).next().is_some());
    if !means_something {
        return Disposition::NotForFamily;
    }
    if control.manual.is_none()
        && primitives(control, family, values).next().is_none()
        && let Some(choice) = for_family(control, family).find_map(|ensure| ensure.choice.as_ref())
    {
        let found = chosen(choice, values);
        let Choice { parameter, word } = choice;
        return Disposition::NotChosen(format!("the parameter {parameter} is {found}; this belongs to {word}"));
    }
    if let Some(waiver) = waivers.iter().find(|waiver| waiver.control == control.slug) {
        return Disposition::Waived(waiver.clone());
    }
    if let Some(exception) = implied.iter().find(|exception| exception.control == control.slug) {
        return Disposition::Implied(exception.reason.clone());
    }
    match &control.manual {
        Some(what) => Disposition::Manual(what.clone()),
        None => Disposition::Apply,
    }
}

fn for_family(control: &Control, family: OsFamily) -> impl Iterator<Item = &Ensure> {
    control.ensure.iter().filter(move |ensure| ensure.families.is_empty() || ensure.families.contains(&family))
}

fn primitives<'a>(control: &'a Control, family: OsFamily, values: &'a Values) -> impl Iterator<Item = &'a Ensure> {
    for_family(control, family)
        .filter(|ensure| ensure.choice.as_ref().is_none_or(|choice| chosen(choice, values) == choice.word))
}

fn chosen(choice: &Choice, values: &Values) -> String {
    values.get(&choice.parameter).map(ToString::to_string).unwrap_or_default()
}

fn resolve(
    control: &Control,
    disposition: Disposition,
    family: OsFamily,
    required: &[Slug],
    values: &Values,
) -> Result<SelectedControl, NulError> {
    let mut used = Values::new();
    let mut apply = Vec::new();
    let mut audits: BTreeMap<AuditKind, (Vec<String>, Vec<String>)> = BTreeMap::new();
    if !matches!(disposition, Disposition::NotForFamily | Disposition::NotChosen(_)) {
        for Ensure { primitive, audit_only, choice, .. } in primitives(control, family, values) {
            for name in primitive.parameters().into_iter().chain(choice.iter().map(|choice| choice.parameter.as_str()))
            {
                if let Some(value) = values.get(name) {
                    used.insert(name.to_owned(), value.clone());
                }
            }
            if !audit_only {
                apply.extend(primitive.render(Verb::Apply, values)?);
            }
            for (kind, verb) in [(AuditKind::Persisted, Verb::Persisted), (AuditKind::Runtime, Verb::Runtime)] {
                if let Some(call) = primitive.render(verb, values)? {
                    let (ran, calls) = audits.entry(kind).or_default();
                    ran.push(primitive.describe(values));
                    calls.push(call);
                }
            }
        }
    }
    let apply = if apply.is_empty() { None } else { Some(guarded(control, &apply, Verb::Apply)?) };
    let audits = audits
        .into_iter()
        .map(|(kind, (ran, calls))| {
            let body = guarded(control, &calls, Verb::Persisted)?;
            let body = format!("af_audit_begin\n{body}af_audit_end\n");
            Ok(SelectedAudit { kind, ran: ran.join("; "), body })
        })
        .collect::<Result<_, NulError>>()?;
    let required = required.contains(&control.slug);
    Ok(SelectedControl {
        control: control.clone(),
        disposition,
        required,
        parameters: used,
        apply,
        audits,
        applied_below: Vec::new(),
    })
}

/// Calls, one per line, behind the question whether what the control is about is there at all.
fn guarded(control: &Control, calls: &[String], verb: Verb) -> Result<String, NulError> {
    let calls: String = calls.iter().map(|call| format!("{}\n", call.trim_end())).collect();
    let Some(condition) = &control.applies_when else { return Ok(calls) };
    let present = shell::call("af_present", condition.paths.iter().map(|path| path.as_str()))?;
    let otherwise = match verb {
        Verb::Apply => shell::call("echo", [format!("not applicable: {} is not installed", condition.what).as_str()])?,
        Verb::Persisted | Verb::Runtime => shell::call("af_not_applicable", [condition.what.as_str()])?,
    };
    Ok(format!("if {present}; then\n{calls}else\n{otherwise}\nfi\n"))
}

impl SelectedControl {
    /// Everything about it that decides the image's content, as one line with a fixed order. A waiver's text is not in
    /// it: whether there is one is.
    pub fn canonical(&self) -> String {
        let disposition = match &self.disposition {
            Disposition::Apply => "apply",
            Disposition::Waived(_) => "waived",
            Disposition::Implied(_) => "implied",
            Disposition::Manual(_) => "manual",
            Disposition::NotForFamily => "not-for-family",
            Disposition::NotChosen(_) => "not-chosen",
        };
        let audits: Vec<_> = self.audits.iter().map(|audit| json!([audit.kind, audit.body])).collect();
        json!([self.control.slug, disposition, self.parameters, self.apply, audits]).to_string()
    }

    /// What it is made of here: for this family, and as its parameters choose.
    pub fn ensured(&self, family: OsFamily) -> impl Iterator<Item = &Ensure> {
        primitives(&self.control, family, &self.parameters)
    }

    /// It is applied in this image.
    pub fn is_applied(&self) -> bool {
        self.disposition == Disposition::Apply && self.apply.is_some()
    }

    /// What applying it can break in this image, each as `network: how`.
    pub fn can_break(&self) -> Vec<String> {
        if self.is_applied() { self.control.breaks.iter().map(ToString::to_string).collect() } else { Vec::new() }
    }

    /// The packages that applying it installs, each with those that will do in its place; none where it installs
    /// nothing, empty where a script decides which.
    pub fn installs(&self, family: OsFamily) -> Option<Vec<Vec<String>>> {
        let applied = self.ensured(family).filter(|ensure| self.is_applied() && !ensure.audit_only);
        let all: Vec<Vec<String>> = applied.filter_map(|ensure| ensure.primitive.installs()).collect();
        (!all.is_empty()).then(|| all.into_iter().filter(|names| !names.is_empty()).collect())
    }

    /// Applying it may install or remove packages.
    pub fn changes_packages(&self) -> bool {
        self.is_applied() && self.control.ensure.iter().any(|ensure| ensure.primitive.is_about_packages())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AuditKind, apply_steps, audit_steps};
    use super::*;
    use crate::recipe::ParameterValue;
    use time::macros::date;

    fn spec() -> HardeningSpec {
        HardeningSpec {
            profile: "cis-l1-server".into(),
            parameters: BTreeMap::new(),
            add: Vec::new(),
            waivers: Vec::new(),
            network: None,
        }
    }

    fn find<'a>(selected: &'a [SelectedControl], slug: &str) -> &'a SelectedControl {
        selected.iter().find(|selected| selected.control.slug.as_str() == slug).unwrap()
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let library = Library::embedded().unwrap();
        let mut spec = spec();
        spec.profile = "cis-l1-servr".into();
        spec.add = vec!["kernel-module-cramfs-disable".parse().unwrap()];
        spec.parameters = Values::from([
            ("shell_timeot".to_owned(), ParameterValue::Integer(300)),
            ("shell_timeout".to_owned(), ParameterValue::Integer(5)),
            ("su_group".to_owned(), ParameterValue::Boolean(true)),
            ("login_banner".to_owned(), ParameterValue::Text("a\u{7}".into())),
            ("sudo_log_file".to_owned(), ParameterValue::Text("/var/log/sudo.log, !use_pty".into())),
        ]);
        spec.waivers = vec![Waiver {
            control: "sshd-tcp-forwarding-disabled".parse().unwrap(),
            reason: "r".into(),
            owner: "o".into(),
            ticket: None,
            expires: date!(2030 - 01 - 01),
        }];
        let errors = select(&library, &spec, OsFamily::Debian12, &[], &[]).unwrap_err();
        let text: Vec<String> = errors.iter().map(SelectError::to_string).collect();
        for part in [
            "`cis-l1-server`?",
            "`kernel-module-cramfs-disabled`?",
            "`shell_timeout`?",
            "from 60 to 900",
            "expected text",
            "control characters",
            "a path below /var/log",
            "add the control",
        ] {
            assert!(text.iter().any(|line| line.contains(part)), "{part}: {text:#?}");
        }
    }

    #[test]
    fn a_parameter_reaches_the_shell_quoted_and_the_canonical_form() {
        let library = Library::embedded().unwrap();
        let plain = select(&library, &spec(), OsFamily::Debian12, &[], &[]).unwrap();
        let mut changed = spec();
        let hostile = "it's $(touch /x) `id` \\";
        changed.parameters.insert("login_banner".into(), ParameterValue::Text(hostile.into()));
        let other = select(&library, &changed, OsFamily::Debian12, &[], &[]).unwrap();
        let body = find(&other, "motd-banner").apply.clone().unwrap();
        assert!(body.contains(&shell::quote(hostile).unwrap()), "{body}");
        let differing: Vec<&str> = plain
            .iter()
            .zip(&other)
            .filter(|(a, b)| a.canonical() != b.canonical())
            .map(|(a, _)| a.control.slug.as_str())
            .collect();
        assert_eq!(differing, ["motd-banner", "issue-banner", "issue-net-banner"]);
    }

    #[test]
    fn families_have_their_own_parts() {
        let library = Library::embedded().unwrap();
        let debian = select(&library, &spec(), OsFamily::Debian12, &[], &[]).unwrap();
        let amazon = select(&library, &spec(), OsFamily::AmazonLinux2023, &[], &[]).unwrap();
        assert_eq!(find(&debian, "selinux-installed").disposition, Disposition::NotForFamily);
        assert_eq!(find(&amazon, "apparmor-installed").disposition, Disposition::NotForFamily);
        assert!(find(&debian, "web-server-absent").apply.as_ref().unwrap().contains("'apache2'"));
        assert!(find(&amazon, "web-server-absent").apply.as_ref().unwrap().contains("'httpd'"));
        assert!(find(&debian, "selinux-installed").audits.is_empty());
    }

    #[test]
    fn phases_are_applied_in_order() {
        let library = Library::embedded().unwrap();
        let mut spec = spec();
        spec.add = library.controls.keys().cloned().collect();
        let selected = select(&library, &spec, OsFamily::Debian12, &[], &[]).unwrap();
        let steps = apply_steps(&selected);
        let at = |slug: &str| steps.iter().position(|step| step.id == format!("control/{slug}/apply")).unwrap();
        assert!(at("auditd-installed") < at("audit-log-size"));
        assert!(at("audit-log-size") < at("auditd-enabled"));
        assert!(at("auditd-enabled") < at("audit-sudoers"));
        assert!(at("audit-sudoers") < at("audit-config-mode"));
    }

    #[test]
    fn no_step_of_a_control_can_wait_for_ever() {
        let library = Library::embedded().unwrap();
        let mut spec = spec();
        spec.add = library.controls.keys().cloned().collect();
        let selected = select(&library, &spec, OsFamily::Debian12, &[], &[]).unwrap();
        let mut steps = apply_steps(&selected);
        steps.extend(audit_steps(&selected, &[AuditKind::Persisted, AuditKind::Runtime]));
        for step in steps {
            let installs = ["af_package_absent_apply", "af_package_present_apply", "af_install "];
            let least = if installs.iter().any(|word| step.body.contains(word)) { 900 } else { 300 };
            let seconds = step.timeout.map(|timeout| timeout.as_secs());
            assert!(seconds.is_some_and(|seconds| (least..=900).contains(&seconds)), "{}: {seconds:?}", step.id);
        }
    }
}
