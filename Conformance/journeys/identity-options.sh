# A part of the journey `identity`: what its other tests don't say of each command's options, in a domain of their own,
# so that every `--…-domain` has something to find. At the end the client is asked whether any option was left out.

# The domain's id, for options that the client hands on as they were given.
shire() {
    (ask domain show shire && field id)
}

a_domain_is_made_in_every_way() {
    ask domain create --enable --immutable --description 'green hills' shire
    is enabled true description 'green hills'
    holds '.options.immutable == true'
    refused '403|immutable' -- domain set --description 'brown hills' shire
    refused '403|immutable' -- domain delete shire
    os domain set --no-immutable shire
    ask domain create --or-show shire
    is name shire description 'green hills'
    ask domain create --disable --no-immutable marsh
    is enabled false
    holds '.options.immutable == false'
    ask domain list --name marsh
    holds '[.[].Name] == ["marsh"]'
    ask domain list --enabled
    holds 'any(.[]; .Name == "shire") and all(.[]; .Name != "marsh" and .Enabled)'
    os domain set --immutable marsh
    refused '403|immutable' -- domain set --enable marsh
    os domain set --no-immutable marsh
    os domain set --enable marsh
    ask domain show marsh
    is enabled true
    os domain set --disable marsh
    os domain create --disable bog
    os domain delete marsh bog
    gone domain show bog
}

a_project_is_made_in_every_way() {
    ask project create --domain shire --enable --immutable --description 'round doors' hill
    is enabled true
    holds '.options.immutable == true'
    local hill
    hill=$(field id)
    refused '403|immutable' -- project set --domain shire --description 'square doors' hill
    os project set --domain shire --no-immutable hill
    ask project create --domain shire --or-show hill
    is id "$hill" description 'round doors'
    ask project create --domain shire --disable --no-immutable --parent "$hill" burrow
    is enabled false parent_id "$hill"
    ask project show --domain shire --parents burrow
    holds --arg hill "$hill" '.parents | has($hill)'
    local burrow
    burrow=$(field id)
    ask project show --domain shire --children hill
    holds --arg burrow "$burrow" '.subtree | has($burrow)'
    ask project list --domain shire --enabled
    holds '[.[].Name] == ["hill"]'
    ask project list --domain shire --disabled
    holds '[.[].Name] == ["burrow"]'
    ask project list --domain shire --long
    holds 'any(.[]; .Name == "hill" and .Description == "round doors" and .Enabled == true and ."Domain ID" != null)'
    ask project list --domain shire --sort name:desc
    holds '[.[].Name] == ["hill", "burrow"]'
    os project set --domain shire --immutable hill
    refused '403|immutable' -- project set --domain shire --name mound hill
    os project set --domain shire --no-immutable hill
    os project set --domain shire --enable burrow
    ask project show --domain shire burrow
    is enabled true
    os project set --domain shire --description 'the old one' burrow
    ask project show "$burrow"
    is description 'the old one'
}

projects_are_found_by_their_tags() {
    os project set --domain shire --tag green --tag round hill
    os project set --domain shire --tag green burrow
    ask project list --domain shire --tags green,round
    holds '[.[].Name] == ["hill"]'
    ask project list --domain shire --tags-any round,green
    holds 'length == 2'
    ask project list --domain shire --not-tags green,round
    holds '[.[].Name] == ["burrow"]'
    ask project list --domain shire --not-tags-any round
    holds '[.[].Name] == ["burrow"]'
    os project set --domain shire --remove-tag round hill
    ask project show --domain shire hill
    holds '.tags == ["green"]'
    os project set --domain shire --clear-tags hill
    ask project show --domain shire hill
    holds '.tags == []'
}

lists_are_read_page_by_page() {
    ask project list --domain shire --limit 1
    holds 'length == 2'
    ask project list --domain shire --limit 1 --max-items 1
    holds 'length == 1'
    local first
    first=$(jq -r '.[0].ID' "$answer")
    ask project list --domain shire --marker "$first"
    holds --arg first "$first" 'length == 1 and .[0].ID != $first'
    ask user list --domain default --limit 1
    local users
    users=$(jq length "$answer")
    ask user list --domain default
    holds --argjson users "$users" 'length == $users and length > 1'
    first=$(jq -r '.[0].ID' "$answer")
    ask user list --domain default --limit 2 --max-items 1 --marker "$first"
    holds --arg first "$first" 'length == 1 and .[0].ID != $first'
}

