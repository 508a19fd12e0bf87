package testnet

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestNTLMOrigin(t *testing.T) {
	for _, scheme := range []string{"NTLM", "Negotiate"} {
		t.Run(scheme, func(t *testing.T) {
			o := NTLMOrigin{Scheme: scheme, NoServerHeader: true}.Start(t)
			c, r := dial(t, o)
			ask := func(fields string) *http.Response {
				t.Helper()
				send(t, c, "GET / HTTP/1.1\r\nHost: x\r\n"+fields+"\r\n")
				res, _, err := receive(t, r)
				must(t, err)
				if _, there := res.Header["Server"]; there {
					t.Error("there is a Server header")
				}
				return res
			}
			authorization := func(token string) string { return fmt.Sprintf("Authorization: %s %s\r\n", scheme, token) }
			for _, step := range []struct {
				name, fields string
				status       int
				challenge    string
				user         string
			}{
				{"bare", "", 401, scheme, ""},
				{"last token first", authorization(NTLMAuthenticate("älice")), 401, scheme, ""},
				{"garbage", authorization("!"), 401, scheme, ""},
				{"negotiate", authorization(NTLMNegotiate()), 401, scheme + " TlRMTVNTUAAC", ""},
				{"authenticate", authorization(NTLMAuthenticate("älice")), 200, "", "älice"},
				{"later", "X-Client: älice\r\n", 200, "", "älice"},
				{"leak", "X-Client: bob\r\n", 200, "", "älice"},
				{"again", authorization(NTLMNegotiate()), 401, scheme + " TlRMTVNTUAAC", ""},
				{"another", authorization(NTLMAuthenticate("bob")), 200, "", "bob"},
			} {
				res := ask(step.fields)
				challenge := res.Header.Get("WWW-Authenticate")
				if res.StatusCode != step.status || !strings.HasPrefix(challenge, step.challenge) ||
					res.Header.Get("X-User") != step.user || res.Header.Get("X-Connection") != "1" {
					t.Errorf("%s: got %s, %q", step.name, res.Status, res.Header)
				}
			}
			if o.Count(Authenticated) != 2 || o.Count(Leaked) != 1 {
				t.Errorf("log:\n%s", lines(o))
			}
			c, r = dial(t, o)
			if res := ask(""); res.StatusCode != 401 || res.Header.Get("X-Connection") != "2" {
				t.Errorf("a new connection: %s", res.Status)
			}
		})
	}
}

func TestNTLMOriginOfItsOwnMind(t *testing.T) {
	o := NTLMOrigin{
		Server:  "Microsoft-IIS/10.0",
		Admits:  func(token string) bool { return token != NTLMAuthenticate("mallory") },
		Forgets: func(r *Request) bool { return r.Get("Via") != "" },
	}.Start(t)
	c, r := dial(t, o)
	for _, step := range []struct {
		fields string
		status int
	}{
		{"Authorization: NTLM " + NTLMNegotiate() + "\r\n", 401},
		{"Authorization: NTLM " + NTLMAuthenticate("mallory") + "\r\n", 401},
		{"Authorization: NTLM " + NTLMNegotiate() + "\r\n", 401},
		{"Authorization: NTLM " + NTLMAuthenticate("anna") + "\r\n", 200},
		{"", 200},
		{"Via: 1.1 x\r\n", 200},
		{"", 401},
	} {
		send(t, c, "GET / HTTP/1.1\r\nHost: x\r\n"+step.fields+"\r\n")
		res, _, err := receive(t, r)
		must(t, err)
		if res.StatusCode != step.status || res.Header.Get("Server") != "Microsoft-IIS/10.0" {
			t.Errorf("%q: got %s, %q", step.fields, res.Status, res.Header)
		}
	}
}

func TestNTLMWithCurl(t *testing.T) {
	if version := run(t, "", "curl", "-V"); !strings.Contains(version, " NTLM") {
		t.Skip("this curl has no NTLM")
	}
	o := NTLMOrigin{At: At{Plain: true}}.Start(t)
	out := run(t, "", "curl", "-sS", "-m", "10", "--noproxy", "*", "--ntlm", "-u", `corp\alice:secret`, o.URL("/a"), o.URL("/b"))
	if out != "alice\nalice\n" || o.Count(Opened) != 1 || o.Count(Authenticated) != 1 {
		t.Errorf("curl printed %q; log:\n%s", out, lines(o))
	}
}
