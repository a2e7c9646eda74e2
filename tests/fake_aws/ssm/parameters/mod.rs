//! Parameter Store: what is stored, and every rule for changing it.

pub mod api;
mod filters;
mod labels;
mod names;
mod tags;

use super::refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

pub use names::{Selector, split};

/// Versions kept of one parameter: "Working with parameter versions" in the user guide.
pub const VERSIONS: usize = 100;
/// Longest value of a standard parameter: Systems Manager quotas.
pub const VALUE_LENGTH: usize = 4096;
/// Standard parameters of one account and region: the same place.
pub const PARAMETERS: usize = 10_000;
/// The data type whose values are looked up in EC2.
pub const IMAGE: &str = "aws:ec2:image";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    String,
    StringList,
    SecureString,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "String",
            Kind::StringList => "StringList",
            Kind::SecureString => "SecureString",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Parameter {
    pub kind: Kind,
    pub data_type: String,
    pub versions: VecDeque<Version>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct Version {
    pub number: u64,
    pub value: String,
    pub at: Instant,
    pub by: String,
    pub description: String,
    pub allowed_pattern: String,
    pub labels: BTreeSet<String>,
}

impl Parameter {
    pub fn newest(&self) -> Option<&Version> {
        self.versions.back()
    }

    pub fn select(&self, selector: &Selector) -> Option<&Version> {
        match selector {
            Selector::Newest => self.newest(),
            Selector::Version(number) => self.versions.iter().find(|version| version.number == *number),
            Selector::Label(label) => self.versions.iter().find(|version| version.labels.contains(label)),
        }
    }
}

/// What `PutParameter` asks for.
#[derive(Debug, Clone)]
pub struct Put {
    pub name: String,
    pub value: String,
    pub kind: Option<Kind>,
    pub data_type: Option<String>,
    pub description: String,
    pub allowed_pattern: String,
    pub tags: BTreeMap<String, String>,
    pub overwrite: bool,
    pub by: String,
    /// Whether the caller may call `ec2:DescribeImages`, with whose rights an image is looked up.
    pub may_describe_images: bool,
}

impl Put {
    /// What someone writes with another program, over what is there.
    pub fn by_hand(name: &str, value: &str) -> Put {
        Put {
            name: name.to_owned(),
            value: value.to_owned(),
            kind: Some(Kind::String),
            data_type: None,
            description: String::new(),
            allowed_pattern: String::new(),
            tags: BTreeMap::new(),
            overwrite: true,
            by: "arn:aws:iam::123456789012:user/colleague".to_owned(),
            may_describe_images: true,
        }
    }
}

/// A write whose image is still being looked up.
#[derive(Debug, Clone)]
struct Pending {
    put: Put,
    kind: Kind,
    due: Instant,
}

/// One account's parameters in one region.
#[derive(Debug, Clone, Default)]
pub struct Store {
    parameters: BTreeMap<String, Parameter>,
    pending: Vec<Pending>,
}

impl Store {
    /// Lets the writes of images that have been looked up by now happen, or vanish. A write whose image is not there,
    /// or whose caller could not have looked it up, leaves no trace, and neither does a creation that another one
    /// has overtaken.
    pub fn settle(&mut self, now: Instant, image_is_there: &dyn Fn(&str) -> bool) {
        let (mut due, waiting): (Vec<_>, Vec<_>) = self.pending.drain(..).partition(|write| write.due <= now);
        self.pending = waiting;
        due.sort_by_key(|write| write.due);
        for write in due {
            let overtaken = !write.put.overwrite && self.parameters.contains_key(&write.put.name);
            if write.put.may_describe_images && image_is_there(&write.put.value) && !overtaken {
                // The rules were checked when it was asked for; a limit reached since then makes it vanish too.
                let _ = self.write(write.put, write.kind, write.due);
            }
        }
    }

    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Parameter)> {
        self.parameters.iter()
    }

    /// Writes, and says which version it will be. A value that is an image appears `validation` later, if at all.
    pub fn put(&mut self, put: Put, now: Instant, validation: Duration) -> Result<u64, Refusal> {
        names::check(&put.name)?;
        check_value(&put.value)?;
        if !put.tags.is_empty() && put.overwrite {
            return Err(Refusal::validation(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
                 remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
                 RemoveTagsFromResource.",
            ));
        }
        tags::check(&BTreeMap::new(), &put.tags)?;
        check_pattern(&put)?;
        let kind = match self.parameters.get(&put.name) {
            None => put
                .kind
                .ok_or_else(|| Refusal::validation("A parameter type is required when you create a parameter."))?,
            Some(found) => self.check_overwrite(found, &put)?,
        };
        let is_image = match self.parameters.get(&put.name) {
            Some(found) => found.data_type == IMAGE,
            None => put.data_type.as_deref() == Some(IMAGE),
        };
        if !is_image {
            return self.write(put, kind, now);
        }
        if kind != Kind::String {
            return Err(Refusal::validation(format!("The data type {IMAGE} is for parameters of type String.")));
        }
        let waiting = self.pending.iter().filter(|write| write.put.name == put.name).count() as u64;
        let newest = self.parameters.get(&put.name).and_then(Parameter::newest).map_or(0, |version| version.number);
        self.pending.push(Pending { put, kind, due: now + validation });
        Ok(newest + waiting + 1)
    }

    fn check_overwrite(&self, found: &Parameter, put: &Put) -> Result<Kind, Refusal> {
        if !put.overwrite {
            return Err(Refusal::new(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
            ));
        }
        if put.kind.is_some_and(|kind| kind != found.kind) {
            return Err(Refusal::new(
                "HierarchyTypeMismatchException",
                "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't \
                 change a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
            ));
        }
        if put.data_type.as_ref().is_some_and(|data_type| *data_type != found.data_type) {
            return Err(Refusal::validation(format!(
                "The data type of parameter {} can't be changed from {}.",
                put.name, found.data_type
            )));
        }
        check_versions(&put.name, found)?;
        Ok(found.kind)
    }

    fn write(&mut self, put: Put, kind: Kind, at: Instant) -> Result<u64, Refusal> {
        if !self.parameters.contains_key(&put.name) && self.parameters.len() >= PARAMETERS {
            return Err(Refusal::new(
                "ParameterLimitExceeded",
                format!("You have exceeded the number of parameters for this account: {PARAMETERS}."),
            ));
        }
        let data_type = put.data_type.unwrap_or_else(|| "text".to_owned());
        let parameter = self.parameters.entry(put.name.clone()).or_insert_with(|| Parameter {
            kind,
            data_type,
            versions: VecDeque::new(),
            tags: put.tags,
        });
        check_versions(&put.name, parameter)?;
        if parameter.versions.len() >= VERSIONS {
            parameter.versions.pop_front();
        }
        let number = parameter.newest().map_or(0, |version| version.number) + 1;
        parameter.versions.push_back(Version {
            number,
            value: put.value,
            at,
            by: put.by,
            description: put.description,
            allowed_pattern: put.allowed_pattern,
            labels: BTreeSet::new(),
        });
        Ok(number)
    }

    /// Whether there was one.
    pub fn delete(&mut self, name: &str) -> bool {
        self.parameters.remove(name).is_some()
    }
}

