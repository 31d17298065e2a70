# Everything that the command line knows of identity: made, shown, changed, listed, used, and taken away again.
HERE=$(dirname "$0")
. "$HERE/journey.sh"
. "$HERE/identity-options.sh"

# How many of each thing there are: the journey leaves as many as it found.
census() {
    local kind
    for kind in domain project user group role region service endpoint credential policy limit "registered limit" trust \
        consumer "endpoint group" "application credential" "access rule"; do
        ask $kind list
        echo "$kind: $(jq length "$answer")"
    done
}

# What was typed at a terminal was said too.
said_by_hand() { echo "$*" >>"$SCRATCH/said"; }

count_into() { (census >"$SCRATCH/$1") || { cat "$SCRATCH/$1"; exit 1; }; }

the_journey_begins() { count_into before; }

a_token_is_issued_and_revoked() {
    ask token issue
    holds '.id and .expires and .project_id and .user_id'
    local token
    token=$(field id)
    os token revoke "$token"
    refused '401|404|requires authentication' -- \
        --os-cloud '' --os-auth-type token --os-token "$token" --os-auth-url "$AUTH_URL" --os-project-name admin \
        --os-project-domain-name Default project list
}

the_catalog_names_identity() {
    ask catalog list
    holds 'any(.[]; .Type == "identity")'
    ask catalog show identity
    is type identity
    holds '.endpoints | tostring | contains("public")'
}

a_domain_lives_and_goes() {
    ask domain create --description 'fresh water' lake
    is name lake description 'fresh water' enabled true
    refused '409|Conflict|duplicate' -- domain create lake
    os domain set --description 'salt water' --name sea lake
    ask domain show sea
    is name sea description 'salt water'
    ask domain list
    holds 'any(.[]; .Name == "sea") and any(.[]; .Name == "Default" and .ID == "default")'
    refused '403|Forbidden|disable' -- domain delete sea
    os domain set --disable sea
    os domain delete sea
    gone domain show sea
}

a_project_lives_and_goes() {
    ask project create --domain default --description 'a nest' --property colour=blue --tag small nest
    is name nest description 'a nest' enabled true domain_id default colour blue
    holds '.tags == ["small"]'
    local nest
    nest=$(field id)
    ask project create --domain default --parent nest egg
    is parent_id "$nest"
    refused '409|Conflict|duplicate' -- project create --domain default nest
    os project set --name nook --tag round --property colour=red nest
    ask project show nook
    is id "$nest" colour red
    holds '.tags | sort == ["round", "small"]'
    ask project list --tags round
    holds '[.[].Name] == ["nook"]'
    ask project list --parent "$nest"
    holds '[.[].Name] == ["egg"]'
    refused '403|Forbidden|not a leaf' -- project delete nook
    os project set --disable egg
    ask project show egg
    is enabled false
    os project delete egg
    os project delete nook
    gone project show nook
}

alice_is_made_with_a_password_that_is_typed() {
    python "$HERE/typed.py" 'wonder-Land-1' openstack user create --password-prompt --email alice@example.com alice \
        >"$SCRATCH/typed" || { sed 's/^/# /' "$SCRATCH/typed"; exit 1; }
    said_by_hand user create --password-prompt --email alice@example.com alice
    ask user show alice
    is name alice email alice@example.com enabled true domain_id default
    ask user list --long
    holds 'any(.[]; .Name == "alice" and .Email == "alice@example.com")'
}

a_user_changes_and_signs_in() {
    os role add --user alice --project demo member
    ask --os-cloud martlet --os-username alice --os-password wonder-Land-1 --os-project-name demo token issue
    holds .project_id
    os user set --description 'at the tea party' --email alice@tea.example alice
    ask user show alice
    is email alice@tea.example description 'at the tea party'
    os --os-username alice --os-password wonder-Land-1 --os-project-name demo \
        user password set --original-password wonder-Land-1 --password looking-Glass-2
    refused '401|requires authentication' -- --os-username alice --os-password wonder-Land-1 --os-project-name demo token issue
    ask --os-username alice --os-password looking-Glass-2 --os-project-name demo token issue
    holds .id
    os user set --disable alice
    refused '401|requires authentication' -- --os-username alice --os-password looking-Glass-2 --os-project-name demo token issue
    os user set --enable alice
    refused '409|Conflict|duplicate' -- user create alice
}

