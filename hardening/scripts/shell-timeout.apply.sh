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
    # What sets or fixes it becomes a command that does nothing, so that what it stood in still has one.
    AF_STARTS="$AF_STARTS" awk '
        BEGIN {
            set = "((export|readonly|typeset|declare|unset)([ \t]+-[A-Za-z]+)*[ \t]+)?TMOUT([+]?=(\"[^\"]*\"|\047[^\047]*\047|[^ \t;&|(){}\"\047`$]*))?"
            here = ENVIRON["AF_STARTS"] set "[ \t]*($|[;&|)#])"
        }
        # Reading it does no harm.
        function sets(text) {
            sub(/[ \t]#.*/, "", text); gsub(/\$TMOUT|\$\{TMOUT(:?-[^}]*)?\}/, "", text)
            return text ~ /TMOUT/
        }
        /^[ \t]*#/ || !sets($0) { print; next }
        {
            line = $0
            sub(/[ \t]#.*/, "", line)
            while (match(line, here)) {
                head = substr(line, 1, RSTART - 1); part = substr(line, RSTART, RLENGTH); tail = substr(line, RSTART + RLENGTH)
                match(part, set); line = head substr(part, 1, RSTART - 1) ":" substr(part, RSTART + RLENGTH) tail
            }
            lead = $0; sub(/[^ \t].*/, "", lead)
            if (sets(line) || line !~ /[^ \t:]/) line = lead ":"
            print line " # amifactory: " substr($0, length(lead) + 1)
        }' "$file" >"$AF_TMP/lines"
    af_replace_shell "$file" <"$AF_TMP/lines"
done
