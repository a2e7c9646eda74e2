//! What an image may hold that a control was not thought for: audits must not pass it, applies must not break it.

use super::harness::case;

#[test]
fn only_a_home_that_is_its_users_alone_is_closed_to_others() {
    case(
        "only_a_home_that_is_its_users_alone_is_closed_to_others",
        r#"
        {
            echo 'root:x:0:0::/root:/bin/bash'; echo 'operator:x:11:0::/root:/sbin/nologin'; echo 'daemon:x:2:2::/:/bin/false'
            echo 'deploy:x:1600:1600::/:/bin/bash'; echo 'sam:x:1601:1601::/home/sam:/bin/bash'
            echo 'web:x:1602:1602::/var/www:/bin/bash'; echo 'one:x:1603:1603::/home/both:/bin/bash'
            echo 'two:x:1604:1604::/home/both/:/bin/bash'; echo 'kim:x:1605:1605::/home/kim/:/bin/bash'
            echo 'app:x:1606:1606::/srv/app:/bin/bash'; echo 'far:x:1607:1607::/srv/far:/bin/bash'
            echo 'holds:x:1608:1608::/home/holds:/bin/bash'; echo 'held:x:900:900::/home/holds/held:/bin/false'
            echo 'usr:x:1609:1609::/usr/bin:/bin/bash'; echo 'up:x:1610:1610::/home/up/../../etc:/bin/bash'
        } >/etc/passwd
        mkdir -p /root /var/www /home/both /home/kim /srv/app /srv/far /home/holds/held /home/up
        ln -s /usr/bin /home/sam
        chown 1606 /srv/app
        chmod 755 / /root /var/www /home/both /home/kim /srv/app /srv/far /home/holds
        modes() { stat -L -c '%a %u %n' / /usr/bin /etc /home/sam /var/www /home/both /srv/far /home/holds | tr '\n' ';'; }
        before=$(modes)
        af_accounts_apply home-folders
        wants 'what is not theirs alone' "$before" "$(modes)"
        wants 'what is' '750 0 /root;750 1605 /home/kim;750 1606 /srv/app;' "$(stat -c '%a %u %n' /root /home/kim /srv/app | tr '\n' ';')"
        wants 'the audit' fail "$(said af_accounts_audit home-folders)"
        sed -i 's/^root:.*/root:x:0:0::\/:\/bin\/bash/' /etc/passwd
        af_accounts_apply home-folders
        wants 'root at /' "$before" "$(modes)"
        "#,
    );
}

#[test]
fn lines_that_are_no_accounts_stay_as_they_are() {
    case(
        "lines_that_are_no_accounts_stay_as_they_are",
        r#"
        printf 'root:x:0:0::/root:/bin/bash\n\n# site\ngames:x:5:60::/usr/games:/bin/sh\n' >/etc/passwd
        printf 'root:*:1::::::\n\nsam::1::::::\n' >/etc/shadow
        echo 'root:x:0:' >/etc/group
        af_accounts_apply no-empty-passwords
        wants shadow 'root:*:1::::::||sam:!:1::::::|' "$(tr '\n' '|' </etc/shadow)"
        wants 'the audit' pass "$(said af_accounts_audit no-empty-passwords)"
        af_accounts_apply system-accounts-cannot-log-in
        wants passwd 'root:x:0:0::/root:/bin/bash||# site|games:x:5:60::/usr/games:/usr/sbin/nologin|' "$(tr '\n' '|' </etc/passwd)"
        "#,
    );
}

