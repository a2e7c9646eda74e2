#!/usr/bin/env python3
"""Runs Packer, several at once, and tells what it took: cost.py ENDPOINT LOG BUILDS.

Time, calls of each build, CPU and memory of all Packer's processes as the kernel counts them.
"""

import json
import os
import subprocess
import sys
import time

# What the fake's EC2 itself takes one after the other: running, stopped, image, terminated.
CLOUD_S = 12 + 20 + 90 + 15


def calls(log):
    with open(log, encoding="utf-8", errors="replace") as file:
        return sum("  ec2:" in line for line in file)


def main():
    endpoint, log, builds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    environment = dict(os.environ, CHECKPOINT_DISABLE="1")
    command = ["packer", "build", "-color=false", "-var", f"endpoint={endpoint}"]
    began = time.monotonic()
    running = []
    for number in range(builds):
        arguments = [*command, "-var", f"image_name=packer-{number}", "tests/clients/packer.json"]
        running.append(subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL))
    cpu, peak, seconds, failed = 0.0, 0, [], 0
    for process in running:
        # Packer waits for its plugins, so what they used is counted with it; the peak is that of the largest one.
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.monotonic() - began)
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss)
        failed += status != 0
    # The log is written a moment later.
    time.sleep(1)
    print(
        json.dumps(
            {
                "tool": "packer",
                "builds": builds,
                "failed": failed,
                "seconds": round(max(seconds), 1),
                "over_the_cloud_s": round(max(seconds) - CLOUD_S, 1),
                "calls_per_build": round(calls(log) / builds, 1),
                "cpu_s_per_build": round(cpu / builds, 3),
                "peak_mb_of_one_process": round(peak / 1024),
            }
        ),
        flush=True,
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
