//! Filling templates in.

use super::super::ParameterValue;
use super::scan::Template;
use super::{kinds_of, shell, unknown};
use crate::hardening::shell::word;
use handlebars::Handlebars;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Why a template can't be filled in. `validate` finds all of these beforehand, with their places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template itself is wrong.
    #[error("line {line} of the template: {message}")]
    Template {
        /// Line of the template, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A name that has no value.
    #[error("{message}; give it a value under `parameters:`")]
    Undefined {
        /// Which name, and the nearest that exists.
        message: String,
    },
    /// A value that no template can hold.
    #[error("the value of `{name}` holds control characters")]
    Value {
        /// Whose value.
        name: String,
    },
    /// The template engine refused what the checks above let pass.
    #[error("the template can't be filled in: {0}")]
    Engine(String),
}

/// Fills a POSIX sh script in. Every value arrives as one quoted word.
pub fn render_script(template: &str, values: &BTreeMap<String, ParameterValue>) -> Result<String, TemplateError> {
    static ENGINE: OnceLock<Handlebars<'static>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| engine(word));
    render(engine, template, true, values)
}

/// Fills a file's content in. Values arrive as they are.
pub fn render_content(template: &str, values: &BTreeMap<String, ParameterValue>) -> Result<String, TemplateError> {
    static ENGINE: OnceLock<Handlebars<'static>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| engine(str::to_owned));
    render(engine, template, false, values)
}

fn engine(escape: fn(&str) -> String) -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(escape);
    engine
}

