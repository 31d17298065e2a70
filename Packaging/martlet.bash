# Completion for martlet in bash. The words come from the program's own --help, so they are never older than it.
_martlet() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} help
    case $before in
    --data | --config) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --hypervisor) mapfile -t COMPREPLY < <(compgen -W "auto qemu libvirt simulated" -- "$word"); return ;;
    --roles) mapfile -t COMPREPLY < <(compgen -W "all api conductor scheduler compute-node network-node volume-node" -- "$word"); return ;;
    --output) mapfile -t COMPREPLY < <(compgen -W "table json" -- "$word"); return ;;
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        help=$("${COMP_WORDS[0]}" --help 2>/dev/null)
        mapfile -t COMPREPLY < <(compgen -W "$(awk '/^ +[a-z]/ { print $1 }' <<<"$help")" -- "$word")
    else
        help=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help 2>/dev/null)
        mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- '--[a-z-]+' <<<"$help" | sort -u)" -- "$word")
    fi
}
complete -F _martlet martlet
