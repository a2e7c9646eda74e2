# The magic keys: only the harmless one, help, in case it gets through.
never_write /proc/sysrq-trigger h
never_write /proc/sys/kernel/sysrq 1
