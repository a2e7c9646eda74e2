//! The JSON Schemas: committed ones are up to date, and schema and decoder agree on what is right and wrong.

use super::corpus::factory_with;
use super::recipes::{catalogue, root, today};
use amifactory::recipe::{load, schema};
use amifactory::source::{Diagnostics, Node, SourceFile, Value, parse};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn schemas() -> [(&'static str, Json); 3] {
    [("recipe", schema::recipe()), ("group", schema::group()), ("factory", schema::factory())]
}

#[test]
fn the_committed_schemas_are_up_to_date() {
    for (name, schema) in schemas() {
        let path = root().join(format!("schema/{name}.schema.json"));
        let now = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("AMIFACTORY_UPDATE_SCHEMA").is_some() {
            fs::write(&path, &now).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == now, "{name}.schema.json is stale: run this test with AMIFACTORY_UPDATE_SCHEMA=1");
    }
}

#[test]
fn every_key_says_what_it_is_for() {
    fn walk(schema: &Json, at: &str) {
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                let fixed = schema["minProperties"].is_number();
                let told = property["description"].as_str().is_some_and(|text| text.ends_with(['.', '"']));
                assert!(fixed || told, "{at}.{name} has no description");
                walk(property, &format!("{at}.{name}"));
            }
        }
        for inner in [&schema["items"], &schema["additionalProperties"]].into_iter().filter(|inner| inner.is_object()) {
            walk(inner, at);
        }
        for inner in schema["anyOf"].as_array().into_iter().flatten() {
            walk(inner, at);
        }
    }
    schemas().iter().for_each(|(name, schema)| walk(schema, name));
}

/// What an editor makes of a file: YAML's core types.
fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, node)| (key.text.clone(), to_json(node))).collect())
        }
        Value::Scalar { text, plain } => match (plain, text.as_str(), text.parse::<i64>(), text.parse::<f64>()) {
            (true, "true" | "false", _, _) => json!(text == "true"),
            (true, _, Ok(number), _) => json!(number),
            (true, _, _, Ok(number)) if number.is_finite() => json!(number),
            _ => json!(text),
        },
    }
}

fn read_json(path: &Path) -> Json {
    let file = Arc::new(SourceFile { path: "x".into(), text: fs::read_to_string(path).unwrap() });
    to_json(&parse(&file, &mut Diagnostics::new()).unwrap())
}

/// The part of JSON Schema that these schemas use, but for patterns.
fn valid(schema: &Json, value: &Json) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("the schema uses the type {other}"),
    };
    for (keyword, rule) in schema.as_object().unwrap() {
        let number = |rule: &Json| rule.as_f64().unwrap();
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "pattern" | "propertyNames" => true,
            "type" => match rule {
                Json::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
                name => is(name.as_str().unwrap()),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|value| value >= number(rule)),
            "maximum" => value.as_f64().is_none_or(|value| value <= number(rule)),
            "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= rule.as_u64().unwrap()),
            "minProperties" => value.as_object().is_none_or(|map| map.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(rule, item))),
            "anyOf" => rule.as_array().unwrap().iter().any(|rule| valid(rule, value)),
            "oneOf" => rule.as_array().unwrap().iter().filter(|rule| valid(rule, value)).count() == 1,
            "required" => value
                .as_object()
                .is_none_or(|map| rule.as_array().unwrap().iter().all(|n| map.contains_key(n.as_str().unwrap()))),
            "dependencies" => value.as_object().is_none_or(|map| {
                let needed = rule.as_object().unwrap().iter().filter(|(name, _)| map.contains_key(*name));
                needed
                    .flat_map(|(_, others)| others.as_array().unwrap())
                    .all(|other| map.contains_key(other.as_str().unwrap()))
            }),
            "properties" => value.as_object().is_none_or(|map| {
                map.iter().all(|(name, value)| rule.get(name).is_none_or(|schema| valid(schema, value)))
            }),
            "additionalProperties" => value.as_object().is_none_or(|map| {
                let other = map.iter().filter(|(name, _)| schema["properties"].get(name).is_none());
                other.into_iter().all(|(_, value)| if rule.is_boolean() { rule == true } else { valid(rule, value) })
            }),
            other => panic!("the schema uses {other}, which this test does not know"),
        };
        if !holds {
            return false;
        }
    }
    true
}

/// Files that between them hold every key, with the schema of each.
fn complete() -> Vec<(&'static str, Json)> {
    let recipe = schema::recipe();
    vec![
        ("amifactory.yaml", schema::factory()),
        ("recipes/everything.yaml", recipe.clone()),
        ("recipes/base.yaml", recipe.clone()),
        ("recipes/on-rootfs.yaml", recipe.clone()),
        ("recipes/on-tarball.yaml", recipe.clone()),
        ("recipes/on-oci.yaml", recipe.clone()),
        ("recipes/on-parameter.yaml", recipe.clone()),
        ("recipes/on-ami.yaml", recipe.clone()),
        ("recipes/on-newest.yaml", recipe),
        ("recipes/groups/everything.yaml", schema::group()),
    ]
}

