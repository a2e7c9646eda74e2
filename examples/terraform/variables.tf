variable "name" {
  description = "What everything here is called; jobs add their own word."
  type        = string
  default     = "amifactory"
}

variable "package" {
  description = "The zip with `bootstrap` and the factory folder; see README.md."
  type        = string
}

variable "policies" {
  description = "The folder with the policies that `amifactory iam-policy` printed; see README.md."
  type        = string
}

variable "architecture" {
  description = "Of `bootstrap`: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Lambda has x86_64 and arm64."
  }
}

variable "check_schedule" {
  description = "When the fleet is checked; at least once a day, or the alarm for a silent check rings."
  type        = string
  default     = "cron(0 7 * * ? *)"
}

variable "rebuild_schedule" {
  description = "When recipes are built that something changed for; null for never. A build that does not end within the function's 15 minutes goes on at the next time, so it is to come several times a night, and every night, or the alarm for a silent rebuild rings."
  type        = string
  default     = "cron(0/15 1-4 * * ? *)"
}

variable "timezone" {
  description = "Of both schedules."
  type        = string
  default     = "UTC"
}

variable "environment" {
  description = "More environment for both functions: the variables that `webhook: {env: …}` names, for example."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "factory" {
  description = "The name that `notify: {factory: …}` gives in amifactory.yaml, where several factories look from one account and region; null where it gives none."
  type        = string
  default     = null
}

variable "alarm_emails" {
  description = "Who is told when a job fails or no longer runs, or the check can't read everything."
  type        = list(string)
  default     = []
}

variable "log_retention_days" {
  description = "How long the functions' logs are kept."
  type        = number
  default     = 90
}

variable "reserved_concurrency" {
  description = "Of each function: 1, so that no run overlaps the next; -1 reserves nothing. Lambda keeps 100 of an account's executions unreserved, so an account whose limit is small (a new one may have 10) can reserve none."
  type        = number
  default     = 1

  validation {
    condition     = contains([-1, 1], var.reserved_concurrency)
    error_message = "1, or -1 where the account's limit leaves nothing to reserve."
  }
}

variable "memory_mb" {
  description = "Of each function."
  type        = number
  default     = 512
}

variable "tags" {
  description = "For everything here."
  type        = map(string)
  default     = {}
}
