//! Tags as EC2 has them.

use crate::target::Tags;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};

/// From EC2's list.
pub fn read(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default()))).collect()
}

/// To EC2's list.
pub fn list(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(fit(value)).build()).collect()
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

/// A value that is too long keeps its beginning and says that it goes on: the whole is in the image's record.
pub fn fit(value: &str) -> String {
    if value.chars().count() <= LONGEST_VALUE {
        return value.to_owned();
    }
    value.chars().take(LONGEST_VALUE - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_fit_and_show_it() {
        assert_eq!(fit("short"), "short");
        let long = fit(&"ä".repeat(300));
        assert_eq!((long.chars().count(), long.ends_with('…')), (256, true));
        assert_eq!(fit(&"x".repeat(256)).len(), 256);
    }
}