a_user_is_made_in_every_way() {
    ask user create --domain shire --project hill --project-domain shire --password second-Breakfast-1 \
        --email frodo@shire.example --description 'has a ring' --ignore-lockout-failure-attempts --ignore-password-expiry \
        --ignore-change-password-upon-first-use --enable-lock-password --enable-multi-factor-auth \
        --multi-factor-auth-rule password,totp --multi-factor-auth-rule password,token --enable frodo
    is email frodo@shire.example enabled true description 'has a ring'
    holds '.default_project_id and .options.ignore_lockout_failure_attempts == true and .options.lock_password == true'
    holds '.options.ignore_password_expiry == true and .options.ignore_change_password_upon_first_use == true'
    holds '.options.multi_factor_auth_enabled == true'
    holds '.options.multi_factor_auth_rules == [["password", "totp"], ["password", "token"]]'
    local frodo
    frodo=$(field id)
    ask user create --domain shire --or-show frodo
    is id "$frodo"
    # A password is one of two things that he has to show.
    os role add --user frodo --user-domain shire --project hill --project-domain shire member
    refused 'required auth rules were not|all required auth rules' -- --os-username frodo --os-user-domain-name shire \
        --os-password second-Breakfast-1 --os-project-name hill --os-project-domain-name shire token issue
    ask user create --domain shire --no-ignore-lockout-failure-attempts --no-ignore-password-expiry --password third-Lunch-2 \
        --no-ignore-change-password-upon-first-use --disable-lock-password --disable-multi-factor-auth --disable gollum
    is enabled false
    holds '.options.ignore_lockout_failure_attempts == false and .options.lock_password == false'
    holds '.options.ignore_password_expiry == false and .options.ignore_change_password_upon_first_use == false'
    holds '.options.multi_factor_auth_enabled == false'
}

a_user_is_changed_in_every_way() {
    os user set --domain shire --no-ignore-lockout-failure-attempts --no-ignore-password-expiry \
        --no-ignore-change-password-upon-first-use --disable-multi-factor-auth frodo
    ask user show --domain shire frodo
    holds '.options.ignore_lockout_failure_attempts == false and .options.ignore_password_expiry == false'
    holds '.options.ignore_change_password_upon_first_use == false and .options.multi_factor_auth_enabled == false'
    # His password is still locked, and so not his to change.
    local as_frodo=(--os-user-domain-name shire --os-username frodo --os-project-name hill --os-project-domain-name shire)
    refused '400|403|locked|password' -- "${as_frodo[@]}" --os-password second-Breakfast-1 \
        user password set --original-password second-Breakfast-1 --password no-Breakfast-9
    os user set --domain shire --disable-lock-password --password elevenses-Now-3 frodo
    os "${as_frodo[@]}" --os-password elevenses-Now-3 \
        user password set --original-password elevenses-Now-3 --password afternoon-Tea-4
    os user set --domain shire --ignore-lockout-failure-attempts --ignore-password-expiry --enable-lock-password \
        --ignore-change-password-upon-first-use --enable-multi-factor-auth --multi-factor-auth-rule password,totp gollum
    ask user show --domain shire gollum
    holds '.options.ignore_lockout_failure_attempts == true and .options.ignore_password_expiry == true'
    holds '.options.ignore_change_password_upon_first_use == true and .options.lock_password == true'
    holds '.options.multi_factor_auth_enabled == true and .options.multi_factor_auth_rules == [["password", "totp"]]'
    os user set --domain shire --project burrow --project-domain shire --description 'lost it' --name smeagol \
        --email smeagol@shire.example --enable gollum
    ask user show --domain shire smeagol
    is description 'lost it' enabled true email smeagol@shire.example
    holds .default_project_id
    os user set --domain shire --disable smeagol
    python "$HERE/typed.py" 'supper-Time-5' openstack user set --domain shire --password-prompt frodo >"$SCRATCH/typed" ||
        { sed 's/^/# /' "$SCRATCH/typed"; exit 1; }
    said_by_hand user set --domain shire --password-prompt frodo
    ask "${as_frodo[@]}" --os-password supper-Time-5 token issue
    holds .project_id
}

