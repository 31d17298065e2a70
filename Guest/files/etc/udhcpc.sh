#!/bin/busybox sh
# What a DHCP lease means for an interface.
case "$1" in
deconfig) ip link set $interface up ;;
bound | renew)
    if ! ip addr show dev $interface | grep -q "inet $ip/${mask:-24} "; then
        ip -4 addr flush dev $interface scope global 2>/dev/null
        ip addr add $ip/${mask:-24} dev $interface
    fi
    [ -n "$mtu" ] && ip link set $interface mtu $mtu
    if [ -n "$staticroutes" ]; then
        set -- $staticroutes
        while [ $# -gt 1 ]; do
            if [ "$2" = 0.0.0.0 ]; then ip route add $1 dev $interface; else ip route add $1 via $2 dev $interface; fi
            shift 2
        done
    else
        for gateway in $router; do ip route add default via $gateway dev $interface; done
    fi
    # Each interface has its own, and a lease that is renewed may have others.
    for server in $dns; do echo "nameserver $server"; done >/run/resolv.$interface
    cat /run/resolv.* | awk '!known[$0]++' >/etc/resolv.conf
    echo "dhcp $interface $ip up=$(cut -d' ' -f1 /proc/uptime)" >/dev/console
    ;;
esac