a_member_may_not_do_what_an_admin_may() {
    local as_alice=(--os-username alice --os-password looking-Glass-2 --os-project-name demo)
    refused '403|not authorized|Forbidden' -- "${as_alice[@]}" user create mallory
    refused '403|not authorized|Forbidden' -- "${as_alice[@]}" project create mine
    # The client says nothing where this is refused, so the assignments tell.
    openstack_words "${as_alice[@]}" role add --user alice --project demo admin
    ask role assignment list --user alice --role admin
    holds 'length == 0'
}

a_group_gathers_users() {
    ask group create --description 'guests' party
    is name party description guests domain_id default
    os group add user party alice
    os group contains user party alice
    ask user list --group party
    holds '[.[].Name] == ["alice"]'
    ask group list --user alice
    holds 'any(.[]; .Name == "party")'
    os group set --name tea --description 'at six' party
    ask group show tea
    is description 'at six'
    os group remove user tea alice
    ask user list --group tea
    holds 'length == 0'
    os group delete tea
    gone group show tea
}

a_role_lives_is_assigned_and_goes() {
    ask role create --description 'sees all' watcher
    is name watcher description 'sees all'
    refused '409|Conflict|duplicate' -- role create watcher
    os role set --name keeper watcher
    ask role show keeper
    is name keeper
    os role add --user alice --project admin keeper
    os role add --user alice --domain default keeper
    os role add --user alice --system all keeper
    os group create crew
    os role add --group crew --project demo keeper
    ask role assignment list --role keeper --names
    holds 'length == 4 and any(.[]; .System == "all") and any(.[]; .Domain == "Default") and any(.[]; .Group == "crew@Default")'
    os role remove --user alice --system all keeper
    os role remove --user alice --domain default keeper
    os role remove --user alice --project admin keeper
    ask role assignment list --role keeper
    holds 'length == 1'
    os role remove --group crew --project demo keeper
    os group delete crew
    os role delete keeper
    gone role show keeper
}

a_role_implies_another() {
    os role create captain
    os role create sailor
    ask implied role create --implied-role sailor captain
    holds .implies
    ask implied role list
    holds 'any(.[]; ."Prior Role Name" == "captain" and ."Implied Role Name" == "sailor")'
    os role add --user alice --project demo captain
    ask role assignment list --effective --user alice --project demo --names
    holds '[.[].Role] | contains(["captain", "sailor", "member", "reader"])'
    os role remove --user alice --project demo captain
    os implied role delete --implied-role sailor captain
    os role delete captain sailor
}

a_region_a_service_and_its_endpoints() {
    ask region create --description 'far north' arctic
    is region arctic description 'far north'
    ask region create --parent-region arctic floe
    is parent_region arctic
    os region set --description 'far south' floe
    ask region show floe
    is description 'far south'
    ask region list --parent-region arctic
    holds '[.[].Region] == ["floe"]'
    ask service create --name weather --description 'wind' forecast
    is name weather type forecast enabled true
    os service set --disable weather
    ask service show weather
    is enabled false
    os service set --enable --description 'wind and rain' weather
    ask service list --long
    holds 'any(.[]; .Name == "weather" and .Description == "wind and rain")'
    ask endpoint create --region floe weather public http://example.com/weather
    is interface public url http://example.com/weather enabled true region floe
    local endpoint
    endpoint=$(field id)
    os endpoint set --url http://example.com/w --interface internal "$endpoint"
    ask endpoint show "$endpoint"
    is url http://example.com/w interface internal
    ask endpoint list --service weather
    holds 'length == 1'
    os endpoint delete "$endpoint"
    os service delete weather
    os region delete floe
    os region delete arctic
    gone region show arctic
    gone service show weather
}

