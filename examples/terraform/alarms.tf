resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
  tags = var.tags
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "failed" {
  for_each = local.jobs

  alarm_name          = "${var.name}-${each.key}-failed"
  alarm_description   = "amifactory ${each.key} failed: its log group says why, ${aws_cloudwatch_log_group.job[each.key].name}"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.job[each.key].function_name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}

# A job that no longer runs tells nothing, and nothing sounds like all is well.
resource "aws_cloudwatch_metric_alarm" "silent" {
  for_each = local.jobs

  alarm_name        = "${var.name}-${each.key}-silent"
  alarm_description = "amifactory ${each.key} has not run for two days: look at its schedule and its function"
  namespace         = "AWS/Lambda"
  metric_name       = "Invocations"
  dimensions        = { FunctionName = aws_lambda_function.job[each.key].function_name }
  statistic         = "Sum"
  # Both days without a run: one that begins a few minutes late leaves one of them empty.
  period              = 86400
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}

# A check that runs and can't read an account is no failure of its function. It puts this metric with `metrics: true`.
resource "aws_cloudwatch_metric_alarm" "unread" {
  alarm_name          = "${var.name}-check-unread"
  alarm_description   = "For two days amifactory's check of the fleet could not read everything: what it can't see is unknown; ${aws_cloudwatch_log_group.job["check"].name} says where and why"
  namespace           = "amifactory"
  metric_name         = "PlacesUnread"
  dimensions          = var.factory == null ? {} : { Factory = var.factory }
  statistic           = "Maximum"
  period              = 86400
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}