users_are_listed_in_every_way() {
    ask user list --domain shire --enabled
    holds '[.[].Name] == ["frodo"]'
    ask user list --domain shire --disabled
    holds '[.[].Name] == ["smeagol"]'
    ask user list --domain shire --project hill
    holds '[.[].Name] == ["frodo"]'
    ask user list --domain shire --long
    holds 'any(.[]; .Name == "smeagol" and .Enabled == false and .Description == "lost it" and .Project != null)'
    ask project list --domain shire --user frodo
    holds '[.[].Name] == ["hill"]'
    ask project list --my-projects
    holds 'any(.[]; .Name == "admin")'
}

groups_of_a_domain() {
    ask group create --domain shire --description 'nine walkers' fellows
    is description 'nine walkers'
    local fellows
    fellows=$(field id)
    # The client hands the domain on as it was given, when the group is there: its name would find nothing.
    ask group create --domain "$(shire)" --or-show fellows
    is id "$fellows"
    os group add user --group-domain shire --user-domain shire fellows frodo smeagol
    os group contains user --group-domain shire --user-domain shire fellows frodo
    ask user list --domain "$(shire)" --group fellows
    holds '[.[].Name] | sort == ["frodo", "smeagol"]'
    ask group list --user frodo --user-domain shire
    holds '[.[].Name] == ["fellows"]'
    ask group list --domain shire --long
    holds '[.[] | [.Name, .Description]] == [["fellows", "nine walkers"]]'
    os group remove user --group-domain shire --user-domain shire fellows smeagol
    # It says so, but its exit code doesn't tell.
    openstack_words group contains user --group-domain shire --user-domain shire fellows smeagol
    grep -q 'not in group' "$answer" "$complaint" || failed "group contains user"
    os group set --domain shire --name walkers --description 'eight walkers' fellows
    ask group show --domain shire walkers
    is id "$fellows" description 'eight walkers'
}

roles_of_a_domain_and_immutable_ones() {
    ask role create --domain shire --description 'carries it' --no-immutable bearer
    holds .domain_id
    local bearer
    bearer=$(field id)
    ask role create --domain "$(shire)" --or-show bearer
    is id "$bearer"
    ask role list --domain shire
    holds '[.[].Name] == ["bearer"]'
    ask role list
    holds 'all(.[]; .Name != "bearer")'
    os role set --domain shire --name keeper-of-it --description 'keeps it' --immutable bearer
    ask role show --domain shire keeper-of-it
    is id "$bearer" description 'keeps it'
    refused '403|immutable' -- role delete --domain shire keeper-of-it
    # With its domain the client would change two things at once, and what is immutable is only ever made mutable.
    os role set --no-immutable "$bearer"
    os role create --immutable warden
    refused '403|immutable' -- role set --name guard warden
    os role set --no-immutable warden
    os role delete warden
}

roles_are_assigned_in_every_way() {
    local person=(--user frodo --user-domain shire) company=(--group walkers --group-domain shire)
    local hill=(--project hill --project-domain shire) its=(--role-domain shire)
    os role add "${person[@]}" "${hill[@]}" "${its[@]}" keeper-of-it
    ask role assignment list --role keeper-of-it --role-domain shire --user frodo --user-domain shire \
        --project hill --project-domain shire --names
    holds '[.[].Role] == ["keeper-of-it@shire"] and .[0].User == "frodo@shire" and .[0].Project == "hill@shire"'
    os role remove "${person[@]}" "${hill[@]}" "${its[@]}" keeper-of-it
    os role add "${company[@]}" --domain shire --inherited reader
    ask role assignment list "${company[@]}" --domain shire --inherited --names
    holds 'length == 1 and .[0].Inherited == true and .[0].Role == "reader"'
    ask role assignment list "${person[@]}" --project burrow --project-domain shire --effective --names
    holds '[.[].Role] == ["reader"]'
    os role remove "${company[@]}" --domain shire --inherited reader
    ask role assignment list "${person[@]}" --project burrow --project-domain shire --effective
    holds 'length == 0'
    os role add "${company[@]}" --system all reader
    ask role assignment list --system all "${company[@]}"
    holds 'length == 1 and .[0].System == "all"'
    os role remove "${company[@]}" --system all reader
    ask role assignment list --auth-user --auth-project --names
    holds 'any(.[]; .Role == "admin" and .User == "admin@Default" and .Project == "admin@Default")'
}