endpoints_are_given_to_projects_by_groups() {
    ask service create --name tide ebb
    local service
    service=$(field id)
    ask endpoint create tide public http://example.com/tide
    local endpoint
    endpoint=$(field id)
    os endpoint add project "$endpoint" demo
    ask endpoint list --project demo
    holds --arg id "$endpoint" 'any(.[]; .ID == $id)'
    os endpoint remove project "$endpoint" demo
    echo "{\"service_id\": \"$service\"}" >"$SCRATCH/filter"
    ask endpoint group create shore "$SCRATCH/filter"
    is name shore
    os endpoint group set --name coast --filters "$SCRATCH/filter" shore
    os endpoint group add project coast demo
    ask endpoint group list --project demo
    holds '[.[].Name] == ["coast"]'
    os endpoint group remove project coast demo
    os endpoint group delete coast
    os endpoint delete "$endpoint"
    os service delete tide
}

credentials_of_any_kind() {
    ask credential create --type cert alice 'a certificate'
    is type cert
    local credential
    credential=$(field id)
    ask credential show "$credential"
    is type cert blob 'a certificate'
    ask credential list --user alice
    holds 'length == 1'
    os credential delete "$credential"
    gone credential show "$credential"
}

ec2_credentials() {
    ask ec2 credentials create --user alice --project demo
    holds '.access and .secret'
    local access
    access=$(field access)
    ask ec2 credentials show --user alice "$access"
    is access "$access"
    ask ec2 credentials list --user alice
    holds 'length == 1'
    os ec2 credentials delete --user alice "$access"
    ask ec2 credentials list --user alice
    holds 'length == 0'
}

application_credentials_stand_in_for_a_person() {
    local as_alice=(--os-username alice --os-password looking-Glass-2 --os-project-name demo)
    ask "${as_alice[@]}" application credential create --secret sesame-9 --role member --description 'for a robot' \
        --access-rules '[{"path": "/v2.1/servers", "method": "GET", "service": "compute"}]' robot
    is Name robot Description 'for a robot' Unrestricted false
    local id
    id=$(field ID)
    ask "${as_alice[@]}" application credential list
    holds '[.[].Name] == ["robot"]'
    ask "${as_alice[@]}" application credential show robot
    is ID "$id"
    ask "${as_alice[@]}" access rule list
    holds 'length == 1'
    local rule
    rule=$(jq -r '.[0].ID' "$answer")
    ask "${as_alice[@]}" access rule show "$rule"
    is Method GET
    ask --os-cloud '' --os-auth-type v3applicationcredential --os-auth-url "$AUTH_URL" \
        --os-application-credential-id "$id" --os-application-credential-secret sesame-9 token issue
    holds .id
    os "${as_alice[@]}" application credential delete robot
    refused '401|404|requires authentication|Could not find' -- --os-cloud '' --os-auth-type v3applicationcredential \
        --os-auth-url "$AUTH_URL" --os-application-credential-id "$id" --os-application-credential-secret sesame-9 token issue
    os "${as_alice[@]}" access rule delete "$rule"
    ask "${as_alice[@]}" access rule list
    holds 'length == 0'
}

a_trust_lends_a_role() {
    local as_alice=(--os-username alice --os-password looking-Glass-2 --os-project-name demo)
    # Alice may not look for names, so she gives ids.
    local alice rabbit demo member
    ask user create --password rabbit-Hole-3 rabbit
    rabbit=$(field id)
    ask user show alice
    alice=$(field id)
    ask project show demo
    demo=$(field id)
    ask role show member
    member=$(field id)
    ask "${as_alice[@]}" trust create --project "$demo" --role "$member" "$alice" "$rabbit"
    is is_impersonation false
    local trust
    trust=$(field id)
    ask "${as_alice[@]}" trust show "$trust"
    is id "$trust"
    ask trust list
    holds --arg id "$trust" 'any(.[]; .ID == $id)'
    ask --os-cloud '' --os-auth-type v3password --os-auth-url "$AUTH_URL" --os-username rabbit --os-password rabbit-Hole-3 \
        --os-user-domain-name Default --os-trust-id "$trust" token issue
    holds .project_id
    os "${as_alice[@]}" trust delete "$trust"
    gone trust show "$trust"
    os user delete rabbit
}

