story4() {
	echo "4. The missing Server header"
	step "an old browser signs in again for every request" browse stripped '4 requests, 4 connections, 4 sign-ins'
	step "the finding server-header-stripped-reauth appears, with the rule that cures it" found
	step "response_headers: {set: {Server: ...}}: the browser keeps its connection and signs in once" browse cured '4 requests, 1 connections, 1 sign-ins'
	step "no such finding for the cured site" not_found
}

# browse SITE WANTED
browse() {
	has "$(node "$here/old-browser.mjs" "https://$1.test/" 127.0.0.8 data/ca/root.pem)" "^$2\$"
}

# finding SITE: that finding for the site.
finding() {
	api /api/findings | node "$here/finding.mjs" server-header-stripped-reauth "$1.test"
}

found() {
	soon 10 finding stripped
	has "$(finding stripped)" 'response_headers: \{set: \{Server:'
}

not_found() {
	sleep 1 # findings come within a moment
	exit_of 1 finding cured
}
