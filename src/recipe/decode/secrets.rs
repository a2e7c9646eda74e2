//! `secrets:` of a package group, and what scripts fetch.

use super::super::template::secret_uses;
use super::{aws_value, distinct};
use crate::source::{Diagnostics, Node, nearest};

/// As many names as one GetParameters call takes.
const MOST: usize = 10;

/// Reads `secrets:`.
pub(super) fn secrets(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let secrets = distinct(node, "secrets", diagnostics, aws_value::secret)?;
    if secrets.len() > MOST {
        let message = format!("{} secrets: a package group has at most {MOST}", secrets.len());
        diagnostics.report(&node.span, message);
        return None;
    }
    Some(secrets)
}

/// Reports what a script of a group fetches and the group does not declare. `None`: there was such a thing.
pub(super) fn check(run: &Node, declared: Option<&[String]>, diagnostics: &mut Diagnostics) -> Option<()> {
    let Some(declared) = declared else { return Some(()) };
    let script = run.text(&mut Diagnostics::new())?;
    let mut whole = true;
    for range in secret_uses(script).into_iter().filter_map(|found| found.name) {
        let name = &script[range.clone()];
        if declared.iter().any(|declared| declared == name) {
            continue;
        }
        let message = format!("the secret `{name}` is not declared by the package group");
        let help = match nearest(name, declared.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("list it: secrets: [{name}]"),
        };
        diagnostics.report_with_help(&run.locate(range), message, help);
        whole = false;
    }
    whole.then_some(())
}

/// Reports a test that fetches secrets. `None`: it does.
pub(super) fn refuse(run: &Node, diagnostics: &mut Diagnostics) -> Option<()> {
    let script = run.text(&mut Diagnostics::new())?;
    let uses = secret_uses(script);
    for found in &uses {
        let help = "a package group can: in a step, or in its health check";
        diagnostics.report_with_help(&run.locate(found.word.clone()), "a test can't fetch secrets", help);
    }
    uses.is_empty().then_some(())
}
