# shellcheck disable=SC2046 # One word for each.
find $(af_filesystem_logs) -xdev -type f ! -name '*wtmp*' ! -name '*btmp*' ! -name 'lastlog*' -perm /0137 -exec chmod u-x,g-wx,o-rwx {} +
# shellcheck disable=SC2046 # One word for each.
find $(af_filesystem_logs) -xdev -type f -perm /0113 -exec chmod u-x,g-x,o-wx {} +
# cloud-init begins this one at the first boot, readable for everyone, but keeps the mode of one that is there.
if [ -d /etc/cloud ] && [ ! -e /var/log/cloud-init.log ]; then
    (umask 0137 && : >/var/log/cloud-init.log)
fi
