#!/bin/sh
# amifactory-dead-man: AF_SECONDS
shutdown -h +$((AF_SECONDS / 60))
