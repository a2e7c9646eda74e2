//! The names things go by: digests, versions, and validated identifiers. Text becomes one of these once, at the
//! edge; after that a wrong name can't be passed where another kind is wanted.

mod digest;
mod name;
mod version;

pub use digest::Digest;
pub use name::{
    AccountId, Arch, AudienceName, BuildId, BuilderId, Channel, FactoryName, GroupName, ImageId, NameError,
    OrganizationArn, OrganizationalUnitArn, OsFamily, RecipeName, Region, RoleName, Slug, TargetKind, TopicArn,
};
pub use version::{Version, VersionError, VersionLine};
