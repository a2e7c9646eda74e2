found=
for key in AllowUsers AllowGroups DenyUsers DenyGroups; do
    af_sshd_values "$key"
    # A list in a Match block is for those only whom it matches, `*` is everyone, and what sshd is called with counts first.
    case " $AF_VALUE " in
        *" * "* | *\|*OPT*=* | " |"* | "  ") ;;
        *) found="$found, $key ${AF_VALUE%%|*}" ;;
    esac
done
if [ -z "$found" ]; then
    af_sshd_option_apply AllowGroups equals "$AF_PARAM_SSH_ALLOW_GROUPS"
fi
