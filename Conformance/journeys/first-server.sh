# A user's whole first journey with real guests: from an image to a server that can be reached, and back to nothing.
# GUEST is where Guest/make-guest wrote its image.
. "$(dirname "$0")/journey.sh"

guest=${GUEST:-${XDG_CACHE_HOME:-$HOME/.cache}/martlet/guest}
key=$SCRATCH/key

on_guest() {
    local address=$1
    shift
    timeout 30 ssh -i "$key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 -o LogLevel=ERROR \
        "cirros@$address" "$@"
}

# The guest's ssh comes up some seconds after its address does.
reach() {
    local limit=$((SECONDS + $1 * PATIENCE)) address=$2
    until on_guest "$address" true 2>"$complaint"; do
        [ $SECONDS -lt $limit ] || failed "nobody answers at $address"
        sleep 1
    done
}

floating() { cat "$SCRATCH/floating.$1"; }

the_cloud_says_what_it_has() {
    ask hypervisor list
    holds 'length == 1 and .[0].State == "up"'
    ask compute service list
    holds '[.[].Binary] | contains(["nova-compute", "nova-conductor", "nova-scheduler"])'
    ask availability zone list --compute
    holds 'any(.[]; ."Zone Name" == "nova" and ."Zone Status" == "available")'
    ask network agent list
    holds 'all(.[]; .Alive)'
    ask volume service list
    holds 'any(.[]; .State == "up")'
    ask limits show --absolute
    holds 'any(.[]; .Name == "instances" and .Value > 0)'
    ask quota show
    holds 'any(.[]; .Resource == "instances")'
}

an_image_a_flavor_and_keys() {
    ask image create --file "$guest/guest.qcow2" --disk-format qcow2 --container-format bare --public guest
    becomes 30 status active image show guest
    os image save --file "$SCRATCH/back" guest
    cmp "$guest/guest.qcow2" "$SCRATCH/back"
    ask flavor create --ram 128 --disk 1 --vcpus 1 --property hw:mem_page_size=any tiny
    is ram 128 disk 1 vcpus 1
    os keypair create --private-key "$key" mine
    chmod 600 "$key"
    ssh-keygen -y -f "$key" >"$key.pub"
    ask keypair create --public-key "$key.pub" imported
    is name imported type ssh
    ask keypair list
    holds '[.[].Name] | sort == ["imported", "mine"]'
    ask keypair show mine
    is fingerprint "$(ssh-keygen -l -E md5 -f "$key.pub" | cut -d' ' -f2 | sed 's/MD5://')"
}

a_network_with_a_way_out() {
    openstack_words network show public || {
        os network create --external --provider-network-type flat --provider-physical-network public public
        os subnet create --network public --subnet-range 172.24.4.0/24 --no-dhcp public
    }
    ask network create home
    is name home status ACTIVE admin_state_up true
    ask subnet create --network home --subnet-range 10.7.0.0/24 --dns-nameserver 9.9.9.9 home
    is cidr 10.7.0.0/24 gateway_ip 10.7.0.1 enable_dhcp true
    os router create way
    os router set --external-gateway public way
    os router add subnet way home
    ask router show way
    holds '.external_gateway_info.external_fixed_ips | length == 1'
    os security group create open
    os security group rule create --protocol tcp --dst-port 22 open
    os security group rule create --protocol icmp open
    ask security group rule list open
    holds 'length == 4'
    ask port create --network home --fixed-ip ip-address=10.7.0.77 --security-group open plug
    is name plug status DOWN
    holds '.fixed_ips[0].ip_address == "10.7.0.77"'
}

a_server_comes_up() {
    printf '#!/bin/sh\necho USER-DATA-RAN\n' >"$SCRATCH/user-data"
    ask server create --image guest --flavor tiny --nic port-id=plug --key-name mine --user-data "$SCRATCH/user-data" \
        --property role=first --availability-zone nova first
    becomes 90 status ACTIVE server show first
    is OS-EXT-STS:power_state 1 OS-EXT-STS:vm_state active OS-EXT-AZ:availability_zone nova key_name mine
    holds '.addresses.home == ["10.7.0.77"] and .properties.role == "first" and .flavor.name == "tiny"'
    console_says 120 first 'CLOUD-DONE source=service'
    console_says 10 first 'instance .* host first keys 1'
    console_says 10 first 'USER-DATA-RAN'
    ask server list --long
    holds 'length == 1 and .[0].Status == "ACTIVE" and .[0]."Image Name" == "guest"'
    ask port show plug
    is status ACTIVE device_owner compute:nova
    ask server event list first
    holds 'any(.[]; .Action == "create")'
}

