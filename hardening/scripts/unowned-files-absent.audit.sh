if ! af_filesystem_scan; then
    af_look unknown "files of no known owner" none "no users are known here"
else
    af_filesystem_found o
    af_look_none "files of no known owner" none "$AF_VALUE"
fi
