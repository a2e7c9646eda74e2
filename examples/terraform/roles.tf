data "aws_caller_identity" "current" {}

resource "aws_iam_role" "job" {
  for_each = local.jobs

  name = "${var.name}-${each.key}"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

# What the program asks for, as the program itself says it.
resource "aws_iam_role_policy" "job" {
  for_each = merge([
    for job, of in local.jobs : { for policy in of.policies : "${job}-${policy}" => { job = job, policy = policy } }
  ]...)

  name   = each.value.policy
  role   = aws_iam_role.job[each.value.job].id
  policy = file("${var.policies}/${each.value.policy}.json")
}

resource "aws_iam_role_policy" "logs" {
  for_each = local.jobs

  name = "logs"
  role = aws_iam_role.job[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.job[each.key].arn}:*"
    }]
  })
}
