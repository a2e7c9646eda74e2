# Where packages bring a job of their own it counts; else ours.
found=
for job in /etc/cron.daily/dailyaidecheck /etc/cron.daily/aide /etc/cron.d/aide /etc/cron.d/amifactory-aide; do
    if [ -f "$job" ]; then
        found=$job
    fi
done
for unit in dailyaidecheck.timer aidecheck.timer; do
    af_unit_state "$unit"
    if [ "$AF_STATE" = enabled ]; then
        found=$unit
    fi
done
if [ -n "$found" ]; then
    af_look pass "daily AIDE check" "a job or timer" "$found"
else
    af_look fail "daily AIDE check" "a job or timer" none
fi
