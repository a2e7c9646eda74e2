if [ ! -f /etc/pam.d/common-auth ]; then
    af_look fail /etc/pam.d/common-auth "no nullok" "no such file"
else
    lines=$(grep -HsE '^[[:blank:]]*[^#[:blank:]].*[[:blank:]]nullok(_secure)?([[:blank:]]|$)' /etc/pam.d/common-*)
    af_look_none "/etc/pam.d/common-*" "no nullok" "$lines"
fi
