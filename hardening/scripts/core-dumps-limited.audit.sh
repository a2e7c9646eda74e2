# The last line for everyone counts.
value=$(cat /etc/security/limits.conf /etc/security/limits.d/*.conf 2>/dev/null \
    | awk '$1 == "*" && ($2 == "hard" || $2 == "-") && $3 == "core" { last = $4 } END { print last }')
af_judge "limits * hard core" equals 0 "$value"
