# Everything that the command line does with networks: made, shown, changed, joined, shared, and taken away again.
. "$(dirname "$0")/journey.sh"

# How many of each thing there are: the journey leaves as many as it found.
census() {
    local kind
    for kind in network subnet port router 'floating ip' 'security group' 'subnet pool' 'address scope' 'network rbac'; do
        ask $kind list
        echo "$kind: $(jq length "$answer")"
    done
}

the_journey_begins() { census >"$SCRATCH/before"; }

there_is_a_way_out() {
    ask network list --external
    holds 'any(.[]; .Name == "public")'
}

a_network_and_its_subnet_are_made() {
    ask network create --description 'a pond' --tag small pond
    is name pond status ACTIVE description 'a pond' shared false
    ask subnet create --network pond --subnet-range 10.5.0.0/24 --dns-nameserver 203.0.113.53 shore
    is name shore gateway_ip 10.5.0.1 cidr 10.5.0.0/24
    holds '.allocation_pools[0].start == "10.5.0.2"'
    refused '400|overlaps' -- subnet create --network pond --subnet-range 10.5.0.128/25 bank
    os subnet set --no-dhcp shore
    ask subnet show shore
    is enable_dhcp false
    ask network list --tags small
    holds 'length == 1'
}

a_router_joins_it_to_the_outside() {
    ask router create brook
    is status ACTIVE
    os router add subnet brook shore
    os router set brook --external-gateway public
    ask router show brook
    holds '.external_gateway_info.external_fixed_ips | length == 1'
    refused '409|still has ports|ports' -- router delete brook
}

a_port_is_filtered_and_reached_from_outside() {
    os security group create reeds
    ask security group rule create reeds --protocol tcp --dst-port 22 --remote-ip 0.0.0.0/0
    is port_range_min 22 protocol tcp
    refused '409|already exists' -- \
        security group rule create reeds --protocol tcp --dst-port 22 --remote-ip 0.0.0.0/0
    ask port create --network pond --security-group reeds duck
    holds '.fixed_ips[0].ip_address == "10.5.0.2"'
    refused '409|in use' -- security group delete reeds
    os port set duck --allowed-address ip-address=10.5.0.77
    ask floating ip create public --port duck
    is status ACTIVE fixed_ip_address 10.5.0.2
    local floating
    floating=$(field id)
    os floating ip unset --port "$floating"
    ask floating ip show "$floating"
    is status DOWN
    os floating ip delete "$floating"
}

subnets_are_cut_from_a_pool() {
    os subnet pool create --pool-prefix 10.10.0.0/24 --default-prefix-length 26 lake
    ask subnet create --network pond --subnet-pool lake cove
    is cidr 10.10.0.0/26
    refused '400|allocations' -- subnet pool delete lake
    os subnet delete cove
    os subnet pool delete lake
}

a_network_is_shared_with_one_project() {
    ask network rbac create --type network --action access_as_shared --target-project demo pond
    is action access_as_shared object_type network
    os network rbac delete "$(field id)"
}

what_there_is_can_be_counted() {
    ask ip availability list
    holds 'any(.[]; .["Network Name"] == "pond")'
    ask quota show --network
    ask extension list --network
    holds 'any(.[]; .Alias == "router")'
    os network agent list
    os availability zone list --network
}

what_was_made_is_taken_away() {
    refused '409|in use|use' -- network delete pond
    os router unset --external-gateway brook
    os router remove subnet brook shore
    os router delete brook
    os port delete duck
    os network delete pond
    gone subnet show shore
    os security group delete reeds
}

nothing_is_left() {
    census >"$SCRATCH/after"
    diff "$SCRATCH/before" "$SCRATCH/after" || exit 1
}

walk the_journey_begins there_is_a_way_out a_network_and_its_subnet_are_made a_router_joins_it_to_the_outside \
    a_port_is_filtered_and_reached_from_outside subnets_are_cut_from_a_pool a_network_is_shared_with_one_project \
    what_there_is_can_be_counted what_was_made_is_taken_away nothing_is_left
