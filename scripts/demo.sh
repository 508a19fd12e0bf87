#!/bin/bash
# The five stories of the README, for real:
#   demo.sh         starts what they need and prints what to try
#   demo.sh check   (or CHECK=1) plays them and says what came of it
#   demo.sh stop    ends everything
# All it writes is in demo/run, but for the names of story 5 in /etc/hosts and,
# for a moment of the check, the root of its CA in the system's trust store.
set -uo pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

root=$(cd "$(dirname "$0")/.." && pwd)
here=$root/demo
run=$here/run
# shellcheck source=demo/processes.sh
. "$here/processes.sh"
# shellcheck source=demo/start.sh
. "$here/start.sh"

action=${1:-start}
[ "${CHECK:-}" = 1 ] && [ $# = 0 ] && action=check
case $action in
start | check | stop) ;;
*)
	echo "usage: scripts/demo.sh [check | stop]" >&2
	exit 2
	;;
esac

if [ "$(id -u)" != 0 ]; then
	echo "The stories use port 443 and /etc/hosts, which belong to root:" >&2
	echo "  sudo --preserve-env=PATH scripts/demo.sh $action" >&2
	exit 1
fi

if [ $action = stop ]; then
	stop
	exit
fi
"$root/scripts/install.sh" apache2 certutil curl nginx openssl update-ca-certificates || exit
if ! command -v node >/dev/null; then
	echo "missing: node (https://nodejs.org, or apt-get install nodejs)" >&2
	exit 1
fi
[ -x "$root/bin/fanlight" ] || make -C "$root" build || exit

stop
if [ $action = check ]; then
	# shellcheck source=demo/check.sh
	. "$here/check.sh"
	play
	exit
fi
trap 'stop; exit 1' INT TERM
if ! { prepare && start; }; then
	stop
	exit 1
fi
# shellcheck source=demo/stories.sh
. "$here/stories.sh"
stories
