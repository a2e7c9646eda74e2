if ! af_filesystem_scan; then
    af_look unknown "programs with their owner's rights" "a loaded rule for each" "no users are known here"
elif ! auditctl -l >"$AF_TMP/loaded" 2>/dev/null; then
    af_look unknown "auditctl -l" "a rule for each program with its owner's rights" "the kernel's rules can't be read here"
else
    sed -n 's/^s //p' "$AF_TMP/scan" | sort >"$AF_TMP/privileged"
    # shellcheck disable=SC2154 # AF_AWK_AUDIT comes from the library.
    lack=$(AF_LIST=$AF_TMP/privileged awk "$AF_AWK_AUDIT"'
        { have[plain($0)] = 1 }
        END {
            while ((getline path < ENVIRON["AF_LIST"]) > 0) {
                rule = plain("-a always,exit -F path=" path " -F perm=x -F auid>=1000 -F auid!=unset")
                if (!(rule in have)) print path
            }
        }' "$AF_TMP/loaded")
    count=$(wc -l <"$AF_TMP/privileged")
    if [ -n "$lack" ]; then
        af_look fail "programs with their owner's rights" "a loaded rule for each of $((count))" "none for $lack"
    else
        af_look pass "programs with their owner's rights" "a loaded rule for each" "all $((count))"
    fi
fi
