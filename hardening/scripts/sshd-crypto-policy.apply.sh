if [ -f /etc/sysconfig/sshd ]; then
    sed -E 's/^[[:blank:]]*CRYPTO_POLICY[[:blank:]]*=/# amifactory: &/I' /etc/sysconfig/sshd >"$AF_TMP/lines"
    af_replace /etc/sysconfig/sshd <"$AF_TMP/lines"
fi
