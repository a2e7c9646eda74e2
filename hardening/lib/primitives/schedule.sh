# Jobs that run by the clock.
# shellcheck shell=sh

# af_schedule_aide: sets AF_VALUE to what runs AIDE every day, to nothing where nothing does. Debian's job of the name of
# its timer does nothing where systemd runs, and cron skips what is not executable, or has a dot in its name.
af_schedule_aide() {
    for AF_VALUE in dailyaidecheck.timer aidecheck.timer; do
        af_unit_state "$AF_VALUE"
        [ "$AF_STATE" != enabled ] || return 0
    done
    af_unit_state dailyaidecheck.timer
    for AF_VALUE in /etc/cron.daily/aide /etc/cron.daily/dailyaidecheck; do
        [ "$AF_STATE" = absent ] || [ "${AF_VALUE##*/}" = aide ] || continue
        [ ! -x "$AF_VALUE" ] || ! grep -qsE '^[^#]*aide' "$AF_VALUE" || return 0
    done
    AF_VALUE=$(grep -lsE '^[[:blank:]]*(@(daily|midnight|hourly)|[^#[:blank:]]+[[:blank:]]+[^[:blank:]]+([[:blank:]]+\*){3})[[:blank:]]+root[[:blank:]].*(dailyaidecheck|aide.*(-C|--check|--update))' \
        /etc/crontab /etc/cron.d/* | grep -v '[.~][^/]*$' | head -n 1)
}
