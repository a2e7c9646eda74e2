# Where authselect manages the files, its own record counts: the next run writes what stands there.
if [ ! -s /etc/authselect/authselect.conf ]; then
    af_look not_applicable "authselect" "a profile" "no profile is selected"
elif grep -qx 'with-faillock' /etc/authselect/authselect.conf; then
    af_look pass "/etc/authselect/authselect.conf" "with-faillock" "with-faillock"
else
    af_look fail "/etc/authselect/authselect.conf" "with-faillock" "not among the features"
fi
