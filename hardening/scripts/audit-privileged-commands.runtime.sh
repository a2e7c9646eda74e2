if ! af_filesystem_scan; then
    af_look unknown "programs with their owner's rights" "a loaded rule for each" "no users are known here"
elif ! auditctl -l >"$AF_TMP/loaded" 2>/dev/null; then
    af_look unknown "auditctl -l" "a rule for each program with its owner's rights" "the kernel's rules can't be read here"
else
    af_audit_privileged_judge af_audit_rules_loaded "a loaded rule"
fi
