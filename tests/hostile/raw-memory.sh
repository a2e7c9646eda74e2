# Reads and writes the machine's memory and ports.
for file in /dev/mem /dev/kmem /dev/port /proc/kcore /proc/vmcore /proc/kmsg /proc/iomem /proc/kallsyms; do
    [ -z "$(head -c 16 "$file" 2>/dev/null)" ] || echo "ESCAPED: $file tells"
done
[ "$(answer "$SYS_syslog" 3 x 0)" = 1 ] || echo "ESCAPED: the kernel's log is readable"
if [ "$(uname -m)" = x86_64 ]; then
    [ "$(answer 172 3)" = 1 ] || echo "ESCAPED: iopl"
    [ "$(answer 173 0 1 1)" = 1 ] || echo "ESCAPED: ioperm"
fi
