//! What changed between two plans, by component and in words.

use super::Inputs;

/// What components that stand for a whole bundle begin with.
pub const ORDER: &str = "order/";

/// Why an image has to be built: each component that differs from the image that there is.
///
/// An empty answer means that nothing differs.
pub fn changes(old: &Inputs, new: &Inputs) -> Vec<String> {
    // A whole bundle differs whenever a part of it does: it is worth naming only where its parts are the same.
    let is_whole = |component: &String| component.starts_with(ORDER);
    let parts = |inputs: &Inputs| Inputs(inputs.0.clone().into_iter().filter(|(name, _)| !is_whole(name)).collect());
    let reasons = of_components(&parts(old), &parts(new));
    if reasons.is_empty() { of_components(old, new) } else { reasons }
}

fn of_components(old: &Inputs, new: &Inputs) -> Vec<String> {
    let mut reasons = Vec::new();
    for (component, identity) in &new.0 {
        match old.0.get(component) {
            None => reasons.push(format!("{} added", noun(component))),
            Some(before) if before != identity => reasons.push(changed(component, before, identity)),
            Some(_) => {}
        }
    }
    for component in old.0.keys().filter(|component| !new.0.contains_key(*component)) {
        reasons.push(format!("{} removed", noun(component)));
    }
    reasons
}

fn changed(component: &str, before: &str, after: &str) -> String {
    // Identities are `readable` or `readable sha256:…`; only what reads differently is worth showing.
    let (old, new) = (readable(before), readable(after));
    match (old.is_empty() || new.is_empty(), old == new) {
        (false, false) => format!("{} changed: {old} → {new}", noun(component)),
        // A base whose content changed under one name: the name says which.
        _ if component == "base" && !new.is_empty() => format!("base changed ({new})"),
        _ => format!("{} changed", noun(component)),
    }
}

fn readable(identity: &str) -> &str {
    identity.split("sha256:").next().unwrap_or("").trim_end()
}

fn noun(component: &str) -> String {
    match component.split_once('/') {
        Some(("order", bundle)) => format!("the order of what the {bundle} bundle does"),
        Some(("health", name)) => format!("health of group {name}"),
        Some(("base", part)) => format!("{part} of the base"),
        Some(("control", slug)) => format!("control {slug}"),
        Some(("hardening", "network")) => "what controls may reach".to_owned(),
        Some(("group", name)) => format!("group {name}"),
        Some(("parameter", name)) => format!("parameter {name}"),
        Some(("volume", mount)) if !matches!(mount, "kms_key" | "size") => format!("the volume at /{mount}"),
        Some(("volume", "kms_key")) => "the volume's key".to_owned(),
        Some(("volume", what)) => format!("the volume's {what}"),
        Some(("test", name)) => format!("test \"{name}\""),
        _ => component.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(pairs: &[(&str, &str)]) -> Inputs {
        Inputs(pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
    }

    #[test]
    fn the_order_of_steps_is_named_only_where_nothing_else_differs() {
        let old = inputs(&[("group/a", "1.0.0 sha256:1"), ("order/apply", "sha256:1")]);
        let order = inputs(&[("group/a", "1.0.0 sha256:1"), ("order/apply", "sha256:2")]);
        let both = inputs(&[("group/a", "1.0.1 sha256:2"), ("order/apply", "sha256:3")]);
        assert_eq!(changes(&old, &order), ["the order of what the apply bundle does changed"]);
        assert_eq!(changes(&old, &both), ["group a changed: 1.0.0 → 1.0.1"]);
    }

    #[test]
    fn every_changed_component_is_named() {
        let old = inputs(&[
            ("base", "host Debian 12 sha256:aa"),
            ("control/core-dumps", "sha256:11"),
            ("group/nginx", "1.2.0 sha256:22"),
            ("group/old", "1.0.0 sha256:33"),
            ("tool", "bundle format 1 sha256:44"),
        ]);
        let new = inputs(&[
            ("base", "host Debian 12 sha256:ab"),
            ("control/core-dumps", "sha256:12"),
            ("group/nginx", "1.3.0 sha256:23"),
            ("parameter/nginx/port", "8080"),
            ("tool", "bundle format 1 sha256:44"),
        ]);
        assert_eq!(
            changes(&old, &new),
            [
                "base changed (host Debian 12)",
                "control core-dumps changed",
                "group nginx changed: 1.2.0 → 1.3.0",
                "parameter nginx/port added",
                "group old removed"
            ]
        );
        assert!(changes(&new, &new).is_empty());
        assert_ne!(old.digest(), new.digest());
    }
}
