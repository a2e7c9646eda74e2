# Only the word goes; other flags of a profile stay.
for file in /etc/apparmor.d/*; do
    [ -f "$file" ] || continue
    # `flags=` may be left out before the brackets.
    sed -E '/^[^#]*\([^)]*\bcomplain\b[^)]*\)[[:blank:]]*\{/{
        s/(\([^)]*)\bcomplain\b[ ,]*/\1/
        s/[ ,]+\)/)/
        s/[[:blank:]]*(flags=)?\(\)//
    }' "$file" >"$AF_TMP/lines"
    # Flags over several lines.
    if grep -zqE '\([^()#{}]*\bcomplain\b[^()#{}]*\)[[:space:]]*\{' "$AF_TMP/lines"; then
        sed -zE ':again
            s/((^|\n)[^#\n]*\([^()#{}]*)\bcomplain\b[[:space:],]*([^()#{}]*\)[[:space:]]*\{)/\1\3/
            t again
            s/[[:space:],]+(\)[[:space:]]*\{)/\1/g
            s/[[:space:]]*(flags=)?\(\)([[:space:]]*\{)/\2/g' "$AF_TMP/lines" >"$AF_TMP/joined"
        cat "$AF_TMP/joined" >"$AF_TMP/lines"
    fi
    af_replace "$file" <"$AF_TMP/lines"
done
for link in /etc/apparmor.d/force-complain/*; do
    if [ -e "$link" ] || [ -L "$link" ]; then
        rm -f "$link"
    fi
done
