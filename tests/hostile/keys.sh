# Looks into the keyrings, which no namespace keeps apart.
[ "$(answer "$SYS_keyctl" 0 -3 0)" = 1 ] || echo "ESCAPED: keyctl is not refused"
[ "$(answer "$SYS_add_key" user x y 1 -3)" = 1 ] || echo "ESCAPED: add_key is not refused"
[ "$(answer "$SYS_request_key" user x 0 0)" = 1 ] || echo "ESCAPED: request_key is not refused"
[ -z "$(cat /proc/keys 2>/dev/null)" ] || echo "ESCAPED: /proc/keys tells"
[ -z "$(cat /proc/key-users 2>/dev/null)" ] || echo "ESCAPED: /proc/key-users tells"
