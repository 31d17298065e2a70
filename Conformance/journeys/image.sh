# An image's life with the command line: from a file and back to a file, byte for byte, shared, guarded, and gone.
. "$(dirname "$0")/journey.sh"

file=$SCRATCH/picture
head -c 3500000 /dev/urandom >"$file"

an_image_is_made_from_a_file() {
    ask image create --file "$file" --disk-format raw --container-format bare --min-disk 1 --min-ram 64 \
        --property colour=blue --tag small picture
    is name picture disk_format raw container_format bare min_disk 1 min_ram 64
    ask image show picture
    is status active size 3500000 checksum "$(md5sum <"$file" | cut -d' ' -f1)"
    holds --arg sum "$(sha512sum <"$file" | cut -d' ' -f1)" '.properties.os_hash_value == $sum and .properties.os_hash_algo == "sha512"'
    holds '.properties.colour == "blue" and .tags == ["small"]'
    ask image list --name picture --long
    holds 'length == 1 and .[0].Status == "active"'
}

it_comes_back_byte_for_byte() {
    os image save --file "$SCRATCH/back" picture
    cmp "$file" "$SCRATCH/back"
}

it_changes() {
    os image set --name portrait --property colour=red --property os_distro=debian --tag round --min-ram 32 picture
    ask image show portrait
    is min_ram 32
    holds '.properties.colour == "red" and .properties.os_distro == "debian" and (.tags | sort) == ["round", "small"]'
    os image unset --property colour --tag small portrait
    ask image show portrait
    holds '(.properties | has("colour") | not) and .tags == ["round"]'
    ask image list --tag round
    holds 'length == 1'
    ask image list --property os_distro=debian
    holds 'length == 1'
}

a_protected_image_stays() {
    os image set --protected portrait
    refused '403|Forbidden|protected' -- image delete portrait
    os image set --unprotected portrait
}

a_deactivated_image_is_not_given_out() {
    os image set --public --deactivate portrait
    ask image show portrait
    is status deactivated
    # The client takes the refusal for the image, and finds that its checksum is another.
    refused '403|Forbidden|deactivated|checksum mismatch' -- --os-cloud martlet-demo image save --file "$SCRATCH/none" portrait
    # Whoever looks into what is wrong with it still gets it.
    os image save --file "$SCRATCH/back" portrait
    cmp "$file" "$SCRATCH/back" || exit 1
    os image set --private --activate portrait
    ask image show portrait
    is status active visibility private
    refused 'No Image found|404' -- --os-cloud martlet-demo image save --file "$SCRATCH/none" portrait
}

an_image_is_shared_with_a_project() {
    ask image show portrait
    local image
    image=$(field id)
    os image set --shared portrait
    refused 'No Image found|404' -- --os-cloud martlet-demo image show "$image"
    ask image add project portrait demo
    is status pending
    ask image member list portrait
    holds 'length == 1 and .[0].Status == "pending"'
    ask --os-cloud martlet-demo image show "$image"
    os --os-cloud martlet-demo image set --accept "$image"
    ask --os-cloud martlet-demo image list --shared
    holds --arg id "$image" 'any(.[]; .ID == $id)'
    os image remove project portrait demo
    refused 'No Image found|404' -- --os-cloud martlet-demo image show "$image"
}

a_public_image_is_seen_by_all() {
    refused '403|Forbidden|not authorized' -- --os-cloud martlet-demo image create --public --disk-format raw \
        --container-format bare everyones
    os image set --public portrait
    ask --os-cloud martlet-demo image list
    holds 'any(.[]; .Name == "portrait")'
    os image set --private portrait
}

an_image_is_staged_and_imported() {
    ask image import info
    holds '."import-methods" | contains(["glance-direct", "web-download"])'
    ask image create --import --file "$file" --disk-format raw --container-format bare imported
    local attempt
    for attempt in $(seq 50); do
        ask image show imported
        [ "$(field status)" = active ] && break
        sleep 0.2
    done
    is status active checksum "$(md5sum <"$file" | cut -d' ' -f1)"
    os image save --file "$SCRATCH/back" imported
    cmp "$file" "$SCRATCH/back"
    ask image task list
    holds 'length >= 1'
    os image delete imported
}

an_unsafe_disk_is_refused() {
    qemu-img create -q -f raw "$SCRATCH/base" 1M
    qemu-img create -q -f qcow2 -F raw -b /etc/passwd "$SCRATCH/thief" 1M 2>/dev/null ||
        qemu-img create -q -f qcow2 -u -F raw -b /etc/passwd "$SCRATCH/thief" 1M
    openstack_words image create --file "$SCRATCH/thief" --disk-format qcow2 --container-format bare thief
    ask image list --name thief --long
    holds 'all(.[]; .Status != "active")'
    openstack_words image delete thief
    return 0
}

the_image_goes() {
    os image delete portrait
    gone image show portrait
    ask image list
    holds 'all(.[]; .Name != "portrait" and .Name != "picture" and .Name != "imported")'
}

walk an_image_is_made_from_a_file it_comes_back_byte_for_byte it_changes a_protected_image_stays \
    a_deactivated_image_is_not_given_out an_image_is_shared_with_a_project a_public_image_is_seen_by_all \
    an_image_is_staged_and_imported an_unsafe_disk_is_refused the_image_goes