fn render(
    engine: &Handlebars<'_>,
    text: &str,
    script: bool,
    values: &BTreeMap<String, ParameterValue>,
) -> Result<String, TemplateError> {
    let (template, mut problems) = Template::scan(text);
    if script && problems.is_empty() {
        problems = shell::check(&template);
    }
    if let Some(problem) = problems.into_iter().next() {
        let line = text[..problem.range.start].bytes().filter(|b| *b == b'\n').count() + 1;
        return Err(TemplateError::Template { line, message: problem.message });
    }
    let kinds = kinds_of(values);
    for (name, _) in template.names() {
        match values.get(name) {
            None => {
                let (message, help) = unknown("parameter", name, kinds.keys().map(String::as_str));
                let message = help.map_or(message.clone(), |help| format!("{message}, {help}"));
                return Err(TemplateError::Undefined { message });
            }
            Some(ParameterValue::Text(value)) if value.chars().any(char::is_control) => {
                return Err(TemplateError::Value { name: name.to_owned() });
            }
            Some(_) => {}
        }
    }
    engine.render_template(text, values).map_err(|error| TemplateError::Engine(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::scan::{Literal, PieceKind, Test};
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, ParameterValue> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), ParameterValue::Text((*value).to_owned()))).collect()
    }

    #[test]
    fn whatever_a_value_holds_the_shell_sees_one_word() {
        for value in [
            "",
            "x",
            "a b",
            "it's",
            "'; touch /tmp/pwned; '",
            "$(id)",
            "`id`",
            "\\",
            "\\'",
            "\"",
            "*",
            "~",
            "-n",
            "#",
            "&lt;",
            "{{a}}",
            "}}",
            "ü",
            "!",
            "%s",
        ] {
            for script in [
                "printf '%s.' {{a}}",
                "printf '%s.' {{a}}''",
                "printf '%s.' \"$(printf '%s' {{a}})\"",
                "x={{a}}; printf '%s.' \"$x\"",
                "f() { printf '%s.' \"$1\"; }; f {{a}} # {{a}}",
                "{{#if (eq b \"on\")}}\nprintf '%s.' {{a}}\n{{/if}}\n",
            ] {
                let script = render_script(script, &values(&[("a", value), ("b", "on")])).unwrap();
                let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
                assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{value}."), "{script}");
            }
        }
    }

    #[test]
    fn a_name_without_a_value_is_an_error_even_in_a_branch_not_taken() {
        let text = "{{#if (eq a \"x\")}}\n{{missing}}\n{{/if}}\n";
        let error = render_script(text, &values(&[("a", "y")])).unwrap_err();
        assert!(matches!(error, TemplateError::Undefined { .. }), "{error}");
    }

    #[test]
    fn numbers_and_truth_values_keep_their_types_in_tests() {
        let mut all = values(&[("word", "x")]);
        all.insert("port".into(), ParameterValue::Integer(80));
        all.insert("tls".into(), ParameterValue::Boolean(false));
        let text =
            "{{#unless tls}}\nplain\n{{/unless}}\n{{#if (eq port 80)}}\nport {{port}}\n{{else}}\nother\n{{/if}}\nend\n";
        assert_eq!(render_content(text, &all).unwrap(), "plain\nport 80\nend\n");
        assert_eq!(render_script("x={{port}} y={{tls}}", &all).unwrap(), "x='80' y='false'");
    }

    #[test]
    fn the_lines_of_block_tags_leave_nothing_behind() {
        for (text, with, without) in [
            ("a\n  {{#if w}}  \n  b\n  {{/if}}\nc", "a\n  b\nc", "a\nc"),
            ("{{#if w}}\n{{/if}}\n", "", ""),
            ("{{#if w}}\na\n{{/if}}", "a\n", ""),
            ("x\n{{#if w}}\n\n a\n{{else}}\n\t b\n\n{{/if}}\n\ny", "x\n\n a\n\ny", "x\n\t b\n\n\ny"),
            ("{{#if w}}\n{{#if w}}\na\n{{/if}}\n{{/if}}\nb", "a\nb", "b"),
        ] {
            assert_eq!(render_content(text, &values(&[("w", "1")])).unwrap(), with, "{text:?}");
            assert_eq!(render_content(text, &values(&[("w", "")])).unwrap(), without, "{text:?}");
        }
    }

    #[test]
    fn values_that_break_lines_are_refused() {
        for value in ["a\nb", "\0", "\u{7f}", "\u{85}"] {
            assert!(render_content("{{a}}", &values(&[("a", value)])).is_err(), "{value:?}");
            assert!(render_script("{{a}}", &values(&[("a", value)])).is_err(), "{value:?}");
        }
    }

    /// What a template must come to, said without the engine.
    fn expected(
        template: &Template<'_>,
        values: &BTreeMap<String, ParameterValue>,
        escape: fn(&str) -> String,
    ) -> String {
        let is_block =
            |index: usize| template.pieces.get(index).is_some_and(|piece| !piece.is_text() && !piece.is_value());
        let mut out = String::new();
        let mut taken: Vec<bool> = Vec::new();
        for (index, piece) in template.pieces.iter().enumerate() {
            let on = taken.iter().all(|taken| *taken);
            match &piece.kind {
                PieceKind::Text => {
                    let mut text = &template.text[piece.range.clone()];
                    if index > 0 && is_block(index - 1) {
                        text = text.split_once('\n').map_or("", |(_, rest)| rest);
                    }
                    if is_block(index + 1) {
                        text = text.trim_end_matches([' ', '\t']);
                    }
                    out.push_str(if on { text } else { "" });
                }
                PieceKind::Value(name) if on => out.push_str(&escape(&values[*name].to_string())),
                PieceKind::Value(_) => {}
                PieceKind::Open { word, test } => {
                    let holds = match test {
                        Test::True(name) => match &values[*name] {
                            ParameterValue::Boolean(value) => *value,
                            ParameterValue::Integer(value) => *value != 0,
                            ParameterValue::Text(value) => !value.is_empty(),
                        },
                        Test::Equal(name, Literal::Text(word)) => {
                            values[*name] == ParameterValue::Text((*word).to_owned())
                        }
                        Test::Equal(name, Literal::Integer(number)) => {
                            values[*name] == ParameterValue::Integer(*number)
                        }
                    };
                    taken.push(holds == (*word == "if"));
                }
                PieceKind::Else => {
                    let last = taken.pop().unwrap();
                    taken.push(!last);
                }
                PieceKind::Close => drop(taken.pop()),
            }
        }
        out
    }

    #[test]
    fn the_engine_does_what_the_scanner_says_for_any_mix_of_parts() {
        const PARTS: &[&str] = &[
            "a",
            " ",
            "\n",
            "\n",
            "\t",
            "{",
            "}",
            "{{w}}",
            "{{ n }}",
            "{{b}}",
            "{{e}}",
            "\n{{#if w}}\n",
            "\n  {{#unless b}}  \n",
            "\n{{else}}\n",
            "\n\t{{/if}}\n",
            "\n{{/unless}}\n",
            "{{#if (eq n 5)}}\n",
            "{{/if}}",
            "{{/if}}\n",
            "\\",
            "$x",
            "'x'",
            "\"y\"",
            "# c",
            "ü",
            "\r",
            "{{#if e}}",
            "{{#if (eq w \"it's\")}}\n",
            "}}",
            "{ {",
            "&amp;",
            "<b>",
            "{{#if b}}\n{{/if}}\n",
        ];
        let mut all = values(&[("w", "it's <b> $x"), ("e", "")]);
        all.insert("n".into(), ParameterValue::Integer(5));
        all.insert("b".into(), ParameterValue::Boolean(true));
        let mut number: u64 = 7;
        let mut next = |bound: usize| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(number >> 33).unwrap() % bound
        };
        let mut rendered = 0;
        for _ in 0..30_000 {
            let text: String = (0..=next(9)).map(|_| PARTS[next(PARTS.len())]).collect();
            let (template, problems) = Template::scan(&text);
            if !problems.is_empty() {
                continue;
            }
            rendered += 1;
            assert_eq!(render_content(&text, &all).unwrap(), expected(&template, &all, str::to_owned), "{text:?}");
            if shell::check(&template).is_empty() {
                assert_eq!(render_script(&text, &all).unwrap(), expected(&template, &all, word), "{text:?}");
            }
        }
        assert!(rendered > 3000, "only {rendered} were templates");
    }
}
