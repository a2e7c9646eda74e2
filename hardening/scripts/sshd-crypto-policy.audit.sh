lines=$(grep -iE '^[[:blank:]]*CRYPTO_POLICY[[:blank:]]*=' /etc/sysconfig/sshd 2>/dev/null)
af_look_none "/etc/sysconfig/sshd" "no CRYPTO_POLICY" "$lines" none
