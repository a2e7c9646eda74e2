//! JSON Schema (draft 7) of the files, for editors. Made from the tables that the decoder reads with.

use super::shape::{Kind, Shape};
use super::tables;
use serde_json::{Map, Value, json};

/// The schema of `recipes/*.yaml`.
pub fn recipe() -> Value {
    document("recipe", "An amifactory recipe: what an image is made of.", &tables::RECIPE)
}

/// The schema of `recipes/groups/*.yaml`.
pub fn group() -> Value {
    document("group", "An amifactory package group: packages and steps that recipes share.", &tables::GROUP)
}

/// The schema of `amifactory.yaml`.
pub fn factory() -> Value {
    document("factory", "The settings of an amifactory folder.", &tables::FACTORY)
}

fn document(name: &str, description: &str, shape: &'static Shape) -> Value {
    let mut schema = map(shape);
    schema.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".into(), json!(format!("amifactory {name}")));
    schema.insert("description".into(), json!(description));
    Value::Object(schema)
}

fn map(shape: &'static Shape) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".into(), json!("object"));
    schema.insert("additionalProperties".into(), json!(false));
    let property = |key: &'static super::shape::Key| {
        let mut schema = kind(&key.kind);
        schema.insert("description".into(), json!(key.doc));
        (key.name.to_owned(), Value::Object(schema))
    };
    schema.insert("properties".into(), Value::Object(shape.keys.iter().map(property).collect()));
    let required: Vec<&str> = shape.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    if !shape.one_of.is_empty() {
        let each: Vec<Value> = shape.one_of.iter().map(|keys| alternative(keys)).collect();
        schema.insert("oneOf".into(), json!(each));
    }
    if !shape.pairs.is_empty() {
        let pairs = shape.pairs.iter().map(|(name, other)| ((*name).to_owned(), json!([other])));
        schema.insert("dependencies".into(), Value::Object(pairs.collect()));
    }
    schema
}

/// At least one of these keys is there.
fn alternative(keys: &[&str]) -> Value {
    match keys {
        [key] => json!({ "required": [key] }),
        keys => json!({ "anyOf": keys.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() }),
    }
}

fn kind(of: &'static Kind) -> Map<String, Value> {
    let schema = match of {
        Kind::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Kind::NumberLike(pattern) => json!({ "type": ["string", "number"], "pattern": pattern }),
        Kind::Line => json!({ "type": ["string", "number", "boolean"], "minLength": 1, "pattern": "^[^\\n]*$" }),
        Kind::Block => json!({ "type": "string", "minLength": 1 }),
        Kind::Words(words) => json!({ "enum": words }),
        Kind::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Number(least, most) => json!({ "type": "number", "minimum": least, "maximum": most }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Value => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Few(most, item) => json!({ "type": "array", "items": kind(item), "maxItems": most }),
        Kind::List(item) => json!({ "type": "array", "items": kind(item) }),
        Kind::Map(shape) => return map(shape),
        Kind::MapOf(pattern, value) => json!({
            "type": "object", "propertyNames": { "pattern": pattern }, "additionalProperties": kind(value),
        }),
        Kind::MapOfWords(words, value) => {
            let values = words.iter().map(|word| ((*word).to_owned(), Value::Object(kind(value))));
            let properties: Map<String, Value> = values.collect();
            json!({ "type": "object", "additionalProperties": false, "properties": properties, "minProperties": 1 })
        }
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() }),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}
