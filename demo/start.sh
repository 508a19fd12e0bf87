# Makes the folder of a run, and starts and ends what the stories need.

# Every address and port something listens on, to be free before the start.
places="127.0.0.1:7443
127.0.0.2:443 127.0.0.3:443 127.0.0.4:443 127.0.0.5:443 127.0.0.6:443 127.0.0.7:443 127.0.0.8:443
127.0.0.10:443 127.0.0.20:443 127.0.0.2:8443
127.0.0.30:5003 127.0.0.30:5004 127.0.0.30:5005 127.0.0.30:8444
127.0.0.1:5001 127.0.0.1:5002"

names_of_dev="auth.mysoftware.test orders.mysoftware.test"

prepare() {
	local place taken=
	for place in $places; do
		if listens "$place"; then
			taken=1
			echo "the demo needs $place, which is taken:" >&2
			"$root/bin/fanlight" ports --probe=false "$place" >&2
		fi
	done
	[ -z "$taken" ] || return 1
	mkdir -p "$run"
	find "$run" -mindepth 1 -delete # somebody's shell may be in there
	mkdir "$run/origin" "$run/home"
	cp "$here/fanlight.yaml" "$here/second.yaml" "$here/nginx.conf" "$run"
	certificates >"$run/certificates.log" 2>&1 || { cat "$run/certificates.log" >&2 && return 1; }
	curlrc >"$run/curlrc"
}

# certificates of the origins are by a CA of their own: the local CA is for
# what the door itself serves.
certificates() (
	cd "$run/origin" || exit
	issue() {
		local name=$1
		shift
		openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -x509 -days 30 -out "$name.pem" "$@"
	}
	issue ca -subj "/CN=Demo origins" &&
		issue server -CA ca.pem -CAkey ca.key -subj /CN=origin.test -addext subjectAltName=DNS:origin.test -addext basicConstraints=critical,CA:FALSE &&
		issue client -CA ca.pem -CAkey ca.key -subj /CN=fanlight-demo-client -addext basicConstraints=critical,CA:FALSE
)

# curlrc leads curl to the addresses of the stories, whatever DNS says.
curlrc() {
	local address name
	echo "cacert = \"$run/data/ca/root.pem\""
	echo 'noproxy = "*"'
	while read -r address name; do
		echo "resolve = \"$name:443:$address\""
	done <<-END
		127.0.0.2 shop.test
		127.0.0.3 blog.test
		127.0.0.4 left.test
		127.0.0.4 right.test
		127.0.0.5 admin.test
		127.0.0.6 page.test
		127.0.0.7 asked.test
		127.0.0.7 asked-without.test
		127.0.0.7 asked-never.test
		127.0.0.7 silent.test
		127.0.0.8 stripped.test
		127.0.0.8 cured.test
	END
}

start() {
	begin services node "$here/services.mjs" echo=127.0.0.30:5003 silent=127.0.0.30:5004 signin=127.0.0.30:5005 \
		auth=127.0.0.1:5001 orders=127.0.0.1:5002
	begin other1 openssl s_server -accept 127.0.0.10:443 -cert origin/server.pem -key origin/server.key -www
	begin other2 openssl s_server -accept 127.0.0.20:443 -cert origin/server.pem -key origin/server.key -www
	start_nginx || return
	local modules=/usr/lib/apache2/modules
	begin apache apache2 -DFOREGROUND -C "Define RUN $run" -C "Define MODULES $modules" -f "$here/apache.conf"
	begin door "$root/bin/fanlight" run --record-to records.jsonl
	await door 127.0.0.1:7443 || return
	await_sites || return
	cp /etc/hosts "$run/hosts.before"
	begin dev "$root/bin/fanlight" dev auth.mysoftware.test=http://localhost:5001 orders.mysoftware.test=http://localhost:5002 --data data
	await services 127.0.0.30:5003 127.0.0.30:5004 127.0.0.30:5005 127.0.0.1:5001 127.0.0.1:5002 || return
	await other1 127.0.0.10:443 || return
	await other2 127.0.0.20:443 || return
	await apache 127.0.0.30:8444 || return
	local name address i
	for name in $names_of_dev; do
		for ((i = 0; i < 100; i++)); do
			address=$(address_of "$name")
			[ -z "$address" ] || break
			sleep 0.1
		done
		await dev "${address:-127.0.0.1}:443" || return
	done
}

# await_sites waits until every site serves but admin, which may not yet.
await_sites() {
	local i waiting
	for ((i = 0; i < 100; i++)); do
		waiting=$(cd "$run" && "$root/bin/fanlight" sites --jsonl | grep -v '"name":"admin"' | grep -v '"state":"serving"')
		[ -n "$waiting" ] || return 0
		sleep 0.1
	done
	echo "the door does not serve every site:" >&2
	cat "$run/door.log" >&2
	return 1
}

start_nginx() {
	begin nginx nginx -e nginx.err -p "$run" -c "$run/nginx.conf"
	await nginx 127.0.0.1:8443
}

# address_of NAME: where the hosts file leads it.
address_of() { awk -v name="$1" '!/^#/ { for (i = 2; i <= NF; i++) if ($i == name) { print $1; exit } }' /etc/hosts; }

# untrust takes the root out of the system's store if it is there: its key goes
# with the folder.
untrust() {
	[ -e "$run/data/ca/root.pem" ] || return 0
	if "$root/bin/fanlight" trust --data "$run/data" --jsonl | grep -q '"system_trusts":true'; then
		"$root/bin/fanlight" trust uninstall --data "$run/data"
	fi
}

stop() {
	local file name
	untrust
	for file in "$run"/*.pid; do # those a check began as well
		name=$(basename "$file" .pid)
		[ "$name" != '*' ] && end "$name"
	done
	if grep -qw "${names_of_dev// /\\|}" /etc/hosts; then
		echo "the names of story 5 are still in /etc/hosts" >&2
		return 1
	fi
}
