found=
for key in AllowUsers AllowGroups DenyUsers DenyGroups; do
    af_sshd_values "$key"
    found=$found${AF_VALUE%%|*}
done
if [ -z "$found" ]; then
    af_sshd_option_apply AllowGroups equals "$AF_PARAM_SSH_ALLOW_GROUPS"
fi
