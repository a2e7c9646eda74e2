//! Which image goes out where none is named: what the channel before names, and nothing in its stead.

use super::{Bench, recipe_name, rules};
use amifactory::recipe::ChannelRule;
use amifactory::release::places::Places;
use amifactory::release::wanted::{self, Request};

#[tokio::test(start_paused = true)]
async fn where_the_channel_before_names_nothing_no_other_image_goes_out() {
    let bench = Bench::new().await;
    let mut rules = rules();
    let staging = ChannelRule::open("staging".parse().unwrap(), Some("dev".parse().unwrap()));
    rules[1].from = Some(staging.name.clone());
    rules.insert(1, staging);
    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let ask = |version: Option<&str>, to: Option<&str>| Request {
        recipe: recipe_name(),
        version: version.map(|version| version.parse().unwrap()),
        to: to.map(str::to_owned),
        arch: None,
    };
    let error = wanted::find(&places, &rules, &ask(None, Some("prod"))).await.err().unwrap();
    insta::assert_snapshot!(error.to_string());
    // Whoever says which one sends that; and to what all channels reach goes the newest.
    for asked in [ask(Some("1.0.0"), Some("prod")), ask(None, None)] {
        let wanted = wanted::find(&places, &rules, &asked).await.unwrap();
        assert_eq!(wanted.candidate.version.to_string(), "1.0.0");
    }
}
