#!/bin/busybox sh
# A device came or went while the guest was running.
if [ "$SUBSYSTEM" = net ] && [ "$ACTION" = add ]; then
    case "$INTERFACE" in
    eth* | ens*)
        echo "hotplug nic $INTERFACE" >/dev/console
        ip link set $INTERFACE up
        (udhcpc -i $INTERFACE -s /etc/udhcpc.sh -t 3 -T 1 -A 1 -b -q >/dev/null 2>&1 &)
        ;;
    esac
fi
[ "$SUBSYSTEM" = block ] && echo "hotplug block $ACTION $MDEV" >/dev/console
exit 0
