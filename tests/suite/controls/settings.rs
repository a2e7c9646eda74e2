//! Settings as people write them, and not as the library would: what counts is what the program makes of them.

use super::harness::{SHELLS, in_folder};

/// In every shell, the script prints this; of a look, its status.
fn prints(script: &str, expected: &str) {
    for shell in SHELLS {
        let output = in_folder(shell, &format!("af_look() {{ printf '%s\\n' \"$1\"; }}\n{script}"));
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), expected, "{shell}: {script}");
    }
}

#[test]
fn sshd_is_understood_as_it_understands_itself() {
    let drop_in = "echo PermitRootLogin yes >$T/etc/ssh/sshd_config.d/10-site.conf";
    for (config, status) in [
        ("PermitRootLogin no", "pass"),
        ("PermitRootLogin no\nMatch User git\nPermitRootLogin no", "pass"),
        (
            "PermitRootLogin no\nMatch User git\nPermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes",
            "fail",
        ),
        ("Include SSH/[0-9]*.conf\nPermitRootLogin no", "fail"),
        ("Include SSH/[a-z]*.conf\nPermitRootLogin no", "pass"),
        ("PermitRootLogin no\nMatch User git\nInclude SSH/*.conf", "fail"),
        ("\"PermitRootLogin\" yes\nPermitRootLogin no", "fail"),
        ("  \"Include\" \"SSH/10-site.conf\"\nPermitRootLogin no", "fail"),
        ("Include SSH/none # SSH/10-site.conf\nPermitRootLogin no", "pass"),
        ("Match User git\nPermitRootLogin no", "fail"),
        ("Match User git\nMatch all\nPermitRootLogin = \"no\"", "pass"),
    ] {
        let config = config.replace("SSH", "$T/etc/ssh/sshd_config.d");
        let script = format!(
            "{drop_in}\nput etc/ssh/sshd_config <<END\n{config}\nEND\naf_sshd_option_audit PermitRootLogin equals no"
        );
        prints(&script, status);
    }
}

#[test]
fn a_look_at_sshd_names_the_value_and_no_operator() {
    let script = r#"
        af_look() { printf '%s | %s\n' "$3" "$4"; }
        af_sshd_option_audit MaxSessions at-most 10
        printf 'PermitRootLogin yes\nMaxSessions 4\n' | put etc/ssh/sshd_config
        af_sshd_option_audit PermitRootLogin equals no
        af_sshd_option_audit MaxSessions at-most 10
        af_sshd_option_audit LogLevel one-of 'VERBOSE|INFO'
    "#;
    prints(script, "MaxSessions at most 10 | no such file\nno | yes\nat most 10 | 4\none of VERBOSE|INFO | not set");
}

#[test]
fn a_list_for_some_logins_is_no_list_of_who_may_log_in() {
    let script = r#"
        printf 'Match User git\nAllowUsers git\n' | put etc/ssh/sshd_config
        . $T/scripts/ssh-access-reviewed.audit.sh
        AF_PARAM_SSH_ALLOW_GROUPS=wheel
        . $T/scripts/ssh-access-reviewed.apply.sh
        . $T/scripts/ssh-access-reviewed.audit.sh
    "#;
    prints(script, "fail\npass");
}

#[test]
fn what_sshd_refuses_is_not_written() {
    let script = r#"
        program ssh-keygen </dev/null
        echo '[ "$1 $2" = "-t -f" ] && ! grep -q ctrr "$3"' | program sshd
        : >$AF_TMP/host_key
        echo 'UsePAM yes' | put etc/ssh/sshd_config
        af_sshd_option_apply Ciphers equals aes256-ctrr || echo refused
        af_sshd_option_apply AllowGroups equals '' || echo refused
        af_sshd_option_apply AllowGroups equals "wheel${AF_NL}PermitRootLogin yes" || echo refused
        cat $T/etc/ssh/sshd_config
        af_sshd_option_audit Ciphers equals aes256-ctrr
        af_sshd_option_apply Ciphers equals aes256-ctr && af_sshd_option_audit Ciphers equals aes256-ctr
    "#;
    prints(script, "refused\nrefused\nrefused\nUsePAM yes\nfail\npass");
}

#[test]
fn a_firewall_that_lets_all_through_denies_nothing() {
    let chains = |family: &str, rule: &str| {
        ["input", "forward", "output"].iter().fold(format!("table {family} filter {{\n"), |text, hook| {
            format!(
                "{text}\tchain {hook} {{\n\t\ttype filter hook {hook} priority 0; policy drop;\n\t\ttcp dport {{ 22 }} accept\n{rule}\n\t}}\n"
            )
        }) + "}\n"
    };
    let deny = "ct state established accept";
    let site = |rule: &str| format!("table inet filter {{\n\tchain site {{\n\t\t{rule}\n\t}}\n}}\n");
    for (rules, chained, denied) in [
        (chains("inet", deny), "pass", "pass"),
        (chains("ip", deny), "fail", "fail"),
        (chains("", deny), "fail", "fail"),
        (chains("ip", deny) + &chains("ip6", deny), "pass", "pass"),
        (chains("inet", "accept"), "pass", "fail"),
        (chains("inet", "counter packets 3 bytes 4 accept comment \"all\""), "pass", "fail"),
        (chains("inet", "tcp dport { 22 }; accept"), "pass", "fail"),
        (chains("inet", "ip saddr 0.0.0.0/0 log prefix \"x\" accept"), "pass", "fail"),
        (chains("inet", "ip saddr 10.0.0.0/8 accept"), "pass", "pass"),
        (chains("inet", deny) + "add rule inet filter input accept\n", "pass", "fail"),
        (chains("inet", deny) + "add chain inet filter input { policy accept; }\n", "pass", "fail"),
        // What every packet goes on to counts, wherever it stands.
        (site("accept") + &chains("inet", "counter jump site"), "pass", "fail"),
        (chains("inet", "goto site") + &site("counter accept"), "pass", "fail"),
        (
            chains("inet", "jump first")
                + &site("jump site").replacen("chain site", "chain first", 1)
                + &site("accept"),
            "pass",
            "fail",
        ),
        (site("accept") + &chains("inet", deny) + "add rule inet filter input jump site\n", "pass", "fail"),
        (chains("inet", deny) + "table inet filter {\n\tchain input {\n\t\taccept\n\t}\n}\n", "pass", "fail"),
        (site("tcp dport 443 accept") + &chains("inet", "jump site"), "pass", "pass"),
        (site("accept") + &chains("inet", "iifname \"lo\" jump site"), "pass", "pass"),
        (site("accept") + &chains("inet", "tcp dport { 22 } jump site"), "pass", "pass"),
        (site("accept").replace("filter", "other") + &chains("inet", "jump site"), "pass", "pass"),
        (site("jump site") + &chains("inet", "jump site"), "pass", "pass"),
        (site("accept") + "flush ruleset\n" + &chains("inet", "jump site"), "pass", "pass"),
    ] {
        let script = format!(
            "program nft </dev/null\nput etc/nftables.conf <<'END'\n{rules}END
            af_nftables_audit base-chains '' ''\naf_nftables_audit default-deny '' ''"
        );
        prints(&script, &format!("{chained}\n{denied}"));
    }
}

#[test]
fn what_nft_refuses_is_not_written_and_no_firewall() {
    for ports in ["70000", "22-", ",", "-", "22,", "0", "23-22", "1-2-3", "022", "99999999999999999999", "22 23"] {
        let script = format!("af_nftables_apply default-deny '{ports}' '' || echo refused; ls $T/etc/nftables");
        prints(&script, "refused");
    }
    let script = r#"
        echo '! grep -q "dport.*22,20-30" "$3"' | program nft
        af_nftables_apply default-deny 22,20-30 443 || echo refused
        ls $T/etc/nftables
        af_nftables_apply default-deny 22,1024-65535 443
        af_nftables_audit default-deny
        cp $T/etc/nftables/amifactory.nft $T/etc/nftables.conf
        echo 'tcp dport 22,20-30' >>$T/etc/nftables.conf
        af_nftables_audit default-deny
        echo 'exit 1' | program nft
        af_nftables_audit default-deny
    "#;
    prints(script, "refused\npass\nfail\npass");
}

#[test]
fn sudo_is_read_in_its_own_order() {
    for (config, status) in [
        ("Defaults use_pty", "pass"),
        ("@includedir DIR", "pass"),
        ("#includedir DIR", "pass"),
        ("# includedir DIR", "fail"),
        ("root ALL=(ALL) ALL", "fail"),
        ("@includedir DIR\nDefaults !use_pty", "fail"),
        ("@includedir DIR\nDefaults! !use_pty", "pass"),
        ("Defaults !use_pty\n@includedir DIR", "pass"),
        ("@include sudoers.d/on", "pass"),
        ("Defaults use_pty\n@include sudoers.%h", "fail"),
        ("@include \"DIR/on.old\"\n@includedir DIR", "pass"),
        ("@includedir DIR\n@include DIR/on.old", "fail"),
        ("Defaults use_pty, \\\n  !use_pty", "fail"),
        ("Defaults use_pty\nDefaults env_reset, ! use_pty # as before", "fail"),
        ("Defaults badpass_message=\"no, use_pty, no\"", "fail"),
        ("Defaults:ALL !use_pty\nDefaults use_pty", "fail"),
    ] {
        let config = config.replace("DIR", "$T/etc/sudoers.d");
        let script = format!(
            "echo 'Defaults use_pty' | put etc/sudoers.d/on; echo 'Defaults !use_pty' | tee $T/etc/sudoers.d/on~ | put etc/sudoers.d/on.old
            put etc/sudoers <<'END'\n{}\nEND\nsed -i \"s|@T|$T|\" $T/etc/sudoers\naf_sudo_option_audit use_pty equals yes",
            config.replace("$T", "@T")
        );
        prints(&script, status);
    }
}

#[test]
fn what_sudo_is_told_for_some_counts_and_what_it_leaves_out_does_not() {
    for (line, status) in [
        ("Defaults:deploy !use_pty", "fail"),
        ("Defaults: deploy !use_pty", "fail"),
        ("Defaults:deploy,sam env_reset, !use_pty", "fail"),
        ("Defaults:deploy, sam !use_pty", "fail"),
        ("Defaults:\"my group\" !use_pty", "fail"),
        ("Defaults>www ! use_pty", "fail"),
        ("Defaults!/usr/bin/su !use_pty", "fail"),
        ("Defaults@web use_pty=no", "fail"),
        ("Defaults:deploy use_pty", "pass"),
        ("Defaults:deploy env_reset", "pass"),
        ("Defaults!/usr/bin/su logfile=\"/a, !use_pty\"", "pass"),
        ("Defaults:ALL use_pty", "pass"),
    ] {
        prints(
            &format!(
                "printf '%s\\n' 'Defaults use_pty' '{line}' | put etc/sudoers; af_sudo_option_audit use_pty equals yes"
            ),
            status,
        );
    }
    // For everyone there is none, so those for some do not help.
    prints("echo 'Defaults:deploy use_pty' | put etc/sudoers; af_sudo_option_audit use_pty equals yes", "fail");
    // What holds for everyone is mended, and no more is written than that.
    let script = r#"
        echo 'Defaults:deploy !use_pty' | put etc/sudoers
        printf '#includedir %s\n' $T/etc/sudoers.d >>$T/etc/sudoers
        for round in 1 2; do af_sudo_option_apply use_pty equals yes; done
        cat $T/etc/sudoers.d/*; af_sudo_option_audit use_pty equals yes
    "#;
    prints(script, "# Written by amifactory.\nDefaults use_pty\nfail");
    for (mode, status) in [("0440", "pass"), ("0442", "fail")] {
        let script = format!(
            "echo '@includedir sudoers.d' | put etc/sudoers; echo 'Defaults use_pty' | put 'etc/sudoers.d/a\\tb'
            chmod {mode} \"$T/etc/sudoers.d/a\\tb\"; af_sudo_option_audit use_pty equals yes"
        );
        prints(&script, status);
    }
}

#[test]
fn what_sudo_would_not_read_last_goes_to_the_end() {
    for config in [
        "@includedir $T/etc/sudoers.d\nDefaults !use_pty, \\\n",
        "root ALL=(ALL) ALL\n",
        "@includedir $T/etc/sudoers.d\n",
    ] {
        let script = format!(
            "config=\"{}\"; printf '%s' \"$config\" | put etc/sudoers
            apply() {{ af_sudo_option_apply use_pty equals yes; cat $T/etc/sudoers $T/etc/sudoers.d/* 2>/dev/null; }}
            af_sudo_option_audit use_pty equals yes
            first=$(apply); [ \"$first\" = \"$(apply)\" ] || echo differs
            af_sudo_option_audit use_pty equals yes",
            config.replace('\\', "\\\\")
        );
        prints(&script, "fail\npass");
    }
    let script = r#"
        printf 'Defaults use_pty\nDefaults:ALL !use_pty\n' | put etc/sudoers
        for round in 1 2; do af_sudo_option_apply use_pty equals yes; done
        af_sudo_option_audit use_pty equals yes; grep -c use_pty $T/etc/sudoers
    "#;
    prints(script, "fail\n3");
    let script = r#"
        echo 'root ALL=(ALL) ALL' | put etc/sudoers
        echo 'grep -q "^root ALL=(ALL) ALL" "$4" && exit 1; exit 0' | program visudo
        af_sudo_option_apply use_pty equals yes || echo refused
        af_sudo_option_apply logfile equals "/var/log/sudo.log, !use_pty" || echo refused
        cat $T/etc/sudoers; ls $T/etc | grep sudoers; ls $T/etc/sudoers.d
    "#;
    prints(script, "refused\nrefused\nroot ALL=(ALL) ALL\nsudoers\nsudoers.d");
}

#[test]
fn words_are_forbidden_in_all_that_sudo_reads() {
    let script = r#"
        printf '@include sudoers.local\n# !authenticate\n#1000 ALL=(ALL) ALL\n' | put etc/sudoers
        printf 'Defaults env_reset, \\\n  ! authenticate\nDefaults use_pty\n' | put etc/sudoers.local
        af_sudo_forbid_audit '!authenticate'
        af_sudo_forbid_apply '!authenticate'
        af_sudo_forbid_audit '!authenticate'
        cat $T/etc/sudoers.local
    "#;
    prints(
        script,
        "fail\npass\n# amifactory: Defaults env_reset, \\\n# amifactory:   ! authenticate\nDefaults use_pty",
    );
    prints("echo '@include /etc/sudoers.%h' | put etc/sudoers; af_sudo_forbid_audit NOPASSWD", "fail");
    prints("echo '#1000 ALL=(ALL) NOPASSWD: ALL' | put etc/sudoers; af_sudo_forbid_audit NOPASSWD", "fail");
    let script = r#"
        printf 'Defaults use_pty, exempt_group=ops\nroot ALL=(ALL) ALL\n' | put etc/sudoers
        af_sudo_forbid_audit '!authenticate'
        for round in 1 2; do af_sudo_forbid_apply '!authenticate'; done
        af_sudo_forbid_audit '!authenticate'; head -n 1 $T/etc/sudoers
    "#;
    prints(script, "fail\npass\n# amifactory: Defaults use_pty, exempt_group=ops");
}

#[test]
fn arguments_of_a_module_go_over_its_file() {
    let script = r#"
        printf 'deny = 5\nunlock_time = 900\n' | put etc/security/faillock.conf
        printf 'auth required pam_faillock.so preauth deny=1000 unlock_time=1\n# pam_faillock.so deny=7\n' | put etc/pam.d/common-auth
        each() {
            af_key_value_$1 $T/etc/security/faillock.conf ' = ' deny at-most 5
            af_key_value_$1 $T/etc/security/faillock.conf ' = ' unlock_time at-least 900
        }
        each audit; each apply; each apply; each audit
        cat $T/etc/pam.d/common-auth $T/etc/security/faillock.conf
    "#;
    let mended = "auth required pam_faillock.so preauth\n# pam_faillock.so deny=7\ndeny = 5\nunlock_time = 900";
    prints(script, &format!("fail\nfail\npass\npass\n{mended}"));
    let script = r#"
        printf 'password requisite \\\n pam_pwquality.so retry=3 \\\n minlen=4 \\\n[dcredit=-1]\nminlen=4\n# pam_pwquality.so \\\n minlen=4\n' | put etc/pam.d/other
        af_key_value_apply $T/etc/security/pwquality.conf ' = ' minlen at-least 14
        af_key_value_audit $T/etc/security/pwquality.conf ' = ' minlen at-least 14
        tr '\n' '|' <$T/etc/pam.d/other
    "#;
    prints(
        script,
        "pass\npassword requisite \\| pam_pwquality.so retry=3 \\| \\|[dcredit=-1]|minlen=4|# pam_pwquality.so \\| minlen=4|",
    );
    for (call, status) in [
        ("pam_pwquality.so retry=3", "pass"),
        ("pam_pwquality.so minlen=4 retry=3", "fail"),
        ("pam_pwquality.so retry=3 \\\n [minlen=4]", "fail"),
        ("pam_pwquality.so minlen=20", "pass"),
        ("pam_cracklib.so minlen=4", "pass"),
    ] {
        let script = format!(
            "echo 'minlen = 14' | put etc/security/pwquality.conf; printf '%s\n' 'password requisite {call}' | put etc/pam.d/other
            af_key_value_audit $T/etc/security/pwquality.conf ' = ' minlen at-least 14"
        );
        prints(&script, status);
    }
}

#[test]
fn a_module_whose_answer_does_not_count_is_not_called() {
    for (control, status) in
        [("required", "pass"), ("[default=die]", "pass"), ("optional", "fail"), ("[success=ok default=ignore]", "fail")]
    {
        let script = format!(
            "echo 'account {control} pam_faillock.so' | put etc/pam.d/common-account; af_pam_module_audit pam_faillock account"
        );
        prints(&script, status);
    }
}

#[test]
fn a_rule_is_put_where_it_is_reached_and_root_still_passes() {
    let rule = "auth\trequired\tpam_wheel.so use_uid";
    for (before, after) in [
        (
            "auth [success=1 default=ignore] pam_rootok.so\nauth requisite pam_deny.so\n",
            "auth [success=2 default=ignore] pam_rootok.so\nRULE\nauth requisite pam_deny.so\n",
        ),
        (
            "auth sufficient pam_rootok.so\n@include common-auth\n",
            "auth sufficient pam_rootok.so\nRULE\n@include common-auth\n",
        ),
        (
            "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n",
            "RULE\nauth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n",
        ),
        (
            "auth required pam_env.so\nauth sufficient pam_rootok.so\n",
            "auth required pam_env.so\nauth sufficient pam_rootok.so\nRULE\n",
        ),
        ("auth sufficient pam_unix.so\nRULE\n", "RULE\nauth sufficient pam_unix.so\nRULE\n"),
    ] {
        let script = format!(
            "printf '%s' '{}' | put etc/pam.d/su
            set -- su auth required pam_wheel.so use_uid
            af_pam_rule_audit \"$@\"; af_pam_rule_apply \"$@\"; af_pam_rule_apply \"$@\"; af_pam_rule_audit \"$@\"; cat $T/etc/pam.d/su",
            before.replace("RULE", rule)
        );
        prints(&script, format!("fail\npass\n{}", after.replace("RULE", rule)).trim());
    }
}

#[test]
fn a_rule_behind_what_ends_the_stack_in_an_included_file_is_not_reached() {
    for (included, before) in [
        ("auth sufficient pam_unix.so", "fail"),
        ("auth [success=done default=ignore] pam_unix.so", "fail"),
        ("auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so", "pass"),
        ("account sufficient pam_unix.so\n# auth sufficient pam_unix.so", "pass"),
    ] {
        let script = format!(
            "echo '{included}' | put etc/pam.d/common-auth
            printf 'auth sufficient pam_rootok.so\n@include common-auth\nauth required pam_wheel.so use_uid group=x\n' | put etc/pam.d/su
            see() {{ af_pam_rule_audit su auth required pam_wheel.so 'use_uid group=x'; }}
            see; af_pam_rule_apply su auth required pam_wheel.so 'use_uid group=x'; see"
        );
        prints(&script, &format!("{before}\npass"));
    }
}

#[test]
fn a_group_that_is_someones_own_is_not_empty() {
    let script = r#"
        AF_PARAM_SU_GROUP=sugroup
        audit() { . $T/scripts/su-restricted.audit.sh; }
        printf 'root:x:0:0::/:/bin/sh\n' | put etc/passwd
        printf 'root:x:0:\n' | put etc/group; audit
        printf 'root:x:0:\nsugroup:x:1700:\n' | put etc/group; audit
        printf 'mallory:x:1700:1700::/:/bin/sh\n' | put etc/passwd; audit
        printf 'sugroup:x:17:eve\n' | put etc/group; audit
        AF_PARAM_SU_GROUP=root; printf 'root:x:0:\n' | put etc/group; printf 'root:x:0:0::/:/bin/sh\n' | put etc/passwd; audit
    "#;
    prints(script, "fail\npass\nfail\nfail\nfail");
}

#[test]
fn logs_go_to_hosts_of_either_family() {
    for (host, target) in [
        ("logs:6514", "logs 6514"),
        ("logs", "logs 514"),
        ("2001:db8::10", "2001:db8::10 514"),
        ("[2001:db8::10]:6514", "2001:db8::10 6514"),
        ("[2001:db8::10]", "2001:db8::10 514"),
    ] {
        let script = format!(
            "AF_PARAM_LOG_HOST='{host}'; . $T/scripts/remote-logging-reviewed.apply.sh
            sed -n 's/.*target=\"\\(.*\\)\" port=\"\\(.*\\)\" protocol.*/\\1 \\2/p' $T/etc/rsyslog.d/*"
        );
        prints(&script, target);
    }
}

#[test]
fn a_key_is_read_as_its_own_program_reads_it() {
    for (file, separator, good, bad) in [
        ("login.defs", " ", "KEY 30", &["KEY=30", "KEY = 30"][..]),
        ("default/useradd", "=", "KEY=30", &[" KEY = 30", "KEY 30", "KEY=\"30\""][..]),
        ("security/pwquality.conf", " = ", "Key = 30", &["KEY = 30\nkEy = 31"][..]),
        ("security/faillock.conf", " = ", "KEY = 30", &["key = 30"][..]),
    ] {
        let key = if file.contains("pwquality") { "key" } else { "KEY" };
        for (text, status) in bad.iter().map(|text| (*text, "fail\npass")).chain([(good, "pass\npass")]) {
            let script = format!(
                "mkdir -p $T/etc/default; printf '%s\\n' '{text}' | put etc/{file}
                set -- $T/etc/{file} '{separator}' {key} at-most 30
                af_key_value_audit \"$@\"; af_key_value_apply \"$@\"; af_key_value_audit \"$@\""
            );
            prints(&script, status);
        }
    }
}

#[test]
fn a_module_counts_where_it_is_reached() {
    for (before, status) in [
        ("password required pam_env.so", "pass"),
        ("password [success=1 default=ignore] pam_unix.so\npassword requisite pam_deny.so", "pass"),
        ("password [success=1 default=ignore] pam_unix.so", "fail"),
        ("password sufficient pam_unix.so", "fail"),
        ("password [success=done default=ignore] pam_unix.so", "fail"),
        ("auth sufficient pam_unix.so", "pass"),
    ] {
        let script = format!(
            "printf '%s\\n' '{before}' 'password requisite pam_pwquality.so' | put etc/pam.d/common-password
            af_pam_module_audit pam_pwquality password"
        );
        prints(&script, status);
    }
    for line in ["password OPTIONAL pam_pwquality.so", "password required pam_unix.so # pam_pwquality.so"] {
        prints(
            &format!("echo '{line}' | put etc/pam.d/common-password; af_pam_module_audit pam_pwquality password"),
            "fail",
        );
    }
    for (more, status) in [("debug", "pass"), ("deny", "fail"), ("root_only", "fail"), ("group=users", "fail")] {
        let script = format!(
            "echo 'auth required pam_wheel.so use_uid group=wheel {more}' | put etc/pam.d/su
            af_pam_rule_audit su auth required pam_wheel.so 'use_uid group=wheel'"
        );
        prints(&script, status);
    }
}
