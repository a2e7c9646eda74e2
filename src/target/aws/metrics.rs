//! Metrics and alarms of CloudWatch.

use super::api::{Api, op};
use super::memory::PATIENCE;
use crate::target::{Alarm, Point, TargetError};
use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, MetricAlarm, MetricDatum, StandardUnit, Statistic};

/// Metrics in a request (CloudWatch API reference, `PutMetricData`: 1000).
const METRICS: usize = 1000;
/// Alarms in a page (CloudWatch API reference, `DescribeAlarms`).
const ALARMS: i32 = 100;
/// What all of ours are in.
const NAMESPACE: &str = "amifactory";

/// Puts them. One that is put twice counts twice: what is put are levels, and one sum whose alarm asks for none at all.
pub async fn put(api: &Api, points: &[Point]) -> Result<(), TargetError> {
    let data: Vec<MetricDatum> = points.iter().map(datum).collect();
    for some in data.chunks(METRICS) {
        let send = || api.cloudwatch.put_metric_data().namespace(NAMESPACE).set_metric_data(Some(some.to_vec())).send();
        api.caller.call_within(PATIENCE, op::PUT_METRICS, NAMESPACE, send).await?;
    }
    Ok(())
}

fn datum(point: &Point) -> MetricDatum {
    let dimension = |(name, value): &(&str, String)| Dimension::builder().name(*name).value(value).build();
    MetricDatum::builder()
        .metric_name(point.name)
        .set_dimensions(Some(point.dimensions.iter().map(dimension).collect()))
        .value(point.value)
        .unit(StandardUnit::None)
        .build()
}

/// The alarms whose names begin with this, as they are.
pub async fn alarms(api: &Api, prefix: &str) -> Result<Vec<Alarm>, TargetError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.cloudwatch.describe_alarms().alarm_name_prefix(prefix).max_records(ALARMS);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call_within(PATIENCE, op::DESCRIBE_ALARMS, prefix, ask).await?;
        found.extend(answer.metric_alarms().iter().map(read));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

fn read(alarm: &MetricAlarm) -> Alarm {
    Alarm {
        name: alarm.alarm_name().unwrap_or_default().to_owned(),
        description: alarm.alarm_description().unwrap_or_default().to_owned(),
        // What someone else declared under this name is not ours.
        metric: match alarm.namespace() {
            Some(NAMESPACE) => alarm.metric_name().unwrap_or_default().to_owned(),
            _ => String::new(),
        },
        dimensions: alarm.dimensions().iter().map(named).collect(),
        is_sum: alarm.statistic() == Some(&Statistic::Sum),
        is_below: alarm.comparison_operator() == Some(&ComparisonOperator::LessThanThreshold),
        threshold: alarm.threshold().unwrap_or_default(),
        period: alarm.period().unwrap_or_default(),
        periods: alarm.evaluation_periods().unwrap_or_default(),
        breaching: alarm.treat_missing_data() == Some("breaching"),
        actions: alarm.alarm_actions().to_vec(),
        is_whole: alarm.actions_enabled() == Some(true)
            && alarm.unit().is_none()
            && alarm.datapoints_to_alarm().is_none_or(|some| Some(some) == alarm.evaluation_periods())
            && alarm.threshold_metric_id().is_none()
            && alarm.metrics().is_empty(),
    }
}

fn named(dimension: &Dimension) -> (String, String) {
    (dimension.name().unwrap_or_default().to_owned(), dimension.value().unwrap_or_default().to_owned())
}

/// Declares one, over what has its name.
pub async fn put_alarm(api: &Api, alarm: &Alarm) -> Result<(), TargetError> {
    let compare = match alarm.is_below {
        true => ComparisonOperator::LessThanThreshold,
        false => ComparisonOperator::GreaterThanThreshold,
    };
    let statistic = if alarm.is_sum { Statistic::Sum } else { Statistic::Maximum };
    let send = || {
        let request = api.cloudwatch.put_metric_alarm().alarm_name(&alarm.name).alarm_description(&alarm.description);
        let request = request.namespace(NAMESPACE).metric_name(&alarm.metric).statistic(statistic.clone());
        let request = request.comparison_operator(compare.clone()).threshold(alarm.threshold).period(alarm.period);
        let request = request.evaluation_periods(alarm.periods);
        let of = alarm.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
        let of: Vec<Dimension> = of.collect();
        let request = request.set_dimensions(Some(of).filter(|of| !of.is_empty()));
        let request = request.treat_missing_data(if alarm.breaching { "breaching" } else { "notBreaching" });
        request.set_alarm_actions(Some(alarm.actions.clone())).actions_enabled(true).send()
    };
    api.caller.call_within(PATIENCE, op::PUT_ALARM, &alarm.name, send).await?;
    Ok(())
}
