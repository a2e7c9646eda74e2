if ! af_filesystem_scan; then
    af_look unknown "programs with their owner's rights" "a rule for each" "no users are known here"
else
    sed -n 's/^s //p' "$AF_TMP/scan" | sort >"$AF_TMP/privileged"
    lack=$(cat /etc/audit/rules.d/*.rules 2>/dev/null | AF_LIST=$AF_TMP/privileged awk '
        /^[ \t]*-a[ \t]+(always,exit|exit,always)[ \t]/ && /perm=x/ {
            for (i = 1; i < NF; i++) if ($i == "-F" && $(i + 1) ~ /^path=/) have[substr($(i + 1), 6)] = 1
        }
        END { while ((getline path < ENVIRON["AF_LIST"]) > 0) if (!(path in have)) print path }')
    count=$(wc -l <"$AF_TMP/privileged")
    if [ -n "$lack" ]; then
        af_look fail "programs with their owner's rights" "a rule for each of $((count))" "none for $lack"
    else
        af_look pass "programs with their owner's rights" "a rule for each" "all $((count))"
    fi
fi
