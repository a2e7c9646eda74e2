find /var/log -xdev -type f ! -name '*wtmp*' ! -name '*btmp*' ! -name 'lastlog*' -perm /0137 -exec chmod u-x,g-wx,o-rwx {} +
find /var/log -xdev -type f -perm /0113 -exec chmod u-x,g-x,o-wx {} +
