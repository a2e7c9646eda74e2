# shellcheck disable=SC2046 # One word for each.
find $(af_filesystem_logs) -xdev -type f ! -name '*wtmp*' ! -name '*btmp*' ! -name 'lastlog*' -perm /0137 -exec chmod u-x,g-wx,o-rwx {} +
# shellcheck disable=SC2046 # One word for each.
find $(af_filesystem_logs) -xdev -type f -perm /0113 -exec chmod u-x,g-x,o-wx {} +
