//! `fleet: notify:` of the factory file.

use super::super::{Audience, Heard, Hook, Notify, tables};
use super::distribution::by_name;
use super::fleet::Known;
use super::{aws_value, distinct, known, maybe};
use crate::source::{Diagnostics, Node, Value, printable};

/// Reads it.
pub(super) fn notify(node: &Node, names: &Known<'_>, diagnostics: &mut Diagnostics) -> Option<Notify> {
    let mut reader = tables::NOTIFY.read(node, diagnostics)?;
    let audiences = reader.take("audiences").and_then(|node| {
        let audiences = by_name(node, "audiences", diagnostics, |node, d| audience(node, names, d))?;
        if audiences.is_empty() {
            diagnostics.report(&node.span, "no audience: nobody would be told");
            return None;
        }
        Some(audiences)
    });
    let metrics = maybe(&mut reader, "metrics", diagnostics, |node, d| node.boolean(d));
    let factory = maybe(&mut reader, "factory", diagnostics, |node, d| node.parse(d));
    reader.finish();
    Some(Notify { audiences: audiences?, metrics: metrics?.unwrap_or_default(), factory: factory? })
}

fn audience(node: &Node, names: &Known<'_>, diagnostics: &mut Diagnostics) -> Option<Audience> {
    let mut reader = tables::AUDIENCE.read(node, diagnostics)?;
    let recipes = maybe(&mut reader, "recipes", diagnostics, |node, d| {
        let all = || names.recipes.iter().map(String::as_str);
        distinct(node, "recipes", d, |node, d| known(node, "recipe", |name| names.recipes.contains(name), all(), d))
    });
    let accounts =
        maybe(&mut reader, "accounts", diagnostics, |node, d| distinct(node, "accounts", d, |node, d| node.parse(d)));
    let levels = maybe(&mut reader, "levels", diagnostics, |node, d| distinct(node, "levels", d, level));
    let sns = maybe(&mut reader, "sns", diagnostics, |node, d| node.parse(d));
    let webhook = maybe(&mut reader, "webhook", diagnostics, hook);
    let opscenter = maybe(&mut reader, "opscenter", diagnostics, |node, d| node.boolean(d));
    reader.finish();
    let audience = Audience {
        recipes: recipes?.unwrap_or_default(),
        accounts: accounts?.unwrap_or_default(),
        levels: levels?.unwrap_or_default(),
        sns: sns?,
        webhook: webhook?,
        opscenter: opscenter?.unwrap_or_default(),
    };
    if audience.sns.is_none() && audience.webhook.is_none() && !audience.opscenter {
        let help = "name where it is told: `sns`, `webhook` or `opscenter: true`";
        diagnostics.report_with_help(&node.span, "an audience that nobody reaches", help);
        return None;
    }
    Some(audience)
}

fn level(node: &Node, diagnostics: &mut Diagnostics) -> Option<Heard> {
    Some(match node.one_of("level", &Heard::WORDS, diagnostics)? {
        "fail" => Heard::Fail,
        "unknown" => Heard::Unknown,
        _ => Heard::Warn,
    })
}

fn hook(node: &Node, diagnostics: &mut Diagnostics) -> Option<Hook> {
    // It is a secret that should not stand here, and even less in a log: the line is shown without it.
    if let Value::Scalar { .. } = &node.value {
        let help = "name where it stands: `webhook: {env: FLEET_WEBHOOK}` or `webhook: {parameter: /fleet/webhook}`";
        diagnostics.report_with_help(
            &node.span.hidden(),
            "a webhook's address is a secret, and stands in no file",
            help,
        );
        return None;
    }
    let mut reader = tables::HOOK.read(node, diagnostics)?;
    let env = maybe(&mut reader, "env", diagnostics, variable);
    let parameter = maybe(&mut reader, "parameter", diagnostics, aws_value::secret);
    reader.finish();
    match (env?, parameter?) {
        (Some(name), None) => Some(Hook::Env(name)),
        (None, Some(name)) => Some(Hook::Parameter(name)),
        // Told by the table.
        _ => None,
    }
}

fn variable(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    let valid = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.len() <= 128;
    if !valid {
        let message = format!("`{}` is not the name of a variable", printable(text));
        diagnostics.report_with_help(&node.span, message, "letters, digits and _, starting with a letter or _");
        return None;
    }
    Some(text.to_owned())
}
