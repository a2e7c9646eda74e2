case $AF_PARAM_FIREWALL in
    nftables) others="firewalld.service" ;;
    *) others="nftables.service" ;;
esac
af_service_enabled_audit "$AF_PARAM_FIREWALL.service"
# shellcheck disable=SC2086 # A list of units.
af_service_disabled_audit $others iptables.service ip6tables.service ufw.service
