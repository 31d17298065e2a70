# The rest of a real server's life: what is done with it between its first boot and its end, as its user sees it.
# GUEST is where Guest/make-guest wrote its image.
. "$(dirname "$0")/journey.sh"

guest=${GUEST:-${XDG_CACHE_HOME:-$HOME/.cache}/martlet/guest}
data=$(dirname "$OS_CLIENT_CONFIG_FILE")
key=$SCRATCH/key

there() { cat "$SCRATCH/address"; }

inside() {
    timeout 30 ssh -i "$key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 -o LogLevel=ERROR \
        "cirros@$(there)" "$@"
}

# The guest's ssh comes up some seconds after its address does.
reach() {
    local limit=$((SECONDS + $1 * PATIENCE))
    until inside true 2>"$complaint"; do
        [ $SECONDS -lt $limit ] || failed "nobody answers at $(there)"
        sleep 1
    done
}

same() { [ "$1" = "$2" ] || { echo "# $3 is '$1', not '$2'"; exit 1; }; }

a_server_with_a_volume() {
    os image create --file "$guest/guest.qcow2" --disk-format qcow2 --container-format bare --public guest
    os flavor create --ram 128 --disk 1 --vcpus 1 small
    os flavor create --ram 192 --disk 2 --vcpus 2 large
    os keypair create --private-key "$key" mine
    chmod 600 "$key"
    openstack_words network show public || {
        os network create --external --provider-network-type flat --provider-physical-network public public
        os subnet create --network public --subnet-range 172.24.4.0/24 --no-dhcp public
    }
    os network create home
    os subnet create --network home --subnet-range 10.8.0.0/24 home
    os router create --external-gateway public way
    os router add subnet way home
    os security group create open
    os security group rule create --protocol tcp --dst-port 22 open
    os volume create --size 1 disk
    os server create --image guest --flavor small --network home --security-group open --key-name mine life
    becomes 90 status ACTIVE server show life
    ask floating ip create public
    field floating_ip_address >"$SCRATCH/address"
    os server add floating ip life "$(there)"
    reach 120
    os server add volume life disk
    becomes 30 status in-use volume show disk
    inside 'echo first >/root/word && sync'
}

it_shows_the_last_lines_of_its_console() {
    os console log show --lines 3 life
    local lines
    lines=$(wc -l <"$answer")
    [ "$lines" -le 4 ] && [ "$lines" -ge 2 ] || { echo "# of 3 lines came $lines"; exit 1; }
}

it_restarts_when_it_is_asked_and_when_it_is_cut_off() {
    inside 'echo "#!/bin/sh" >/dev/null; touch /dev/shm/before'
    os server reboot --soft life
    becomes 120 status ACTIVE server show life
    reach 120
    inside 'test ! -e /dev/shm/before' || { echo "# a soft reboot was none"; exit 1; }
    same "$(inside cat /root/word)" first "the word after a soft reboot"
    inside 'touch /dev/shm/before'
    os server reboot --hard life
    becomes 60 status ACTIVE server show life
    reach 120
    inside 'test ! -e /dev/shm/before' || { echo "# a hard reboot was none"; exit 1; }
}

it_grows_and_keeps_what_it_has() {
    os server resize --flavor large life
    becomes 120 status VERIFY_RESIZE server show life
    os server resize confirm life
    becomes 60 status ACTIVE server show life
    reach 120
    same "$(inside cat /sys/block/vda/size)" $((2 << 21)) "the disk's length in sectors"
    same "$(inside nproc)" 2 "the number of processors"
    same "$(inside cat /root/word)" first "the word after a resize"
    same "$(inside cat /sys/block/vdb/size)" $((1 << 21)) "the volume's length in sectors"
}

a_growth_is_taken_back() {
    # A disk is never cut off: the server stays what it is, and says why.
    os server resize --flavor small life
    sleep 1
    becomes 60 status ACTIVE server show life
    holds '.flavor.name == "large"'
    os flavor create --ram 256 --disk 2 --vcpus 1 wide
    os server resize --flavor wide life
    becomes 120 status VERIFY_RESIZE server show life
    os server resize revert life
    becomes 120 status ACTIVE server show life
    reach 120
    same "$(inside nproc)" 2 "the number of processors"
}

