# Loads and unloads kernel modules.
[ "$(answer "$SYS_init_module" x 1 x)" = 1 ] || echo "ESCAPED: init_module is not refused"
[ "$(answer "$SYS_finit_module" 0 x 0)" = 1 ] || echo "ESCAPED: finit_module is not refused"
[ "$(answer "$SYS_delete_module" x 0)" = 1 ] || echo "ESCAPED: delete_module is not refused"
[ "$(answer "$SYS_kexec_load" 0 0 0 0)" = 1 ] || echo "ESCAPED: kexec_load is not refused"
if command -v modprobe >/dev/null; then
    never modprobe dummy
    never modprobe -r dummy
fi
