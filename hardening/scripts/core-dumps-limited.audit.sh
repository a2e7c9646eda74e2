# The last line for everyone counts, and those for some go over it.
value=$(af_lines /etc/security/limits.conf /etc/security/limits.d/*.conf | awk '
    { $0 = tolower($0) }
    !/^[ \t]*#/ && ($2 == "hard" || $2 == "-") && $3 == "core" { if ($1 == "*") last = $4; else if ($4 != "0") some = $1 " " $4 }
    END { print some == "" ? last : some }')
af_judge "limits * hard core" equals 0 "$value"
