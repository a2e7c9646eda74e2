# Makes setuid files and programs with capabilities, and tries to gain by them.
perl -e 'use strict; my $perl = readlink("/proc/self/exe"); print "$perl\n"' >/tmp/perl
cp "$(cat /tmp/perl)" /var/setuid && chown 0:0 /var/setuid && chmod 6755 /var/setuid
[ -u /var/setuid ] || echo "ESCAPED: setuid bits can't be set; packages could not be installed"
# As another user, the setuid file must not make root of it.
perl -e '$) = $( = 65534; $> = $< = 65534; exec "/var/setuid", "-e", q{print "$>\n"}' >/tmp/answer 2>/dev/null
[ "$(cat /tmp/answer)" = 0 ] && echo "ESCAPED: became root again"
grep -q '^NoNewPrivs:.1' /proc/self/status || echo "ESCAPED: may gain privileges"
# Root of here is not root of there: nothing beyond the list of kept capabilities.
grep -q '^CapBnd:.00000000800404fb' /proc/self/status || echo "ESCAPED: $(grep CapBnd /proc/self/status)"
