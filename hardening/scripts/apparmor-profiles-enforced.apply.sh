# Only the word goes; other flags of a profile stay.
for file in /etc/apparmor.d/*; do
    [ -f "$file" ] || continue
    # `flags=` may be left out before the brackets.
    sed -E '/^[^#]*\([^)]*\bcomplain\b[^)]*\)[[:blank:]]*\{/{
        s/(\([^)]*)\bcomplain\b[ ,]*/\1/
        s/[ ,]+\)/)/
        s/[[:blank:]]*(flags=)?\(\)//
    }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
for link in /etc/apparmor.d/force-complain/*; do
    if [ -e "$link" ] || [ -L "$link" ]; then
        rm -f "$link"
    fi
done
