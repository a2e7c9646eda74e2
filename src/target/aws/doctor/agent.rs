//! Whether bases carry the agent that commands reach builders by.

use crate::identity::OsFamily;
use crate::target::LaunchBase;
use crate::target::finding::{Finding, Wanted};

/// A warning for a base whose publisher's images come without the agent. Amazon Linux and Ubuntu carry it (Systems
/// Manager user guide, "Find AMIs with the SSM Agent preinstalled"); Debian's own images do not.
pub fn agent(wanted: &Wanted) -> Option<Finding> {
    let LaunchBase::Base(_, base) = wanted.base.as_ref()? else { return None };
    (base.family == OsFamily::Debian12).then(|| {
        Finding::warn(
            format!("agent ({})", wanted.recipe),
            format!("{}: Debian's own images carry no SSM agent, and without it no command reaches a builder", base.id),
            "start from an image of your own that has the agent, or from Amazon Linux 2023",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Arch;
    use crate::recipe::{AwsBase, AwsBaseImage, AwsSettings, Limits};
    use crate::target::ResolvedBase;
    use crate::target::finding::Severity;

    fn on(family: OsFamily) -> Wanted {
        let image = AwsBaseImage::Parameter("/golden/base".into());
        let base = ResolvedBase {
            id: "ami-0123456789abcdef0".into(),
            description: "a base".into(),
            family,
            os_name: "an OS".into(),
            arch: Arch::X86_64,
            parts: Default::default(),
        };
        Wanted {
            recipe: "web".parse().unwrap(),
            aws: AwsSettings::default(),
            limits: Limits::default(),
            arch: Some(Arch::X86_64),
            base: Some(LaunchBase::Base(AwsBase { image, family: None }.into(), base)),
        }
    }

    #[test]
    fn debian_has_no_agent() {
        assert_eq!(agent(&on(OsFamily::Debian12)).unwrap().severity, Severity::Warn);
        assert!(agent(&on(OsFamily::AmazonLinux2023)).is_none());
    }
}
