//! Commands that are told work where they are pasted: who has named a target other than the factory file's has to name it again.
//!
//! Who tells a command knows what it is about, and not what was typed on the command line. So what is missing is put in where
//! text goes out to people: behind the verb, where every verb takes it.

use crate::identity::TargetKind;
use std::borrow::Cow;

/// The verbs that speak to a target.
const VERBS: [&str; 25] = [
    "adopt",
    "build",
    "diff",
    "distribute",
    "doctor",
    "fleet",
    "history",
    "images",
    "logs",
    "pin",
    "pipeline",
    "plan",
    "promote",
    "report",
    "resume",
    "retire",
    "revoke",
    "rollback",
    "rollout",
    "serve",
    "show",
    "sweep",
    "unpin",
    "verify",
    "iam-policy",
];
const PROGRAM: &str = "amifactory ";

/// The text, each of the program's own commands in it with the target, where it has none. `other`: the target that was named;
/// none where it is the one that the factory file names.
pub fn with_target(text: &str, other: Option<TargetKind>) -> Cow<'_, str> {
    let Some(target) = other else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PROGRAM) {
        let (before, from) = rest.split_at(at);
        let (program, command) = from.split_at(PROGRAM.len());
        out.push_str(before);
        out.push_str(program);
        rest = command;
        // A word that ends so is another program's, or the name of something.
        let is_program =
            !out[..out.len() - PROGRAM.len()].ends_with(|c: char| c.is_alphanumeric() || "-_./:".contains(c));
        let verb = VERBS.iter().find(|verb| is_verb(command, verb)).filter(|_| is_program && !names_target(command));
        if let Some(verb) = verb {
            out.push_str(&format!("{verb} --target {target}"));
            rest = &command[verb.len()..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn is_verb(command: &str, verb: &str) -> bool {
    let rest = command.strip_prefix(verb);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_'))
}

/// Up to where the command ends at the latest.
fn names_target(command: &str) -> bool {
    let end = [command.find(['\n', ';', '`']), command.find("&&"), command.find(PROGRAM)];
    let end = end.into_iter().flatten().min().unwrap_or(command.len());
    command[..end].contains("--target")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_names_the_target_once() {
        let told = |text| with_target(text, Some(TargetKind::Aws)).into_owned();
        let same =
            ["amifactory.yaml", "amifactory builds", "/amifactory fleet", "my-amifactory fleet", "amifactory init x"];
        for text in same {
            assert_eq!(told(text), text);
        }
        assert_eq!(
            told(
                "error: x\n  amifactory rollback web --channel prod; `amifactory fleet`\n  amifactory promote web --target aws\n"
            ),
            "error: x\n  amifactory rollback --target aws web --channel prod; `amifactory fleet --target aws`\n  amifactory \
             promote web --target aws\n"
        );
        assert_eq!(told("amifactory verify"), "amifactory verify --target aws");
        assert_eq!(
            told("amifactory history web shows who; amifactory unpin web"),
            "amifactory history --target aws web \
             shows who; amifactory unpin --target aws web"
        );
        assert!(matches!(with_target("amifactory verify", None), Cow::Borrowed("amifactory verify")));
    }
}
