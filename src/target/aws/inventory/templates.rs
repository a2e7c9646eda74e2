//! Launch templates: what each would launch by its default and by its latest version.

use super::super::api::{Api, CallError, op};
use super::See;
use super::resolve::Resolved;
use crate::target::{ByTemplate, Kind, NOT_THERE, NamedAt, Sighting};
use aws_sdk_ec2::types::LaunchTemplateVersion;
use std::collections::{BTreeMap, BTreeSet};

/// Versions per page (EC2 API reference, `DescribeLaunchTemplateVersions`: 1 to 200).
const PAGE: i32 = 200;
/// Without the id of a template these are asked of all templates (the same page, `LaunchTemplateVersion.N`).
const CURRENT: [&str; 2] = ["$Default", "$Latest"];
/// How a template, or what overrides one, has an image looked up at each launch.
pub const RESOLVE: &str = "resolve:ssm:";

/// A template, as far as it was read.
#[derive(Debug, Default)]
struct Template {
    name: String,
    default: i64,
    /// The image of each version; none where a version has none.
    images: BTreeMap<i64, Option<String>>,
}

/// All templates of an account and region, by their ids.
#[derive(Debug, Default)]
pub struct Templates {
    all: BTreeMap<String, Template>,
    /// They could not be read.
    unreadable: bool,
}

/// A template as something else names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Its id or its name.
    pub template: String,
    /// `$Default`, `$Latest` or a number; empty is the default.
    pub version: String,
}

/// The default and latest versions of all templates.
pub async fn read(api: &Api) -> Result<Templates, CallError> {
    let mut templates = Templates::default();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.ec2.describe_launch_template_versions().max_results(PAGE);
            let request = request.set_versions(Some(CURRENT.map(str::to_owned).to_vec()));
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_TEMPLATE_VERSIONS, "launch templates", ask).await?;
        answer.launch_template_versions().iter().for_each(|version| templates.add(version));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(templates);
        }
    }
}

impl Templates {
    /// Where they can't be read: nothing that names one can be told.
    pub fn unreadable() -> Templates {
        Templates { unreadable: true, ..Templates::default() }
    }

    /// Adds a version that was read.
    pub fn add(&mut self, version: &LaunchTemplateVersion) {
        let Some((id, number)) = version.launch_template_id().zip(version.version_number()) else { return };
        let template = self.all.entry(id.to_owned()).or_default();
        template.name = version.launch_template_name().unwrap_or_default().to_owned();
        if version.default_version() == Some(true) {
            template.default = number;
        }
        let image = version.launch_template_data().and_then(|data| data.image_id()).filter(|image| !image.is_empty());
        template.images.insert(number, image.map(str::to_owned));
    }

    /// Reads versions that groups name by their numbers.
    pub async fn add_pinned(&mut self, api: &Api, pinned: BTreeMap<String, BTreeSet<i64>>) -> Result<(), CallError> {
        for (id, numbers) in pinned {
            let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
            for some in numbers.chunks(PAGE as usize) {
                let ask = || {
                    let request = api.ec2.describe_launch_template_versions().launch_template_id(&id);
                    request.set_versions(Some(some.to_vec())).send()
                };
                match api.caller.call(op::DESCRIBE_TEMPLATE_VERSIONS, &id, ask).await {
                    Ok(answer) => answer.launch_template_versions().iter().for_each(|version| self.add(version)),
                    // Removed since: what names it has nothing to launch from, and says so.
                    Err(error) if error.is("InvalidLaunchTemplateId.NotFound") => {}
                    Err(error) if error.is("InvalidLaunchTemplateId.VersionNotFound") => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// A version that is named by its number and was not read yet.
    pub fn missing(&self, named: &Named) -> Option<(String, i64)> {
        let number = named.version.parse().ok()?;
        let (id, template) = self.find(&named.template)?;
        (!template.images.contains_key(&number)).then(|| (id.clone(), number))
    }

    /// All parameters that versions name their images by.
    pub fn parameters(&self) -> BTreeSet<String> {
        let images = self.all.values().flat_map(|template| template.images.values().flatten());
        images.filter_map(|image| image.strip_prefix(RESOLVE)).map(str::to_owned).collect()
    }

    /// What a template would launch that something else names: the image, and by what it has it.
    pub fn image(&self, named: &Named, at: NamedAt, resolved: &Resolved) -> (Result<String, String>, String) {
        let by = ByTemplate { template: &named.template, version: &named.version, at, parameter: None };
        let via = by.said();
        let why = |what: &str| (Err(format!("{via} {what}")), via.clone());
        if self.unreadable {
            return why("could not be read");
        }
        match self.version(named) {
            Some(Some(image)) => match image.strip_prefix(RESOLVE) {
                Some(parameter) => (resolved.image(parameter), ByTemplate { parameter: Some(parameter), ..by }.said()),
                None => (Ok(image.clone()), via),
            },
            Some(None) => why("names no image"),
            None => why(NOT_THERE),
        }
    }

    /// The image of a version, if it has one, as it is written there; none: there is no such version.
    fn version(&self, named: &Named) -> Option<Option<&String>> {
        let (_, template) = self.find(&named.template)?;
        let number = match named.version.as_str() {
            "" | "$Default" => Some(template.default),
            "$Latest" => template.latest(),
            number => number.parse().ok(),
        };
        template.images.get(&number?).map(Option::as_ref)
    }

    /// What a template that something else names would launch, as it is written there: an image's id, or `resolve:ssm:` and
    /// a parameter.
    pub fn written(&self, named: &Named) -> Option<&str> {
        self.version(named).flatten().map(String::as_str)
    }

    fn find(&self, named: &str) -> Option<(&String, &Template)> {
        self.all.get_key_value(named).or_else(|| self.all.iter().find(|(_, template)| template.name == named))
    }

    /// Shows the default and the latest version of each. A version without an image launches nothing by itself: whatever
    /// names it brings the image.
    pub fn sightings(&self, resolved: &Resolved, see: See<'_>) {
        for (id, template) in &self.all {
            let current: BTreeSet<i64> = [Some(template.default), template.latest()].into_iter().flatten().collect();
            for number in current {
                let Some(Some(image)) = template.images.get(&number) else { continue };
                let parameter = image.strip_prefix(RESOLVE);
                see(Sighting {
                    kind: Kind::LaunchTemplate,
                    id: format!("{id}:{number}"),
                    name: template.name.clone(),
                    group: None,
                    image: parameter.map_or_else(|| Ok(image.clone()), |parameter| resolved.image(parameter)),
                    via: parameter.map(|_| image.clone()),
                    stopped: false,
                    builder: false,
                });
            }
        }
    }
}

impl Template {
    /// Only the latest, the default and those that groups name are read, so the highest number is the latest.
    fn latest(&self) -> Option<i64> {
        self.images.keys().next_back().copied()
    }
}
