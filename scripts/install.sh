#!/bin/sh
# install.sh PROGRAM...: install those of the programs that are missing, from
# Debian's packages. Without the right to, print the one command that does it.
# A service that comes with a package neither starts now nor at the next boot:
# only its program is wanted, and its service would take the ports of the door.
set -eu
PATH=$PATH:/usr/sbin:/sbin

package() {
	case $1 in
	apache2) echo apache2-bin ;; # the server without its service
	dnsmasq) echo dnsmasq-base ;; # the program without its service
	certutil) echo libnss3-tools ;;
	update-ca-certificates) echo ca-certificates ;;
	gcc) echo gcc libc6-dev ;;
	gnutls-cli | gnutls-serv) echo gnutls-bin ;;
	krb5kdc) echo krb5-kdc krb5-admin-server krb5-user libapache2-mod-auth-gssapi gss-ntlmssp ;; # all that signs in
	systemd-socket-activate) echo systemd ;;
	ip | ss) echo iproute2 ;;
	mitmdump) echo mitmproxy ;;
	mod_security2) echo libapache2-mod-security2 ;;
	nginx-modsecurity) echo libnginx-mod-http-modsecurity modsecurity-crs ;; # a module and its rules
	node) echo nodejs ;;
	nghttp | h2load) echo nghttp2-client ;;
	nghttpd) echo nghttp2-server ;;
	nft) echo nftables ;;
	squid) echo squid-openssl ;; # the one that opens TLS
	taskset | unshare) echo util-linux ;;
	*) echo "$1" ;;
	esac
}

packages= missing=
for program in "$@"; do
	if ! command -v "$program" >/dev/null; then
		missing="$missing $program"
		packages="$packages $(package "$program")"
	fi
done
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "missing:$missing (install them with this system's package manager)" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "missing:$missing; install them with" >&2
	echo "  sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends$packages'" >&2
	exit 1
fi

echo "installing$packages" >&2
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get -qq update >&2
# shellcheck disable=SC2086 # a list
apt-get -qq install -y --no-install-recommends $packages >&2
for service in nginx haproxy krb5-kdc krb5-admin-server squid; do
	case "$packages " in
	*" $service "* | *" $service-openssl "*) update-rc.d "$service" disable >&2 || true ;;
	esac
done
