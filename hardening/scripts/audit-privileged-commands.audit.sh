if ! af_filesystem_scan; then
    af_look unknown "programs with their owner's rights" "a rule for each" "no users are known here"
else
    af_audit_privileged_judge af_audit_rules_files "a rule"
fi
