story2() {
	echo "2. My address, not the whole machine"
	step "another program serves on 127.0.0.10:443 and 127.0.0.20:443 beside the sites" beside
	step "nginx has 0.0.0.0:8443: the refusal names it, its pid, that it takes every address, and the way out" shadowed
	step "fanlight ports :8443 says the same" ports_shadowed
	step "nginx with the line of the way out: the site starts" narrowed
	step "a site outside of addresses does not start and nothing listens there" outside
	step "fanlight addresses add: it starts, without a restart" added
	step "the address and the comments are in the file" in_file
	step "fanlight addresses remove: not under a site that serves; after its stop nothing is bound there" removed
}

beside() {
	local address table
	for address in 127.0.0.10 127.0.0.20; do
		has "$(curl -sS -k --noproxy '*' --max-time 5 "https://$address/")" 's_server'
	done
	says https://shop.test/ shop
	table=$(fanlight ports :443)
	has "$table" '^127\.0\.0\.2 +443 +fanlight ' "^127\.0\.0\.10 +443 +openssl +$(pid_of other1) " "^127\.0\.0\.20 +443 +openssl +$(pid_of other2) "
	hasnt "$table" '^0\.0\.0\.0 '
}

way_out='listen 127\.0\.0\.1:8443 ssl;'

shadowed() {
	local said
	said=$(exit_of 4 timeout 10 "$root/bin/fanlight" run -c second.yaml 2>&1)
	has "$said" "127\.0\.0\.2:8443: held by nginx \(pid $(pid_of nginx)\) on 0\.0\.0\.0:8443" 'every address' "$way_out"
}

ports_shadowed() {
	has "$(fanlight ports :8443)" "^0\.0\.0\.0 +8443 +nginx +$(pid_of nginx) " 'nginx \(pid [0-9]+\) takes port 8443 on every address' "$way_out"
}

narrowed() {
	end nginx
	sed -i 's/listen 0\.0\.0\.0:8443 ssl;/listen 127.0.0.1:8443 ssl;/' nginx.conf
	start_nginx
	begin second "$root/bin/fanlight" run -c second.yaml
	await second 127.0.0.2:8443
	local page
	page=$(curl -sS --fail --max-time 5 --noproxy '*' --cacert second/ca/root.pem --resolve second.test:8443:127.0.0.2 https://second.test:8443/)
	has "$page" shop
	has "$(curl -sS -k --max-time 5 --noproxy '*' https://127.0.0.1:8443/)" '^nginx$'
	end second
}

outside() {
	has "$(fanlight sites show admin)" 'failed'
	local said
	said=$(exit_of 4 "$root/bin/fanlight" sites start admin 2>&1)
	has "$said" '127\.0\.0\.5'
	exit_of 7 get https://admin.test/
}

added() {
	local door
	door=$(pid_of door)
	has "$(fanlight addresses add 127.0.0.5)" '^127\.0\.0\.5$'
	fanlight sites start admin
	says https://admin.test/ shop
	alive door
	[ "$door" = "$(pid_of door)" ]
}

in_file() {
	has "$(cat fanlight.yaml)" '^  - 127\.0\.0\.5$' '^  - 127\.0\.0\.2 # the shop$' '^# What sites may bind; 127\.0\.0\.5 is added while the door runs\.$'
	[ "$(grep -c '#' fanlight.yaml)" = "$(grep -c '#' "$here/fanlight.yaml")" ]
}

removed() {
	local said
	said=$(exit_of 1 "$root/bin/fanlight" addresses remove 127.0.0.5 2>&1)
	has "$said" 'site admin is bound to it'
	fanlight sites stop admin
	hasnt "$(fanlight addresses remove 127.0.0.5)" '127\.0\.0\.5'
	exit_of 7 get https://admin.test/
	cmp fanlight.yaml "$here/fanlight.yaml"
}