a_catalog_entry_is_made_in_every_way() {
    os region create --description 'the west' west
    os region create havens
    os region set --parent-region west --description 'grey' havens
    ask region list --parent-region west
    holds '[.[].Region] == ["havens"]'
    ask service create --name post --disable --description 'slow' letters
    is enabled false
    os service set --name mail --type parcels --enable --description 'slower' post
    ask service show mail
    is type parcels enabled true description slower
    ask service create --enable --name quick owls
    is enabled true
    ask endpoint create --disable --region west mail admin http://post.example/admin
    is enabled false interface admin
    local endpoint
    endpoint=$(field id)
    os endpoint set --region havens --service quick --enable "$endpoint"
    ask endpoint show "$endpoint"
    is enabled true region havens service_type owls
    os endpoint set --disable "$endpoint"
    ask endpoint show "$endpoint"
    is enabled false
    ask endpoint create --enable --region west quick public http://post.example/quick
    local public
    public=$(field id)
    ask endpoint list --interface public --region west
    holds --arg id "$public" '[.[].ID] == [$id]'
    os endpoint add project --project-domain shire "$public" hill
    ask endpoint list --project hill --project-domain shire
    holds --arg id "$public" '[.[].ID] == [$id]'
    ask endpoint list --endpoint "$public"
    holds '[.[].Name] == ["hill"]'
    os endpoint remove project --project-domain shire "$public" hill
    local quick
    ask service show quick
    quick=$(field id)
    echo "{\"service_id\": \"$quick\"}" >"$SCRATCH/filter"
    ask endpoint group create --description 'those of owls' owlery "$SCRATCH/filter"
    is description 'those of owls'
    os endpoint group set --name owlery --filters "$SCRATCH/filter" --description 'of all owls' owlery
    ask endpoint group show owlery
    is description 'of all owls'
    os endpoint group add project --project-domain "$(shire)" owlery hill
    ask endpoint group list --endpointgroup owlery
    holds '[.[].Name] == ["hill"]'
    ask endpoint group list --project hill --domain "$(shire)"
    holds '[.[].Name] == ["owlery"]'
    os endpoint group remove project --project-domain "$(shire)" owlery hill
    ask endpoint group list --endpointgroup owlery
    holds 'length == 0'
    ask endpoint group list
    holds 'any(.[]; .Name == "owlery")'
    os endpoint group delete owlery
    os endpoint delete "$endpoint" "$public"
    os service delete mail quick
    os region delete havens
    os region delete west
}

credentials_in_every_way() {
    ask credential create --type other --project hill frodo 'a letter'
    holds .project_id
    local credential
    credential=$(field id)
    # A secret changes, and nothing else of a credential; this command always sends all of it.
    refused '400|credential.type' -- credential set --user frodo --type more --data 'a note' --project hill "$credential"
    ask credential show "$credential"
    is type other blob 'a letter'
    # With this domain the client finds ids, but no names.
    ask user show --domain shire frodo
    ask credential list --user "$(field id)" --user-domain shire --type other
    holds '[.[].Data] == ["a letter"]'
    ask credential list --type cert
    holds 'length == 0'
    os credential delete "$credential"
    local frodo=(--user frodo --user-domain shire)
    ask ec2 credentials create "${frodo[@]}" --project hill --project-domain shire
    local access
    access=$(field access)
    ask ec2 credentials list "${frodo[@]}"
    holds '[.[].Access] | length == 1'
    ask ec2 credentials show "${frodo[@]}" "$access"
    is access "$access"
    os ec2 credentials delete "${frodo[@]}" "$access"
    ask ec2 credentials list "${frodo[@]}"
    holds 'length == 0'
}

application_credentials_in_every_way() {
    ask application credential create --expiration 2040-01-02T03:04:05 --unrestricted --role reader eagle
    is Unrestricted true 'Expires At' 2040-01-02T03:04:05.000000
    ask application credential create --restricted sparrow
    is Unrestricted false
    ask application credential list --user admin --user-domain default
    holds '[.[].Name] | contains(["eagle", "sparrow"])'
    os application credential delete eagle sparrow
    gone application credential show eagle
    ask application credential create --access-rules '[{"path": "/v3/users", "method": "GET", "service": "identity"}]' crow
    ask access rule list
    local rule
    rule=$(jq -r '.[] | select(.Path == "/v3/users") | .ID' "$answer")
    refused '403|in use|Failed' -- access rule delete "$rule"
    os application credential delete crow
    os access rule delete "$rule"
}

