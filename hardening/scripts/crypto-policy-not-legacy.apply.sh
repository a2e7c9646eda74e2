policy=$(sed 's/#.*//;s/[[:blank:]]//g;s/.*/\U&/;/^$/d' /etc/crypto-policies/config | head -n 1)
case $policy in
    '' | LEGACY | LEGACY:*)
        if command -v update-crypto-policies >/dev/null 2>&1; then
            update-crypto-policies --set DEFAULT
        else
            echo DEFAULT | af_replace /etc/crypto-policies/config
        fi
        ;;
esac
