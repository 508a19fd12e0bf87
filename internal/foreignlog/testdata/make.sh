#!/bin/bash
# Makes the logs of this folder anew, with nginx, haproxy, apache2, openssl, curl
# and python3, in a network namespace of its own (root):
#
#   make.sh [OUT]            every fault, the logs into OUT
#   make.sh tie [OUT]        a few, with a capture beside (needs fanlight in PATH)
#
# The addresses are 127.0.71.1 (origin), .2 (nginx), .3 (HAProxy), .4 (Apache).
set -u
if [ -z "${INSIDE:-}" ]; then INSIDE=1 exec unshare -n "$0" "$@"; fi
ip link set lo up
HERE=$(cd "$(dirname "$0")" && pwd)
tie=; [ "${1:-}" = tie ] && { tie=1; shift; }
OUT=$(realpath "${1:-$HERE/out}"); mkdir -p "$OUT"
W=$(mktemp -d); chmod 755 "$W"; trap 'rm -rf "$W"' EXIT
openssl req -x509 -newkey rsa:2048 -nodes -keyout $W/k.pem -out $W/c.pem -days 30 -subj /CN=shop.test -addext subjectAltName=DNS:shop.test 2>/dev/null
cat $W/c.pem $W/k.pem > $W/ck.pem
for f in nginx.conf haproxy.cfg apache.conf; do sed "s#@W@#$W#g" $HERE/make/$f > $W/$f; done
cd $W
pids=
start() { "$@" 2>>$W/stderr >/dev/null & pids="$pids $!"; }
[ -n "$tie" ] && { fanlight capture -i lo -w $OUT/gateways.pcapng >/dev/null & capture=$!; }
start python3 $HERE/make/origin.py
start python3 $HERE/make/syslog.py $W/haproxy.log
start nginx -p $W -c $W/nginx.conf
start haproxy -f haproxy.cfg -db
start apache2 -f $W/apache.conf -DFOREGROUND
sleep 2
few() {
for n in 2 3 4; do u=http://127.0.71.$n:18080
 for p in ok slow/1 close reset cut refused missing; do curl -s -o /dev/null -m 6 -H 'Host: shop.test' "$u/$p?a=1"; sleep 0.2; done
 curl -s -o /dev/null -m 0.4 -H 'Host: shop.test' $u/slow/gone
 sleep 1
done
}
every() {
for n in 2 3 4; do ip=127.0.71.$n; u=http://$ip:18080
 g() { curl -sk -o /dev/null -m 6 -H 'Host: shop.test' "$@"; }
 g $u/ok
 for p in slow/1 close reset cut rcut stall bighead bad garbage missing oops refused dead verify vname tls2plain plain2tls noname denied deny nosrv; do g "$u/$p?a=1"; done
 g -X POST -d x=1 $u/close/post
 g -m 0.4 $u/slow/gone
 g -m 0.4 -N $u/stall/gone
 g -d "$(head -c 5000 /dev/zero | tr '\0' z)" $u/upload
 g -H "X-Big: $(head -c 40000 /dev/zero | tr '\0' y)" $u/bigrequest
 g --path-as-is "$u/$(head -c 20000 /dev/zero | tr '\0' y)"
 g -H 'Host:' $u/nohost
 printf 'GARBAGE\r\n\r\n' | python3 $HERE/make/knock.py $ip 18080 1.5 >/dev/null
 printf '\026\003\001\002\000\001\000\001\374' | python3 $HERE/make/knock.py $ip 18080 1.5 >/dev/null
 printf 'GET / HTTP/1.1\r\nHo' | python3 $HERE/make/knock.py $ip 18080 3.5 >/dev/null
 printf 'GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello' | python3 $HERE/make/knock.py $ip 18080 1.5 >/dev/null
 printf 'POST /upl HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 500\r\n\r\nhello' | python3 $HERE/make/knock.py $ip 18080 3.5 >/dev/null
 printf '' | python3 $HERE/make/knock.py $ip 18080 1.5 >/dev/null
 g https://$ip:18443/ok; g http://$ip:18443/plain; curl -s -o /dev/null https://$ip:18443/untrusted
 g --tls-max 1.1 https://$ip:18443/old; curl -sk -o /dev/null --connect-to ::$ip:18443 https://other.test/sni
 g https://$ip:18444/cert; g https://$ip:18445/; g https://$ip:18444/verify; g http://$ip:18444/plain; curl -s -o /dev/null https://$ip:18444/untrusted
 curl -sk -o /dev/null --connect-to ::$ip:18443 -H 'Host: another.test' https://shop.test/mis
 printf 'hello there\r\n' | python3 $HERE/make/knock.py $ip 18443 1.5 >/dev/null
 python3 $HERE/make/knock.py $ip 18443 0.5 </dev/null >/dev/null
done
ip=127.0.71.3
for i in 1 2 3; do curl -s -o /dev/null -m 6 http://$ip:18080/queue/$i & done
curl -s -o /dev/null http://$ip:18090/ok; curl -s -o /dev/null http://$ip:18090/slow/1;curl -s -o /dev/null http://$ip:18090/cut; curl -m .3 -s -o /dev/null http://$ip:18090/slow;curl -s -o /dev/null http://$ip:18090/reset; curl -s -o /dev/null http://$ip:18091/; python3 $HERE/make/knock.py $ip 18090 0.3 </dev/null
}
if [ -n "$tie" ]; then few; else every; fi
kill $pids; sleep 1
[ -n "$tie" ] && { kill -INT $capture; wait $capture; }
cp $W/*.log "$OUT"
