# Packages may have come since the last look.
rm -f "$AF_TMP/scan"
af_filesystem_scan
af_audit_privileged
af_audit_rules_write 50-af-privileged
rm -f "$AF_TMP/scan"