/// The oldest version makes place for a new one, but not while it carries a label.
fn check_versions(name: &str, parameter: &Parameter) -> Result<(), Refusal> {
    match parameter.versions.front() {
        Some(oldest) if parameter.versions.len() >= VERSIONS && !oldest.labels.is_empty() => Err(Refusal::new(
            "ParameterMaxVersionLimitExceeded",
            format!(
                "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite \
                 flag. Version {}, the oldest version, can't be deleted because it has a label associated with it. \
                 Move the label to another version of the parameter, and try again.",
                oldest.number
            ),
        )),
        _ => Ok(()),
    }
}

fn check_value(value: &str) -> Result<(), Refusal> {
    if value.is_empty() {
        return Err(super::arguments::constraint("", "Value", "Member must have length greater than or equal to 1"));
    }
    if value.len() > VALUE_LENGTH {
        return Err(Refusal::validation(format!(
            "Standard tier parameters support a maximum parameter value of {VALUE_LENGTH} characters. To create a \
             larger parameter value, upgrade the parameter to use the advanced-parameter tier."
        )));
    }
    if value.contains("{{") {
        return Err(Refusal::validation(
            "Parameter value can't nest another parameter. Do not use \"{{}}\" or \"{{ssm:parameter-name}}\" in the \
             value.",
        ));
    }
    Ok(())
}

/// No regular expressions here: a pattern is refused rather than taken and not looked at.
fn check_pattern(put: &Put) -> Result<(), Refusal> {
    match put.allowed_pattern.is_empty() {
        true => Ok(()),
        false => Err(Refusal::new("InvalidAllowedPatternException", "This fake does not know AllowedPattern.")),
    }
}
