//! What the policy does not count, and until when. Pure.

use super::findings::Finding;
use crate::identity::{AccountId, ImageId, RecipeName, Region};
use crate::recipe::Exemption;
use crate::report::visible;
use crate::target::Kind;
use time::Date;

/// A use of an image, as exemptions narrow it down.
pub struct Use<'a> {
    /// The recipe, where the image is one of ours.
    pub recipe: Option<&'a RecipeName>,
    /// The image's id, where it is known.
    pub image: Option<&'a str>,
    /// The account, where it is known.
    pub account: Option<&'a AccountId>,
    /// The region.
    pub region: &'a Region,
    /// What it is: an instance or a launch template's version by its id, a group by its name.
    pub resource: Option<&'a str>,
    /// The name of a launch template. That of an instance is a tag, by which anyone who may tag could exempt it.
    pub template: Option<&'a str>,
    /// The Auto Scaling group that it belongs to.
    pub group: Option<&'a str>,
}

/// Whether an exemption is of this use. Whatever it narrows down by and is not known is not met.
pub fn covers(exemption: &Exemption, of: &Use<'_>) -> bool {
    let asks = |wanted: Option<&str>, found: Option<&str>| wanted.is_none_or(|wanted| found == Some(wanted));
    let resource = exemption.resource.as_deref();
    asks(exemption.recipe.as_ref().map(RecipeName::as_str), of.recipe.map(RecipeName::as_str))
        && asks(exemption.image.as_ref().map(ImageId::as_str), of.image)
        && asks(exemption.account.as_ref().map(AccountId::as_str), of.account.map(AccountId::as_str))
        && asks(exemption.region.as_ref().map(Region::as_str), Some(of.region.as_str()))
        && (asks(resource, of.resource)
            || asks(resource, of.resource.map(without_version))
            || asks(resource, of.template)
            || asks(resource, of.group))
}

impl<'a> Use<'a> {
    /// What a finding is of.
    pub fn of(finding: &'a Finding) -> Use<'a> {
        let name = || finding.count.examples.first().map(|example| example.name.as_str());
        let template = if finding.kind == Kind::LaunchTemplate { name() } else { None };
        Use {
            recipe: finding.judgement.recipe.as_ref(),
            image: finding.image.as_deref(),
            account: finding.at.account.as_ref(),
            region: &finding.at.region,
            resource: finding.resource.as_deref(),
            template: template.filter(|name| !name.is_empty()),
            group: finding.group.as_deref(),
        }
    }
}

/// Exemptions that are over, and those that nothing has met: each stands for nothing. `is_whole`: all was seen, so that what
/// was not seen is not there.
pub fn notes(exemptions: &[Exemption], findings: &[Finding], is_whole: bool, today: Date) -> Vec<String> {
    let note = |exemption: &Exemption| {
        let (reason, owner) = (visible::line(&exemption.reason), visible::line(&exemption.owner));
        let of = format!("the exemption of {} ({reason}; {owner})", what(exemption));
        if exemption.expires < today {
            return Some(format!("{of} was over on {}: remove it, or give it another day", exemption.expires));
        }
        let is_met = || findings.iter().any(|finding| covers(exemption, &Use::of(finding)));
        (is_whole && !is_met()).then(|| format!("{of} is of nothing that was seen: remove it, or correct it"))
    };
    exemptions.iter().filter_map(note).collect()
}

/// What an exemption says that it is of.
fn what(exemption: &Exemption) -> String {
    let resource = exemption.resource.as_deref().map(|resource| visible::line(resource).into_owned());
    let parts = [
        ("recipe", exemption.recipe.as_ref().map(ToString::to_string)),
        ("image", exemption.image.as_ref().map(ToString::to_string)),
        ("resource", resource),
        ("account", exemption.account.as_ref().map(ToString::to_string)),
        ("region", exemption.region.as_ref().map(ToString::to_string)),
    ];
    let named = parts.into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value?)));
    named.collect::<Vec<_>>().join(", ")
}

/// Of those that cover a use: one that holds, or else the one that was over last.
pub fn of<'e>(exemptions: &'e [Exemption], of: &Use<'_>, today: Date) -> Result<&'e Exemption, Option<&'e Exemption>> {
    let covering = || exemptions.iter().filter(|exemption| covers(exemption, of));
    match covering().max_by_key(|exemption| exemption.expires) {
        Some(exemption) if exemption.expires >= today => Ok(exemption),
        over => Err(over),
    }
}

