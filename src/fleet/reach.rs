//! Which channels name nothing in a place, so that no command there can look an image up by one; and what it takes. Pure.

use super::findings::{Own, Spot};
use crate::identity::Channel;
use crate::recipe::{ChannelRule, Distribution};
use std::collections::BTreeMap;

/// The channels that don't reach a place; and what amifactory.yaml has to say so that they do, none where a channel can't.
pub type Unreached = BTreeMap<Channel, Option<String>>;

/// Those of all channels. A channel has its parameters in the regions that it reaches, and in the accounts that it reaches
/// and that have a role.
pub fn unreached(rules: &[ChannelRule], known: Option<&Distribution>, at: &Spot, own: Own) -> Unreached {
    let account = at.account.as_ref().filter(|_| !own.account);
    let has_role =
        |known: &Distribution| known.accounts.get(account?).and_then(|settings| settings.role.as_ref()).map(|_| ());
    let lacks = |rule: &ChannelRule| {
        let region =
            (!own.region && !rule.reach.regions.contains(&at.region)).then(|| format!("regions: [{}]", at.region));
        let shared = account.filter(|account| !rule.reach.accounts.contains(account));
        let shared = shared.map(|account| format!("accounts: [\"{account}\"]"));
        let own_keys: Vec<String> = region.into_iter().chain(shared).collect();
        let role = account.filter(|_| known.and_then(has_role).is_none());
        let role = role.map(|account| format!("distribution: {{accounts: {{\"{account}\": {{role: ROLE}}}}}}"));
        let keys = (!own_keys.is_empty()).then(|| format!("{{name: {}, {}}}", rule.name, own_keys.join(", ")));
        let all: Vec<String> = keys.into_iter().chain(role).collect();
        // The first channel is where builds publish, and reaches nothing beside.
        (!all.is_empty()).then(|| (rule.name.clone(), rule.from.is_some().then(|| all.join(" and "))))
    };
    if own.account && own.region { Unreached::new() } else { rules.iter().filter_map(lacks).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{AccountSettings, Reach};

    const ELSEWHERE: Own = Own { account: false, region: false, is_default: true };

    fn lacks(reach: Reach, role: Option<&str>, own: Own) -> Vec<String> {
        let dev = ChannelRule::open("dev".parse().unwrap(), None);
        let prod = ChannelRule { reach, ..ChannelRule::open("prod".parse().unwrap(), Some(dev.name.clone())) };
        let settings = AccountSettings { role: role.map(|role| role.parse().unwrap()) };
        let known = Distribution {
            home: "us-east-1".parse().unwrap(),
            regions: BTreeMap::new(),
            accounts: [("111122223333".parse().unwrap(), settings)].into(),
        };
        let at = Spot { account: Some("111122223333".parse().unwrap()), region: "eu-central-1".parse().unwrap() };
        let all = unreached(&[dev, prod], Some(&known), &at, own);
        all.into_iter().map(|(channel, lacks)| format!("{channel}: {}", lacks.unwrap_or_default())).collect()
    }

    #[test]
    fn a_channel_has_its_parameters_where_it_reaches_a_region_and_an_account_with_a_role() {
        let whole = Reach {
            regions: vec!["eu-central-1".parse().unwrap()],
            accounts: vec!["111122223333".parse().unwrap()],
            ..Reach::default()
        };
        assert_eq!(lacks(whole.clone(), Some("consumer"), ELSEWHERE), ["dev: "]);
        let role = "distribution: {accounts: {\"111122223333\": {role: ROLE}}}";
        assert_eq!(lacks(whole, None, ELSEWHERE), ["dev: ".to_owned(), format!("prod: {role}")]);
        let both = "prod: {name: prod, regions: [eu-central-1], accounts: [\"111122223333\"]}";
        assert_eq!(lacks(Reach::default(), Some("consumer"), ELSEWHERE), ["dev: ", both]);
        // In the factory's own account and region all have them.
        let region = "prod: {name: prod, regions: [eu-central-1]}";
        assert_eq!(lacks(Reach::default(), None, Own { account: true, ..ELSEWHERE }), ["dev: ", region]);
        let home = Own { account: true, region: true, is_default: true };
        assert_eq!(lacks(Reach::default(), None, home), [""; 0]);
    }
}
