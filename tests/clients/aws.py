"""The server under test as boto3 sees it, and what was asked of it."""

import contextlib
import json
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from strict import unknown_members

SERVICES = ("ec2", "ssm", "sts", "service-quotas", "ebs", "logs", "autoscaling", "kms", "sns", "cloudwatch", "imagebuilder", "s3")


class Aws:
    """Clients for all services, a record of each call, and a few words for expectations."""

    def __init__(self, endpoint, kind, region="us-east-1", credentials=None, unchecked=False):
        self.endpoint, self.kind, self.region = endpoint, kind, region
        # One word that no other run has: names must be unique.
        self.run = uuid.uuid4().hex[:8]
        # "service:Operation" → how often it had success.
        self.succeeded = {}
        # One line per call in order: operation, error code or none, paths of what was answered.
        self.calls = []
        self.scenario = ""
        # Unchecked: what boto3 would refuse itself goes to the server.
        config = Config(parameter_validation=not unchecked, retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=60)
        session = boto3.Session(region_name=region, **(credentials or {}))
        for service in SERVICES:
            client = session.client(service, endpoint_url=endpoint, config=config)
            setattr(self, service.replace("-", "_"), client)
            client.meta.events.register("before-parse", self._before_parse)
            client.meta.events.register("after-call", self._after_call)

    @property
    def is_fake(self):
        return self.kind == "fake"

    def _before_parse(self, operation_model, response_dict, **_):
        # Moto sends much that no model knows; that is not ours to mend.
        if self.is_fake:
            unknown = unknown_members(operation_model, response_dict)
            assert not unknown, f"{operation_model.name} answers with what AWS's model does not have: {unknown}"

    def _after_call(self, http_response, parsed, model, **_):
        name = f"{model.service_model.endpoint_prefix}:{model.name}"
        error = parsed.get("Error", {}).get("Code") if http_response.status_code >= 300 else None
        if error is None:
            self.succeeded[name] = self.succeeded.get(name, 0) + 1
        shape = sorted(paths({key: value for key, value in parsed.items() if key != "ResponseMetadata"}))
        self.calls.append({"scenario": self.scenario, "operation": name, "error": error, "shape": shape})

    @contextlib.contextmanager
    def refused(self, *codes):
        """The block ends in a refusal with one of these codes. Yields a list that gets the error."""
        caught = []
        try:
            yield caught
        except ClientError as error:
            code = error.response["Error"]["Code"]
            assert code in codes, f"refused with {code}, expected {codes}: {error}"
            caught.append(error)
            return
        raise AssertionError(f"not refused; expected {codes}")

    def pages(self, client, operation, **arguments):
        """All pages, and how many there were."""
        pages = list(client.get_paginator(operation).paginate(**arguments))
        return pages, len(pages)

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.calls, file, indent=1)


def paths(value, path=""):
    """Where something is in an answer: `Images[].Tags[].Key`."""
    if isinstance(value, dict):
        found = set()
        for key, inner in value.items():
            found |= paths(inner, f"{path}.{key}" if path else key)
        return found
    if isinstance(value, list):
        found = set()
        for inner in value:
            found |= paths(inner, path + "[]")
        return found or {path}
    return {path}


def tags(**values):
    """As EC2 and Systems Manager want them."""
    return [{"Key": key, "Value": value} for key, value in values.items()]


def untag(listed):
    """From a list of tags."""
    return {tag["Key"]: tag["Value"] for tag in listed}


def soon(name, tries=120):
    """A waiter that looks each second."""
    return {"Delay": 1, "MaxAttempts": tries}
