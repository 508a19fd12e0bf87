package app_test

import (
	"slices"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

const lateConfig = `
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes:
      - path: /
        to: https://$ORIGIN
        tls: {ca: "$CA", name: app.internal, max: "$MAX", renegotiation: $HOW$CERT}
        timeouts: {first_byte: 700ms}
`

// before starts a door before an origin that asks late.
func before(t *testing.T, addr string, ca *testnet.CA, how, max string, client *testnet.Cert) *door {
	t.Helper()
	certificate := ""
	if client != nil {
		file, key := client.Files(t)
		certificate = ", client_certificate: {file: \"" + file + "\", key: \"" + key + "\"}"
	}
	d := serve(t, lateConfig, "$ORIGIN", addr, "$CA", caFile(t, ca), "$HOW", how, "$MAX", max, "$CERT", certificate)
	d.peer[addr] = "127.0.0.1:8443"
	return d
}

// An origin that asks for a client certificate by renegotiation once it has
// read the request gets one, or the answer that there is none; the record says
// what happened.
func TestStory3LateAsker(t *testing.T) {
	a := startApache(t, "TLSv1.2", "optional")
	client := a.ca.Issue(t, testnet.Leaf{Subject: "door", Client: true})
	for _, test := range []struct {
		name    string
		how     string
		client  *testnet.Cert
		body    string
		verify  string
		finding string
	}{
		{"once with a certificate", "once", client, "secret\n", "x-client-subject: cn=door", "renegotiation-answered"},
		{"once without one", "once", nil, "secret\n", "x-client-subject: \r\n", "renegotiation-answered"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := before(t, a.addr, a.ca, test.how, "1.3", test.client)
			out, code := d.curl("app.test", "127.0.0.2", "-i", d.url("app.test", "/secure/"))
			if code != 0 {
				t.Fatalf("curl ended with %d:\n%s", code, out)
			}
			says(t, "response", strings.ToLower(out), "http/1.1 200 ok", test.body, test.verify)
			d.findings(test.finding)
			d.story(t, "3-late.txtar#"+test.name, d.ended())
		})
	}
	t.Run("never", func(t *testing.T) {
		d := before(t, a.addr, a.ca, "never", "1.3", client)
		out, code := d.curl("app.test", "127.0.0.2", "-i", d.url("app.test", "/secure/"))
		if code != 0 {
			t.Fatalf("curl ended with %d:\n%s", code, out)
		}
		says(t, "response", out, "HTTP/1.1 502", "Fanlight-Incident: ")
		says(t, "cause", d.incident(out).Cause, "asked for a renegotiation", "`renegotiation: never` refuses it",
			"set `renegotiation: once` on this route", "let the origin ask in its first handshake")
		d.findings("renegotiation-refused")
		d.story(t, "3-late.txtar#never", d.ended())
	})
	t.Run("two requests of a connection", func(t *testing.T) {
		d := before(t, a.addr, a.ca, "once", "1.3", client)
		for range 2 { // clients, one after the other
			out, code := d.curl("app.test", "127.0.0.2", d.url("app.test", "/"), d.url("app.test", "/secure/"),
				d.url("app.test", "/"), d.url("app.test", "/secure/two.html"))
			if code != 0 || out != "open\nsecret\nopen\nsecond\n" {
				t.Fatalf("curl ended with %d:\n%s", code, out)
			}
		}
		trace := d.ended()
		if n := len(originConns(trace)); n != 1 {
			t.Errorf("%d origin connections, want one kept alive:\n%s", n, trace)
		}
	})
	t.Run("post", func(t *testing.T) {
		d := before(t, a.addr, a.ca, "once", "1.3", client)
		out, code := d.curl("app.test", "127.0.0.2", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", "x=1", d.url("app.test", "/secure/"))
		if code != 0 || out != "200" {
			t.Errorf("curl ended with %d: %s", code, out)
		}
	})
}

// An origin that asks and then says nothing ends at a timeout with a name.
func TestStory3SilentOrigin(t *testing.T) {
	for name, peer := range map[string]testnet.SilentAfterHelloRequest{
		"silent after it asked":   {At: testnet.At{Leaf: testnet.Leaf{Names: []string{"app.internal"}}}},
		"silent after the answer": {At: testnet.At{Leaf: testnet.Leaf{Names: []string{"app.internal"}}}, Complete: true},
	} {
		t.Run(name, func(t *testing.T) {
			o := peer.Start(t)
			d := before(t, o.Addr, o.CA, "once", "1.3", nil)
			out, code := d.curl("app.test", "127.0.0.2", "-i", d.url("app.test", "/secure/"))
			if code != 0 {
				t.Fatalf("curl ended with %d:\n%s", code, out)
			}
			says(t, "response", out, "HTTP/1.1 504", "Fanlight-Incident: ")
			says(t, "cause", d.incident(out).Cause, "no response within 700ms (timeout: first byte) after it asked for a renegotiation")
			trace := d.ended()
			d.story(t, "3-late.txtar#"+name, trace)
			if event(originConns(trace)[0], flow.Timeout, "first-byte") == nil {
				t.Errorf("no timeout in\n%s", trace)
			}
		})
	}
}

// TLS 1.3 has no renegotiation: an origin that asks late would need
// post-handshake authentication, which crypto/tls does not offer, and refuses.
// `max: "1.2"` cures it; the record of both tells the cause.
func TestStory3PostHandshakeAuthentication(t *testing.T) {
	a := startApache(t, "-all +TLSv1.2 +TLSv1.3", "require")
	client := a.ca.Issue(t, testnet.Leaf{Subject: "door", Client: true})
	file, key := client.Files(t)
	d := serve(t, `
sites:
  new:
    bind: ["127.0.0.2:$PORT new.test"]
    routes: [{path: /, to: "https://$ORIGIN", tls: {ca: "$CA", name: app.internal, client_certificate: {file: "$FILE", key: "$KEY"}}}]
  old:
    bind: ["127.0.0.3:$PORT old.test"]
    routes: [{path: /, to: "https://$ORIGIN", tls: {ca: "$CA", name: app.internal, max: "1.2", client_certificate: {file: "$FILE", key: "$KEY"}}}]
`, "$ORIGIN", a.addr, "$CA", caFile(t, a.ca), "$FILE", file, "$KEY", key)
	d.peer[a.addr] = "127.0.0.1:8443"
	if out, code := d.curl("new.test", "127.0.0.2", "-i", d.url("new.test", "/secure/")); code != 0 || !strings.HasPrefix(out, "HTTP/1.1 403") {
		t.Errorf("over TLS 1.3 curl ended with %d:\n%s", code, out)
	}
	if out, code := d.curl("old.test", "127.0.0.3", d.url("old.test", "/secure/")); code != 0 || out != "secret\n" {
		t.Errorf("over TLS 1.2 curl ended with %d:\n%s", code, out)
	}
	trace := d.ended()
	if ids := idsOf(d.Explain(trace)); !slices.Contains(ids, "post-handshake-auth-not-offered") {
		t.Errorf("findings are %q", ids)
	}
	d.story(t, "3-late.txtar#TLS 1.3 and 1.2", trace)
}
