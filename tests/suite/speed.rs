//! Validation stays linear in the number of recipes.

use super::recipes::{catalogue, today};
use amifactory::recipe::load;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn factory(folder: &Path, recipes: usize) {
    let shipped = super::recipes::root();
    fs::create_dir_all(folder.join("recipes/groups")).unwrap();
    fs::copy(shipped.join("amifactory.yaml"), folder.join("amifactory.yaml")).unwrap();
    for entry in fs::read_dir(shipped.join("recipes/groups")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join("recipes/groups").join(entry.file_name())).unwrap();
    }
    fs::copy(shipped.join("recipes/cis-base.yaml"), folder.join("recipes/cis-base.yaml")).unwrap();
    let web = fs::read_to_string(shipped.join("recipes/web-tier.yaml")).unwrap();
    for number in 0..recipes {
        // Every tenth starts a chain of ten that are built on each other.
        let base = if number % 10 == 0 { "cis-base".to_owned() } else { format!("web-{}", number - 1) };
        let text = web
            .replace("recipe: web-tier", &format!("recipe: web-{number}"))
            .replace("recipe: cis-base", &format!("recipe: {base}"));
        fs::write(folder.join(format!("recipes/web-{number}.yaml")), text).unwrap();
    }
}

#[test]
fn a_thousand_recipes_are_validated_quickly() {
    let folder = tempfile::tempdir().unwrap();
    factory(folder.path(), 1000);
    let best = (0..3)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(load(folder.path(), &catalogue(), today()).unwrap().recipes.len(), 1001);
            start.elapsed()
        })
        .min()
        .unwrap();
    eprintln!("1000 recipes validate in {best:?} (test build)");
    // Far above what it takes, far below what anything quadratic would take.
    assert!(best < Duration::from_secs(5), "{best:?}");
}
