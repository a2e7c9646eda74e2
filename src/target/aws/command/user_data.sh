#!/bin/sh
# amifactory-dead-man: {seconds}
# A builder that its build has forgotten powers itself off; it was launched so that this terminates it. A boot hook,
# because it runs at each start of the machine, and the timer is in memory: neither gets into an image.
seconds='{seconds}'
af_dead_man() {
    if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
        # Not waiting: at this moment of the boot the timer can't be started yet.
        systemd-run --no-block --unit=amifactory-dead-man --on-active="$seconds" --timer-property=AccuracySec=1s \
            /bin/systemctl --no-block poweroff && return
    fi
    shutdown -h +$(((seconds + 59) / 60))
}
af_dead_man
