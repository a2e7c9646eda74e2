//! Files as sites write them: what really holds is what audits judge, and no apply breaks what it can't mend.

use super::harness::says;

#[test]
fn taking_out_a_shell_timeout_leaves_files_that_shells_can_read() {
    says(
        r#"
        AF_PARAM_SHELL_TIMEOUT=900
        printf 'if [ -n "$PATH" ]; then\n    TMOUT=1800\nfi\nexport MARK=1\n' >/etc/profile.d/site.sh
        printf 'case $- in\n*i*) TMOUT=100 ;;\n*) readonly TMOUT="0"; export A=2 ;;\nesac\n[ -z "$TMOUT" ] || export A="$A$TMOUT" # TMOUT\n' \
            >/etc/profile.d/arm.sh
        printf 'case $- in\n*i*) export B=1 TMOUT=100 ;;\nesac\n' >/etc/profile.d/both.sh
        printf 'x() {\n    TMOUT=0 readonly TMOUT\n}\n' >/etc/profile.d/pair.sh
        twice script shell-timeout.apply
        cat /etc/profile.d/site.sh /etc/profile.d/arm.sh /etc/profile.d/both.sh /etc/profile.d/pair.sh
        audit script shell-timeout.audit
        rm /etc/profile.d/both.sh
        audit script shell-timeout.audit
        "#,
        r#"
        if [ -n "$PATH" ]; then
            : # amifactory: TMOUT=1800
        fi
        export MARK=1
        case $- in
        *i*) : ;; # amifactory: *i*) TMOUT=100 ;;
        *) :; export A=2 ;; # amifactory: *) readonly TMOUT="0"; export A=2 ;;
        esac
        [ -z "$TMOUT" ] || export A="$A$TMOUT" # TMOUT
        case $- in
        *i*) export B=1 TMOUT=100 ;;
        esac
        x() {
            : # amifactory: TMOUT=0 readonly TMOUT
        }
        pass pass
        "#,
    );
}

#[test]
fn a_shell_timeout_in_quotes_or_without_a_value_is_seen() {
    for line in
        ["readonly TMOUT=\"0\"", "readonly TMOUT", "export TMOUT='0'", "TMOUT=", "TMOUT=$((0))", ": ${TMOUT:=0}"]
    {
        let script = "AF_PARAM_SHELL_TIMEOUT=900; apply script shell-timeout.apply
            audit script shell-timeout.audit
            echo '@' >/etc/profile.d/a.sh; audit script shell-timeout.audit
            twice script shell-timeout.apply; audit script shell-timeout.audit";
        says(&script.replace('@', &line.replace('\'', "'\\''")), "pass fail pass");
    }
}

#[test]
fn what_is_appended_gets_a_line_of_its_own() {
    says(
        r#"
        AF_PARAM_TIME_SOURCE=192.0.2.1 AF_PARAM_DEFAULT_UMASK=027
        printf 'UUID=2 /home ext4 defaults 0 2' >/etc/fstab
        twice af_mount_option_apply /tmp tmpfs noexec
        tail -n 1 /etc/fstab
        printf '%s' 'table inet x { }' >/etc/nftables.conf
        twice af_nftables_apply loopback 22 443
        cat /etc/nftables.conf
        printf 'driftfile /x' >/etc/chrony.conf
        twice script time-source-configured.apply
        cat /etc/chrony.conf
        printf 'last=1' >/etc/bash.bashrc
        echo 'UMASK 027' >/etc/login.defs
        twice script default-umask.apply
        cat /etc/bash.bashrc
        printf 'a=1' >/etc/profile; printf 'umask 000\n' >/etc/bashrc
        audit script default-umask.audit
        "#,
        "tmpfs /tmp tmpfs rw,relatime,mode=1777,size=50%,noexec 0 0
        table inet x { }
        include \"/etc/nftables/amifactory.nft\"
        driftfile /x
        # Written by amifactory.
        server 192.0.2.1 prefer iburst minpoll 4 maxpoll 4
        last=1
        # Written by amifactory.
        umask 027
        pass fail pass",
    );
}

