found=
for job in /etc/cron.daily/dailyaidecheck /etc/cron.daily/aide /etc/cron.d/aide /etc/cron.d/amifactory-aide; do
    if [ -f "$job" ]; then
        found=$job
    fi
done
for unit in dailyaidecheck.timer aidecheck.timer; do
    af_unit_state "$unit"
    case $AF_STATE in
        enabled) found=$unit ;;
        disabled)
            af_enable "$unit"
            found=$unit
            ;;
    esac
done
if [ -z "$found" ]; then
    # Without a database aide has nothing to compare with: the first boot makes it, not the image.
    printf '# Written by amifactory.\n0 5 * * * root command -v aide >/dev/null && aide --check\n' \
        | af_write_file /etc/cron.d/amifactory-aide 0600 root:root
fi
