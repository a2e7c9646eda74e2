if ! AF_GROUP=$AF_PARAM_SU_GROUP awk -F: '$1 == ENVIRON["AF_GROUP"] { found = 1; exit } END { exit !found }' /etc/group; then
    groupadd --system -- "$AF_PARAM_SU_GROUP"
fi
