#!/usr/bin/env python3
"""Makes the instance profile that builders have: moto_profile.py ENDPOINT."""

import sys

import boto3

iam = boto3.client("iam", endpoint_url=sys.argv[1], region_name="us-east-1")
iam.create_instance_profile(InstanceProfileName="amifactory-builder")
