case $AF_PARAM_FIREWALL in
    nftables) others="firewalld.service" ;;
    *) others="nftables.service" ;;
esac
# shellcheck disable=SC2086 # A list of units.
af_service_disabled_apply $others iptables.service ip6tables.service ufw.service
af_enable "$AF_PARAM_FIREWALL.service"
