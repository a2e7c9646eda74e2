//! Pointers in Parameter Store. A write of `aws:ec2:image` that was accepted is not yet a write: the image is looked at
//! later, and a value that fails is dropped without a word. So the engine reads back, and reading back waits.

use super::api::{Api, EVENTUAL, op};
use super::clock;
use super::contest::{self, Write};
use super::moves::Intent;
use super::parameters::{self, Plain};
use super::revoked;
use crate::identity::{ImageId, RecipeName};
use crate::pipeline::tags;
use crate::release::contest::only_older_builds;
use crate::release::{Kind, Note};
use crate::report::visible::line;
use crate::target::{
    DamagedPointer, Entry, Pin, Pointer, PointerName, Pointers, Revocations, Slot, Standing, TargetError, moment,
};
use aws_sdk_ec2::types::{Filter, Image, ImageState};
use aws_sdk_ssm::types::{Parameter, ParameterType};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Names per call (Systems Manager API reference, `GetParameters`).
const NAMES: usize = 10;
/// Versions per page (Systems Manager API reference, `GetParameterHistory`).
const HISTORY: i32 = 50;
/// The data type that has the image checked.
const DATA_TYPE: &str = "aws:ec2:image";

/// What several pointers name now.
pub async fn read(api: &Api, names: &[PointerName]) -> Result<Vec<Pointer>, TargetError> {
    let mut found = Vec::new();
    for some in names.chunks(NAMES) {
        let texts: Vec<String> = some.iter().map(ToString::to_string).collect();
        let ask = || api.ssm.get_parameters().set_names(Some(texts.clone())).send();
        let answer = api.caller.call(op::GET_PARAMETERS, &texts.join(" "), ask).await?;
        for parameter in answer.parameters() {
            if let Some(name) = some.iter().find(|name| parameter.name() == Some(&name.to_string())) {
                found.push(pointer(parameter, name.clone())?);
            }
        }
    }
    Ok(found)
}

/// What several pointers name, the pins of their channels, and where they are wanted the marks of their versions: in the
/// same calls.
pub async fn standing(api: &Api, names: &[PointerName], marks: bool) -> Result<Standing, TargetError> {
    let beside = beside(api, names, marks).await?;
    let mut standing = Standing { pointers: beside.pointers, revocations: beside.revocations, ..Standing::default() };
    for (name, pin) in beside.pins {
        standing.pins.push((name, pin?.value));
    }
    Ok(standing)
}

/// Pointers, and what is kept beside them.
#[derive(Default)]
struct Beside {
    pointers: Vec<Pointer>,
    /// With when they were written.
    pins: Vec<(PointerName, Result<Plain<Pin>, TargetError>)>,
    revocations: Revocations,
}

async fn beside(api: &Api, names: &[PointerName], marks: bool) -> Result<Beside, TargetError> {
    let named = |text: &dyn Fn(&PointerName) -> Option<String>| -> Vec<(String, &PointerName)> {
        names.iter().filter_map(|name| Some((text(name)?, name))).collect()
    };
    let (pointers, pins) = (named(&|name| Some(name.to_string())), named(&parameters::pin_name));
    let marks = if marks { named(&revoked::parameter) } else { Vec::new() };
    let texts: Vec<&String> = pointers.iter().chain(&pins).chain(&marks).map(|(text, _)| text).collect();
    let mut found = Beside::default();
    for some in texts.chunks(NAMES) {
        let some: Vec<String> = some.iter().map(|text| (*text).clone()).collect();
        let ask = || api.ssm.get_parameters().set_names(Some(some.clone())).send();
        let answer = api.caller.call(op::GET_PARAMETERS, &some.join(" "), ask).await?;
        for parameter in answer.parameters() {
            let text = parameter.name().unwrap_or_default();
            let of = |all: &[(String, &PointerName)]| {
                all.iter().find(|(other, _)| other == text).map(|(_, name)| (*name).clone())
            };
            if let Some(name) = of(&pointers) {
                found.pointers.push(pointer(parameter, name)?);
            } else if let Some(name) = of(&pins) {
                found.pins.push((name, parameters::read::<Pin>(text, parameter)));
            } else if let Some(name) = of(&marks) {
                found.revocations.insert(name, revoked::read(text, parameter));
            }
        }
    }
    Ok(found)
}

