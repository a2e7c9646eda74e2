# Packages may have come since the last look.
rm -f "$AF_TMP/scan"
af_filesystem_scan
{
    echo "# Written by amifactory: one rule for each program that runs with its owner's rights."
    sed -n 's/^s //p' "$AF_TMP/scan" | sort | sed 's/.*/-a always,exit -F path=& -F perm=x -F auid>=1000 -F auid!=unset -k privileged/'
} | af_write_file /etc/audit/rules.d/50-af-privileged.rules 0600 root:root
rm -f "$AF_TMP/scan"
