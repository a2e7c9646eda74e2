# In one word where the shell has one, because those who audit look for it; other shells read this file too.
af_write_file /etc/profile.d/zz-amifactory-timeout.sh 0644 root:root <<TIMEOUT
# Written by amifactory: an idle shell ends.
if [ -n "\${BASH_VERSION-}" ]; then
    typeset -xr TMOUT=$AF_PARAM_SHELL_TIMEOUT
else
    TMOUT=$AF_PARAM_SHELL_TIMEOUT
    readonly TMOUT
    export TMOUT
fi
TIMEOUT
# One that allows more, or switches it off, would come first.
for file in /etc/profile /etc/bashrc /etc/bash.bashrc /etc/profile.d/*.sh; do
    if [ ! -f "$file" ] || [ "$file" = /etc/profile.d/zz-amifactory-timeout.sh ]; then
        continue
    fi
    awk '/^[ \t]*#/ || !/TMOUT/ { print; next } { print "# amifactory: " $0 }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
