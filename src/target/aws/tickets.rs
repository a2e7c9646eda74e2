//! Items in OpsCenter. Of one dedup string only one is open (Systems Manager user guide, "Reducing duplicate OpsItems"), so
//! opening one twice is safe.

use super::api::{Api, CallError, op};
use super::memory::PATIENCE;
use crate::target::{OpenTicket, TargetError, Ticket};
use aws_sdk_ssm::operation::create_ops_item::CreateOpsItemError;
use aws_sdk_ssm::types::{
    OpsItemDataType, OpsItemDataValue, OpsItemFilter, OpsItemFilterKey, OpsItemFilterOperator, OpsItemStatus,
};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What all of ours come from.
const SOURCE: &str = "amifactory";
/// The key by which they are found.
const KEY: &str = "amifactory:key";
const PLACE: &str = "amifactory:place";
const STAMP: &str = "amifactory:stamp";
/// Items per page (Systems Manager API reference, `DescribeOpsItems`).
const PAGE: i32 = 50;

/// Lists those that are open.
pub async fn open(api: &Api, prefix: &str) -> Result<Vec<OpenTicket>, TargetError> {
    let filter = |key, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        OpsItemFilter::builder().key(key).set_values(Some(values)).operator(OpsItemFilterOperator::Equal).build()
    };
    let filters = [
        filter(OpsItemFilterKey::Source, &[SOURCE]),
        filter(OpsItemFilterKey::Status, &["Open", "InProgress"]),
        filter(OpsItemFilterKey::OperationalDataKey, &[KEY]),
    ];
    let filters = filters.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| incomplete(&error))?;
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ssm.describe_ops_items().set_ops_item_filters(Some(filters.clone())).max_results(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call_within(PATIENCE, op::DESCRIBE_OPS_ITEMS, SOURCE, ask).await?;
        found.extend(answer.ops_item_summaries().iter().filter_map(|item| {
            let data = |key: &str| item.operational_data()?.get(key)?.value().map(str::to_owned);
            let key = data(KEY).filter(|key| key.starts_with(prefix))?;
            let (place, stamp) = (data(PLACE).unwrap_or_default(), data(STAMP).unwrap_or_default());
            Some(OpenTicket { id: item.ops_item_id()?.to_owned(), key, place, stamp })
        }));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Opens one, or brings the open one up to date.
pub async fn put(api: &Api, ticket: &Ticket) -> Result<(), TargetError> {
    let there: Mutex<Option<String>> = Mutex::new(None);
    let data = data(ticket);
    let create = || async {
        let request = api.ssm.create_ops_item().source(SOURCE).title(&ticket.title).description(&ticket.description);
        let request = request.severity(ticket.severity.to_string()).set_operational_data(Some(data.clone()));
        let answer = request.send().await;
        if let Err(error) = &answer
            && let Some(CreateOpsItemError::OpsItemAlreadyExistsException(found)) = error.as_service_error()
        {
            *there.lock().unwrap_or_else(PoisonError::into_inner) = found.ops_item_id.clone();
        }
        answer
    };
    let created = api.caller.call_within(PATIENCE, op::CREATE_OPS_ITEM, &ticket.key, create).await;
    let found = there.into_inner().unwrap_or_else(PoisonError::into_inner);
    let id = match (created, found) {
        (Ok(_), _) => return Ok(()),
        (Err(error), Some(id)) if error.is("OpsItemAlreadyExistsException") => id,
        (Err(error), _) => return Err(error.into()),
    };
    Ok(update(api, &id, ticket).await?)
}

/// Brings one up to date.
pub async fn update(api: &Api, id: &str, ticket: &Ticket) -> Result<(), CallError> {
    let data = data(ticket);
    let update = || {
        let request = api.ssm.update_ops_item().ops_item_id(id).title(&ticket.title).description(&ticket.description);
        request.severity(ticket.severity.to_string()).set_operational_data(Some(data.clone())).send()
    };
    api.caller.call_within(PATIENCE, op::UPDATE_OPS_ITEM, id, update).await?;
    Ok(())
}

/// Resolves one.
pub async fn resolve(api: &Api, id: &str) -> Result<(), TargetError> {
    let update = || api.ssm.update_ops_item().ops_item_id(id).status(OpsItemStatus::Resolved).send();
    match api.caller.call_within(PATIENCE, op::UPDATE_OPS_ITEM, id, update).await {
        Err(error) if !error.is("OpsItemNotFoundException") => Err(error.into()),
        _ => Ok(()),
    }
}

fn data(ticket: &Ticket) -> HashMap<String, OpsItemDataValue> {
    let resources: Vec<_> = ticket.resources.iter().map(|arn| json!({ "arn": arn })).collect();
    let mut all = vec![
        ("/aws/dedup", json!({ "dedupString": ticket.key }).to_string()),
        (KEY, ticket.key.clone()),
        (PLACE, ticket.place.clone()),
        (STAMP, ticket.stamp.clone()),
    ];
    if !resources.is_empty() {
        all.push(("/aws/resources", json!(resources).to_string()));
    }
    let value =
        |value: String| OpsItemDataValue::builder().value(value).r#type(OpsItemDataType::SearchableString).build();
    all.into_iter().map(|(key, text)| (key.to_owned(), value(text))).collect()
}

fn incomplete(error: &dyn std::error::Error) -> TargetError {
    TargetError::Service {
        call: op::DESCRIBE_OPS_ITEMS.action.into(),
        resource: SOURCE.into(),
        said: error.to_string(),
        help: "this is a mistake of the program: please tell its authors".into(),
    }
}