its_disk_is_repaired_from_another_guest() {
    os server rescue life
    becomes 120 status RESCUE server show life
    reach 120
    inside 'mkdir -p /tmp/m && for part in /dev/vdb /dev/vdb?*; do mount $part /tmp/m 2>/dev/null && [ -e /tmp/m/root/word ] && break; umount /tmp/m 2>/dev/null; done; echo mended >/tmp/m/root/word && umount /tmp/m'
    os server unrescue life
    becomes 120 status ACTIVE server show life
    reach 120
    same "$(inside cat /root/word)" mended "the word after a rescue"
}

a_picture_of_it_shows_what_was_there() {
    inside 'echo pictured >/root/word && sync'
    os server image create --name picture life
    becomes 120 status active image show picture
    same "$(inside cat /root/word)" pictured "the word while a picture was taken"
    inside 'echo later >/root/word && sync'
    os server rebuild --image picture life
    becomes 120 status ACTIVE server show life
    reach 120
    same "$(inside cat /root/word)" pictured "the word in the picture"
}

it_rests_on_a_shelf() {
    os server shelve life
    becomes 120 status SHELVED_OFFLOADED server show life
    if pgrep -f "qemu-system.*$data" >/dev/null; then
        echo "# a guest on the shelf still runs"
        exit 1
    fi
    os server unshelve life
    becomes 120 status ACTIVE server show life
    reach 120
    same "$(inside cat /root/word)" pictured "the word after the shelf"
    is_in_use=$(inside 'ls /sys/block | grep -c ^vd')
    same "$is_in_use" 2 "the number of disks"
}

what_is_plugged_in_comes_and_goes() {
    os port create --network home spare
    os server add port life spare
    becomes 30 status ACTIVE port show spare
    local limit=$((SECONDS + 30 * PATIENCE))
    until [ "$(inside 'ls /sys/class/net | grep -c ^eth')" = 2 ]; do
        [ $SECONDS -lt $limit ] || { echo "# the guest has no second interface"; exit 1; }
        sleep 0.5
    done
    os server remove port life spare
    becomes 30 device_id '' port show spare
    os server remove volume life disk
    becomes 60 status available volume show disk
    same "$(inside 'ls /sys/block | grep -c ^vd')" 1 "the number of disks"
}

its_process_dies_and_nobody_is_fooled() {
    local process
    process=$(pgrep -f "qemu-system.*$data") || { echo "# no guest runs"; exit 1; }
    # shellcheck disable=SC2086
    kill -9 $process
    becomes 30 status SHUTOFF server show life
    os server start life
    becomes 60 status ACTIVE server show life
    reach 120
    # A guest that has just started may be too busy to listen.
    for _ in 1 2 3 4 5; do inside shutdown -P now 2>"$complaint" && break; sleep 2; done
    becomes 60 status SHUTOFF server show life
}

everything_goes() {
    os server delete life
    is_gone_within 60 server show life
    os floating ip delete "$(there)"
    os volume delete disk
    is_gone_within 30 volume show disk
    os port delete spare
    os router remove subnet way home
    os router delete way
    os network delete home
    os security group delete open
    os keypair delete mine
    os flavor delete small large wide
    os image delete picture guest
    local kind
    for kind in server volume port image; do
        ask $kind list
        holds 'all(.[]; .Name != "life" and .Name != "disk" and .Name != "spare" and .Name != "picture")'
    done
    [ -z "$(pgrep -f "qemu-system.*$data")" ] || { echo "# a guest still runs"; exit 1; }
    [ -z "$(find "$data/servers" -mindepth 1 -type d)" ] || { echo "# left: $(find "$data/servers" -mindepth 1)"; exit 1; }
}

walk a_server_with_a_volume it_shows_the_last_lines_of_its_console it_restarts_when_it_is_asked_and_when_it_is_cut_off \
    it_grows_and_keeps_what_it_has a_growth_is_taken_back its_disk_is_repaired_from_another_guest \
    a_picture_of_it_shows_what_was_there it_rests_on_a_shelf what_is_plugged_in_comes_and_goes \
    its_process_dies_and_nobody_is_fooled everything_goes
