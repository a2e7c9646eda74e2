if ! af_filesystem_scan; then
    af_look unknown "files that everyone may change" none "no users are known here"
else
    af_filesystem_found w
    af_look_none "files that everyone may change" none "$AF_VALUE"
fi
