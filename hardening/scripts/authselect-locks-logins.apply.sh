if [ -s /etc/authselect/authselect.conf ] && ! grep -qx 'with-faillock' /etc/authselect/authselect.conf; then
    authselect enable-feature with-faillock >/dev/null
fi