/// A launch template without the number of its version.
fn without_version(resource: &str) -> &str {
    resource.split_once(':').filter(|_| resource.starts_with("lt-")).map_or(resource, |(template, _)| template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    fn exemption() -> Exemption {
        Exemption {
            recipe: None,
            image: None,
            account: None,
            region: None,
            resource: None,
            reason: "frozen for an audit".into(),
            owner: "platform".into(),
            expires: date!(2026 - 11 - 21),
        }
    }

    #[test]
    fn everything_that_it_names_must_be_met() {
        let (recipe, account, region) =
            ("web".parse().unwrap(), "111122223333".parse().unwrap(), "us-east-1".parse().unwrap());
        let all = Use {
            recipe: Some(&recipe),
            image: Some("ami-00000001"),
            account: Some(&account),
            region: &region,
            resource: Some("lt-1:7"),
            template: Some("web-template"),
            group: Some("web-asg"),
        };
        let whole = Exemption {
            recipe: Some(recipe.clone()),
            image: Some("ami-00000001".parse().unwrap()),
            account: Some(account.clone()),
            region: Some(region.clone()),
            resource: Some("lt-1".into()),
            ..exemption()
        };
        assert!(covers(&whole, &all));
        for resource in ["lt-1:7", "web-template", "web-asg"] {
            assert!(covers(&Exemption { resource: Some(resource.into()), ..whole.clone() }, &all), "{resource}");
        }
        let others = [
            Exemption { recipe: Some("db".parse().unwrap()), ..whole.clone() },
            Exemption { image: Some("ami-00000002".parse().unwrap()), ..whole.clone() },
            Exemption { account: Some("999999999999".parse().unwrap()), ..whole.clone() },
            Exemption { region: Some("eu-west-1".parse().unwrap()), ..whole.clone() },
            Exemption { resource: Some("lt-1:8".into()), ..whole.clone() },
            Exemption { resource: Some("lt".into()), ..whole.clone() },
        ];
        assert!(others.iter().all(|other| !covers(other, &all)));
        // What is not known is not met.
        assert!(!covers(&whole, &Use { recipe: None, ..all }));
    }

    #[test]
    fn one_that_is_over_does_not_hold_and_is_named() {
        let region: Region = "us-east-1".parse().unwrap();
        let use_of = Use {
            recipe: None,
            image: Some("ami-00000001"),
            account: None,
            region: &region,
            resource: None,
            template: None,
            group: None,
        };
        let mine = Exemption { image: Some("ami-00000001".parse().unwrap()), ..exemption() };
        let all = [Exemption { expires: date!(2026 - 01 - 01), ..mine.clone() }, mine];
        assert_eq!(of(&all, &use_of, date!(2026 - 11 - 21)), Ok(&all[1]));
        assert_eq!(of(&all, &use_of, date!(2026 - 11 - 22)), Err(Some(&all[1])));
        assert_eq!(of(&[], &use_of, date!(2026 - 11 - 22)), Err(None));
    }

    #[test]
    fn an_instance_is_not_exempt_by_a_name_that_anyone_may_give_it() {
        let mut finding = crate::fleet::notify::tests::finding(1, crate::fleet::freshness::Level::Fail, 1, 20);
        let named = Exemption { resource: Some("web".into()), ..exemption() };
        assert!(!covers(&named, &Use::of(&finding)));
        (finding.kind, finding.group) = (Kind::LaunchTemplate, None);
        assert!(covers(&named, &Use::of(&finding)));
    }

    #[test]
    fn one_that_is_over_or_of_nothing_is_told() {
        let finding = crate::fleet::notify::tests::finding(1, crate::fleet::freshness::Level::Fail, 1, 20);
        let named = |resource: &str| Exemption { resource: Some(resource.into()), ..exemption() };
        let all = [
            named("web-1"),
            Exemption { region: Some("us-east-1".parse().unwrap()), ..named("web-2") },
            Exemption { expires: date!(2026 - 11 - 20), ..named("web-1") },
        ];
        let told = |whole| notes(&all, std::slice::from_ref(&finding), whole, date!(2026 - 11 - 21));
        insta::assert_snapshot!(told(true).join("\n"), @r"
    the exemption of resource web-2, region us-east-1 (frozen for an audit; platform) is of nothing that was seen: remove it, or correct it
    the exemption of resource web-1 (frozen for an audit; platform) was over on 2026-11-20: remove it, or give it another day
    ");
        // What was not seen may be there.
        assert_eq!(told(false), told(true)[1..]);
    }
}
