if ! af_filesystem_scan; then
    af_look unknown "files of no known owner" none "no users are known here"
else
    af_filesystem_found o
    if [ -n "$AF_VALUE" ]; then
        af_look fail "files of no known owner" none "$AF_VALUE"
    else
        af_look pass "files of no known owner" none none
    fi
fi
