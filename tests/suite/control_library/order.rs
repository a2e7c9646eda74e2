//! What is known to break images cannot happen: the order in which controls are applied, and what none of them does.
//! Each test names an accident that hardened images really had.

use amifactory::hardening::{Control, Ensure, Library, Phase, Primitive, SelectedControl, apply_steps, select};
use amifactory::identity::OsFamily;
use amifactory::recipe::{HardeningSpec, ParameterValue};
use std::collections::BTreeMap;

fn everything(library: &Library, family: OsFamily) -> Vec<SelectedControl> {
    let spec = HardeningSpec {
        profile: "cis-l1-server".into(),
        parameters: BTreeMap::new(),
        add: library.controls.keys().cloned().collect(),
        waivers: Vec::new(),
        network: None,
    };
    select(library, &spec, family, &[], &[]).unwrap()
}

/// The controls that a build applies, in its order.
fn applied(selected: &[SelectedControl]) -> Vec<&SelectedControl> {
    apply_steps(selected)
        .iter()
        .map(|step| {
            let slug = step.id.trim_start_matches("control/").trim_end_matches("/apply");
            selected.iter().find(|selected| selected.control.slug.as_str() == slug).unwrap()
        })
        .collect()
}

fn ensured(library: &Library) -> impl Iterator<Item = (&Control, &Ensure)> {
    library.controls.values().flat_map(|control| control.ensure.iter().map(move |ensure| (control, ensure)))
}

#[test]
fn phases_are_packages_config_services_audit_rules_firewall_seal() {
    let library = Library::embedded().unwrap();
    assert_eq!(
        Phase::ALL.map(|(phase, _)| phase),
        [Phase::Packages, Phase::Config, Phase::Services, Phase::AuditRules, Phase::Firewall, Phase::Seal]
    );
    for family in OsFamily::ALL {
        let selected = everything(&library, *family);
        let phases: Vec<Phase> = applied(&selected).iter().map(|selected| selected.control.phase).collect();
        assert!(phases.len() > 100, "{family}");
        assert!(phases.is_sorted(), "{family}: {phases:?}");
    }
}

/// A file that was changed before its package came is a conflict, or is lost.
#[test]
fn a_package_never_comes_after_the_files_that_it_brings() {
    let library = Library::embedded().unwrap();
    for (control, ensure) in ensured(&library) {
        if let Primitive::PackagePresent { .. } = ensure.primitive {
            assert_eq!(control.phase, Phase::Packages, "{}", control.slug);
        }
    }
}

/// Enabled before its settings are there, a service starts with the wrong ones. One that comes with its package is
/// enabled with it: the build starts nothing.
#[test]
fn a_service_is_enabled_after_its_settings() {
    let library = Library::embedded().unwrap();
    let brings = |control: &Control| {
        control.ensure.iter().any(|ensure| matches!(ensure.primitive, Primitive::PackagePresent { .. }))
    };
    for (control, ensure) in ensured(&library).filter(|(control, _)| !brings(control)) {
        if matches!(ensure.primitive, Primitive::ServiceEnabled { .. } | Primitive::ServiceDisabled { .. }) {
            assert!(control.phase >= Phase::Services, "{}", control.slug);
        }
    }
}

/// Loaded first, `-e 2` makes every later rule a no-op until the next boot: files of rules are loaded by name.
#[test]
fn the_rule_that_locks_the_audit_rules_is_the_last() {
    let library = Library::embedded().unwrap();
    let mut files: Vec<(&str, bool)> = Vec::new();
    for (control, ensure) in ensured(&library) {
        let Primitive::AuditRule { name, rules } = &ensure.primitive else { continue };
        assert_eq!(control.phase, Phase::AuditRules, "{}", control.slug);
        files.push((name.as_str(), rules.iter().any(|rule| rule.resolve(&BTreeMap::new()).starts_with("-e 2"))));
    }
    files.sort_unstable();
    assert!(files.len() > 15, "{files:?}");
    let locks: Vec<usize> = (0..files.len()).filter(|at| files[*at].1).collect();
    assert_eq!(locks, [files.len() - 1], "{files:?}");
}

/// A default-drop firewall kills the build that sets it: nothing of the build may come after it but what must see the
/// finished tree.
#[test]
fn the_firewall_is_the_last_that_needs_the_network() {
    let library = Library::embedded().unwrap();
    for control in library.controls.values() {
        let id = control.ids.get("cis-al2023-1.0.0").map_or("", String::as_str);
        if id.starts_with("3.4.2.") && !control.ensure.is_empty() {
            assert!(control.phase >= Phase::Firewall, "{} {id} is in phase {}", control.slug, control.phase);
        }
    }
    for family in OsFamily::ALL {
        let selected = everything(&library, *family);
        let order = applied(&selected);
        let first = order.iter().position(|selected| selected.control.phase >= Phase::Firewall).unwrap();
        for selected in &order[first..] {
            assert!(!selected.changes_packages(), "{family}: {} needs the network", selected.control.slug);
        }
    }
}

