# Writes to every place of the machine that it can name. What exists in here is the overlay's copy.
mkdir -p "$CANARY" && echo changed >"$CANARY/file"
echo changed >"/..$CANARY/file"
(cd / && for _ in 1 2 3 4 5 6 7 8 9; do cd ..; done && echo changed >".$CANARY/file")
echo 'intruder::0:0::/:/bin/sh' >>/etc/passwd
echo changed >/etc/hostname
rm -rf /boot /srv /home /root /mnt /media
rm -rf /etc/* /opt/*
mkdir -p /etc /home /root && echo changed >/root/.profile
[ "$(cat /etc/hostname 2>/dev/null)" = "" ] || echo "ESCAPED: /etc/hostname is still there"
