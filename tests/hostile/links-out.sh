# Follows links that leave the tree: absolute ones, many parents up, and the magic links of /proc.
mkdir -p /var/links && cd /var/links || exit 1
ln -s "$CANARY" absolute
ln -s "../../../../../../../..$CANARY" relative
ln -s "/proc/self/root$CANARY" magic
ln -s "/proc/1/root$CANARY" init
for link in absolute relative magic init; do
    never cat "$link/file"
    never_write "$link/file" changed
done
never ln "$CANARY/file" /var/links/hard
# A later run must not follow such a link either when it makes its own folders.
rm -rf /srv && ln -s "$CANARY" /srv
