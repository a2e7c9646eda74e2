printf '# Written by amifactory: an idle shell ends.\nTMOUT=%s\nreadonly TMOUT\nexport TMOUT\n' "$AF_PARAM_SHELL_TIMEOUT" \
    | af_write_file /etc/profile.d/zz-amifactory-timeout.sh 0644 root:root
# One that allows more, or switches it off, would come first.
for file in /etc/profile /etc/bashrc /etc/bash.bashrc /etc/profile.d/*.sh; do
    if [ ! -f "$file" ] || [ "$file" = /etc/profile.d/zz-amifactory-timeout.sh ]; then
        continue
    fi
    awk '/^[ \t]*#/ || !/TMOUT/ { print; next } { print "# amifactory: " $0 }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