#[test]
fn evidence_of_modes_is_kept_and_links_in_folders_are_left() {
    case(
        "evidence_of_modes_is_kept_and_links_in_folders_are_left",
        r#"
        mkdir -p /srv/logs
        echo x >/srv/logs/log; echo x >/srv/outside
        chmod 666 /srv/logs/log /srv/outside
        ln -s /srv/outside /srv/logs/link
        af_file_mode_apply no 0640 root root '/srv/logs/*'
        wants modes '640 666 ' "$(stat -c %a /srv/logs/log /srv/outside | tr '\n' ' ')"
        wants 'a link to what is open' fail "$(said af_file_mode_audit fail 0640 root root '/srv/logs/*')"
        : >'/srv/logs/a
        x[$(echo run >>ran)] root root b'; chmod 600 /srv/logs/*; rm /srv/logs/link
        af_file_mode_apply no 0640 root root '/srv/logs/*'
        wants 'a name of several lines' fail "$(said af_file_mode_audit fail 0640 root root '/srv/logs/*')"
        wants 'what ran of it' '' "$(cat ran 2>/dev/null || :)"
        rm /srv/logs/a*; chmod 640 /srv/logs/log
        wants evidence 'pass|640 root:root' "$(full af_file_mode_audit fail 0640 root root /srv/logs/log | awk -F'\t' '{ print $2 "|" $5 }')"
        "#,
    );
}

#[test]
fn logs_on_volumes_of_their_own_are_sealed_and_restricted() {
    case(
        "logs_on_volumes_of_their_own_are_sealed_and_restricted",
        r#"
        find /var/log -type f -exec chmod 600 {} +
        mkdir -p /var/log/audit
        mount -t tmpfs tmpfs /var/log/audit
        echo secret >/var/log/audit/audit.log; echo old >/var/log/audit/audit.log.1
        chmod 644 /var/log/audit/audit.log
        # A volume of its own; memory is not told as one.
        af_filesystem_volumes() { printf '%s\n' /home /var/log /var/log/audit; }
        wants 'open, the audit' fail "$(said script log-files-restricted.audit)"
        script log-files-restricted.apply
        wants 'closed' 640 "$(stat -c %a /var/log/audit/audit.log)"
        wants 'the audit' pass "$(said script log-files-restricted.audit)"
        af_seal_logs
        wants 'sealed' 'audit.log 0' "$(cd /var/log/audit; stat -c '%n %s' *)"
        "#,
    );
}

