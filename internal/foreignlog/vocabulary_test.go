package foreignlog

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func tables() map[string][]entry {
	return map[string][]entry{
		"httperr": httperrReasons, "iis": iisCodes, "win32": iisWin32, "status": statuses, "nginx": nginxErrors, "apache": apacheErrors,
		"haproxy": haproxyStates, "haproxy errors": haproxyErrors, "envoy": envoyFlags, "envoy details": envoyDetails,
	}
}

// withoutPage are findings of the catalogue whose rule may not be there yet.
const withoutPage = `no-usable-origin connection-churn host-rejected client-certificate-rejected request-filter-rejected ntlm-handshake-split
	loopback-check-401 kerberos-wrong-key kerberos-clock-skew channel-binding-mismatch no-credentials-offered mtu-black-hole sni-host-mismatch
	h2-coalesced-misdirected sni-missing-to-origin plaintext-to-tls-port response-header-too-large early-response-lost
	proxy-protocol-mismatch name-does-not-resolve large-clienthello-dropped ws-idle-cut h2-goaway-race h2-flow-control-stall
	h2-refused-or-throttled-streams`

// TestVocabulary: a row says what happened and what to do next, names findings
// that there are, and can be reached.
func TestVocabulary(t *testing.T) {
	pages, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	known := strings.Fields(withoutPage)
	for _, m := range regexp.MustCompile(`(?m)^## ([a-z0-9-]+)$`).FindAllStringSubmatch(string(pages), -1) {
		known = append(known, m[1])
	}
	for name, rows := range tables() {
		for i, e := range rows {
			where := name + " " + e.words
			if e.state != Fine && (!strings.HasSuffix(e.text, ".") || e.next == "") {
				t.Errorf("%s: no sentence of what happened (%q), or nothing to do next", where, e.text)
			}
			for _, p := range e.points {
				if !slices.Contains(known, p.Finding) {
					t.Errorf("%s: %s is no finding", where, p.Finding)
				}
			}
			if j := slices.IndexFunc(rows, func(o entry) bool { return o.words == e.words }); j != i {
				t.Errorf("%s: twice", where)
			}
		}
	}
}

// TestReachable: a row that is looked for in a text is not hidden behind an
// earlier one that is found wherever it is.
func TestReachable(t *testing.T) {
	for _, name := range []string{"nginx", "apache", "haproxy errors", "envoy details"} {
		rows := tables()[name]
		for i := range rows {
			text := strings.ReplaceAll(rows[i].words, "|", " ")
			if e := findText(rows, text); e != &rows[i] {
				t.Errorf("%s: %q is hidden by %q", name, rows[i].words, e.words)
			}
		}
	}
}

