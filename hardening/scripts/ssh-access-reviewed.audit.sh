found=
for key in AllowUsers AllowGroups DenyUsers DenyGroups; do
    af_sshd_values "$key"
    # A list in a Match block is for those only whom it matches, `*` is everyone, and what sshd is called with counts first.
    case " $AF_VALUE " in
        *" * "* | *\|*OPT*=* | " |"* | "  ") ;;
        *) found="$found, $key ${AF_VALUE%%|*}" ;;
    esac
done
if [ -n "$found" ]; then
    af_look pass "sshd users and groups" "a list of who may log in, or may not" "${found#, }"
else
    af_look fail "sshd users and groups" "a list of who may log in, or may not" "everyone with an account"
fi