#[test]
fn audit_rules_that_others_switch_off_do_not_count() {
    case(
        "audit_rules_that_others_switch_off_do_not_count",
        r#"
        rules=/etc/audit/rules.d
        rm -rf $rules; mkdir -p $rules
        watch='-w /etc/passwd -p wa -k identity'
        see() { wants "$1" "$2" "$(said af_audit_rule_audit 50-af-x "$watch")"; }
        echo "$watch" >$rules/50-af-x.rules
        see 'the rule' pass
        for other in '-a never,task' '-a task,never -k x' '-anever,task' '-A exit,never -S all' '-W /etc/passwd -p wa -k identity' \
            '-d always,exit -F path=/etc/passwd -F perm=wa' ' -D' '-D -k identity'; do
            echo "$other" >$rules/60-x.rules
            see "$other behind" fail
        done
        for other in '-a never,exit -F arch=b64 -S all' '-a never,task'; do
            rm $rules/60-x.rules; echo "$other" >$rules/6-x.rules
            see "$other before" fail
            mv $rules/6-x.rules $rules/60-x.rules
        done
        for other in '-a always,exclude -F msgtype=SYSCALL' '-a exclude,always -F msgtype=1300' '-A exclude,always -F msgtype!=LOGIN'; do
            echo "$other" >$rules/60-x.rules
            see "$other" fail
            af_audit_rule_apply 50-af-x "$watch"
            see "$other, mended" pass
            wants "$other, gone" " amifactory: $other" "$(tr -d '#' <$rules/60-x.rules)"
        done
        for other in -D '# -a never,task' '-a never,exit -F arch=b64 -S all' '-a always,exclude -F msgtype=CWD' '--backlog_wait_time 60000'; do
            echo "$other" >$rules/60-x.rules
            see "$other behind" pass
        done
        rm $rules/60-x.rules; echo '-e 2' >$rules/99-zz-af-locked.rules; echo '-e 1' >$rules/100-site.rules
        wants 'the order of versions' fail "$(said af_audit_rule_audit 99-zz-af-locked '-e 2')"

        rm -f $rules/*; printf -- '-D\n-a never,task\n-b 8192' >$rules/audit.rules
        af_audit_rule_apply 50-af-x "$watch"
        wants 'never,task goes' '-D|# amifactory: -a never,task|-b 8192|' "$(tr '\n' '|' <$rules/audit.rules)"
        see 'then' pass
        auditctl() { if [ "$1" = -l ]; then printf '%s\n' '-a never,task' "$watch"; else echo 'enabled 1'; fi; }
        wants 'loaded' fail "$(said af_audit_rule_runtime 50-af-x "$watch")"
        "#,
    );
}

#[test]
fn no_audit_rule_is_written_twice_and_none_that_cannot_be_read() {
    case(
        "no_audit_rule_is_written_twice_and_none_that_cannot_be_read",
        r#"
        rules=/etc/audit/rules.d
        rm -rf $rules; mkdir -p $rules
        echo '-w /etc/group -p wa -k identity' >$rules/10-site.rules
        printf '%s\n' '-w /etc/group -p wa -k identity' '-w /etc/passwd -p wa -k identity' >$rules/50-af-accounts.rules
        for round in 1 2; do
            af_audit_rule_apply 50-af-accounts '-w /etc/group -p wa -k identity' '-w /etc/passwd -p wa -k identity'
            wants "written $round" '-c -w /etc/group -p wa -k identity -w /etc/passwd -p wa -k identity' \
                "$(af_audit_rules_files | grep -v '^#' | tr '\n' ' ' | sed 's/ $//')"
        done
        printf '%s\n' '-a never,exit -F path=/x' '-w /etc/group -p wa -k identity' >$rules/60-late.rules; rm $rules/10-site.rules
        af_audit_rule_apply 50-af-accounts '-w /etc/group -p wa -k identity'
        wants 'behind a rule that switches off' pass "$(said af_audit_rule_audit 50-af-accounts '-w /etc/group -p wa -k identity')"
        rm $rules/*
        uname() { echo aarch64; }
        calls='-F auid>=1000 -F auid!=unset -k kernel_modules'
        set -- "-a always,exit -F arch=b64 -S init_module,delete_module,create_module,query_module $calls" \
            "-a always,exit -F arch=b32 -S init_module,delete_module,create_module,query_module $calls"
        for round in 1 2; do
            af_audit_rule_apply 50-af-a "-a always,exit -F arch=b64 -S init_module,delete_module $calls"
            af_audit_rule_apply 50-af-b "$@"
            wants "twice $round" 1 "$(cat $rules/*.rules | grep -c arch=b64)"
        done
        wants 'the audit' pass "$(said af_audit_rule_audit 50-af-b "$@")"

        mkdir -p '/srv/a b'; : >'/srv/a b/tool'; : >/srv/tool; chmod 4755 '/srv/a b/tool' /srv/tool
        script audit-privileged-commands.apply
        wants 'a blank' 0 "$(grep -c '/srv/a b' $rules/50-af-privileged.rules || true)"
        wants 'no blank' 1 "$(grep -c 'path=/srv/tool ' $rules/50-af-privileged.rules)"
        wants 'looks' 'fail none for (a blank in its name) /srv/a b/tool ' \
            "$(full script audit-privileged-commands.audit | awk -F'\t' '{ print $2, $5 }')"
        rm -r '/srv/a b' "$AF_TMP/scan"
        wants 'without it' pass "$(said script audit-privileged-commands.audit)"
        "#,
    );
}

#[test]
fn options_that_no_mount_gets_do_not_count() {
    case(
        "options_that_no_mount_gets_do_not_count",
        r#"
        system=/etc/systemd/system
        see() { wants "$1" "$2" "$(said af_mount_option_audit /tmp tmpfs nodev,noexec)"; }
        mend() {
            see "$1" fail
            af_mount_option_apply /tmp tmpfs nodev,noexec
            see "$1, mended" "$2"
            cp /etc/fstab /run/once; af_mount_option_apply /tmp tmpfs nodev,noexec; cmp /etc/fstab /run/once
        }
        rm -rf $system/tmp.mount* /etc/systemd/system/*.wants/tmp.mount
        echo 'tmpfs /tmp tmpfs nodev,noexec 0 0' >/etc/fstab; see right pass
        echo 'tmpfs /tmp tmpfs noauto,nodev,noexec 0 0' >/etc/fstab; mend noauto pass
        wants noauto 'tmpfs /tmp tmpfs nodev,noexec 0 0' "$(cat /etc/fstab)"
        echo 'tmpfs /tmp tmpfs noexec,nodev,exec 0 0' >/etc/fstab; mend 'the last wins' pass
        echo 'tmpfs /tmp/ tmpfs rw 0 0' >/etc/fstab; mend 'a slash' pass
        wants lines 1 "$(grep -c . /etc/fstab)"
        printf 'tmpfs /tmp tmpfs rw 0 0\ntmpfs /tmp tmpfs nodev,noexec 0 0\n' >/etc/fstab; mend 'the first line' pass
        ln -s /dev/null $system/tmp.mount; mend masked pass
        : >/etc/fstab; mkdir -p $system/local-fs.target.wants
        printf '[Mount]\nWhat=tmpfs\nWhere=/tmp\nOptions = nodev,noexec\n' >$system/tmp.mount; see 'not enabled' fail
        printf '[Install]\nWantedBy=local-fs.target\n' >>$system/tmp.mount; mend 'enabled by us' pass
        rm $system/local-fs.target.wants/tmp.mount
        ln -s ../tmp.mount $system/local-fs.target.wants/tmp.mount; see enabled pass
        mkdir $system/tmp.mount.d; printf '[Mount]\nOptions=mode=1777\n' >$system/tmp.mount.d/o.conf; mend 'a drop-in' pass
        "#,
    );
}

#[test]
fn what_only_looks_right_does_not_pass() {
    case(
        "what_only_looks_right_does_not_pass",
        r#"
        system=/etc/systemd/system
        mkdir -p $system/multi-user.target.wants /usr/lib/systemd/system
        printf '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/some.service
        ln -sf /usr/lib/systemd/system/some.service $system/multi-user.target.wants/some.service
        wants 'a unit' pass "$(said af_service_enabled_audit some.service)"
        : >$system/some.service
        wants 'an empty unit' fail "$(said af_service_enabled_audit some.service)"
        af_service_enabled_apply some.service
        wants 'a unit again' pass "$(said af_service_enabled_audit some.service)"

        rm -rf /etc/rsyslog.conf /etc/rsyslog.d; mkdir /etc/rsyslog.d
        AF_PARAM_LOG_HOST=logs.corp
        for line in '*.* @@elsewhere' '*.* action(type="omfwd" target="logs.corp.example" port="514")'; do
            echo "$line" >/etc/rsyslog.d/1.conf
            wants "$line" fail "$(said script remote-logging-reviewed.audit)"
        done
        for line in '*.* @@logs.corp' '*.* @@(o)logs.corp:514' '*.* action(type="omfwd" target="logs.corp" port="514")'; do
            echo "$line" >/etc/rsyslog.d/1.conf
            wants "$line" pass "$(said script remote-logging-reviewed.audit)"
        done
        for AF_PARAM_LOG_HOST in logs.corp logs.corp:6514; do
            rm /etc/rsyslog.d/*; script remote-logging-reviewed.apply
            wants 'our own' pass "$(said script remote-logging-reviewed.audit)"
        done

        rm -rf /etc/apparmor.d; mkdir /etc/apparmor.d
        printf 'profile foo /bin/foo (complain) {\n}\n' >/etc/apparmor.d/foo
        wants complain fail "$(said script apparmor-profiles-enforced.audit)"
        script apparmor-profiles-enforced.apply
        wants enforced pass "$(said script apparmor-profiles-enforced.audit)"
        wants profile 'profile foo /bin/foo {' "$(head -n 1 /etc/apparmor.d/foo)"
        printf 'profile a /a flags=(attach_disconnected,\n  complain) {\n}\nprofile b /b flags=(\ncomplain)\n{\n  # (complain) {\n}\n' >/etc/apparmor.d/foo
        wants 'over lines' fail "$(said script apparmor-profiles-enforced.audit)"
        for round in 1 2; do
            script apparmor-profiles-enforced.apply
            wants 'over lines, enforced' pass "$(said script apparmor-profiles-enforced.audit)"
            wants 'over lines, profile' 'profile a /a flags=(attach_disconnected) {|}|profile b /b|{|  # (complain) {|}|' "$(tr '\n' '|' </etc/apparmor.d/foo)"
        done
        "#,
    );
}

#[test]
fn what_a_killed_write_left_goes_when_the_image_is_sealed() {
    case(
        "what_a_killed_write_left_goes_when_the_image_is_sealed",
        r#"
        echo junk >/etc/hosts.af-new; echo junk >/etc/sudoers.af-check; echo mine >/etc/af-new
        af_seal_temporary
        wants left '/etc/af-new' "$(ls -d /etc/*af-new /etc/*af-check 2>/dev/null)"
        "#,
    );
}

#[test]
fn selinux_counts_as_it_runs() {
    case(
        "selinux_counts_as_it_runs",
        r#"
        see() { wants "$1" "$1" "$(said script selinux-enforcing.audit)"; }
        see unknown
        mkdir -p /run/systemd/system; see fail
        mkdir -p /sys/fs/selinux
        echo 0 >/sys/fs/selinux/enforce; see fail
        echo 1 >/sys/fs/selinux/enforce; see pass
        "#,
    );
}

#[test]
fn a_password_of_root_is_found_and_taken_away() {
    case(
        "a_password_of_root_is_found_and_taken_away",
        r#"
        printf 'root:x:0:0::/root:/bin/bash\n' >/etc/passwd
        echo 'root:x:0:' >/etc/group
        for other in '' '$y$j9T$salt$hash' 'x'; do
            printf 'root:%s:1::::::\nsam:$y$kept:1::::::\n' "$other" >/etc/shadow
            wants "with '$other'" fail "$(said af_accounts_audit root-locked)"
            af_accounts_apply root-locked
            wants shadow 'root:!:1::::::|sam:$y$kept:1::::::|' "$(tr '\n' '|' </etc/shadow)"
            wants 'after it' pass "$(said af_accounts_audit root-locked)"
        done
        for locked in '!' '*' '!!' '!$y$hash'; do
            printf 'root:%s:1::::::\n' "$locked" >/etc/shadow
            wants "with '$locked'" pass "$(said af_accounts_audit root-locked)"
        done
        echo 'sam:!:1::::::' >/etc/shadow
        wants 'without root' fail "$(said af_accounts_audit root-locked)"
        "#,
    );
}

#[test]
fn pipes_among_drop_ins_are_not_waited_for_and_masks_still_count() {
    case(
        "pipes_among_drop_ins_are_not_waited_for_and_masks_still_count",
        r#"
        rm -f /etc/sysctl.conf /etc/sysctl.d/*; mkdir -p /etc/sysctl.d /usr/lib/sysctl.d
        mkfifo /etc/sysctl.d/10-pipe.conf
        ln -s /dev/zero /etc/sysctl.d/20-endless.conf
        echo 'kernel.dmesg_restrict = 1' >/etc/sysctl.d/30-site.conf
        echo 'kernel.dmesg_restrict = 0' >/usr/lib/sysctl.d/40-vendor.conf
        wants vendor fail "$(said af_sysctl_audit kernel.dmesg_restrict equals 1)"
        ln -s ../../dev/null /etc/sysctl.d/40-vendor.conf
        wants masked pass "$(said af_sysctl_audit kernel.dmesg_restrict equals 1)"
        "#,
    );
}

#[test]
fn a_unit_is_masked_however_the_link_is_written() {
    case(
        "a_unit_is_masked_however_the_link_is_written",
        r#"
        unit=some.service system=/etc/systemd/system
        mkdir -p /usr/lib/systemd/system $system/multi-user.target.wants
        printf '[Service]\nExecStart=/bin/true\n' >/usr/lib/systemd/system/$unit
        ln -s /usr/lib/systemd/system/$unit $system/multi-user.target.wants/
        wants enabled pass "$(said af_service_enabled_audit $unit)"
        ln -s ../../../dev/null $system/$unit
        wants relative fail "$(said af_service_enabled_audit $unit)"
        rm $system/$unit
        ln -sf /dev/null /usr/lib/systemd/system/$unit
        wants vendor fail "$(said af_service_enabled_audit $unit)"
        "#,
    );
}

#[test]
fn logs_behind_a_link_are_restricted_and_sealed() {
    case(
        "logs_behind_a_link_are_restricted_and_sealed",
        r#"
        find /var/log -type f -exec chmod 600 {} +
        mkdir /data; cp -a /var/log /data/log; rm -rf /var/log; ln -s /data/log /var/log
        echo secret >/data/log/secret; chmod 666 /data/log/secret
        wants 'open, the audit' fail "$(said script log-files-restricted.audit)"
        script log-files-restricted.apply
        wants closed 640 "$(stat -c %a /data/log/secret)"
        wants 'the audit' pass "$(said script log-files-restricted.audit)"
        af_seal_logs
        wants sealed 0 "$(stat -c %s /data/log/secret)"
        "#,
    );
}

#[test]
fn what_overrules_the_options_of_sshd_counts() {
    case(
        "what_overrules_the_options_of_sshd_counts",
        r#"
        mkdir -p /etc/ssh /etc/default /etc/sysconfig; rm -f /etc/default/ssh /etc/sysconfig/sshd
        printf 'PermitRootLogin No\nMaxStartups 10:30:60\nAllowGroups wheel\n' >/etc/ssh/sshd_config
        see() {
            wants "$1" "$2 $2 $2" "$(said af_sshd_option_audit PermitRootLogin equals no) $(
                said af_sshd_option_audit MaxStartups equals 10:30:60) $(said script ssh-access-reviewed.audit)"
        }
        see files pass
        for file in /etc/default/ssh /etc/sysconfig/sshd; do
            for line in 'SSHD_OPTS=' '# OPTIONS="-o X=y"' 'SSHD_OPTS=-4' 'OPTIONS="-u0"'; do
                echo "$line" >$file; see "$line" pass
            done
            for line in 'SSHD_OPTS="-o PermitRootLogin=yes"' 'OPTIONS="-4 -f /etc/other"' ' OPTIONS = -oPermitRootLogin=yes'; do
                echo "$line" >$file; see "$line" fail
                wants "$line, apply" 'options that go over its files 1' "$(
                    rc=0; af_sshd_option_apply PermitRootLogin equals no 2>/run/said || rc=$?
                    echo $(grep -o 'options that go over its files' /run/said) $rc)"
                wants "$line, what it says" "$(echo "$line" | tr -d ' ')" "$(sed 's/.*sshd_config: //' /run/said | tr -d ' ')"
                wants "$line, stays" "$line" "$(cat $file)"
            done
            rm $file
        done
        for startups in 10:30 10:30:61 10:30:60x x:30:60; do
            echo "MaxStartups $startups" >/etc/ssh/sshd_config
            wants "$startups" fail "$(said af_sshd_option_audit MaxStartups equals 10:30:60)"
        done
        mkdir -p /etc/ssh/sshd_config.d
        echo 'PermitRootLogin yes' >'/etc/ssh/sshd_config.d/00\tx.conf'
        printf 'Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n' >/etc/ssh/sshd_config
        wants 'a name with a backslash' fail "$(said af_sshd_option_audit PermitRootLogin equals no)"
        "#,
    );
}

#[test]
fn a_list_of_everyone_limits_no_logins() {
    case(
        "a_list_of_everyone_limits_no_logins",
        r#"
        mkdir -p /etc/ssh; rm -f /etc/default/ssh
        see() { echo "$2" >/etc/ssh/sshd_config; wants "$2" "$1" "$(said script ssh-access-reviewed.audit)"; }
        af_sshd_accepts() { :; }
        AF_PARAM_SSH_ALLOW_GROUPS='wheel sudo'
        for line in 'AllowUsers *' 'AllowUsers deploy *' 'DenyUsers *' 'Match all'; do
            see fail "$line"
            script ssh-access-reviewed.apply
            wants "$line, mended" pass "$(said script ssh-access-reviewed.audit)"
        done
        see pass 'AllowUsers deploy'
        see pass 'AllowGroups ops *-admins'
        "#,
    );
}