#[test]
fn the_kernels_command_line_is_what_grub_makes_of_its_settings() {
    for (family, file) in [
        ("rpm", r#"GRUB_CMDLINE_LINUX="quiet" # my words"#),
        ("rpm", "GRUB_CMDLINE_LINUX=\"quiet \\\n  rd.x=1\""),
        ("rpm", "GRUB_CMDLINE_LINUX='quiet audit=1'\nGRUB_CMDLINE_LINUX=quiet"),
        ("rpm", r#"GRUB_CMDLINE_LINUX="audit=1"; GRUB_CMDLINE_LINUX_DEFAULT="audit=0""#),
        ("deb", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet audit=0\"\nGRUB_CMDLINE_LINUX=\"audit=1\""),
        ("deb", r#"# GRUB_CMDLINE_LINUX="audit=1""#),
    ] {
        let script = r#"
            AF_PKG=@family@
            cat >/etc/default/grub <<'FILE'
@file@
FILE
            audit af_kernel_cmdline_audit audit equals 1
            twice af_kernel_cmdline_apply audit equals 1
            audit af_kernel_cmdline_audit audit equals 1
            (
                for file in /etc/default/grub /etc/default/grub.d/*.cfg; do [ ! -f "$file" ] || . "$file"; done
                case "$GRUB_CMDLINE_LINUX ${GRUB_CMDLINE_LINUX_DEFAULT-} " in *audit=0*audit=1\ * | *audit=1\ *) echo on ;; esac
                case "$GRUB_CMDLINE_LINUX ${GRUB_CMDLINE_LINUX_DEFAULT-} " in *audit=1*audit=0\ ) echo off ;; esac
            )"#;
        says(&script.replace("@family@", family).replace("@file@", file), "fail pass on");
    }
}

#[test]
fn the_last_mention_on_a_kernels_command_line_is_mended() {
    says(
        r#"
        printf 'linux /vmlinuz audit=1 quiet audit=0\nlinux /vmlinuz audit\nlinux /v\nlinux /v\taudit=1 x\n' >/boot/grub/grub.cfg
        audit af_kernel_cmdline_audit audit equals 1
        twice af_kernel_cmdline_apply audit equals 1
        audit af_kernel_cmdline_audit audit equals 1; echo
        cat /boot/grub/grub.cfg
        "#,
        "fail fail pass pass
        linux /vmlinuz audit=1 quiet audit=1
        linux /vmlinuz audit=1
        linux /v audit=1
        linux /v\taudit=1 x",
    );
}

#[test]
fn only_regular_files_are_replaced() {
    says(
        r#"
        mkfifo /etc/device; ln -s device /etc/link
        apply af_append /etc/link more
        [ -p /etc/device ] && echo device
        mkdir /etc/motd /etc/elsewhere; ln -s elsewhere /etc/issue
        apply af_file_content_apply /etc/motd 0644 hello
        apply af_file_content_apply /etc/issue 0644 hello
        find /etc/motd /etc/elsewhere; cat /etc/issue
        echo a >/etc/a; echo junk >/etc/a.af-new
        apply af_set_line /etc/a a a
        apply af_file_content_apply /etc/b 0644 b; echo junk >/etc/b.af-new
        apply af_file_content_apply /etc/b 0644 b
        ls /etc/*.af-new 2>/dev/null || echo clean
        "#,
        "apply failed\ndevice\napply failed\n/etc/motd\n/etc/elsewhere\nhello\nclean",
    );
}

#[test]
fn a_module_that_a_command_loads_after_all_is_seen() {
    says(
        r#"
        mkdir -p /etc/modprobe.d/
        printf 'install cramfs /bin/true && /sbin/modprobe --ignore-install cramfs\nblacklist cramfs\n' >/etc/modprobe.d/site.conf
        audit af_kernel_module_audit cramfs
        twice af_kernel_module_apply cramfs
        audit af_kernel_module_audit cramfs
        "#,
        "fail pass",
    );
}

#[test]
fn a_key_that_is_there_twice_counts_by_its_worst_line() {
    says(
        r#"
        mkdir -p /etc/selinux/
        for text in 'SELINUX=disabled\nSELINUX=enforcing\n' 'SELINUX = enforcing\n' 'SELINUX=enforcing\nSELINUX=permissive\n'; do
            printf "$text" >/etc/selinux/config
            audit af_key_value_audit /etc/selinux/config = SELINUX equals enforcing
            twice af_key_value_apply /etc/selinux/config = SELINUX equals enforcing
            audit af_key_value_audit /etc/selinux/config = SELINUX equals enforcing
        done
        "#,
        "fail pass fail pass fail pass",
    );
}

#[test]
fn every_umask_that_a_start_file_may_set_counts() {
    for line in [
        "umask u=rwx,g=rwx,o=rwx",
        "[ -n x ] && umask 000",
        "if true; then umask 022; fi",
        "umask 070",
        "umask \"0\"",
        "umask -S 022",
        "[ `umask` -eq 0 ] && umask 022",
        "command umask $X",
        "\\umask 000",
    ] {
        let script = "AF_PARAM_DEFAULT_UMASK=027; echo 'UMASK 027' >/etc/login.defs
            twice script default-umask.apply; audit script default-umask.audit
            echo '@' >/etc/profile.d/zzz.sh; audit script default-umask.audit
            twice script default-umask.apply; audit script default-umask.audit; sh -n /etc/profile.d/zzz.sh";
        says(&script.replace('@', line), "pass pass pass fail pass pass");
    }
}

#[test]
fn drop_ins_are_read_where_systemd_reads_them_and_folders_are_none() {
    says(
        r#"
        mkdir -p /etc/systemd/ /usr/local/lib/systemd/journald.conf.d/ /etc/sysctl.d/98-folder.conf
        printf '[Journal]\nStorage=persistent\n' >/etc/systemd/journald.conf
        printf '[Journal]\nStorage=volatile\n' >/usr/local/lib/systemd/journald.conf.d/99-a.conf
        audit af_ini_option_audit /etc/systemd/journald.conf Journal Storage equals persistent
        twice af_ini_option_apply /etc/systemd/journald.conf Journal Storage equals persistent
        audit af_ini_option_audit /etc/systemd/journald.conf Journal Storage equals persistent
        echo 'net.ipv4.ip_forward=0' >/etc/sysctl.d/99-site.conf
        audit af_sysctl_audit net.ipv4.ip_forward equals 0
        "#,
        "fail pass pass",
    );
}

#[test]
fn whatever_switches_signatures_off_is_seen_and_taken_out() {
    for (file, text, left) in [
        ("sources.list.d/x.list", "deb [trusted=true] http://a.example/ x y", "deb http://a.example/ x y"),
        (
            "sources.list.d/x.list",
            "deb-src [ arch=a allow-insecure=yes ] http://a/ x",
            "deb-src [ arch=a  ] http://a/ x",
        ),
        ("sources.list.d/x.list", "deb [Trusted=1 allow-weak=on arch=a] http://a/ x", "deb [  arch=a] http://a/ x"),
        ("sources.list.d/x.sources", "Types: deb\nTrusted: true", "Types: deb"),
        ("sources.list.d/x.sources", "Types: deb\nAllow-Downgrade-To-Insecure: enable", "Types: deb"),
        ("apt.conf.d/x", "Acquire::AllowWeakRepositories \"on\";", "Acquire::AllowWeakRepositories \"false\";"),
    ] {
        let script = "mkdir -p /etc/apt/sources.list.d/ /etc/apt/apt.conf.d/folder.list
            echo 'deb [trusted=no] http://b/ without' >/etc/apt/sources.list
            audit script package-signatures-checked.audit
            printf '%s\\n' '@text@' >/etc/apt/@file@; audit script package-signatures-checked.audit
            twice script package-signatures-checked.apply; audit script package-signatures-checked.audit; echo
            cat /etc/apt/sources.list /etc/apt/@file@";
        let wanted = format!("pass fail pass\ndeb [trusted=no] http://b/ without\n{left}");
        says(&script.replace("@text@", text).replace("@file@", file), &wanted);
    }
}

#[test]
fn a_network_input_of_rsyslog_goes_as_a_whole_or_not_at_all() {
    let script = r#"
        rsyslogd() { ! grep -q needed /etc/rsyslog.conf || grep -q '^input' /etc/rsyslog.conf; }
        printf 'module(load="imuxsock")\nmodule(load="imtcp"\n    Name="g(tls"\n    Mode="1")\ninput(\n type="imtcp")\n*.* /x\n@\n' \
            >/etc/rsyslog.conf
        audit script rsyslog-receives-nothing.audit
        twice script rsyslog-receives-nothing.apply
        audit script rsyslog-receives-nothing.audit; echo
        grep -c amifactory /etc/rsyslog.conf; tail -n 2 /etc/rsyslog.conf; head -n 1 /etc/rsyslog.conf"#;
    says(&script.replace('@', "# end"), "fail pass\n5\n*.* /x\n# end\nmodule(load=\"imuxsock\")");
    says(&script.replace('@', "needed"), "fail fail\n0\n*.* /x\nneeded\nmodule(load=\"imuxsock\")");
}

#[test]
fn a_setting_whose_file_sorts_late_is_gone_over_or_taken_out() {
    says(
        r#"
        mkdir -p /etc/sysctl.d/ /usr/lib/sysctl.d/ /etc/systemd/journald.conf.d/ /usr/lib/systemd/journald.conf.d/
        echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/cloud.conf; echo 'net.ipv4.ip_forward=1' >/usr/lib/sysctl.d/vendor.conf
        printf -- '-net/ipv4/ip_forward = 1\nvm.swappiness=1\n' >/etc/sysctl.d/zzz.conf
        audit af_sysctl_audit net.ipv4.ip_forward equals 0
        twice af_sysctl_apply net.ipv4.ip_forward equals 0
        audit af_sysctl_audit net.ipv4.ip_forward equals 0; echo
        cat /etc/sysctl.d/cloud.conf /etc/sysctl.d/zzz.conf
        printf '[Journal]\nStorage=volatile\nSeal=no\n' >/etc/systemd/journald.conf.d/zzz.conf
        printf '[Journal]\nStorage=none\n' >/usr/lib/systemd/journald.conf.d/vendor.conf
        audit af_ini_option_audit /etc/systemd/journald.conf Journal Storage equals persistent
        twice af_ini_option_apply /etc/systemd/journald.conf Journal Storage equals persistent
        audit af_ini_option_audit /etc/systemd/journald.conf Journal Storage equals persistent; echo
        cat /etc/systemd/journald.conf.d/*.conf
        "#,
        "fail pass
        net.ipv4.ip_forward = 1
        # amifactory: -net/ipv4/ip_forward = 1
        vm.swappiness=1
        fail pass
        # Written by amifactory.
        [Journal]
        Storage=persistent
        [Journal]
        Storage=persistent
        Seal=no",
    );
}

#[test]
fn a_daemon_has_neither_shell_nor_password_whatever_numbers_people_start_at() {
    for (first, left) in [("1000", "sam:!$6$x:1::::::"), ("500", "sam:$6$x:1::::::")] {
        let script = r#"
            printf '#UID_MIN 1\nSYS_UID_MIN 2\nUID_MIN\t\t\tFIRST\n' >/etc/login.defs
            printf 'root:x:0:0::/root:/bin/sh\nweb:x:99:99::/:/sbin/nologin\nsync:x:4:4::/:/bin/sync\nsam:x:700:700::/home/sam:/bin/sh\n' >/etc/passwd
            echo 'root:x:0:' >/etc/group
            printf 'root:$6$x:1::::::\nweb:$6$y:1::::::\nsync:*:1::::::\nsam:$6$x:1::::::\n' >/etc/shadow
            audit af_accounts_audit system-accounts-cannot-log-in
            sed -i 's/^web:[^:]*/web:/' /etc/shadow; audit af_accounts_audit system-accounts-cannot-log-in
            twice af_accounts_apply system-accounts-cannot-log-in
            audit af_accounts_audit system-accounts-cannot-log-in; echo
            cat /etc/shadow; grep -c nologin /etc/passwd"#;
        let shells = if first == "1000" { 2 } else { 1 };
        says(
            &script.replace("FIRST", first),
            &format!("fail fail pass\nroot:$6$x:1::::::\nweb:!:1::::::\nsync:*:1::::::\n{left}\n{shells}"),
        );
    }
}

#[test]
fn a_daily_job_counts_where_cron_runs_it_every_day() {
    for (file, mode, text, status) in [
        ("cron.d/aide", "600", "", "fail"),
        ("cron.d/aide", "600", "#0 5 * * * root aide --check", "fail"),
        ("cron.d/aide", "600", "0 5 * * * root aide --check", "pass"),
        ("cron.d/aide.old", "600", "0 5 * * * root aide --check", "fail"),
        ("cron.d/aide", "600", "0 5 1 * * root aide --check", "fail"),
        ("cron.d/aide", "600", "0 5 * * * root rm -rf /var/lib/aide", "fail"),
        ("cron.d/site", "600", "@daily root nice /usr/sbin/aide --config /x -C", "pass"),
        ("crontab", "600", "5 4 * * * root /usr/sbin/aide --check", "pass"),
        ("cron.daily/aide", "755", "#!/bin/sh\nexec aide --check", "pass"),
        ("cron.daily/aide", "644", "#!/bin/sh\nexec aide --check", "fail"),
        ("cron.daily/aide", "755", "#!/bin/sh\n# exec aide --check", "fail"),
        ("cron.daily/dailyaidecheck", "755", "exec /usr/share/aide/bin/dailyaidecheck", "pass"),
    ] {
        let script = "mkdir -p /etc/cron.d/ /etc/cron.daily/
            printf '%s\\n' '@text@' >/etc/@file@; chmod @mode@ /etc/@file@
            audit script file-integrity-checked-daily.audit
            twice script file-integrity-checked-daily.apply
            audit script file-integrity-checked-daily.audit; [ -e /etc/cron.d/amifactory-aide ] && echo ours || echo theirs";
        let script = script.replace("@text@", text).replace("@file@", file).replace("@mode@", mode);
        says(&script, &format!("{status} pass {}", if status == "pass" { "theirs" } else { "ours" }));
    }
}

#[test]
fn a_job_that_gives_way_to_a_timer_does_not_count_beside_one_that_is_off() {
    says(
        r#"
        mkdir -p /etc/cron.daily/ /usr/lib/systemd/system/
        printf 'exec dailyaidecheck\n' >/etc/cron.daily/dailyaidecheck; chmod 755 /etc/cron.daily/dailyaidecheck
        printf '[Install]\nWantedBy=timers.target\n' >/usr/lib/systemd/system/dailyaidecheck.timer
        audit script file-integrity-checked-daily.audit
        twice script file-integrity-checked-daily.apply
        audit script file-integrity-checked-daily.audit; ls /etc/cron.d/ 2>/dev/null || echo theirs
        "#,
        "fail pass theirs",
    );
}

#[test]
fn what_rsyslog_includes_from_elsewhere_counts() {
    for include in [
        "$IncludeConfig /etc/elsewhere/",
        "include(file=\"/etc/elsewhere/*.conf\")",
        "include(\n  mode=\"optional\"\n  file=\"/etc/elsewhere/net.conf\")",
    ] {
        let script = r#"
            mkdir -p /etc/elsewhere/ /etc/rsyslog.d/; AF_PARAM_LOG_HOST=logs
            printf '%s' 'INCLUDE' >/etc/rsyslog.conf
            printf '*.* @@logs\n$FileCreateMode 0644\ninput(type="imtcp" port="514")' >/etc/elsewhere/net.conf
            audit script rsyslog-receives-nothing.audit; audit script rsyslog-file-mode.audit
            audit script remote-logging-reviewed.audit
            twice script rsyslog-receives-nothing.apply; twice script rsyslog-file-mode.apply
            audit script rsyslog-receives-nothing.audit; audit script rsyslog-file-mode.audit; echo
            ls /etc/rsyslog.d/"#;
        says(&script.replace("INCLUDE", include), "fail fail pass pass pass");
    }
}

#[test]
fn the_mode_of_rsyslogs_files_is_set_for_all_outputs() {
    for (text, status) in [
        ("$FileCreateMode 0640", "pass"),
        ("# fileCreateMode=\"0640\"", "fail"),
        ("*.* action(type=\"omfile\" fileCreateMode=\"0640\" file=\"/x\")", "fail"),
        ("module(load=\"builtin:omfile\" FileCreateMode=\"0640\")", "pass"),
        ("module(load=\"builtin:omfile\" FileCreateMode=\"0644\")", "fail"),
    ] {
        let script = "printf '%s' '@' >/etc/rsyslog.conf; mkdir /etc/rsyslog.d/; echo '# more' >/etc/rsyslog.d/a.conf
            audit script rsyslog-file-mode.audit";
        says(&script.replace('@', text), status);
    }
}

#[test]
fn what_starts_for_rescue_alone_does_not_start() {
    says(
        r#"
        mkdir -p /usr/lib/systemd/system/ /etc/systemd/system/rescue.target.wants/
        printf '[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/some.service
        ln -s /usr/lib/systemd/system/some.service /etc/systemd/system/rescue.target.wants/
        audit af_service_enabled_audit some.service; audit af_service_disabled_audit some.service
        twice af_service_enabled_apply some.service; audit af_service_enabled_audit some.service
        rm /etc/systemd/system/multi-user.target.wants/some.service
        twice af_service_disabled_apply some.service; audit af_service_disabled_audit some.service
        "#,
        "fail fail pass pass",
    );
}

#[test]
fn what_starts_without_a_link_of_its_own_does_start() {
    let etc = "/etc/systemd/system";
    for (how, status) in [
        (
            "mkdir -p /usr/lib/systemd/system/x.target.requires/; ln -s ../some.service /usr/lib/systemd/system/x.target.requires/some.service"
                .to_owned(),
            "fail",
        ),
        (
            format!("mkdir -p {etc}/x.service.upholds/; ln -s ../some.service {etc}/x.service.upholds/some.service"),
            "fail",
        ),
        (format!("printf '[Unit]\\nUpholds = a.service some.service\\n' >{etc}/x.service"), "fail"),
        (format!("printf '[Unit]\\nUpholds=awesome.service\\nWants=some.service\\n' >{etc}/x.service"), "pass"),
        (
            format!(
                "mkdir -p {etc}/multi-user.target.d/; printf '[Unit]\\nWants=some.service\\n' >{etc}/multi-user.target.d/a.conf"
            ),
            "fail",
        ),
        (
            "rm /usr/lib/systemd/system/some.service; mkdir -p /etc/rc3.d; ln -s ../init.d/some /etc/rc3.d/S01some"
                .to_owned(),
            "fail",
        ),
        ("mkdir -p /etc/rc3.d; ln -s ../init.d/some /etc/rc3.d/S01some".to_owned(), "pass"),
        ("true".to_owned(), "pass"),
    ] {
        let script = format!(
            "mkdir -p /usr/lib/systemd/system/ /etc/systemd/system/ /etc/init.d/
            printf '[Service]\\nExecStart=/bin/true\\n' >/usr/lib/systemd/system/some.service
            echo >/etc/init.d/some; chmod 755 /etc/init.d/some
            {how}
            audit af_service_disabled_audit some.service
            twice af_service_disabled_apply some.service; audit af_service_disabled_audit some.service"
        );
        says(&script, &format!("{status} pass"));
    }
}

#[test]
fn a_sysctl_file_is_gone_over_whatever_its_name_and_folder() {
    says(
        r#"
        mkdir -p /etc/sysctl.d/ /usr/lib/sysctl.d/
        echo 'vm.x=1' >/etc/sysctl.d/é.conf; printf 'vm.x=1\nvm.y=1\n' >/usr/lib/sysctl.d/zzz.conf; echo 'vm.x=1' >/etc/sysctl.d/99-a.conf
        audit af_sysctl_audit vm.x equals 0
        twice af_sysctl_apply vm.x equals 0
        audit af_sysctl_audit vm.x equals 0; echo
        cat /etc/sysctl.d/é.conf /etc/sysctl.d/zzz.conf /usr/lib/sysctl.d/zzz.conf /etc/sysctl.d/99-a.conf
        "#,
        "fail pass
        # amifactory: vm.x=1
        # amifactory: vm.x=1
        vm.y=1
        vm.x=1
        vm.y=1
        vm.x=1",
    );
}

#[test]
fn a_line_of_systemd_goes_on_behind_a_backslash() {
    for (text, status) in [
        ("[Journal]\\nSeal=yes \\\\\\nStorage=persistent\\n", "fail"),
        ("[Journal]\\nStorage=\\\\\\npersistent\\n", "pass"),
        ("[Journal]\\n# Seal=yes \\\\\\nStorage=persistent\\n", "pass"),
        ("[Journal]\\nStorage=persistent\\\\\\n x\\n", "fail"),
    ] {
        let script = format!(
            "mkdir -p /etc/systemd/; printf '{text}' >/etc/systemd/journald.conf
            audit af_ini_option_audit /etc/systemd/journald.conf Journal Storage equals persistent
            twice af_ini_option_apply /etc/systemd/journald.conf Journal Storage equals persistent
            audit af_ini_option_audit /etc/systemd/journald.conf Journal Storage equals persistent"
        );
        says(&script, &format!("{status} pass"));
    }
}

#[test]
fn a_comment_of_modprobe_goes_on_over_the_ends_of_lines() {
    says(
        r#"
        mkdir -p /etc/modprobe.d/
        printf '# a \\\ninstall cramfs /bin/false\n# b \\\nblacklist cramfs\n' >/etc/modprobe.d/site.conf
        audit af_kernel_module_audit cramfs; twice af_kernel_module_apply cramfs; audit af_kernel_module_audit cramfs
        "#,
        "fail pass",
    );
}

#[test]
fn rsyslogs_directives_ignore_case_and_comments_span_lines() {
    for text in [
        r"$FileCreateMode 0640\n$filecreatemode 0666\n",
        r"/*\n$FileCreateMode 0640\n*/\n",
        r"/* a */\n/* b\n */\n$FILECREATEMODE 0644\n",
    ] {
        let script = "printf '@' >/etc/rsyslog.conf; mkdir /etc/rsyslog.d/
            audit script rsyslog-file-mode.audit
            twice script rsyslog-file-mode.apply; audit script rsyslog-file-mode.audit";
        says(&script.replace('@', text), "fail pass");
    }
}

#[test]
fn no_limit_on_core_dumps_is_lifted_for_some() {
    for line in ["root hard core unlimited", "@adm - core unlimited", "* HARD core 1"] {
        let script = "mkdir -p /etc/security/limits.d/; printf '# End' >/etc/security/limits.d/10-a.conf
            printf '* hard core 0\\n%s' '@line' >/etc/security/limits.d/20-b.conf
            audit script core-dumps-limited.audit
            twice script core-dumps-limited.apply; audit script core-dumps-limited.audit";
        says(&script.replace("@line", line), "fail pass");
    }
    let joined = "mkdir -p /etc/security/limits.d/; printf '* hard core 0\\n# End' >/etc/security/limits.d/10-a.conf
        printf '* hard core unlimited\\n' >/etc/security/limits.d/20-b.conf; audit script core-dumps-limited.audit";
    says(joined, "fail");
}

#[test]
fn nothing_opens_login_records_after_a_boot_or_a_rotation() {
    let looks = "audit script login-records-restricted.audit | sed 's/^[a-z]* //'";
    for (file, text) in [
        ("logrotate.d/wtmp", "  create 0644 root utmp"),
        ("logrotate.d/btmp", "  create 0777 root utmp"),
        ("tmpfiles.d/zz.conf", "z /var/log/wtmp 0666 root utmp"),
        ("tmpfiles.d/zz.conf", "m \"/var/log/btmp\" 0644 root utmp"),
        ("tmpfiles.d/zz.conf", "f+ /var/log/lastlog 0644 root utmp"),
    ] {
        let script = format!(
            "mkdir -p /etc/logrotate.d/ /etc/tmpfiles.d/; twice script login-records-restricted.apply; {looks}; echo
            echo '{text}' >/etc/{file}; {looks} | tr ' ' '\\n' | grep fail
            twice script login-records-restricted.apply; {looks}"
        );
        says(&script, "pass pass pass pass\nfail\npass pass pass pass");
    }
}

#[test]
fn time_sources_count_where_chrony_reads_them() {
    for (config, file, status) in [
        ("", "chrony.d/x", "fail"),
        ("", "chrony/sources.d/x.sources", "fail"),
        ("sourcedir /etc/chrony.d", "chrony.d/x.sources", "pass"),
        ("sourcedir /etc/chrony.d", "chrony.d/x.conf", "fail"),
        ("confdir /etc/chrony.d", "chrony.d/x.conf", "pass"),
        ("include /etc/chrony.d/*.x", "chrony.d/a.x", "pass"),
    ] {
        let script = format!(
            "mkdir -p /etc/chrony.d/ /etc/chrony/sources.d/; AF_PARAM_TIME_SOURCE=192.0.2.1
            printf '%s\\n' \"{config}\" >/etc/chrony.conf; echo 'server 192.0.2.2' >/etc/{file}
            audit script time-source-configured.audit
            twice script time-source-configured.apply; audit script time-source-configured.audit"
        );
        says(&script, &format!("{status} pass"));
    }
}

#[test]
fn signatures_are_switched_off_in_no_way_that_is_overlooked() {
    let looks = "audit script package-signatures-checked.audit";
    let apt = format!(
        "mkdir -p /etc/apt/apt.conf.d/
        echo 'Acquire::http::Proxy \"http://p:1\"; Acquire::AllowInsecureRepositories \"true\";' >/etc/apt/apt.conf.d/x
        {looks}; twice script package-signatures-checked.apply; {looks}
        program apt-config <<'END'\necho 'APT::Get::AllowUnauthenticated \"true\";'\nEND\n{looks}"
    );
    says(&apt, "fail pass fail");
    for (file, text, mended) in [
        ("distro.repos.d/x.repo", "[x]\\ngpgcheck=0", "pass"),
        ("dnf/dnf.conf", "[main]\\ngpgcheck=1\\n[x]\\ngpgcheck=0", "pass"),
        ("dnf/dnf.conf", "[main]\\ngpgcheck=1\\nreposdir=/srv", "fail"),
    ] {
        let script = format!(
            "AF_PKG=rpm; mkdir -p /etc/dnf/ /etc/distro.repos.d/; printf '[main]\\ngpgcheck=1\\n' >/etc/dnf/dnf.conf
            printf '{text}\\n' >/etc/{file}; {looks}; twice script package-signatures-checked.apply; {looks}"
        );
        says(&script, &format!("pass fail pass {mended}"));
    }
    let policy = "mkdir -p /etc/crypto-policies/; echo ' legacy:X # x' >/etc/crypto-policies/config
        audit script crypto-policy-not-legacy.audit";
    says(policy, "fail");
}

#[test]
fn links_and_high_numbers_hide_no_account() {
    says(
        r#"
        mkdir -p /etc/home; echo x >/etc/home/f; ln -s f /etc/home/.forward
        printf 'big:x:70000:70000::%s:/bin/sh\n' "$T/etc/home" >/etc/passwd; echo 'big:x:70000:' >/etc/group
        echo 'big:*:1::::::' >/etc/shadow
        audit af_accounts_audit dot-files; rm /etc/home/.forward; audit af_accounts_audit dot-files
        "#,
        "fail pass",
    );
}

#[test]
fn settings_of_grub_that_never_end_end_the_look_at_them() {
    says("echo 'sleep 60' >/etc/default/grub; audit af_kernel_cmdline_audit audit equals 1", "fail");
}