trusts_in_every_way() {
    # Only who trusts may make one, so it is the administrator, who trusts Frodo.
    ask trust create --project demo --project-domain default --role member --impersonate --expiration 2040-01-02T03:04:05 \
        --trustor-domain default --trustee-domain shire admin frodo
    is is_impersonation true
    holds '.expires_at | startswith("2040-01-02T03:04:05")'
    local trust
    trust=$(field id)
    ask trust list --trustor admin --trustor-domain default
    holds --arg id "$trust" 'any(.[]; .ID == $id)'
    ask trust list --trustee frodo --trustee-domain shire
    holds --arg id "$trust" '[.[].ID] == [$id]'
    ask trust list --auth-user
    holds --arg id "$trust" 'any(.[]; .ID == $id)'
    os trust delete "$trust"
}

limits_in_every_way() {
    os service create --name mill flour
    os service create --name farm corn
    ask registered limit create --service mill --default-limit 10 --description sacks sack
    local registered
    registered=$(field id)
    os registered limit set --service farm --resource-name cart --region RegionOne --description carts "$registered"
    ask registered limit show "$registered"
    is resource_name cart description carts region_id RegionOne
    ask registered limit list --service farm --resource-name cart --region RegionOne
    holds 'length == 1'
    ask registered limit list --service mill
    holds 'length == 0'
    ask limit create --description 'of the hill' --project hill --project-domain shire --service farm --region RegionOne \
        --resource-limit 5 cart
    is description 'of the hill'
    local limit
    limit=$(field id)
    os limit set --description 'of this hill' "$limit"
    ask limit show "$limit"
    is description 'of this hill' resource_limit 5
    ask limit list --service farm --resource-name cart --region RegionOne --project hill --project-domain shire
    holds 'length == 1'
    os limit delete "$limit"
    os registered limit delete "$registered"
    os service delete mill farm
}

policies_in_every_way() {
    echo '{"a": "b"}' >"$SCRATCH/policy"
    ask policy create --type application/json "$SCRATCH/policy"
    local policy
    policy=$(field id)
    os policy set --type text/plain "$policy"
    ask policy list --long
    holds --arg id "$policy" 'any(.[]; .ID == $id and .Type == "text/plain" and .Rules != null)'
    os policy delete "$policy"
}

a_consumer_is_let_in() {
    ask consumer create --description 'prints photographs'
    is description 'prints photographs'
    local consumer secret
    consumer=$(field id)
    secret=$(field secret)
    os consumer set --description 'prints pictures' "$consumer"
    ask consumer show "$consumer"
    is description 'prints pictures'
    ask consumer list
    holds --arg id "$consumer" 'any(.[]; .ID == $id)'
    ask request token create --consumer-key "$consumer" --consumer-secret "$secret" --project admin --domain default
    local key key_secret
    key=$(field id)
    key_secret=$(field secret)
    ask request token authorize --request-key "$key" --role admin
    local verifier
    verifier=$(field oauth_verifier)
    ask access token create --consumer-key "$consumer" --consumer-secret "$secret" --request-key "$key" \
        --request-secret "$key_secret" --verifier "$verifier"
    holds '.id and .secret'
    os consumer delete "$consumer"
    gone consumer show "$consumer"
}

the_versions_are_shown() {
    ask versions show --service identity --interface public
    holds 'any(.[]; .Version == "3.14" and .Status == "CURRENT")'
    ask versions show --service identity --all-interfaces --region-name RegionOne --status CURRENT
    holds 'length >= 1'
}

the_shire_goes() {
    os user delete --domain shire smeagol
    os group delete --domain shire walkers
    os role delete --domain shire keeper-of-it
    os project delete --domain shire burrow
    os domain set --disable shire
    os domain delete shire
    gone domain show shire
}

no_command_and_no_option_was_left_out() {
    python "$HERE/../inside/words_left_out.py" openstack.identity.v3 <"$SCRATCH/said" >"$SCRATCH/left-out" 2>&1 ||
        { tail -5 "$SCRATCH/left-out" | sed 's/^/# /'; exit 1; }
    sed 's/^/# left out: /' "$SCRATCH/left-out"
    [ ! -s "$SCRATCH/left-out" ]
}