it_is_reached_through_its_floating_address() {
    ask floating ip create public
    field floating_ip_address >"$SCRATCH/floating.first"
    os server add floating ip first "$(floating first)"
    reach 60 "$(floating first)"
    [ "$(on_guest "$(floating first)" hostname)" = first ]
    ask floating ip list
    holds 'length == 1 and .[0]."Fixed IP Address" == "10.7.0.77"'
}

a_second_server_with_a_config_drive() {
    os server create --image guest --flavor tiny --network home --security-group open --key-name imported --config-drive true second
    becomes 90 status ACTIVE server show second
    is config_drive True
    console_says 120 second 'CLOUD-DONE source=drive'
    local address
    ask server show second
    address=$(jq -r '.addresses.home[0]' "$answer")
    # What is on the drive is read without a network, which may come later.
    console_says 60 second "dhcp eth0 $address"
    on_guest "$(floating first)" ping -c 2 "$address" >/dev/null || { echo "# first does not reach second at $address"; exit 1; }
}

# The other project's own client: the one that stays open is the administrator's.
demo() { OS_CLOUD=martlet-demo openstack "$@" >"$answer" 2>"$complaint" || failed "openstack $* (as demo)"; }

another_project_is_out_of_reach() {
    demo server list -f json
    holds 'length == 0'
    OS_CLOUD=martlet-demo openstack server show first >"$answer" 2>"$complaint" && { echo "# demo sees first"; exit 1; }
    grep -qiE 'No Server found|No server' "$complaint" || failed "demo was not told that there is no server, but"
    demo network create yard
    demo subnet create --network yard --subnet-range 10.7.0.0/24 yard
    demo security group create open
    demo security group rule create --protocol icmp open
    demo port create --network yard --fixed-ip ip-address=10.7.0.88 --security-group open neighbour
    demo server create --image guest --flavor tiny --nic port-id=neighbour --wait other -f json
    console_says 120 "$(field id)" 'dhcp eth0 10.7.0.88'
    if on_guest "$(floating first)" ping -c 2 -W 2 10.7.0.88 >/dev/null; then
        echo "# a guest of another project answers at 10.7.0.88"
        exit 1
    fi
    demo server delete --wait other
    demo port delete neighbour
    demo network delete yard
    demo security group delete open
}

a_rule_that_is_taken_away_stops_at_once() {
    local rule
    ask security group rule list --protocol tcp open
    rule=$(jq -r '.[0].ID' "$answer")
    on_guest "$(floating first)" true || { echo "# first is not reached"; exit 1; }
    os security group rule delete "$rule"
    sleep 1
    if on_guest "$(floating first)" true 2>/dev/null; then
        echo "# ssh is let in without a rule"
        exit 1
    fi
    os security group rule create --protocol tcp --dst-port 22 open
    reach 20 "$(floating first)"
}

a_console_is_shown_once() {
    ask console url show --novnc first
    is type novnc
    local url
    url=$(field url)
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$url")" = 200 ] || { echo "# $url does not answer"; exit 1; }
}

a_volume_carries_data_from_one_to_the_other() {
    ask volume create --size 1 --property for=data disk
    becomes 30 status available volume show disk
    os server add volume first disk
    becomes 30 status in-use volume show disk
    on_guest "$(floating first)" 'mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt && echo kept > /mnt/word && umount /mnt'
    os server remove volume first disk
    becomes 30 status available volume show disk
    os server add volume second disk
    becomes 30 status in-use volume show disk
    os server remove floating ip first "$(floating first)"
    os server add floating ip second "$(floating first)"
    reach 30 "$(floating first)"
    [ "$(on_guest "$(floating first)" 'mount /dev/vdb /mnt && cat /mnt/word; umount /mnt')" = kept ]
    os server remove volume second disk
    becomes 30 status available volume show disk
    os server remove floating ip second "$(floating first)"
    os server add floating ip first "$(floating first)"
}

volumes_are_copied_and_grow() {
    os volume snapshot create --volume disk still
    becomes 30 status available volume snapshot show still
    os volume create --snapshot still --size 1 thawed
    becomes 30 status available volume show thawed
    os volume create --source disk --size 2 twin
    becomes 30 status available volume show twin
    is size 2
    os volume set --size 3 twin
    becomes 30 size 3 volume show twin
    os volume delete twin thawed
    is_gone_within 30 volume show twin
    is_gone_within 30 volume show thawed
    os volume snapshot delete still
    is_gone_within 30 volume snapshot show still
}

