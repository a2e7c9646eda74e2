# Looks for what the caller left lying about: descriptors, environment, folders, groups.
for fd in /proc/self/fd/*; do
    case $(readlink "$fd") in
        /dev/null | pipe:* | /proc/* | /run/amifactory/script.sh | '') ;;
        *) echo "ESCAPED: descriptor $fd -> $(readlink "$fd")" ;;
    esac
done
perl -e 'my %known = map { $_ => 1 } qw(PATH HOME LANG DEBIAN_FRONTEND PWD OLDPWD SHLVL _);
    print "ESCAPED: variable $_\n" for grep { !$known{$_} } keys %ENV'
[ "$(pwd)" = / ] || echo "ESCAPED: starts in $(pwd)"
perl -e 'my %groups = map { $_ => 1 } split " ", $(; print "ESCAPED: groups $(\n" if grep { $_ != 0 } keys %groups'
grep -v ' /proc/self/fd/' /proc/self/mountinfo | grep -q "$CANARY" && echo "ESCAPED: paths of the machine in the mount table"
never ls "$STATE"
:
