# Modules in the stacks that log people in: one implementation for each way an OS manages them.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.
# shellcheck disable=SC2016 # The quoted program is awk's.

# af_pam_files TYPE: sets AF_LIST to the files that every login passes for that type.
af_pam_files() {
    case $AF_PKG in
        deb) AF_LIST=/etc/pam.d/common-$1 ;;
        *) AF_LIST="/etc/pam.d/system-auth /etc/pam.d/password-auth" ;;
    esac
}

# af_pam_has FILE TYPE MODULE: the file calls the module for that type, and what it answers counts.
af_pam_has() {
    AF_TYPE=$2 AF_MODULE=$3.so awk '
        { sub(/^-/, "", $1); sub(/#.*/, "") }
        $1 != ENVIRON["AF_TYPE"] { next }
        { n++; control = tolower(match($0, /\[[^]]*\]/) ? substr($0, RSTART, RLENGTH) : $2) }
        n > over && control != "optional" && (control !~ /=/ || control ~ /bad|die/) {
            for (i = 3; i <= NF; i++) if ($i == ENVIRON["AF_MODULE"]) { found = 1; exit }
        }
        # What ends the stack or jumps before it leaves it out.
        control ~ /sufficient|(success|default)=done/ { exit }
        match(control, /=[1-9]/) { over = n + substr(control, RSTART + 1) }
        END { exit !found }' "$1" 2>/dev/null
}

# An awk program: joins lines that go on, and drops comments and what does not call the module of the file CONF.
AF_AWK_PAM_CALLS='
    BEGIN { conf = ENVIRON["AF_CONF"]; module = conf; gsub(/.*\/|\.conf$/, "", module); module = "pam_" module ".so" }
    { line = line $0 }
    sub(/\\$/, " ", line) { next }
    { $0 = line; line = "" }
    /^[ \t]*#/ || !index($0, module) { next }'

# af_pam_overrides CONF KEY OPERATOR VALUE: sets AF_LIST to the arguments that a module is called with anywhere, go over
# what its file CONF says, and are not as wanted.
af_pam_overrides() {
    local file value all
    AF_LIST=
    all=$(AF_CONF=$1 AF_KEY=$2 awk "$AF_AWK_PAM_CALLS"'
        {
            for (i = 1; i <= NF; i++) {
                gsub(/[][]/, "", $i)
                if ($i == ENVIRON["AF_KEY"]) print FILENAME, "yes"
                else if (index($i, ENVIRON["AF_KEY"] "=") == 1) print FILENAME, substr($i, length(ENVIRON["AF_KEY"]) + 2)
                else if ($i ~ /^conf=/ && $i != "conf=" conf) print FILENAME, $i
            }
        }' /etc/pam.d/* 2>/dev/null)
    while read -r file value; do
        [ -z "$file" ] || af_meets "$3" "$4" "$value" || AF_LIST="$AF_LIST $file: $2 $value"
    done <<OVERRIDES
$all
OVERRIDES
}

# af_pam_strip CONF KEY: takes the argument from all calls of the module, and from the profiles that authselect writes
# them from.
af_pam_strip() {
    local file
    for file in /etc/pam.d/* /etc/authselect/custom/*/*; do
        [ -f "$file" ] || continue
        AF_CONF=$1 AF_KEY=$2 awk '
            BEGIN { module = ENVIRON["AF_CONF"]; gsub(/.*\/|\.conf$/, "", module); module = "pam_" module ".so" }
            # A line that goes on is one call with what follows.
            !goes_on { call = 0; comment = /^[ \t]*#/ }
            { goes_on = /\\$/ }
            !comment && (call || index($0, module)) {
                call = 1
                while (match($0, "(^|[ \t]+)\\[?" ENVIRON["AF_KEY"] "(=[^] \t]*)?\\]?([ \t]|$)")) {
                    rest = substr($0, RSTART + RLENGTH)
                    $0 = substr($0, 1, RSTART - 1) (rest == "" ? "" : " " rest)
                }
            }
            { print }' "$file" >"$AF_TMP/lines"
        af_replace "$file" <"$AF_TMP/lines"
    done
}

# af_pam_module_audit MODULE TYPE...
af_pam_module_audit() {
    local module="$1" type file
    shift
    for type in "$@"; do
        af_pam_files "$type"
        for file in $AF_LIST; do
            if [ ! -e "$file" ]; then
                af_look fail "$file $type" "$module.so" "no such file"
            elif af_pam_has "$file" "$type" "$module"; then
                af_look pass "$file $type" "$module.so" "$module.so"
            else
                af_look fail "$file $type" "$module.so" "not called"
            fi
        done
    done
}

# af_pam_module_done MODULE TYPE...: nothing is left to do.
af_pam_module_done() {
    local module="$1" type file
    shift
    for type in "$@"; do
        af_pam_files "$type"
        for file in $AF_LIST; do
            af_pam_has "$file" "$type" "$module" || return 1
        done
    done
}

# af_pam_module_apply MODULE TYPE...: through pam-auth-update or authselect, so that the OS's own tools keep it.
af_pam_module_apply() {
    local module="$1"
    af_pam_module_done "$@" && return 0
    if [ "$AF_PKG" = deb ]; then
        af_pam_profiles "$module"
        # It refuses files that were edited by hand; then this step fails and the files stay as they are.
        DEBIAN_FRONTEND=noninteractive pam-auth-update --package
    elif command -v authselect >/dev/null 2>&1 && authselect current -r >/dev/null 2>&1; then
        af_pam_authselect "$@"
    else
        af_pam_edit /etc/pam.d "$@"
    fi
    af_pam_module_done "$@" || {
        echo "$module is not in the PAM files: were they changed by hand?" >&2
        return 1
    }
}

# af_pam_profiles MODULE: the profiles that pam-auth-update needs for a module that has none.
af_pam_profiles() {
    local dir=/usr/share/pam-configs
    case $1 in
        pam_faillock)
            # A good password jumps over this block, so that nothing after it is skipped; the account phase then forgets
            # the failures. The last line is what the module's manual shows, and what those who audit look for.
            af_write_file "$dir/amifactory-faillock" 0644 root:root <<'PROFILE'
Name: Lock accounts after failed logins
Default: yes
Priority: 0
Auth-Type: Primary
Auth:
	[default=die]	pam_faillock.so authfail
	sufficient	pam_faillock.so authsucc
PROFILE
            af_write_file "$dir/amifactory-faillock-notify" 0644 root:root <<'PROFILE'
Name: Count failed logins
Default: yes
Priority: 1024
Auth-Type: Primary
Auth:
	required	pam_faillock.so preauth
Account-Type: Primary
Account:
	required	pam_faillock.so
PROFILE
            ;;
        pam_pwhistory)
            af_write_file "$dir/amifactory-pwhistory" 0644 root:root <<'PROFILE'
Name: Refuse passwords used before
Default: yes
Priority: 1023
Password-Type: Primary
Password:
	requisite	pam_pwhistory.so remember=24 enforce_for_root use_authtok
Password-Initial:
	requisite	pam_pwhistory.so remember=24 enforce_for_root
PROFILE
            ;;
    esac
}

# af_pam_authselect MODULE TYPE...: by the feature of that name where the profile has it; else in a profile of our own,
# based on the one in use: what is written into the files themselves is lost with the next run of authselect.
af_pam_authselect() {
    local profile features feature="with-${1#pam_}"
    profile=$(authselect current -r)
    features=${profile#"${profile%% *}"}
    profile=${profile%% *}
    if authselect list-features "$profile" | grep -qx "$feature"; then
        authselect enable-feature "$feature" >/dev/null
        return
    fi
    case $profile in
        custom/*) af_pam_edit "/etc/authselect/$profile" "$@" ;;
        *)
            [ -d /etc/authselect/custom/amifactory ] || authselect create-profile amifactory -b "$profile" >/dev/null
            af_pam_edit /etc/authselect/custom/amifactory "$@"
            # The features are words.
            # shellcheck disable=SC2086
            authselect select custom/amifactory $features >/dev/null
            ;;
    esac
    authselect apply-changes >/dev/null
}

# af_pam_edit FOLDER MODULE TYPE...: into the files of a folder: before the first pam_unix of each type, and for failed
# logins after it too.
af_pam_edit() {
    local folder="$1" module="$2" type file
    shift 2
    for type in "$@"; do
        af_pam_files "$type"
        for file in $AF_LIST; do
            file=$folder/${file##*/}
            [ -e "$file" ] || continue
            af_pam_has "$file" "$type" "$module" && continue
            AF_TYPE=$type AF_MODULE=$module awk '
                # Only the first module may ask for the new password, and it has to.
                function arguments() {
                    if (module != "pam_pwhistory") return ""
                    return " remember=24 enforce_for_root" (asked ? " use_authtok" : "")
                }
                function add(control, rest) { print ENVIRON["AF_TYPE"] "\t" control "\t" module ".so" rest }
                BEGIN { module = ENVIRON["AF_MODULE"] }
                $1 == ENVIRON["AF_TYPE"] && /pam_unix\.so/ && !done++ {
                    if (module == "pam_faillock" && $1 == "auth") {
                        add("required", " preauth silent"); print; add("required", " authfail"); next
                    }
                    add(module == "pam_faillock" ? "required" : "requisite", arguments())
                }
                $1 == ENVIRON["AF_TYPE"] && /pam_(pwquality|cracklib|passwdqc)\.so/ { asked = 1 }
                { print }' "$file" >"$AF_TMP/lines"
            af_replace "$file" <"$AF_TMP/lines"
        done
    done
}