/// All that is kept of a pointer's writes, oldest first: the last hundred.
pub async fn history(api: &Api, name: &PointerName) -> Result<Vec<Entry>, TargetError> {
    let text = name.to_string();
    let (mut entries, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ssm.get_parameter_history().name(&text).max_results(HISTORY);
            request.set_next_token(page.clone()).send()
        };
        let answer = match api.caller.call(op::PARAMETER_HISTORY, &text, ask).await {
            Err(error) if error.is("ParameterNotFound") => return Ok(entries),
            answer => answer?,
        };
        entries.extend(answer.parameters().iter().map(|version| Entry {
            revision: u64::try_from(version.version()).unwrap_or_default(),
            image: version.value().unwrap_or_default().to_owned(),
            at: version.last_modified_date().map(clock::rfc3339_ms).unwrap_or_default(),
            by: version.last_modified_user().map(str::to_owned),
            note: version.description().unwrap_or_default().to_owned(),
            labels: version.labels().to_vec(),
            wrong: None,
        }));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            entries.sort_by_key(|entry| entry.revision);
            return Ok(entries);
        }
    }
}

/// Why no channel may come to name an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is not there, or not ours.
    Gone,
    /// It is there, and nobody can launch it; in EC2's word for its state.
    Not(String),
    /// Someone has revoked it, for this reason.
    Revoked(String),
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unfit::Gone => f.write_str("it is gone"),
            Unfit::Not(state) => write!(f, "it is not available, but {}", line(state)),
            Unfit::Revoked(reason) => write!(f, "it is revoked: {}", line(reason)),
        }
    }
}

/// Whether an image is there, can be used, and was not revoked; none where all that is so. It is asked for now, whatever
/// was seen before.
pub async fn unfit(api: &Api, image: &ImageId) -> Result<Option<Unfit>, TargetError> {
    let ask = || {
        let by_id = Filter::builder().name("image-id").values(image.as_str()).build();
        api.ec2.describe_images().owners("self").filters(by_id).include_disabled(true).send()
    };
    let answer = api.caller.call(op::DESCRIBE_IMAGES, image.as_str(), ask).await?;
    Ok(answer.images().first().map_or(Some(Unfit::Gone), unfit_as_seen))
}

/// The same by the mark of its version too: its tags may not say yet that it was revoked, or no more.
pub async fn unfit_or_marked(
    api: &Api,
    version: Option<&PointerName>,
    image: &ImageId,
) -> Result<Option<Unfit>, TargetError> {
    match (unfit(api, image).await?, version) {
        (None, Some(version)) => Ok(revoked::reason(api, version, image).await?.map(Unfit::Revoked)),
        (unfit, _) => Ok(unfit),
    }
}

fn unfit_as_seen(found: &Image) -> Option<Unfit> {
    if let Some(mark) = found.tags().iter().find(|tag| tag.key() == Some(tags::REVOKED)) {
        return Some(Unfit::Revoked(mark.value().unwrap_or_default().to_owned()));
    }
    match found.state() {
        Some(&ImageState::Available) => None,
        state => Some(Unfit::Not(state.map_or("?", ImageState::as_str).to_owned())),
    }
}

/// All pointers of a recipe.
pub async fn of_recipe(api: &Api, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
    told_apart(api, recipe).await?.or_last()
}

/// The same: those that can be read, and the others.
pub async fn told_apart(api: &Api, recipe: &RecipeName) -> Result<Pointers, TargetError> {
    let mut found = Pointers::default();
    for parameter in &parameters::list(api, &format!("/amifactory/{recipe}"), true).await? {
        let text = parameter.name().unwrap_or_default();
        let beside = match text.strip_prefix("/amifactory/").and_then(|rest| rest.split('/').nth(2)) {
            Some("pins") => parameters::read::<Pin>(text, parameter).map(drop),
            Some("moves") => parameters::read::<Intent>(text, parameter).map(drop),
            _ => Ok(()),
        };
        found.beside.extend(beside.err());
        if let Some(name) = revoked::parse(text) {
            found.revocations.insert(name, revoked::read(text, parameter));
        }
        // What else someone keeps under the same path is not ours.
        if let Some(name) = parse(text) {
            match (pointer(parameter, name.clone()), type_of(parameter, &name)) {
                (Ok(pointer), Ok(())) => found.readable.push(pointer),
                (Ok(pointer), Err(error)) => {
                    found.damaged.push(DamagedPointer { name, error, last: Some(pointer) });
                }
                (Err(error), _) => {
                    let last = named_last(api, &name).await?;
                    found.damaged.push(DamagedPointer { name, error, last });
                }
            }
        }
    }
    Ok(found)
}

/// `/amifactory/<recipe>/<arch>/versions/<version>` or `…/channels/<channel>`.
pub(super) fn parse(text: &str) -> Option<PointerName> {
    text.parse().ok()
}