/// noexec on /var kills Run Command and user data, which keep their scripts there.
#[test]
fn var_is_never_noexec() {
    let library = Library::embedded().unwrap();
    let mut seen = 0;
    for (control, ensure) in ensured(&library) {
        let Primitive::MountOption { mount, options, .. } = &ensure.primitive else { continue };
        if ["/var", "/var/lib", "/var/lib/amazon", "/var/lib/cloud", "/opt", "/usr", "/"].contains(&mount.as_str()) {
            seen += 1;
            assert!(options.iter().all(|option| option.as_str() != "noexec"), "{}: {}", control.slug, mount.as_str());
        }
    }
    assert!(seen >= 2);
}

/// Ageing existing accounts locks out people who only have keys: new accounts' defaults are all that is set. And no
/// password is baked into an image.
#[test]
fn existing_accounts_keep_their_passwords_and_dates() {
    let library = Library::embedded().unwrap();
    for family in OsFamily::ALL {
        for selected in everything(&library, *family) {
            let body = selected.apply.unwrap_or_default();
            for word in ["chage", "chpasswd", "passwd --expire", "passwd -e", "usermod -p"] {
                assert!(!body.contains(word), "{family}: {} calls {word}", selected.control.slug);
            }
        }
    }
}

/// `UsePAM no` together with a locked password keeps key logins out.
#[test]
fn sshd_keeps_pam() {
    let library = Library::embedded().unwrap();
    let pam: Vec<String> = ensured(&library)
        .filter_map(|(_, ensure)| match &ensure.primitive {
            Primitive::SshdOption { key, expected } if key.as_str().eq_ignore_ascii_case("usepam") => {
                Some(expected.value.resolve(&BTreeMap::new()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(pam, ["yes"]);
}

/// A database of checksums from before the seal reports every sealed file: it belongs to the first boot.
#[test]
fn the_integrity_database_is_not_made_before_the_seal() {
    let library = Library::embedded().unwrap();
    for family in OsFamily::ALL {
        for selected in everything(&library, *family) {
            let body = selected.apply.unwrap_or_default();
            for call in ["aide --init", "aideinit"] {
                let runs = body.lines().any(|line| line.trim_start().starts_with(call));
                assert!(!runs, "{family}: {} runs {call} while the image is built", selected.control.slug);
            }
        }
    }
}

/// A public pool of time servers is out of reach in a closed network.
#[test]
fn time_comes_from_the_link_local_source() {
    let library = Library::embedded().unwrap();
    let default = library.parameters["time_source"].declaration.default.clone();
    assert_eq!(default, Some(ParameterValue::Text("169.254.169.123".into())));
}

/// What an image may lose by a control is said with the control.
#[test]
fn a_control_that_may_break_something_says_so() {
    let library = Library::embedded().unwrap();
    for (slug, what) in [
        ("kernel-module-squashfs-disabled", "snap"),
        ("tmp-noexec", "scripts"),
        ("var-tmp-noexec", "scripts"),
        ("shared-memory-noexec", "scripts"),
        ("selinux-enforcing", "boot"),
        ("ip-forwarding-disabled", "containers"),
        ("reverse-path-filtered", "multi-eni"),
        ("router-advertisements-refused", "ipv6"),
        ("default-umask", "agents"),
        ("log-files-restricted", "agents"),
        ("password-maximum-age", "login"),
        ("inactive-accounts-locked", "login"),
        ("login-failures-locked", "login"),
        ("su-restricted", "login"),
        ("sshd-root-login-disabled", "login"),
        ("cron-restricted", "jobs"),
        ("audit-rules-locked", "changes"),
        ("crypto-policy-not-legacy", "network"),
        ("nfs-server-absent", "network"),
    ] {
        let control = library.controls.get(slug).unwrap_or_else(|| panic!("there is no control {slug}"));
        assert!(control.breaks.iter().any(|breaks| breaks.what == what), "{slug} does not say that it breaks {what}");
    }
    // Snap carries the SSM agent on Ubuntu, and enforcing needs a relabelled tree: neither is for everyone.
    assert_eq!(library.controls["kernel-module-squashfs-disabled"].level, 2);
    assert_eq!(library.controls["selinux-enforcing"].level, 2);
    for control in library.controls.values() {
        for breaks in &control.breaks {
            assert!(breaks.how.ends_with('.') && breaks.how.len() > 20, "{}: {}", control.slug, breaks.how);
        }
    }
}
