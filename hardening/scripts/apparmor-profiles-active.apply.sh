for link in /etc/apparmor.d/disable/*; do
    if [ -e "$link" ] || [ -L "$link" ]; then
        rm -f "$link"
    fi
done
