//! DISTRIBUTING: the AMI is tagged and shared, and copied to other regions.

use super::super::images::{Ami, Image};
use super::build::tag_pairs;
use super::instances::texts_of;
use super::{End, Life, Problem};
use serde_json::{Value, json};

impl Life {
    /// All AMIs, the one at home first.
    pub async fn distribute(&self, ami: &str) -> Result<Vec<Ami>, End> {
        let inputs = json!({ "imageId": ami });
        self.step(("DistributeOutputAMI", "DistributeImage"), inputs, self.everywhere(ami)).await
    }

    async fn everywhere(&self, ami: &str) -> Result<(Vec<Ami>, Value), Problem> {
        let image = self.image().ok_or(Problem::Cancelled)?;
        let list = image.distribution.as_ref().and_then(|found| found["distributions"].as_array()).cloned();
        let mut list = list.unwrap_or_default();
        list.sort_by_key(|one| one["region"] != self.home.region.as_str());
        let mut amis = vec![self.told(&image, &self.home.region, ami)];
        for one in &list {
            let region = one["region"].as_str().unwrap_or_default();
            let configuration = &one["amiDistributionConfiguration"];
            let done = match region == self.home.region {
                true => self.finish(region, ami, configuration).await,
                false => self.copy(&image, region, ami, configuration).await.map(|copy| amis.push(copy)),
            };
            match done {
                Err(Problem::Failed { why, .. }) => return Err(not_distributed(region, &why)),
                Err(cancelled) => return Err(cancelled),
                Ok(()) => {}
            }
        }
        let outputs = json!({ "amis": amis.iter().map(|ami| ami.id.clone()).collect::<Vec<_>>() });
        Ok((amis, outputs))
    }

    fn told(&self, image: &Image, region: &str, id: &str) -> Ami {
        let (name, description) = self.words(image, region);
        Ami { region: region.to_owned(), id: id.to_owned(), name, description }
    }

    async fn copy(&self, image: &Image, region: &str, ami: &str, configuration: &Value) -> Result<Ami, Problem> {
        let (name, description) = self.words(image, region);
        let mut pairs = vec![
            ("SourceRegion".to_owned(), self.home.region.clone()),
            ("SourceImageId".to_owned(), ami.to_owned()),
            ("Name".to_owned(), name),
        ];
        if !description.is_empty() {
            pairs.push(("Description".to_owned(), description));
        }
        if let Some(key) = configuration["kmsKeyId"].as_str() {
            pairs.push(("Encrypted".to_owned(), "true".to_owned()));
            pairs.push(("KmsKeyId".to_owned(), key.to_owned()));
        }
        pairs.extend(tag_pairs(&self.own_tags()));
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let made = self.ec2(region, "CopyImage", &pairs).await.map_err(refused)?;
        let id = made.into_iter().next().ok_or(Problem::Cancelled)?;
        self.log(&format!("Copying image to region {region} (image id: {id})"));
        self.available(&id).await?;
        self.finish(region, &id, configuration).await?;
        Ok(self.told(image, region, &id))
    }

    /// Tags and launch permissions.
    async fn finish(&self, region: &str, ami: &str, configuration: &Value) -> Result<(), Problem> {
        let tags = texts_of(&configuration["amiTags"]);
        if !tags.is_empty() {
            let mut pairs = vec![("ResourceId.1".to_owned(), ami.to_owned())];
            for (index, (key, value)) in tags.into_iter().enumerate() {
                pairs.push((format!("Tag.{}.Key", index + 1), key));
                pairs.push((format!("Tag.{}.Value", index + 1), value));
            }
            self.change(region, "CreateTags", &pairs).await?;
        }
        let launch = &configuration["launchPermission"];
        let kinds = [
            ("userIds", "UserId"),
            ("userGroups", "Group"),
            ("organizationArns", "OrganizationArn"),
            ("organizationalUnitArns", "OrganizationalUnitArn"),
        ];
        let mut pairs = vec![("ImageId".to_owned(), ami.to_owned())];
        for (ours, theirs) in kinds {
            for value in launch[ours].as_array().into_iter().flatten().filter_map(Value::as_str) {
                pairs.push((format!("LaunchPermission.Add.{}.{theirs}", pairs.len()), value.to_owned()));
            }
        }
        if pairs.len() > 1 {
            self.change(region, "ModifyImageAttribute", &pairs).await?;
        }
        Ok(())
    }

    async fn change(&self, region: &str, action: &str, pairs: &[(String, String)]) -> Result<(), Problem> {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.ec2(region, action, &pairs).await.map(|_| ()).map_err(refused)
    }
}

fn refused(failure: super::super::super::reply::Failure) -> Problem {
    Problem::failed(format!("{} ({})", failure.message, failure.code))
}

fn not_distributed(region: &str, why: &str) -> Problem {
    let message = format!("Distribution failed with: {{{region}: {why}}}");
    Problem::Failed {
        distribution: Some(json!({
            "errorMessage": message,
            "regionFailures": [{ "region": region, "status": "FAILED", "errorMessage": why }],
        })),
        component: None,
        why: message,
    }
}
