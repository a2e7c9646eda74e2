if ! af_filesystem_scan; then
    af_look unknown "files that everyone may change" none "no users are known here"
else
    af_filesystem_found w
    if [ -n "$AF_VALUE" ]; then
        af_look fail "files that everyone may change" none "$AF_VALUE"
    else
        af_look pass "files that everyone may change" none none
    fi
fi
