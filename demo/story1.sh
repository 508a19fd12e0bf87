story1() {
	echo "1. Stopped means stopped"
	begin websocket node "$here/websocket.mjs" https://right.test/ 127.0.0.4 data/ca/root.pem
	begin kept curl -sS -K curlrc --rate 20/s -o /dev/null -w '%{stderr}%{http_code} %{num_connects}\n' 'https://right.test/[1-100000]'
	step "a WebSocket and a kept-alive client are busy with right.test" steady
	step "shop is stopped: its connections are refused; blog goes on" stop_alone
	step "shop is started again" start_again shop
	step "left shares its address and is stopped: alert unrecognized_name, no certificate (TLS 1.2 and 1.3)" stop_shared
	step "left is started again" start_again left
	step "a TLS 1.3 ticket from before the stop opens nothing, under neither name" ticket
	step "an open exchange may finish while its site is stopped" finish
	step "page is stopped: 503 with its right certificate" stop_page
	step "page is started again" start_again page
	step "right.test lost nothing meanwhile" lost_nothing
}

steady() {
	soon 5 grep -q open websocket.log
	soon 5 grep -q '^200' kept.log
}

stop_alone() {
	says https://shop.test/ shop
	fanlight sites stop shop
	exit_of 7 get https://shop.test/
	says https://blog.test/ blog
}

start_again() {
	fanlight sites start "$1"
	says "https://$1.test/" .
}

# hello NAME ARG...: what openssl says of a handshake and a request.
hello() {
	local name=$1
	shift
	printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$name" |
		timeout 10 openssl s_client -connect 127.0.0.4:443 -servername "$name" -CAfile data/ca/root.pem -ign_eof "$@" 2>&1 || true
}

refused_by_alert() {
	has "$1" 'alert number 112' 'no peer certificate available'
	hasnt "$1" 'BEGIN CERTIFICATE' '^HTTP/1.1'
}

stop_shared() {
	local version
	has "$(hello left.test)" 'BEGIN CERTIFICATE' '^HTTP/1.1 200'
	fanlight sites stop left
	for version in -tls1_2 -tls1_3; do
		refused_by_alert "$(hello left.test $version)"
		has "$(hello right.test $version)" 'CN ?= ?right.test|subject=.*right' '^HTTP/1.1 200'
	done
}

ticket() {
	fanlight sites start left
	hello left.test -tls1_3 -sess_out left.ticket >/dev/null
	has "$(hello left.test -tls1_3 -sess_in left.ticket)" '^Reused, TLSv1.3' '^HTTP/1.1 200'
	fanlight sites stop left
	local said
	said=$(hello left.test -tls1_3 -sess_in left.ticket)
	has "$said" 'alert number 112' 'handshake has read 7 bytes' # the alert is all; s_client shows the certificate it saved
	hasnt "$said" '^Reused' '^HTTP/1.1'
	said=$(hello right.test -tls1_3 -sess_in left.ticket)
	has "$said" '^New, TLSv1.3' 'BEGIN CERTIFICATE' '^HTTP/1.1 200'
}

finish() {
	fanlight sites start left
	get --fail 'https://left.test/open?wait=1000' >open.txt &
	local client=$!
	sleep 0.5
	fanlight sites stop left
	wait $client
	has "$(cat open.txt)" '^echo /open$'
	refused_by_alert "$(hello left.test)"
}

stop_page() {
	fanlight sites stop page
	has "$(get -w '%{http_code} verified %{ssl_verify_result}\n' https://page.test/)" '^503 verified 0$'
}

lost_nothing() {
	alive websocket || { cat websocket.log && return 1; }
	kill "$(pid_of websocket)"
	soon 5 grep -q 'came back' websocket.log
	cat websocket.log
	grep -Eq '^([0-9]+) messages sent, \1 came back$' websocket.log
	end kept
	tail -n 3 kept.log
	[ "$(grep -c '^200 ' kept.log)" -ge 20 ]
	[ "$(grep -c '^200 1$' kept.log)" = 1 ] # one connection, for all of them
	! grep -v '^200 [01]$' kept.log
}
