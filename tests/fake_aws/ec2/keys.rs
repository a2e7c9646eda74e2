//! Key pairs. Nobody logs in here: the key material is a text that no program takes for a key.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{items, text};
use super::errors::missing;
use super::filters::Filters;
use super::model::{Home, KeyPair, Tags};
use super::tags;

pub fn create_key_pair(world: &mut World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let name = call.params.get("KeyName").ok_or_else(|| missing("KeyName"))?.to_owned();
    if world.ec2.key_pairs.values().any(|pair| pair.home == home && pair.name == name) {
        return Err(Failure::bad("InvalidKeyPair.Duplicate", format!("The keypair already exists: {name}")));
    }
    let specified = tags::specified(call, &["key-pair"])?;
    let id = world.id("key");
    let hex = format!("{:040x}", world.random.u128(..));
    let fingerprint = hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":");
    let pair =
        KeyPair { id: id.clone(), home, name: name.clone(), fingerprint: fingerprint.clone(), created: call.now };
    world.ec2.key_pairs.insert(id.clone(), pair);
    let tags = specified.of("key-pair");
    world.ec2.set_tags(&id, call.now, tags.clone());
    let material = "the fake AWS makes no keys: nothing listens on its instances\n";
    let out = vec![
        text("keyName", &name),
        text("keyFingerprint", fingerprint),
        text("keyMaterial", material),
        text("keyPairId", &id),
        tags::xml(&tags),
    ];
    Ok(Done::xml(out).made([id]).needs(specified.permissions()))
}

pub fn delete_key_pair(world: &mut World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let (name, id) = (call.params.get("KeyName"), call.params.get("KeyPairId"));
    if name.is_none() && id.is_none() {
        return Err(missing("KeyName"));
    }
    let hit = |pair: &&KeyPair| {
        pair.home == home && name.is_none_or(|name| pair.name == name) && id.is_none_or(|id| pair.id == id)
    };
    let found = world.ec2.key_pairs.values().find(hit).map(|pair| pair.id.clone());
    // One that is not there is as good as deleted.
    if let Some(id) = &found {
        world.ec2.key_pairs.remove(id);
        world.ec2.tags.remove(id);
    }
    let mut out = vec![text("return", true)];
    out.extend(found.as_ref().map(|id| text("keyPairId", id)));
    Ok(Done::xml(out).made(found))
}

pub fn describe_key_pairs(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, &["key-pair-id", "key-name", "fingerprint"])?;
    let (names, ids, home) = (call.params.list("KeyName"), call.params.list("KeyPairId"), Home::of(call.caller));
    let own: Vec<&KeyPair> = world.ec2.key_pairs.values().filter(|pair| pair.home == home).collect();
    if let Some(name) = names.iter().find(|name| !own.iter().any(|pair| pair.name == **name)) {
        return Err(Failure::bad("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist")));
    }
    if let Some(id) = ids.iter().find(|id| !own.iter().any(|pair| pair.id == **id)) {
        return Err(Failure::bad("InvalidKeyPair.NotFound", format!("The key pair '{id}' does not exist")));
    }
    let found: Vec<(&KeyPair, Tags)> = own
        .into_iter()
        .filter(|pair| names.is_empty() || names.contains(&pair.name))
        .filter(|pair| ids.is_empty() || ids.contains(&pair.id))
        .map(|pair| (pair, world.ec2.tags_at(&pair.id, call.now)))
        .filter(|(pair, tags)| {
            filters.pass(tags, |name| {
                vec![match name {
                    "key-pair-id" => pair.id.clone(),
                    "key-name" => pair.name.clone(),
                    _ => pair.fingerprint.clone(),
                }]
            })
        })
        .collect();
    let rows = found.iter().map(|(pair, tags)| {
        vec![
            text("keyPairId", &pair.id),
            text("keyFingerprint", &pair.fingerprint),
            text("keyName", &pair.name),
            text("keyType", "rsa"),
            text("createTime", world.clock.iso(pair.created)),
            tags::xml(tags),
        ]
    });
    Ok(Done::xml(vec![items("keySet", rows)]))
}
