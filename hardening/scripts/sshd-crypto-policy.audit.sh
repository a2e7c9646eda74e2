lines=$(grep -iE '^[[:blank:]]*CRYPTO_POLICY[[:blank:]]*=' /etc/sysconfig/sshd 2>/dev/null)
if [ -n "$lines" ]; then
    af_look fail "/etc/sysconfig/sshd" "no CRYPTO_POLICY" "$lines"
else
    af_look pass "/etc/sysconfig/sshd" "no CRYPTO_POLICY" none
fi
