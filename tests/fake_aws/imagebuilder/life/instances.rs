//! Instances of a build: launched by the infrastructure configuration, and ended.

use super::super::super::ssm::nodes::{Presence, presence};
use super::{Life, Problem};
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::time::Duration;

/// How long the service waits for an instance's agent.
const ONLINE: Duration = Duration::from_secs(30 * 60);

/// Types that the service takes where none are given, by architecture.
const USUAL: [(&str, &[&str]); 2] = [("x86_64", &["t3.large", "m5.large"]), ("arm64", &["t4g.large", "m6g.large"])];

impl Life {
    /// Launches an instance of an AMI, and waits for its agent. `purpose`: `Build` or `Test`.
    pub async fn launch(&self, ami: &str, purpose: &str) -> Result<(String, Value), Problem> {
        let image = self.image().ok_or(Problem::Cancelled)?;
        let (infrastructure, recipe) = (&image.infrastructure, &image.recipe);
        let mut pairs = vec![
            ("ImageId".to_owned(), ami.to_owned()),
            ("MinCount".to_owned(), "1".to_owned()),
            ("MaxCount".to_owned(), "1".to_owned()),
        ];
        let mut tags: Vec<(String, String)> = vec![
            ("CreatedBy".to_owned(), "EC2 Image Builder".to_owned()),
            ("Ec2ImageBuilderArn".to_owned(), self.arn.clone()),
            ("Name".to_owned(), format!("{purpose} instance for {}", image.name)),
        ];
        tags.extend(texts_of(&infrastructure["resourceTags"]));
        for (kind, at) in [("instance", 1), ("volume", 2)] {
            pairs.push((format!("TagSpecification.{at}.ResourceType"), kind.to_owned()));
            for (index, (key, value)) in tags.iter().enumerate() {
                pairs.push((format!("TagSpecification.{at}.Tag.{}.Key", index + 1), key.clone()));
                pairs.push((format!("TagSpecification.{at}.Tag.{}.Value", index + 1), value.clone()));
            }
        }
        let mut given = |name: &str, value: &Value| {
            if let Some(text) = value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|n| n.to_string())) {
                pairs.push((name.to_owned(), text));
            }
        };
        given("IamInstanceProfile.Name", &infrastructure["instanceProfileName"]);
        given("SubnetId", &infrastructure["subnetId"]);
        given("KeyName", &infrastructure["keyPair"]);
        given("Placement.AvailabilityZone", &infrastructure["placement"]["availabilityZone"]);
        given("MetadataOptions.HttpTokens", &infrastructure["instanceMetadataOptions"]["httpTokens"]);
        given(
            "MetadataOptions.HttpPutResponseHopLimit",
            &infrastructure["instanceMetadataOptions"]["httpPutResponseHopLimit"],
        );
        for (index, group) in infrastructure["securityGroupIds"].as_array().into_iter().flatten().enumerate() {
            given(&format!("SecurityGroupId.{}", index + 1), group);
        }
        if purpose == "Build" {
            given("UserData", &recipe["additionalInstanceConfiguration"]["userDataOverride"]);
            pairs.extend(devices(&recipe["blockDeviceMappings"]));
        }
        self.log("Launching instance");
        let instance = self.launch_of_some_type(&pairs, ami, &infrastructure["instanceTypes"]).await?;
        self.instances.lock().unwrap_or_else(PoisonError::into_inner).push(instance.clone());
        self.log(&format!("Launched instance (instance id: {instance})"));
        self.online(&instance).await?;
        Ok((instance.clone(), json!({ "instanceId": instance })))
    }

    /// "Image Builder picks one of these instance types based on availability."
    async fn launch_of_some_type(
        &self,
        pairs: &[(String, String)],
        ami: &str,
        types: &Value,
    ) -> Result<String, Problem> {
        let mut kinds: Vec<String> = types.as_array().into_iter().flatten().filter_map(text).collect();
        if kinds.is_empty() {
            let architecture = self.fake.world().ec2.images.get(ami).map(|image| image.architecture.clone());
            let usual = USUAL.iter().find(|(name, _)| architecture.as_deref() == Some(*name));
            kinds = usual.map_or(Vec::new(), |(_, kinds)| kinds.iter().map(|kind| (*kind).to_owned()).collect());
        }
        let mut last = "No instance type fits the AMI.".to_owned();
        for kind in kinds {
            let mut all: Vec<(&str, &str)> =
                pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            all.push(("InstanceType", &kind));
            match self.ec2(&self.home.region, "RunInstances", &all).await {
                Ok(made) => return made.into_iter().next().ok_or(Problem::Cancelled),
                Err(failure) => {
                    let is_of_type = ["InsufficientInstanceCapacity", "Unsupported"].contains(&failure.code.as_str());
                    last = format!("{} ({})", failure.message, failure.code);
                    if !is_of_type {
                        break;
                    }
                }
            }
        }
        Err(Problem::failed(last))
    }

    /// Waits for the agent.
    pub async fn online(&self, instance: &str) -> Result<(), Problem> {
        self.log(&format!("Waiting for instance availability (id: {instance})"));
        let home = self.home.clone();
        self.wait(ONLINE, "SSM Agent verification failed", |world, now| match presence(world, &home, instance, now) {
            Presence::Online(_) => Some(Ok(())),
            Presence::Gone => Some(Err(format!("Instance {instance} is not running any more."))),
            Presence::Offline => None,
        })
        .await
    }

    /// Ends it, if the infrastructure configuration does not keep it.
    pub async fn terminate(&self, instance: &str) -> Result<((), Value), Problem> {
        let ended = self.ec2(&self.home.region, "TerminateInstances", &[("InstanceId.1", instance)]).await;
        ended.map_err(|failure| Problem::failed(failure.message))?;
        self.instances.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other != instance);
        Ok(((), json!({ "instanceId": instance })))
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The pairs of a map of texts.
pub fn texts_of(map: &Value) -> Vec<(String, String)> {
    let pairs = map.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}

/// A recipe's devices in the words of RunInstances.
fn devices(mappings: &Value) -> Vec<(String, String)> {
    let names = [
        ("encrypted", "Encrypted"),
        ("deleteOnTermination", "DeleteOnTermination"),
        ("iops", "Iops"),
        ("kmsKeyId", "KmsKeyId"),
        ("snapshotId", "SnapshotId"),
        ("volumeSize", "VolumeSize"),
        ("volumeType", "VolumeType"),
        ("throughput", "Throughput"),
    ];
    let mut pairs = Vec::new();
    for (index, device) in mappings.as_array().into_iter().flatten().enumerate() {
        let at = format!("BlockDeviceMapping.{}", index + 1);
        if let Some(name) = device["deviceName"].as_str() {
            pairs.push((format!("{at}.DeviceName"), name.to_owned()));
        }
        if device["noDevice"].is_string() {
            pairs.push((format!("{at}.NoDevice"), String::new()));
        }
        for (ours, theirs) in names {
            let value = &device["ebs"][ours];
            if !value.is_null() {
                let shown = text(value).unwrap_or_else(|| value.to_string());
                pairs.push((format!("{at}.Ebs.{theirs}"), shown));
            }
        }
    }
    pairs
}
