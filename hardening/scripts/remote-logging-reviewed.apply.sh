case $AF_PARAM_LOG_HOST in
    '') ;;
    *[!][A-Za-z0-9.:_-]*)
        echo "log_host can't be a host or host:port: $AF_PARAM_LOG_HOST" >&2
        exit 1
        ;;
    *)
        host=$AF_PARAM_LOG_HOST
        port=514
        case $host in
            \[*\]:*) port=${host##*:} host=${host%:*} ;;
            # An IPv6 address alone.
            *:*:*) ;;
            *:*) port=${host##*:} host=${host%:*} ;;
        esac
        host=${host#\[}
        host=${host%\]}
        # What can't be sent yet waits on disk, and never holds up who logs.
        printf '# Written by amifactory.\n*.* action(type="omfwd" target="%s" port="%s" protocol="tcp"\n    action.resumeRetryCount="-1" queue.type="LinkedList" queue.filename="amifactory-forward"\n    queue.maxDiskSpace="256m" queue.saveOnShutdown="on")\n' \
            "$host" "$port" | af_write_file /etc/rsyslog.d/99-amifactory-forward.conf 0644 root:root
        ;;
esac