/// A write that was refused. Where that is because of the parameter's type, the way out is told: the service tells none.
pub async fn refused(api: &Api, name: &PointerName, error: super::api::CallError) -> TargetError {
    if error.is("HierarchyTypeMismatchException") || error.is("ValidationException") {
        let text = name.to_string();
        let ask = || api.ssm.get_parameters().names(&text).send();
        if let Ok(answer) = api.caller.call(op::GET_PARAMETERS, &text, ask).await
            && let Some(Err(damaged)) = answer.parameters().first().map(|parameter| type_of(parameter, name))
        {
            return damaged;
        }
    }
    if error.is("ParameterMaxVersionLimitExceeded")
        && let Ok(entries) = history(api, name).await
        && let Some(oldest) = entries.first().filter(|oldest| !oldest.labels.is_empty())
    {
        return TargetError::Service {
            call: error.action.into(),
            resource: error.resource,
            said: error.message,
            help: format!("it keeps its last 100 versions, and the oldest has a label; {}", oldest.unlabel(name)),
        };
    }
    error.into()
}

/// What a channel that holds garbage named before that, as the revision that it has now.
async fn named_last(api: &Api, name: &PointerName) -> Result<Option<Pointer>, TargetError> {
    let entries = history(api, name).await?;
    let Some(revision) = entries.last().map(|last| last.revision) else { return Ok(None) };
    Ok(entries.iter().rev().find_map(|entry| {
        let (name, image, written_at) = (name.clone(), entry.image.parse().ok()?, entry.at.clone());
        Some(Pointer { name, image, revision, written_at })
    }))
}