an_interface_comes_and_goes() {
    os port create --network home spare
    os server add port first spare
    becomes 30 status ACTIVE port show spare
    console_says 30 first 'hotplug nic'
    os server remove port first spare
    becomes 30 device_id '' port show spare
    os port delete spare
}

it_is_switched_off_and_on() {
    os server stop first
    becomes 60 status SHUTOFF server show first
    os server start first
    becomes 60 status ACTIVE server show first
    reach 90 "$(floating first)"
    os server reboot --soft first
    becomes 90 status ACTIVE server show first
    os server reboot --hard first
    becomes 60 status ACTIVE server show first
    os server pause first
    becomes 30 status PAUSED server show first
    os server unpause first
    becomes 30 status ACTIVE server show first
    os server suspend first
    becomes 60 status SUSPENDED server show first
    os server resume first
    becomes 60 status ACTIVE server show first
    reach 90 "$(floating first)"
}

it_is_locked_renamed_and_described() {
    os server lock --reason 'spring cleaning' first
    ask server show first
    is locked true locked_reason 'spring cleaning'
    os server unlock first
    os server set --name premier --property mood=calm --description 'the first one' first
    ask server show premier
    is name premier description 'the first one'
    holds '.properties.mood == "calm"'
    os server set --name first premier
    os server unset --property mood first
}

a_snapshot_of_it_boots() {
    os server image create --name frozen first
    becomes 90 status active image show frozen
    os server create --image frozen --flavor tiny --network home thawing
    becomes 90 status ACTIVE server show thawing
    os server delete thawing
    is_gone_within 60 server show thawing
    os image delete frozen
}

one_boots_from_a_volume_and_one_without_a_network() {
    os server create --boot-from-volume 1 --image guest --flavor tiny --network home rooted
    becomes 120 status ACTIVE server show rooted
    holds '.volumes_attached | length == 1'
    os server create --image guest --flavor tiny --nic none lonely
    becomes 90 status ACTIVE server show lonely
    holds '.addresses | length == 0'
    os server delete rooted lonely
    is_gone_within 60 server show rooted
    is_gone_within 60 server show lonely
}

one_is_deleted_while_it_is_built() {
    os server create --image guest --flavor tiny --network home hasty
    os server delete hasty
    is_gone_within 60 server show hasty
}

everything_is_torn_down() {
    os server delete first second
    is_gone_within 60 server show first
    is_gone_within 60 server show second
    os floating ip delete "$(floating first)"
    local volume
    ask volume list
    for volume in $(jq -r '.[].ID' "$answer"); do os volume delete "$volume"; done
    openstack_words port delete plug
    os router remove subnet way home
    os router delete way
    os network delete home
    os security group delete open
    os keypair delete mine imported
    os flavor delete tiny
    os image delete guest
}

nothing_is_left_over() {
    local kind
    for kind in server volume "volume snapshot" "floating ip" router flavor keypair; do
        ask $kind list
        holds 'length == 0'
    done
    ask port list
    holds 'all(.[]; ."Fixed IP Addresses" | tostring | contains("10.7.0") | not)'
    if pgrep -f "qemu-system.*$(dirname "$OS_CLIENT_CONFIG_FILE")" >/dev/null; then
        echo "# a guest still runs"
        exit 1
    fi
    # What the network's agent made goes a moment after what it was for; the way out's own devices go with the cloud.
    local limit=$((SECONDS + 20 * PATIENCE))
    until ! grep -qs '^tap' <(ls /sys/class/net) && ! compgen -G '/run/netns/q*' >/dev/null; do
        [ $SECONDS -lt $limit ] || { echo "# left: $(ls /sys/class/net /run/netns | tr '\n' ' ')"; exit 1; }
        sleep 0.5
    done
}

walk the_cloud_says_what_it_has an_image_a_flavor_and_keys a_network_with_a_way_out a_server_comes_up \
    it_is_reached_through_its_floating_address a_second_server_with_a_config_drive another_project_is_out_of_reach \
    a_rule_that_is_taken_away_stops_at_once \
    a_console_is_shown_once a_volume_carries_data_from_one_to_the_other volumes_are_copied_and_grow \
    an_interface_comes_and_goes it_is_switched_off_and_on it_is_locked_renamed_and_described a_snapshot_of_it_boots \
    one_boots_from_a_volume_and_one_without_a_network one_is_deleted_while_it_is_built everything_is_torn_down nothing_is_left_over
