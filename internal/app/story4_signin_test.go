package app_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

const signInConfig = `
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    response_headers: $RULES
    routes: [{path: /, to: "https://$ORIGIN", tls: {ca: "$CA", name: localhost}}]
`

// A client that closes after each signed-in response without a Server header,
// and signs in again for every request, is recognised; a header rule cures it.
func TestStory4MissingServerHeader(t *testing.T) {
	for _, test := range []struct {
		name, scheme, rules string
		conns               int // that the client needs for its four requests
	}{
		{"missing, NTLM", "NTLM", "{}", 4},
		{"missing, Negotiate", "Negotiate", "{}", 4},
		{"stripped by a rule", "NTLM", "{remove: [Server]}", 4},
		{"cured by a rule", "NTLM", "{set: {Server: Fanlight}}", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := testnet.NTLMOrigin{Scheme: test.scheme, NoServerHeader: test.name != "stripped by a rule"}.Start(t)
			d := serve(t, signInConfig, "$ORIGIN", o.Addr, "$CA", caFile(t, o.CA), "$RULES", test.rules)
			d.peer[o.Addr] = "127.0.0.1:8443"
			c := &windows{d: d, scheme: test.scheme}
			for i := range 4 {
				c.get(fmt.Sprintf("/page%d", i))
				until(t, "the client's end to be seen", func() bool { return d.Open() == int64(c.open()) })
			}
			c.close()
			if c.dialled != test.conns || c.signIns != test.conns {
				t.Errorf("the client made %d connections and signed in %d times, want %d", c.dialled, c.signIns, test.conns)
			}
			if n := o.Count(testnet.Leaked); n != 0 {
				t.Errorf("%d requests came on another client's connection", n)
			}
			const id = "server-header-stripped-reauth"
			if test.conns > 1 {
				d.findings(id)
			}
			trace := d.ended()
			if found := slices.Contains(idsOf(d.Explain(trace)), id); found != (test.conns > 1) {
				t.Errorf("the finding is there: %v", found)
			}
			d.story(t, "4-sign-in.txtar#"+test.name, trace)
		})
	}
}

// windows is a client that does as an old Internet Explorer: it signs in on
// each connection, and believes that a connection on which a response came
// without a Server header cannot be used again.
type windows struct {
	d                *door
	scheme           string
	keys             io.Writer // takes the secrets; nil: nobody
	c                *tls.Conn
	r                *bufio.Reader
	dialled, signIns int
}

func (w *windows) open() int {
	if w.c == nil {
		return 0
	}
	return 1
}

func (w *windows) close() {
	if w.c != nil {
		w.c.Close()
		w.c = nil
	}
}

func (w *windows) get(path string) {
	t := w.d.t
	t.Helper()
	if w.c == nil {
		var err error
		w.c, err = tls.Dial("tcp", "127.0.0.2:"+w.d.port, &tls.Config{ServerName: "app.test", RootCAs: w.d.roots(), KeyLogWriter: w.keys})
		must(t, err)
		_ = w.c.SetDeadline(time.Now().Add(2 * wait))
		w.r = bufio.NewReader(w.c)
		w.dialled++
	}
	res := w.ask(path, "")
	if res.StatusCode == 401 {
		w.signIns++
		if res = w.ask(path, testnet.NTLMNegotiate()); res.StatusCode != 401 {
			t.Fatalf("after the first token: %s", res.Status)
		}
		res = w.ask(path, testnet.NTLMAuthenticate("anna"))
	}
	if res.StatusCode != 200 || res.Header.Get("X-User") != "anna" {
		t.Fatalf("%s: %s as %q", path, res.Status, res.Header.Get("X-User"))
	}
	if res.Header.Get("Server") == "" {
		w.close()
	}
}

func (w *windows) ask(path, token string) *http.Response {
	t := w.d.t
	t.Helper()
	authorization := ""
	if token != "" {
		authorization = "Authorization: " + w.scheme + " " + token + "\r\n"
	}
	_, err := fmt.Fprintf(w.c, "GET %s HTTP/1.1\r\nHost: app.test\r\nUser-Agent: Mozilla/4.0 (compatible; MSIE 7.0)\r\n%s\r\n", path, authorization)
	must(t, err)
	res, err := http.ReadResponse(w.r, nil)
	must(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	must(t, err)
	return res
}
