# Plays the five stories. A story is a list of steps, each a function that
# fails if what it tries is not so; what it prints is shown then.

# shellcheck source=demo/story1.sh
. "$here/story1.sh"
# shellcheck source=demo/story2.sh
. "$here/story2.sh"
# shellcheck source=demo/story3.sh
. "$here/story3.sh"
# shellcheck source=demo/story4.sh
. "$here/story4.sh"
# shellcheck source=demo/story5.sh
. "$here/story5.sh"

passed=0 failed=0

play() {
	trap 'exit 1' INT TERM
	trap stop EXIT
	if ! { prepare && start; }; then
		echo "0 passed, 5 failed: the demo did not start"
		return 1
	fi
	cd "$run" || return
	local story
	for story in story1 story2 story3 story4 story5; do
		ok=1
		$story
		if [ $ok = 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	done
	trap - EXIT
	ok=1
	echo "Afterwards"
	step "everything is ended, the hosts file is as before" ended
	if [ $ok = 0 ]; then failed=$((failed + 1)); fi
	echo "$passed passed, $failed failed"
	[ "$passed" = 5 ] && [ "$failed" = 0 ]
}

ended() {
	stop
	cmp /etc/hosts hosts.before
	local place
	for place in $places; do
		if listens "$place"; then
			echo "somebody still listens on $place"
			return 1
		fi
	done
}

# step WHAT FUNCTION ARG...
step() {
	local what=$1 said code
	shift
	said=$(
		set -e
		"$@" 2>&1
	)
	code=$?
	if [ $code = 0 ]; then
		echo "  ok      $what"
		return
	fi
	ok=0
	echo "  FAILED  $what"
	echo "${said:-$* ended with $code and said nothing}" | tail -n 30 | sed 's/^/          /'
}

fanlight() { "$root/bin/fanlight" "$@"; }

# get ARG...: curl with the names and the CA of the stories.
get() { curl -sS -K curlrc --max-time 10 "$@"; }

# exit_of WANTED PROGRAM ARG...: it must end with that exit code.
exit_of() {
	local wanted=$1 code=0
	shift
	"$@" || code=$?
	[ $code = "$wanted" ] || { echo "$* ended with $code, expected $wanted" && return 1; }
}

# has TEXT PATTERN... and hasnt TEXT PATTERN...: extended regular expressions.
has() {
	local text=$1 pattern
	shift
	for pattern in "$@"; do
		grep -Eq -- "$pattern" <<<"$text" || { echo "expected /$pattern/ in: $text" && return 1; }
	done
}

hasnt() {
	local text=$1 pattern
	shift
	for pattern in "$@"; do
		! grep -E -- "$pattern" <<<"$text" || { echo "did not expect /$pattern/ in: $text" && return 1; }
	done
}

# says URL PATTERN: the page is there, under the right certificate.
says() {
	local page
	page=$(get --fail "$1")
	has "$page" "$2"
}

# api PATH: what the door's control socket answers.
api() { curl -sS --max-time 10 --unix-socket data/control.sock "http://door$1"; }

# soon SECONDS FUNCTION ARG...: tries until it succeeds.
soon() {
	local seconds=$1 said
	shift
	local until=$((SECONDS + seconds))
	while ! said=$("$@" 2>&1); do
		[ $SECONDS -lt $until ] || { echo "not within $seconds s: $said" && return 1; }
		sleep 0.2
	done
}
