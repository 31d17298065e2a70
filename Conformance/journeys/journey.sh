# The words that journeys are written in. A journey is a script that sources this, defines its tests as functions, and
# ends with `walk` and their names in order. It speaks TAP: a plan, then a line for each test.
#
#   os WORDS…               `openstack WORDS…` must succeed
#   ask WORDS…              the same, and its answer, read as JSON, is what `is`, `field` and `holds` look at
#   is NAME VALUE…          the answer's fields have these values
#   field NAME              prints a field of the answer
#   holds FILTER            a jq filter is true of the answer
#   refused WORDS -- WORDS… the command fails and says something that matches the first words
#   gone WORDS…             the command fails because the thing is not there
#   becomes S NAME VALUE WORDS…   asks again until the field has the value, for at most S seconds; ERROR ends it at once
#   is_gone_within S WORDS… asks again until the thing is not there
set -u -o pipefail
SCRATCH=${SCRATCH:-$(mktemp -d)}
answer=$SCRATCH/out
complaint=$SCRATCH/err

# One process of the real client, for all commands of this journey.
mkfifo "$SCRATCH/words" "$SCRATCH/codes"
python "$(dirname "${BASH_SOURCE[0]}")/../inside/openstack_loop.py" "$SCRATCH" <"$SCRATCH/words" >"$SCRATCH/codes" &
client=$!
exec 7>"$SCRATCH/words" 8<"$SCRATCH/codes"
trap 'exec 7>&-; wait "$client"; rm -f "$SCRATCH/words" "$SCRATCH/codes"' EXIT

openstack_words() {
    local code
    printf '%q ' "$@" >&7
    echo >&7
    # No command of a journey takes a quarter of an hour: whoever is silent for that long has missed its words.
    read -r -t 900 code <&8 || { echo "# the client died, or says nothing"; return 1; }
    return "$code"
}

failed() {
    echo "# $1"
    sed 's/^/#   /' "$complaint" | tail -5
    exit 1
}

os() { openstack_words "$@" || failed "openstack $*"; }

ask() { os "$@" -f json; }

field() { jq -r --arg name "$1" '.[$name] | if type == "array" or type == "object" then tojson else . end' "$answer"; }

is() {
    while [ $# -gt 0 ]; do
        [ "$(field "$1")" = "$2" ] || { echo "# $1 is '$(field "$1")', not '$2'"; exit 1; }
        shift 2
    done
}

holds() { jq -e "$@" "$answer" >/dev/null || { echo "# not so: $*"; jq -c . "$answer" | cut -c1-300 | sed 's/^/#   /'; exit 1; }; }

refused() {
    local why=$1
    shift 2
    openstack_words "$@" && { echo "# openstack $* was not refused"; exit 1; }
    grep -qiE -- "$why" "$complaint" || failed "openstack $* did not say '$why' but"
}

gone() { refused 'No .* (found|exists|with a name or ID)|not found|404|could not find' -- "$@"; }

becomes() {
    local limit=$((SECONDS + $1)) name=$2 value=$3
    shift 3
    while ask "$@" && [ "$(field "$name")" != "$value" ]; do
        case $(field "$name") in ERROR | error | killed)
            echo "# $name is $(field "$name"): $(jq -c '.fault // .' "$answer" | cut -c1-300)"
            exit 1
            ;;
        esac
        [ $SECONDS -lt $limit ] || { echo "# $name stayed '$(field "$name")', not '$value': openstack $*"; exit 1; }
        sleep 0.3
    done
}

is_gone_within() {
    local limit=$((SECONDS + $1))
    shift
    while openstack_words "$@"; do
        [ $SECONDS -lt $limit ] || { echo "# still there: openstack $*"; exit 1; }
        sleep 0.3
    done
    grep -qiE 'No .* (found|exists|with a name or ID)|not found|404|could not find' "$complaint" || failed "openstack $*"
}

# What a guest has said on its console, until it says this.
console_says() {
    local limit=$((SECONDS + $1)) server=$2 words=$3
    while os console log show "$server" && ! grep -qE -- "$words" "$answer"; do
        [ $SECONDS -lt $limit ] || { echo "# the console of $server never said '$words' but"; tail -5 "$answer" | sed 's/^/#   /'; exit 1; }
        sleep 0.5
    done
}

# Runs each test in a shell of its own, and goes on after one that fails: the next may not need it.
walk() {
    local number=0 failures=0 test
    echo "1..$#"
    for test in "$@"; do
        number=$((number + 1))
        if said=$("$test" 2>&1); then
            echo "ok $number - ${test//_/ }"
        else
            echo "not ok $number - ${test//_/ } # $(grep -m1 '^# ' <<<"$said" | cut -c3-)"
            echo "$said"
            failures=$((failures + 1))
        fi
    done
    exit $((failures > 0))
}
