# Every tool that is there has a line of its own whose attributes hold a strong checksum, owner, mode and size.
found=
for tool in auditctl auditd ausearch aureport autrace augenrules; do
    [ -e "/usr/sbin/$tool" ] || continue
    found=yes
    seen=$(af_lines /etc/aide.conf /etc/aide/aide.conf /etc/aide/aide.conf.d/* | awk -v path="/usr/sbin/$tool" '
        $1 == path || $1 == path "$" {
            have = "+" $2 "+"
            if (have ~ /\+p\+/ && have ~ /\+u\+/ && have ~ /\+g\+/ && have ~ /\+s\+/ && have ~ /\+sha512\+/) good = $2
            else bad = $2
        }
        END { print (good != "" ? "pass " good : "fail " (bad != "" ? bad : "no line of its own")) }')
    af_look "${seen%% *}" "AIDE /usr/sbin/$tool" "p+u+g+s+sha512 at least" "${seen#* }"
done
if [ -z "$found" ]; then
    af_not_applicable "the audit daemon"
fi
