# Where packages bring a job of their own it counts; else ours.
af_schedule_aide
if [ -n "$AF_VALUE" ]; then
    af_look pass "daily AIDE check" "a job or timer" "$AF_VALUE"
else
    af_look fail "daily AIDE check" "a job or timer" none
fi