func TestMeanings(t *testing.T) {
	const combined = `192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" `
	tests := []struct{ name, line, kind, finding string }{
		{"HTTPERR letter case", "2026-11-21 10:00:00 192.0.2.1 1 192.0.2.2 443 HTTP/1.1 GET / - 1 TIMER_SSLRENEGOTIATION -", "HTTPERR TIMER_SSLRENEGOTIATION", "renegotiation-unanswered"},
		{"IIS default fields without their names", "2026-11-21 10:00:00 192.0.2.2 GET / - 443 - 192.0.2.1 - - 403 16 2148204809 4", "IIS 403.16 win32 2148204809", "client-certificate-rejected"},
		{"UrlScan", "2026-11-21 10:00:00 192.0.2.2 GET /<Rejected-By-UrlScan> ~/a.exe 443 - 192.0.2.1 - - 404 0 2 4", "IIS UrlScan", "request-filter-rejected"},
		{"common log format", combined + `499 0`, "status 499", "client-gave-up"},
		{"application's own 404", combined + `404 0 "-" "-"`, "status 404", ""},
		{"several origins tried", combined + `502 0 "-" "-" upstream_addr="10.0.0.1:80, 10.0.0.2:80" upstream_status="502, 502" upstream_connect_time="-, -"`, "status 502", "port-closed"},
		{"origin's own 502", combined + `502 0 "-" "-" ua=10.0.0.1:80 us=502 uct=0.001 uht=0.005`, "status 502 of the origin", "body-truncated"},
		{"nginx, no live upstreams", `2026/11/21 10:00:00 [error] 1#1: *1 no live upstreams while connecting to upstream, client: 192.0.2.1, server: shop.test, request: "GET / HTTP/2.0", upstream: "http://dead/", host: "shop.test"`,
			"nginx: no live upstreams", "no-usable-origin"},
		{"nginx, unknown error", `2026/11/21 10:00:00 [crit] 1#1: something new`, "nginx crit", ""},
		{"Apache, TLS 1.3 and a late certificate", `[Sat Nov 21 10:00:00.000001 2026] [ssl:error] [pid 1:tid 2] [client 192.0.2.1:1024] AH10158: cannot perform post-handshake authentication`, "Apache: AH10158", "post-handshake-auth-not-offered"},
		{"HAProxy, client gone", strings.Replace(haproxyLine, "sH--", "CH--", 1), "HAProxy CH", "client-gave-up"},
		{"HAProxy, cookies in the state", strings.Replace(haproxyLine, "sH--", "sHVN", 1), "HAProxy sH", "gateway-timeout"},
		{"HAProxy, captured headers", strings.Replace(haproxyLine, `0/0 "GET`, `0/0 {shop.test|curl} {} "GET`, 1), "HAProxy sH", "gateway-timeout"},
		{"HAProxy, PROXY header", "192.0.2.1:1024 [21/Nov/2026:10:00:00.000] web/1: Received something which does not look like a PROXY protocol header", "HAProxy: Received something which does not look like a PROXY protocol header", "proxy-protocol-mismatch"},
		{"Envoy, several flags", `[2026-11-21T10:00:00.000Z] "GET / HTTP/1.1" 503 URX,UF 0 19 0 - "-" "-" "1" "shop.test" "-"`, "Envoy URX", "no-usable-origin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, lines := readAll(t, strings.NewReader(tt.line), Options{})
			if len(lines) != 1 || lines[0].Meaning.Kind != tt.kind {
				t.Fatalf("%d lines, kind %q", len(lines), lines[0].Meaning.Kind)
			}
			points := lines[0].Meaning.Points
			if has := slices.ContainsFunc(points, func(p Point) bool { return p.Finding == tt.finding }); has != (tt.finding != "") {
				t.Errorf("points %v, want %q", points, tt.finding)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	tests := []struct{ line, client, host, upstream string }{
		{haproxyLine, "127.0.0.1:1", "", ""},
		{strings.Replace(haproxyLine, "127.0.0.1:1", "2001:db8::1:443", 1), "[2001:db8::1]:443", "", ""},
		{strings.Replace(haproxyLine, "127.0.0.1:1", "::ffff:192.0.2.1:443", 1), "192.0.2.1:443", "", ""},
		{"2026-11-21T10:00:00+01:00 lb haproxy[7]: " + haproxyLine, "127.0.0.1:1", "", ""},
		{"[Sat Nov 21 10:00:00.000001 2026] [proxy:error] [pid 1] (111)x: [client [2001:db8::1]:1024] AH00957: http: attempt to connect to [2001:db8::2]:80 (shop.test:80) failed", "[2001:db8::1]:1024", "", "[2001:db8::2]:80"},
		{`2026/11/21 10:00:00 [error] 1#1: *1 x, client: 2001:db8::1, server: shop.test, request: "GET / HTTP/1.1", upstream: "http://[2001:db8::2]:80/", host: "shop.test"`, "2001:db8::1", "shop.test", "[2001:db8::2]:80"},
		{`2026/11/21 10:00:00 [error] 1#1: *1 x, client: unix:, server: shop.test, request: "GET / HTTP/1.1", upstream: "http://unix:/run/app.sock:/", host: "shop.test"`, "", "shop.test", ""},
		{`shop.test:443 192.0.2.1 - ann [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 502 0 "-" "-"`, "192.0.2.1", "shop.test:443", ""},
		{`192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 502 0 "-" "curl" 300 0.004 [default-shop-80] [] 10.0.0.1:80, 10.0.0.2:80 0, 0 0.001, 0.003 502, 502 0af1`, "192.0.2.1", "", "10.0.0.2:80"},
		{"2026-11-21 10:00:00 fe80::1%5 1 192.0.2.2 443 HTTP/1.1 GET / - 1 Timer_EntityBody -", "[fe80::1%5]:1", "", ""},
	}
	for _, tt := range tests {
		_, lines := readAll(t, strings.NewReader(tt.line), Options{})
		if l := lines[0]; Address(l.Client) != tt.client || l.Host != tt.host || Address(l.Upstream) != tt.upstream {
			t.Errorf("%s\nclient %s, host %s, upstream %s", tt.line, Address(l.Client), l.Host, Address(l.Upstream))
		}
	}
}

func TestLayout(t *testing.T) {
	const layout = `${remote_addr}:$remote_port [$time_iso8601] "$request" $status`
	line := `192.0.2.1:1024 [2026-11-21T10:00:00+01:00] "GET /a HTTP/1.1" 504`
	r, lines := readAll(t, strings.NewReader(line+"\nanother\n"), Options{Layout: layout})
	if len(lines) != 1 || r.Counts.Unread != 1 {
		t.Fatalf("%d lines, %+v", len(lines), r.Counts)
	}
	if l := lines[0]; Address(l.Client) != "192.0.2.1:1024" || l.Target != "/a" || l.Status != 504 || l.Time.Hour() != 9 {
		t.Errorf("%+v", l)
	}
}
