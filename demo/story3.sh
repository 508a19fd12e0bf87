story3() {
	echo "3. The origin that asks late"
	step "answered with the client certificate: 200, and Apache saw its subject" answered 'SUCCESS CN=fanlight-demo-client' asked
	step "answered with none: 200, and Apache saw none" answered 'NONE' asked-without
	step "the record says that the origin asked, when, and what was answered" recorded
	step "renegotiation: never: 502 at once, and fanlight why names the fix on either side" never
	step "a silent origin: 504 at the named timeout, and fanlight why names the phase" silent
}

# answered WANTED SITE: what Apache says it saw.
answered() {
	local page
	page=$(get --fail "https://$2.test/secure/")
	has "$page" "^client certificate: $1"
}

recorded() {
	soon 10 on_record asked 'CN=fanlight-demo-client' 'with the certificate CN=fanlight-demo-client'
	soon 10 on_record asked-without 'none' 'without a certificate'
}

# on_record SITE CERTIFICATE ANSWER
on_record() {
	has "$(node "$here/late.mjs" data/control.sock "$1.test")" \
		'^\+[0-9.]+ ms server hello-request$' "^\+[0-9.]+ ms client certificate $2\$" '^\+[0-9.]+ ms - renegotiated$' \
		"^finding renegotiation-answered: .* asked for a second handshake while GET /secure/ .* answered $3"
}

# refused WANTED SECONDS URL: a page of the door itself, in time; gives the
# incident.
refused() {
	local said
	said=$(get -D incident.head -o incident.body -w '%{http_code} %{time_total}' "$3")
	awk -v wanted="$1" -v limit="$2" '{ exit !($1 == wanted && $2 < limit) }' <<<"$said" ||
		{ echo "expected $1 within $2 s, got status and seconds: $said" >&2 && return 1; }
	sed -n 's/^Fanlight-Incident: *\([A-Z0-9]*\).*/\1/Ip' incident.head
}

never() {
	local incident why
	incident=$(refused 502 1 https://asked-never.test/secure/)
	why=$(fanlight why "$incident" | tr -s "[:space:]" " ") # it is wrapped for a terminal
	has "$why" "incident $incident .*GET .* with 502:" 'renegotiation-refused' 'asked for a second handshake' '`renegotiation: never`' \
		'what to do: Fanlight: ' 'renegotiation: once' 'Apache \(the origin\): ' 'SSLVerifyClient'
}

silent() {
	local incident why
	incident=$(refused 504 3 https://silent.test/)
	why=$(fanlight why "$incident" | tr -s "[:space:]" " ") # it is wrapped for a terminal
	has "$why" "incident $incident .*GET .* with 504:" 'no response within 2s \(timeout: first byte\)' 'gateway-timeout'
}
