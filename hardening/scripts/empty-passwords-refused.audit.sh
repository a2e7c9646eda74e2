if [ ! -f /etc/pam.d/common-auth ]; then
    af_look fail /etc/pam.d/common-auth "no nullok" "no such file"
else
    lines=$(grep -HsE '^[[:blank:]]*[^#[:blank:]].*[[:blank:]]nullok(_secure)?([[:blank:]]|$)' /etc/pam.d/common-*)
    if [ -n "$lines" ]; then
        af_look fail "/etc/pam.d/common-*" "no nullok" "$lines"
    else
        af_look pass "/etc/pam.d/common-*" "no nullok" "no nullok"
    fi
fi
