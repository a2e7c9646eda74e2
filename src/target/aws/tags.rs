//! Tags as EC2 has them.

use crate::target::Tags;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};

/// From EC2's list.
pub fn read(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default()))).collect()
}

/// To EC2's list.
pub fn list(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(fit(value, LONGEST_VALUE)).build()).collect()
}

/// The same tags for each of these kinds of resource, at their creation.
pub fn at_creation(tags: &Tags, kinds: &[ResourceType]) -> Vec<TagSpecification> {
    kinds
        .iter()
        .map(|kind| TagSpecification::builder().resource_type(kind.clone()).set_tags(Some(list(tags))).build())
        .collect()
}

/// The longest value of a tag, in characters (EC2 user guide, "Tag restrictions").
pub const LONGEST_VALUE: usize = 256;
/// The same for a snapshot that is written block by block (EBS API reference, `Tag`).
pub const LONGEST_EBS_VALUE: usize = 255;

/// A value that is too long keeps its beginning and says that it goes on: the whole is in the image's record.
pub fn fit(value: &str, longest: usize) -> String {
    if value.chars().count() <= longest {
        return value.to_owned();
    }
    value.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_fit_and_show_it() {
        assert_eq!(fit("short", LONGEST_VALUE), "short");
        let long = fit(&"ä".repeat(300), LONGEST_VALUE);
        assert_eq!((long.chars().count(), long.ends_with('…')), (256, true));
        assert_eq!(fit(&"x".repeat(256), LONGEST_VALUE).len(), 256);
        assert_eq!(fit(&"x".repeat(256), LONGEST_EBS_VALUE).chars().count(), 255);
    }
}
