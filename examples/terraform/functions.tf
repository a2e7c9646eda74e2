locals {
  jobs = merge(
    { check = { schedule = var.check_schedule, policies = ["fleet", "fleet-notify"] } },
    var.rebuild_schedule == null ? {} : { rebuild = { schedule = var.rebuild_schedule, policies = ["operator"] } },
  )
}

resource "aws_cloudwatch_log_group" "job" {
  for_each = local.jobs

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_lambda_function" "job" {
  for_each = local.jobs

  function_name    = "${var.name}-${each.key}"
  description      = "amifactory: ${each.key}"
  role             = aws_iam_role.job[each.key].arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = var.memory_mb
  timeout          = 900
  tags             = var.tags

  # One at a time: a check that overlaps the next would tell the same news twice.
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = merge(var.environment, { AMIFACTORY_JOB = each.key })
  }

  depends_on = [aws_cloudwatch_log_group.job, aws_iam_role_policy.logs]
}

resource "aws_lambda_function_event_invoke_config" "job" {
  for_each = local.jobs

  function_name = aws_lambda_function.job[each.key].function_name
  # A check is worth another try; the next rebuild comes anyway.
  maximum_retry_attempts       = each.key == "check" ? 2 : 0
  maximum_event_age_in_seconds = 3600
}
