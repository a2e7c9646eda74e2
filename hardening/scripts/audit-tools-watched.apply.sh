config=/etc/aide.conf
if [ -e /etc/aide/aide.conf ]; then
    config=/etc/aide/aide.conf
fi
attributes=p+i+n+u+g+s+b+acl+xattrs+sha512
if [ "$AF_PKG" = deb ]; then
    # Debian's aide knows labels; where there are none, none is what it compares.
    attributes=p+i+n+u+g+s+b+acl+selinux+xattrs+sha512
fi
[ -e "$config" ] || af_write_file "$config" 0600 root:root </dev/null
for tool in auditctl auditd ausearch aureport autrace augenrules; do
    [ -e "/usr/sbin/$tool" ] || continue
    af_set_line "$config" "/usr/sbin/$tool" "/usr/sbin/$tool $attributes"
done