limits_bound_what_a_project_may_have() {
    ask service create --name bakery bread
    ask registered limit create --service bakery --default-limit 10 --description loaves --region RegionOne loaf
    is resource_name loaf default_limit 10
    local registered
    registered=$(field id)
    os registered limit set --default-limit 12 "$registered"
    ask registered limit show "$registered"
    is default_limit 12
    ask registered limit list --service bakery
    holds 'length == 1'
    ask limit create --project demo --service bakery --region RegionOne --resource-limit 5 loaf
    is resource_limit 5
    local limit
    limit=$(field id)
    os limit set --resource-limit 7 "$limit"
    ask limit show "$limit"
    is resource_limit 7
    ask limit list --project demo
    holds 'length == 1'
    refused '403|Forbidden|Unable to' -- registered limit delete "$registered"
    os limit delete "$limit"
    os registered limit delete "$registered"
    os service delete bakery
}

policies_are_kept() {
    echo '{"admin_required": "role:admin"}' >"$SCRATCH/policy"
    ask policy create --type application/json "$SCRATCH/policy"
    is type application/json
    local policy
    policy=$(field id)
    echo '{"admin_required": "role:king"}' >"$SCRATCH/policy"
    os policy set --rules "$SCRATCH/policy" "$policy"
    ask policy show "$policy"
    holds '.rules | tostring | contains("king")'
    ask policy list
    holds 'length >= 1'
    os policy delete "$policy"
    gone policy show "$policy"
}

everything_in_a_domain_goes_with_it() {
    os domain create pond
    os project create --domain pond reeds
    os user create --domain pond --password frog-Leap-4 frog
    os group create --domain pond frogs
    os role create --domain pond croaker
    os role add --user frog --user-domain pond --project reeds --project-domain pond member
    os domain set --disable pond
    refused '401|requires authentication' -- --os-username frog --os-user-domain-name pond --os-password frog-Leap-4 \
        --os-project-name reeds --os-project-domain-name pond token issue
    os domain delete pond
    ask user list
    holds 'all(.[]; .Name != "frog")'
}

alice_leaves() {
    os user delete alice
    gone user show alice
}

nothing_is_left_over() {
    count_into after
    diff "$SCRATCH/before" "$SCRATCH/after" | sed 's/^/# /'
    cmp -s "$SCRATCH/before" "$SCRATCH/after"
}

ask configuration show
AUTH_URL=$(field auth.auth_url)

walk the_journey_begins \
    a_token_is_issued_and_revoked the_catalog_names_identity a_domain_lives_and_goes a_project_lives_and_goes \
    alice_is_made_with_a_password_that_is_typed a_user_changes_and_signs_in a_member_may_not_do_what_an_admin_may \
    a_group_gathers_users a_role_lives_is_assigned_and_goes a_role_implies_another a_region_a_service_and_its_endpoints \
    endpoints_are_given_to_projects_by_groups credentials_of_any_kind ec2_credentials \
    application_credentials_stand_in_for_a_person a_trust_lends_a_role limits_bound_what_a_project_may_have \
    policies_are_kept everything_in_a_domain_goes_with_it alice_leaves \
    a_domain_is_made_in_every_way a_project_is_made_in_every_way projects_are_found_by_their_tags \
    a_user_is_made_in_every_way a_user_is_changed_in_every_way users_are_listed_in_every_way lists_are_read_page_by_page \
    groups_of_a_domain roles_of_a_domain_and_immutable_ones roles_are_assigned_in_every_way \
    a_catalog_entry_is_made_in_every_way credentials_in_every_way application_credentials_in_every_way \
    trusts_in_every_way limits_in_every_way policies_in_every_way a_consumer_is_let_in the_versions_are_shown \
    the_shire_goes nothing_is_left_over no_command_and_no_option_was_left_out
