//! Filters of `ListCommands` and `ListCommandInvocations`.

use super::super::arguments::Arguments;
use super::super::refusal::Refusal;
use super::{Command, DOCUMENT, Status};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub enum Filter {
    After(OffsetDateTime),
    Before(OffsetDateTime),
    Status(String),
    Document(String),
}

/// Reads `Filters`; their members are written in lower case, unlike everything else here.
pub fn read(arguments: &Arguments) -> Result<Vec<Filter>, Refusal> {
    let filters = arguments.structures("Filters")?;
    if filters.len() > 5 {
        return Err(Refusal::validation("Filters: Member must have length less than or equal to 5"));
    }
    filters.iter().map(one).collect()
}

fn one(filter: &Arguments) -> Result<Filter, Refusal> {
    let (key, value) = (filter.required("key")?, filter.required("value")?);
    let moment = || {
        OffsetDateTime::parse(value, &Rfc3339)
            .map_err(|_| Refusal::validation(format!("The filter value {value} is not a date and time.")))
    };
    Ok(match key {
        "InvokedAfter" => Filter::After(moment()?),
        "InvokedBefore" => Filter::Before(moment()?),
        "Status" => Filter::Status(value.to_owned()),
        "DocumentName" => Filter::Document(value.to_owned()),
        _ => return Err(Refusal::new("InvalidFilterKey", format!("The specified key isn't valid: {key}."))),
    })
}

impl Filter {
    pub fn admits(&self, command: &Command, status: Status, wall: &dyn Fn(&Command) -> OffsetDateTime) -> bool {
        match self {
            Filter::After(at) => wall(command) > *at,
            Filter::Before(at) => wall(command) < *at,
            Filter::Status(name) => name == status.name() || name == status.details(),
            Filter::Document(name) => name == DOCUMENT,
        }
    }
}
