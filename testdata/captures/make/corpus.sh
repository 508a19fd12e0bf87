#!/bin/sh
# Makes the labelled captures anew, in a network of their own. Root, some minutes.
# corpus.sh [PATTERN]: only the cases whose names match.
set -eu
cd "$(dirname "$0")/../../.."
scripts/install.sh apache2 chromium curl dnsmasq faketime gnutls-cli gnutls-serv haproxy ip iptables krb5kdc mitmdump nft nghttp nghttpd nginx node openssl python3 squid ss tcpdump tshark unshare
[ -e /usr/lib/apache2/modules/mod_security2.so ] || scripts/install.sh mod_security2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/fanlight" ./cmd/fanlight
go test -c -o "$work/oracle" ./internal/oracle
export ORACLE_FANLIGHT="$work/fanlight" MAKE="$work/oracle" OUT="$PWD/testdata/captures" RUN="^TestMakeCorpus\$/${1:-.}"
cd internal/oracle
exec unshare --net sh -c 'ip link set lo up && exec "$MAKE" -test.run "$RUN" -test.v -test.timeout 60m -corpus "$OUT"'
