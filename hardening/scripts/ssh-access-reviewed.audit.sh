found=
for key in AllowUsers AllowGroups DenyUsers DenyGroups; do
    af_sshd_values "$key"
    # A list in a Match block is for those only whom it matches.
    AF_VALUE=${AF_VALUE%%|*}
    [ -z "$AF_VALUE" ] || found="$found, $key $AF_VALUE"
done
if [ -n "$found" ]; then
    af_look pass "sshd users and groups" "a list of who may log in" "${found#, }"
else
    af_look fail "sshd users and groups" "a list of who may log in" "everyone with an account"
fi
