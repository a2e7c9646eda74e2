members=$(AF_GROUP=$AF_PARAM_SU_GROUP awk -F: '
    $1 == ENVIRON["AF_GROUP"] { print ($4 == "" ? "empty" : $4); found = 1; exit }
    END { if (!found) print "missing" }' /etc/group)
if [ "$members" = empty ]; then
    af_look pass "group $AF_PARAM_SU_GROUP" empty empty
else
    af_look fail "group $AF_PARAM_SU_GROUP" empty "$members"
fi
