#!/usr/bin/env python3
"""Drives a server that says it is AWS with boto3, and fails where it is not as AWS is.

drive.py fake|moto ENDPOINT [--calls FILE] [--only SCENARIO…]
"""

import argparse
import time
import traceback

import account
import blocks
import buckets
import commands
import imagebuilder
import images
import instances
import items
import metrics
import network
import parameters
import retirement
import topics
import rollout
from aws import Aws
from implemented import implemented

# In this order: each leaves nothing behind for the next.
SCENARIOS = {
    "account": account,
    "network": network,
    "instances": instances,
    "images": images,
    "retirement": retirement,
    "parameters": parameters,
    "blocks": blocks,
    "buckets": buckets,
    "topics": topics,
    "items": items,
    "metrics": metrics,
    "commands": commands,
    "rollout": rollout,
    "imagebuilder": imagebuilder,
}
# Moto has no agents and runs nothing, and no OpsItems; of what takes images out of use it knows too little, and of refreshes
# and Image Builder nothing.
ONLY_FAKE = {"commands", "imagebuilder", "items", "metrics", "retirement", "rollout"}
# A warm pool comes into the fake by tests alone: nothing that a client can call makes one.
NOT_FROM_OUTSIDE = {"autoscaling:DescribeWarmPool"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["fake", "moto"])
    parser.add_argument("endpoint")
    parser.add_argument("--calls", help="file for a record of all calls")
    parser.add_argument("--only", nargs="*", choices=SCENARIOS, help="drive these alone, and don't ask for all operations")
    arguments = parser.parse_args()
    aws = Aws(arguments.endpoint, arguments.kind)
    failed = []
    for name, scenario in SCENARIOS.items():
        if arguments.only and name not in arguments.only or name in ONLY_FAKE and not aws.is_fake:
            continue
        aws.scenario, began = name, time.monotonic()
        try:
            scenario.run(aws)
            print(f"{name}: ok, {time.monotonic() - began:.1f} s", flush=True)
        except Exception:  # All scenarios are driven, whatever becomes of one.
            failed.append(name)
            print(f"{name}: FAILED\n{traceback.format_exc()}", flush=True)
    if arguments.calls:
        aws.save(arguments.calls)
    if aws.is_fake and not arguments.only:
        missing = sorted(implemented(arguments.endpoint) - set(aws.succeeded) - NOT_FROM_OUTSIDE)
        print(f"{len(aws.succeeded)} operations were driven with success, {len(aws.calls)} calls")
        if missing:
            failed.append("implemented and never driven with success: " + ", ".join(missing))
    for what in failed:
        print(f"FAILED: {what}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
