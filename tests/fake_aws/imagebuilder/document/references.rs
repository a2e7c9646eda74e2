//! `{{ name }}` in the inputs of steps: parameters, and what earlier steps printed (`{{ build.step.outputs.stdout }}`).

use std::collections::BTreeMap;

/// The text with all references replaced; the first one that names nothing otherwise. Braces around anything but a name
/// are no reference: `{{.Names}}` stays as it is.
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, after) = rest.split_at(start);
        out.push_str(before);
        let name = after.find("}}").map(|end| after[2..end].trim()).filter(|name| is_name(name));
        let Some(name) = name else {
            out.push_str("{{");
            rest = &after[2..];
            continue;
        };
        out.push_str(values.get(name).ok_or_else(|| name.to_owned())?);
        rest = &after[after.find("}}").unwrap_or_default() + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
