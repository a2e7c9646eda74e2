//! BUILDING: an instance of the parent image, its components, and the AMI that is made of it.

use super::super::super::ec2::Home;
use super::super::images::Image;
use super::super::parent;
use super::instances::texts_of;
use super::toe::Stage;
use super::{End, Life, Problem};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the service waits for an AMI: 720 minutes for the step that makes it.
pub const AMI: Duration = Duration::from_secs(720 * 60);

impl Life {
    /// The AMI.
    pub async fn build(&self) -> Result<String, End> {
        let instance = self
            .step(("LaunchBuildInstance", "LaunchInstance"), json!({ "waitFor": "ssmAgent" }), self.launch_parent())
            .await?;
        let inputs = json!({ "instanceId": instance });
        let stage = Stage { instance: &instance, phases: &["build", "validate"] };
        self.step(("ApplyBuildComponents", "ExecuteComponents"), inputs.clone(), self.components(stage)).await?;
        match self.with(|image, _| image.metadata) {
            Some(true) => {
                let work = self.look_at_os(&instance);
                self.step(("InventoryCollection", "CollectImageMetadata"), inputs.clone(), work).await?;
            }
            _ => self.skip("InventoryCollection", "CollectImageMetadata", "Image metadata is not collected."),
        }
        // What the real script takes away is not taken away: an agent may run on this machine's own files.
        self.step(("RunSanitizeScript", "SanitizeInstance"), inputs.clone(), async { Ok(((), json!({}))) }).await?;
        self.skip("RunSysPrepScript", "RunSysPrep", "It is for Windows.");
        let ami = self.step(("CreateOutputAMI", "CreateImage"), inputs.clone(), self.create_ami(&instance)).await?;
        match self.setting("terminateInstanceOnCompletion") {
            Some(false) => self.skip("TerminateBuildInstance", "TerminateInstance", "The instance is to be kept."),
            _ => {
                let work = self.terminate(&instance);
                self.step(("TerminateBuildInstance", "TerminateInstance"), inputs, work).await?;
            }
        }
        Ok(ami)
    }

    async fn launch_parent(&self) -> Result<(String, Value), Problem> {
        let named = self.with(|image, _| image.recipe["parentImage"].as_str().map(str::to_owned)).flatten();
        let named = named.ok_or(Problem::Cancelled)?;
        let ami = {
            let mut world = self.fake.world();
            let now = world.clock.now();
            parent::resolve(&mut world, &self.home, &named, now)
        };
        let ami = ami.map_err(|failure| Problem::failed(failure.message))?;
        self.log(&format!("Resolved Image Recipe parent image {named} to AMI {ami}."));
        self.launch(&ami, "Build").await
    }

    /// The operating system, as far as the AMI's name tells it: the fake has no inventory.
    async fn look_at_os(&self, instance: &str) -> Result<((), Value), Problem> {
        let amazon = {
            let world = self.fake.world();
            let ami = world.ec2.instances.get(instance).map(|found| found.image.clone()).unwrap_or_default();
            world.ec2.images.get(&ami).is_some_and(|image| image.name.starts_with("al2023-ami"))
        };
        let os = amazon.then(|| "Amazon Linux 2023".to_owned());
        self.with(|image, _| image.os_version.clone_from(&os));
        Ok(((), json!({ "osVersion": os })))
    }

    async fn create_ami(&self, instance: &str) -> Result<(String, Value), Problem> {
        let image = self.image().ok_or(Problem::Cancelled)?;
        let (name, description) = self.words(&image, &self.home.region);
        let mut tags = self.own_tags();
        tags.extend(texts_of(&image.recipe["amiTags"]));
        let mut pairs = vec![("InstanceId".to_owned(), instance.to_owned()), ("Name".to_owned(), name)];
        if !description.is_empty() {
            pairs.push(("Description".to_owned(), description));
        }
        pairs.extend(tag_pairs(&tags));
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let made = self.ec2(&self.home.region, "CreateImage", &pairs).await;
        let made = made.map_err(|failure| Problem::failed(format!("{} ({})", failure.message, failure.code)))?;
        let ami = made.into_iter().next().ok_or(Problem::Cancelled)?;
        self.log(&format!("Creating image (image id: {ami})"));
        self.available(&ami).await?;
        Ok((ami.clone(), json!({ "imageId": ami })))
    }

    /// Waits for an AMI.
    pub async fn available(&self, ami: &str) -> Result<(), Problem> {
        self.wait(AMI, &format!("Image {ami} did not become available in time."), |world, now| {
            match world.ec2.images.get(ami) {
                None => Some(Err(format!("Image {ami} is not there any more."))),
                Some(image) => match *image.state.at(now) {
                    "available" => Some(Ok(())),
                    "failed" => {
                        let why = image.reason.as_ref().map_or("", |(_, message)| message.as_str());
                        Some(Err(format!("Image {ami} failed: {why}")))
                    }
                    _ => None,
                },
            }
        })
        .await
    }

    /// The tags of all that the service makes.
    pub fn own_tags(&self) -> Vec<(String, String)> {
        vec![
            ("CreatedBy".to_owned(), "EC2 Image Builder".to_owned()),
            ("Ec2ImageBuilderArn".to_owned(), self.arn.clone()),
        ]
    }

    /// Name and description of the AMI in a region.
    pub fn words(&self, image: &Image, region: &str) -> (String, String) {
        let list = image.distribution.as_ref().and_then(|found| found["distributions"].as_array());
        let own = list.into_iter().flatten().find(|one| one["region"] == region);
        let ami = own.map(|own| &own["amiDistributionConfiguration"]).unwrap_or(&Value::Null);
        let name = match ami["name"].as_str() {
            Some(name) => dated(name, &self.date),
            None => format!("{} {}", image.name, self.date),
        };
        // "Copies distributed to other Regions don't receive a description" of the recipe's.
        let home: &Home = &self.home;
        let usual = image.recipe["description"].as_str().filter(|_| region == home.region);
        (name, ami["description"].as_str().or(usual).unwrap_or_default().to_owned())
    }
}

/// `made {{ imagebuilder:buildDate }}` with its date.
fn dated(name: &str, date: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        match after.split_once("}}").filter(|(inner, _)| inner.trim() == "imagebuilder:buildDate") {
            Some((_, end)) => {
                out.push_str(date);
                rest = end;
            }
            None => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out + rest
}

/// `TagSpecification.N` for an image and its snapshots.
pub fn tag_pairs(tags: &[(String, String)]) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (kind, at) in [("image", 1), ("snapshot", 2)] {
        pairs.push((format!("TagSpecification.{at}.ResourceType"), kind.to_owned()));
        for (index, (key, value)) in tags.iter().enumerate() {
            pairs.push((format!("TagSpecification.{at}.Tag.{}.Key", index + 1), key.clone()));
            pairs.push((format!("TagSpecification.{at}.Tag.{}.Value", index + 1), value.clone()));
        }
    }
    pairs
}
