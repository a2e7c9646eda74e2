# firewalld itself accepts all of the loopback interface; what is looked for is that its addresses come from nowhere
# else: the interface is in the zone `trusted`, which drops them from others.
zone=/etc/firewalld/zones/trusted.xml
if [ ! -r "$zone" ]; then
    af_look fail "$zone" "the loopback interface and rules" "no such file"
else
    seen=$(tr -d '\n\t' <"$zone" | sed 's/> *</></g')
    for part in '<interface name="lo"/>' \
        '<rule family="ipv4"><source address="127.0.0.1"/><destination address="127.0.0.1" invert="True"/><drop/></rule>' \
        '<rule family="ipv6"><source address="::1"/><destination address="::1" invert="True"/><drop/></rule>'; do
        case $seen in
            *"$part"*) af_look pass "$zone" "$part" present ;;
            *) af_look fail "$zone" "$part" "not present" ;;
        esac
    done
fi
