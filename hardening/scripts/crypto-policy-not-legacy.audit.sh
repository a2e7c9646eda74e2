policy=$(sed 's/#.*//;s/[[:blank:]]//g;s/.*/\U&/;/^$/d' /etc/crypto-policies/config | head -n 1)
case $policy in
    '' | LEGACY | LEGACY:*) af_look fail "/etc/crypto-policies/config" "anything but LEGACY" "${policy:-nothing}" ;;
    *) af_look pass "/etc/crypto-policies/config" "anything but LEGACY" "$policy" ;;
esac
