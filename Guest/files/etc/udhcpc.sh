#!/bin/busybox sh
# What a DHCP lease means for an interface.
case "$1" in
deconfig) ip link set $interface up ;;
bound | renew)
    ip addr flush dev $interface scope global 2>/dev/null
    ip addr add $ip/${mask:-24} dev $interface
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
    for server in $dns; do
        grep -q "$server" /etc/resolv.conf 2>/dev/null || echo "nameserver $server" >>/etc/resolv.conf
    done
    echo "dhcp $interface $ip up=$(cut -d' ' -f1 /proc/uptime)" >/dev/console
    ;;
esac
