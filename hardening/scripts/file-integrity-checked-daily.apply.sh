for unit in dailyaidecheck.timer aidecheck.timer; do
    af_unit_state "$unit"
    [ "$AF_STATE" != disabled ] || af_enable "$unit"
done
af_schedule_aide
if [ -z "$AF_VALUE" ]; then
    # Without a database aide has nothing to compare with: the first boot makes it, not the image.
    printf '# Written by amifactory.\n0 5 * * * root command -v aide >/dev/null && aide --check\n' \
        | af_write_file /etc/cron.d/amifactory-aide 0600 root:root
fi
