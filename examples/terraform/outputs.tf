output "functions" {
  description = "Each job's function."
  value       = { for job, function in aws_lambda_function.job : job => function.arn }
}

output "roles" {
  description = "Each job's role: whom the trust policies in other accounts are to name."
  value       = { for job, role in aws_iam_role.job : job => role.arn }
}

output "alarms" {
  description = "The topic that alarms go to."
  value       = aws_sns_topic.alarms.arn
}
