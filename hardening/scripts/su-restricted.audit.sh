# Accounts whose own group it is are members as well.
members=$(AF_GROUP=$AF_PARAM_SU_GROUP awk -F: '
    FILENAME == "/etc/group" { if ($1 == ENVIRON["AF_GROUP"]) { found = 1; gid = $3; if ($4 != "") list = list "," $4 } next }
    found && $4 == gid { list = list "," $1 }
    END { print (!found ? "missing" : list == "" ? "empty" : substr(list, 2)) }' /etc/group /etc/passwd)
af_judge "group $AF_PARAM_SU_GROUP" equals empty "$members"