/// Whether a parameter is of the type that has images checked. A type can't be changed, so that nothing overwrites
/// another one.
fn type_of(parameter: &Parameter, name: &PointerName) -> Result<(), TargetError> {
    let (kind, data) = (parameter.r#type(), parameter.data_type().unwrap_or_default());
    if kind == Some(&ParameterType::String) && data == DATA_TYPE {
        return Ok(());
    }
    let again = match &name.slot {
        Slot::Channel(channel) => format!("amifactory promote {}@VERSION --to {channel}", name.recipe),
        Slot::Version(_) => format!("publish another version (amifactory build {} --force)", name.recipe),
    };
    Err(TargetError::Damaged {
        what: format!("pointer {name}"),
        why: format!(
            "it is of type {} and data type `{}`, and not String and `{DATA_TYPE}`: someone made it by hand",
            kind.map_or("?", ParameterType::as_str),
            line(data)
        ),
        help: format!(
            "Parameter Store changes neither: keep its history (amifactory history {} --format json, which deleting it \
             loses), delete it (aws ssm delete-parameter --name {name}), then {again}",
            name.recipe
        ),
    })
}

/// A pointer of the right type that names an image.
pub(super) fn checked(parameter: &Parameter, name: PointerName) -> Result<Pointer, TargetError> {
    type_of(parameter, &name)?;
    pointer(parameter, name)
}

fn pointer(parameter: &Parameter, name: PointerName) -> Result<Pointer, TargetError> {
    let value = parameter.value().unwrap_or_default();
    let image: ImageId = value.parse().map_err(|error| TargetError::Damaged {
        what: format!("pointer {name}"),
        why: format!("{error}"),
        help: match &name.slot {
            Slot::Channel(channel) => format!(
                "someone wrote it by hand: overwrite it, which keeps its history: amifactory rollback {} --channel {channel}",
                name.recipe
            ),
            Slot::Version(_) => format!(
                "someone wrote it by hand: its history says which image it named (aws ssm get-parameter-history --name {name})"
            ),
        },
    })?;
    Ok(Pointer {
        image,
        revision: u64::try_from(parameter.version()).unwrap_or_default(),
        written_at: parameter.last_modified_date().map(clock::rfc3339_ms).unwrap_or_default(),
        name,
    })
}

/// Writes a pointer that must not exist; one that names this image already is success.
pub async fn create(api: &Api, name: &PointerName, image: &ImageId, note: &Note) -> Result<(), TargetError> {
    match put(api, name, image, false, note).await {
        Err(error) if error.is("ParameterAlreadyExists") => {
            match read(api, std::slice::from_ref(name)).await?.pop() {
                Some(there) if there.image == *image => Ok(()),
                Some(there) => Err(TargetError::Conflict { what: name.to_string(), found: there.image.to_string() }),
                // Accepted, not yet looked at: it is read back in any case.
                None => Ok(()),
            }
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// Moves a pointer as a build does, without a lock: the revision that the write got tells whether someone came between.
/// The engine reads it back together with the version's.
pub async fn replace(
    api: &Api,
    name: &PointerName,
    expected: Option<&Pointer>,
    image: &ImageId,
    note: &Note,
) -> Result<(), TargetError> {
    let Some(before) = expected else { return create(api, name, image, note).await };
    let entries = history(api, name).await?;
    let since = entries.iter().position(|entry| entry.revision > before.revision).unwrap_or(entries.len());
    if let Some(last) = entries.last().filter(|_| !only_older_builds(&entries[since..], note)) {
        return Err(contest::overtaken(name, last));
    }
    let last = entries.last();
    let follows = last.map_or(before.revision, |last| last.revision);
    let chained = note.after(last.map(|last| (last.image.as_str(), last.note.as_str())));
    let revision = match put(api, name, image, true, &chained).await {
        Err(error) => return Err(refused(api, name, error).await),
        Ok(revision) => revision,
    };
    if revision == follows + 1 {
        return Ok(());
    }
    // Made again after a lost reply, or written by someone else too.
    contest::judged(api, &Write { name, follows, image, note }.at(revision)).await.map(drop)
}

/// Writes a pointer with its note; answers with the revision that the service gives it.
pub async fn put(
    api: &Api,
    name: &PointerName,
    image: &ImageId,
    overwrite: bool,
    note: &Note,
) -> Result<u64, super::api::CallError> {
    let (text, note) = (name.to_string(), note.text());
    let request = || {
        api.ssm
            .put_parameter()
            .name(&text)
            .value(image.as_str())
            .description(&note)
            .r#type(ParameterType::String)
            .data_type(DATA_TYPE)
            .overwrite(overwrite)
            .send()
    };
    let answer = api.caller.call(op::PUT_PARAMETER, &text, request).await?;
    Ok(u64::try_from(answer.version).unwrap_or_default())
}

/// Reads pointers until each names this image, or until it is certain that the write was dropped.
pub async fn read_back(api: &Api, names: &[PointerName], image: &ImageId) -> Result<Vec<Pointer>, TargetError> {
    let began = Instant::now();
    loop {
        let found = read(api, names).await?;
        if is_certain(names, image, &found, began) {
            return Ok(found);
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// The same, in as many calls, with the pins that were written before the channels among them were.
pub async fn read_back_held(api: &Api, names: &[PointerName], image: &ImageId) -> Result<Standing, TargetError> {
    let began = Instant::now();
    loop {
        let Beside { pointers: found, pins, .. } = beside(api, names, false).await?;
        if is_certain(names, image, &found, began) {
            let was_before = |name: &PointerName, pin: &Plain<Pin>| {
                let written = found.iter().find(|pointer| pointer.name == *name).and_then(|p| moment(&p.written_at));
                written.zip(moment(&pin.written_at)).is_some_and(|(written, pinned)| pinned <= written)
            };
            // What someone wrote by hand holds nobody.
            let pins = pins.into_iter().filter_map(|(name, pin)| Some((name, pin.ok()?)));
            let held = pins.filter(|(name, pin)| pin.value.holds(api.clock.now()) && was_before(name, pin));
            let pins = held.map(|(name, pin)| (name, pin.value)).collect();
            return Ok(Standing { pointers: found, pins, ..Standing::default() });
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn is_certain(names: &[PointerName], image: &ImageId, found: &[Pointer], began: Instant) -> bool {
    let all = names.iter().all(|name| found.iter().any(|p| p.name == *name && p.image == *image));
    // A version that names another image is never written again.
    let lost = found.iter().any(|p| matches!(p.name.slot, Slot::Version(_)) && p.image != *image);
    all || lost || began.elapsed() > EVENTUAL
}

/// Puts a channel back to what it named before it came to name this image: someone held it by then. Where it named nothing,
/// or someone has moved it on, it stays.
pub async fn put_back(api: &Api, name: &PointerName, image: &ImageId) -> Result<Option<Pointer>, TargetError> {
    let entries = history(api, name).await?;
    let is_it = |entry: &&Entry| entry.image == image.as_str();
    if let (Some(last), Some(before)) = (entries.last().filter(is_it), entries.iter().rev().find(|e| !is_it(e))) {
        let note = Note::read(&last.note).unwrap_or_else(|| Note::new(Kind::Publish, last.at.clone()));
        let late = Write { name, follows: last.revision, image, note: &note };
        contest::take_back(api, &late, before, last, "the channel was pinned before that".into()).await?;
    }
    Ok(read(api, std::slice::from_ref(name)).await?.pop())
}