#[test]
fn good_files_are_valid_under_their_schema() {
    let folder = factory_with("good/everything");
    for (path, schema) in complete() {
        assert!(valid(&schema, &read_json(&folder.path().join(path))), "{path}");
    }
    for (folder, schema) in [("recipes", schema::recipe()), ("recipes/groups", schema::group())] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "yaml") {
                assert!(valid(&schema, &read_json(&path)), "{}", path.display());
                let text = fs::read_to_string(&path).unwrap();
                assert!(text.starts_with("# yaml-language-server: $schema="), "{} names no schema", path.display());
            }
        }
    }
    assert!(valid(&schema::factory(), &read_json(&root().join("amifactory.yaml"))));
}

/// The paths of all keys that a schema knows, or that a file has.
fn keys_of_schema(schema: &Json, at: &str, all: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        all.insert(format!("{at}/{name}"));
        keys_of_schema(property, &format!("{at}/{name}"), all);
    }
    for inner in [&schema["items"], &schema["additionalProperties"]] {
        if inner.is_object() {
            keys_of_schema(inner, &format!("{at}/*"), all);
        }
    }
    for inner in schema["anyOf"].as_array().into_iter().flatten() {
        keys_of_schema(inner, at, all);
    }
}

fn keys_of_file(value: &Json, schema: &Json, at: &str, all: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let schemas = schema["anyOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
        for schema in schemas {
            let (step, inner) = match schema["properties"].get(name) {
                Some(inner) => (name.as_str(), inner.clone()),
                None => ("*", schema["additionalProperties"].clone()),
            };
            all.insert(format!("{at}/{step}"));
            keys_of_file(value, &inner, &format!("{at}/{step}"), all);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        keys_of_file(item, &schema["items"], &format!("{at}/*"), all);
    }
}

#[test]
fn the_complete_files_use_every_key_of_the_schemas() {
    let folder = factory_with("good/everything");
    let (mut known, mut used) = (BTreeSet::new(), BTreeSet::new());
    for (path, schema) in complete() {
        let title = schema["title"].as_str().unwrap().to_owned();
        keys_of_schema(&schema, &title, &mut known);
        keys_of_file(&read_json(&folder.path().join(path)), &schema, &title, &mut used);
    }
    let missing: Vec<&String> = known.difference(&used).collect();
    assert!(missing.is_empty(), "no complete file uses {missing:?}");
}

/// Every way to spoil one place of a value: another key, a missing key, a value of another kind.
fn spoilt(value: &Json) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    let wrong = |value: &Json| match value {
        Json::Object(_) | Json::Array(_) => vec![json!("words"), json!(7)],
        _ => vec![json!(["words"]), json!({ "words": 1 })],
    };
    match value {
        Json::Object(map) => {
            for (name, inner) in map {
                let mut without = map.clone();
                without.remove(name);
                all.push((format!("without {name}"), Json::Object(without.clone())));
                without.insert(format!("{name}x"), inner.clone());
                all.push((format!("{name} misspelt"), Json::Object(without)));
                let inner = wrong(inner).into_iter().map(|w| ("of another kind".to_owned(), w)).chain(spoilt(inner));
                for (what, inner) in inner {
                    let mut with = map.clone();
                    with.insert(name.clone(), inner);
                    all.push((format!("{name}: {what}"), Json::Object(with)));
                }
            }
        }
        Json::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                let inner = wrong(inner).into_iter().map(|w| ("of another kind".to_owned(), w)).chain(spoilt(inner));
                for (what, inner) in inner {
                    let mut with = items.clone();
                    with[index] = inner;
                    all.push((format!("{index}: {what}"), Json::Array(with)));
                }
            }
        }
        _ => {}
    }
    all
}

#[test]
fn what_the_schema_refuses_the_decoder_refuses() {
    let folder = factory_with("good/everything");
    let (mut both, mut decoder_only, mut neither) = (0, 0, 0);
    for (path, schema) in complete() {
        let path = folder.path().join(path);
        let text = fs::read_to_string(&path).unwrap();
        for (what, value) in spoilt(&read_json(&path)) {
            fs::write(&path, serde_json::to_string_pretty(&value).unwrap()).unwrap();
            let accepted = load(folder.path(), &catalogue(), today()).is_ok();
            match (valid(&schema, &value), accepted) {
                (false, true) => panic!("{}: {what}: the schema refuses it, the decoder does not", path.display()),
                (false, false) => both += 1,
                (true, false) => decoder_only += 1,
                (true, true) => neither += 1,
            }
        }
        fs::write(&path, text).unwrap();
    }
    // What only the decoder refuses are names that something else uses; what neither refuses are optional keys.
    eprintln!("{both} refused by both, {decoder_only} by the decoder only, {neither} by neither");
    assert!(both > 300 && both > 4 * decoder_only, "{both} {decoder_only} {neither}");
}
