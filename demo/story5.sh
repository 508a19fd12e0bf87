story5() {
	echo "5. Own names on own loopback addresses"
	step "each name has an address of its own, in a marked block of the hosts file" own_addresses
	step "each name is served there on port 443, with a certificate of the local CA, from its own target" own_targets
	step "fanlight ports :443 shows who listens on them" own_ports
	step "plain curl does not trust the local CA yet (curl exit 60)" untrusted
	step "fanlight trust install: plain curl trusts it, NSS has it" trusted
	step "fanlight trust uninstall: both are as before" taken_out
	step "ending fanlight dev takes the names out of the hosts file" names_gone
}

# plain ARG...: curl as anybody uses it.
plain() { env -u CURL_CA_BUNDLE -u SSL_CERT_FILE -u SSL_CERT_DIR curl -sS --noproxy '*' --max-time 10 "$@"; }

own_addresses() {
	local block name
	block=$(sed -n "/^# >>> fanlight dev-$(pid_of dev) /,/^# <<< fanlight dev-$(pid_of dev) /p" /etc/hosts)
	for name in $names_of_dev; do
		has "$block" "^127\.[0-9.]+ $name\$"
	done
	[ "$(grep '^127' <<<"$block" | cut -d' ' -f1 | sort -u | wc -l)" = 2 ]
}

own_targets() {
	local name
	for name in $names_of_dev; do
		has "$(plain --cacert data/ca/root.pem -w '%{remote_ip} %{remote_port}\n' "https://$name/")" \
			"^${name%%.*}\$" "^$(address_of "$name") 443\$"
	done
}

own_ports() {
	local name table
	table=$(fanlight ports :443)
	for name in $names_of_dev; do
		has "$table" "^$(address_of "$name") +443 +fanlight +$(pid_of dev) "
	done
	has "$table" "^127\.0\.0\.2 +443 +fanlight +$(pid_of door) "
}

untrusted() { exit_of 60 plain https://auth.mysoftware.test/; }

# NSS is that of a home of its own: nobody's browser is touched.
nss() { certutil -L -d "sql:$run/home/.pki/nssdb"; }

trusted() {
	HOME=$run/home fanlight trust install --data data
	has "$(plain https://auth.mysoftware.test/)" '^auth$'
	has "$(plain https://orders.mysoftware.test/)" '^orders$'
	has "$(nss)" 'Fanlight local root.* C,,'
}

taken_out() {
	HOME=$run/home fanlight trust uninstall --data data
	untrusted
	local names
	names=$(nss)
	hasnt "$names" Fanlight
}

names_gone() {
	local address
	address=$(address_of auth.mysoftware.test)
	end dev
	cmp /etc/hosts hosts.before
	exit_of 7 plain --resolve "auth.mysoftware.test:443:$address" https://auth.mysoftware.test/
}
