//! Filters of `DescribeParameters` and `GetParametersByPath`.

use super::super::arguments::Arguments;
use super::super::refusal::Refusal;
use super::Parameter;
use super::names::is_below;

/// One filter: what it looks at, how, and for what.
#[derive(Debug, Clone)]
pub struct Filter {
    key: String,
    option: String,
    values: Vec<String>,
}

/// Reads `ParameterFilters`, of which only some keys are known to an operation.
pub fn read(arguments: &Arguments, keys: &[&str]) -> Result<Vec<Filter>, Refusal> {
    let mut filters: Vec<Filter> = Vec::new();
    for filter in arguments.structures("ParameterFilters")? {
        let key = filter.required("Key")?.to_owned();
        let known = keys.contains(&key.as_str()) || (keys.contains(&"tag") && key.starts_with("tag:"));
        if !known || filters.iter().any(|other| other.key == key) {
            return Err(Refusal::new(
                "InvalidFilterKey",
                format!(
                    "The following filter key is not valid: {key}. Valid filter keys include: [{}].",
                    keys.join(", ")
                ),
            ));
        }
        let default = if key == "Path" { "OneLevel" } else { "Equals" };
        let option = filter.text("Option")?.unwrap_or(default).to_owned();
        let options: &[&str] = match key.as_str() {
            "Name" => &["Equals", "BeginsWith", "Contains"],
            "Path" => &["OneLevel", "Recursive"],
            _ => &["Equals"],
        };
        if !options.contains(&option.as_str()) {
            return Err(Refusal::new(
                "InvalidFilterOption",
                format!(
                    "The following filter option is not valid: {option}. Valid options include: [{}].",
                    options.join(", ")
                ),
            ));
        }
        let values = filter.texts("Values")?;
        if values.is_empty() && !key.starts_with("tag:") {
            return Err(Refusal::new(
                "InvalidFilterValue",
                format!("The following filter values are missing: null for filter key {key}."),
            ));
        }
        filters.push(Filter { key, option, values });
    }
    Ok(filters)
}

impl Filter {
    pub fn admits(&self, name: &str, parameter: &Parameter) -> bool {
        let any = |test: &dyn Fn(&str) -> bool| self.values.iter().any(|value| test(value));
        if let Some(key) = self.key.strip_prefix("tag:") {
            return match parameter.tags.get(key) {
                Some(tag) => self.values.is_empty() || any(&|value| value == tag),
                None => false,
            };
        }
        match (self.key.as_str(), self.option.as_str()) {
            // Beside the slash in front: the real one finds `/a/b` by `a/b` as well.
            ("Name", "Equals") => any(&|value| name.trim_start_matches('/') == value.trim_start_matches('/')),
            ("Name", "BeginsWith") => {
                any(&|value| name.trim_start_matches('/').starts_with(value.trim_start_matches('/')))
            }
            ("Name", _) => any(&|value| name.contains(value)),
            ("Path", option) => any(&|value| is_below(name, value, option == "Recursive")),
            ("Type", _) => any(&|value| value == parameter.kind.name()),
            ("DataType", _) => any(&|value| value == parameter.data_type),
            ("Label", _) => any(&|value| parameter.versions.iter().any(|version| version.labels.contains(value))),
            ("Tier", _) => any(&|value| value == "Standard"),
            _ => false,
        }
    }
}
