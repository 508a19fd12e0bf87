package app_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

const h2Config = `
sites:
  app:
    bind: ["127.0.0.1:$PORT app.test", "127.0.0.1:$PORT"]
    routes:
      - {path: /files/, files: www}
      - {path: /, to: "http://$ORIGIN"}
  old:
    bind: ["127.0.0.1:$PORT old.test"]
    http: "1.1"
    routes: [{path: /, files: www}]
  new:
    bind: ["127.0.0.1:$PORT new.test"]
    http: "2"
    routes: [{path: /, files: www}]
`

// h2Door is a door before an origin that answers by a handler.
func h2Door(t testing.TB, h http.HandlerFunc) *door {
	origin := httptest.NewServer(h)
	t.Cleanup(origin.Close)
	return serve(t, h2Config, "$ORIGIN", strings.TrimPrefix(origin.URL, "http://"))
}

// overH2 is one connection of Go's client to a site of the door.
func (d *door) overH2(name string) *http.ClientConn {
	d.t.Helper()
	cc, err := oneH2(&tls.Config{RootCAs: d.roots(), ServerName: name}, "127.0.0.1:"+d.port).NewClientConn(d.t.Context(), "https", name+":443")
	must(d.t, err)
	d.t.Cleanup(func() { cc.Close() })
	return cc
}

// oneH2 makes connections of HTTP/2 to an address.
func oneH2(config *tls.Config, addr string) *http.Transport {
	t := &http.Transport{TLSClientConfig: config, Protocols: new(http.Protocols), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}}
	t.Protocols.SetHTTP2(true)
	return t
}

func h2Get(ctx context.Context, cc *http.ClientConn, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := cc.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return res.StatusCode, string(all), err
}

// echoBody reads all before it answers: net/http would throw the rest away.
func echoBody(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		_, _ = w.Write(body)
	}
}

// Programs of others speak HTTP/2 with the door.
func TestH2Peers(t *testing.T) {
	curl, nghttp, h2load := program(t, "curl"), program(t, "nghttp"), program(t, "h2load")
	d := h2Door(t, echoBody)
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return string(out)
	}
	fetch := func(site, path string, more ...string) string {
		t.Helper()
		to := site + ":" + d.port
		return run(curl, append([]string{"-q", "-sS", "--noproxy", "*", "--http2", "--cacert", d.rootFile(), "--resolve", to + ":127.0.0.1", "-w", "%{http_version} %{http_code}",
			"https://" + to + path}, more...)...)
	}
	big, body := strings.Repeat("0123456789", 100_000), filepath.Join(t.TempDir(), "body")
	write(t, body, big)
	for _, c := range []struct {
		site, path, want string
		more             []string
	}{
		{"app.test", "/files/hello.txt", "hello\n2 200", nil},
		{"app.test", "/", big + "2 200", []string{"--data-binary", "@" + body}},
		{"old.test", "/hello.txt", "hello\n1.1 200", nil},
		{"new.test", "/hello.txt", "hello\n2 200", nil},
	} {
		if got := fetch(c.site, c.path, c.more...); got != c.want {
			t.Errorf("curl %s%s got %.80q, want %.80q", c.site, c.path, got, c.want)
		}
	}
	url := "https://127.0.0.1:" + d.port + "/files/hello.txt"
	if got := run(nghttp, "--no-verify-peer", url); !strings.Contains(got, "hello\n") {
		t.Errorf("nghttp got %q", got)
	}
	if got := run(h2load, "-n2000", "-c4", "-m16", url); !strings.Contains(got, "2000 succeeded, 0 failed, 0 errored") {
		t.Errorf("h2load:\n%s", got)
	}
}

// A client gives one request up: its origin is let go, the other request goes on.
func TestH2ClientGivesUpOne(t *testing.T) {
	left, release := make(chan struct{}), make(chan struct{})
	d := h2Door(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/abandoned" {
			<-r.Context().Done()
			close(left)
			return
		}
		<-release
		_, _ = io.WriteString(w, "patience")
	})
	cc := d.overH2("app.test")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		time.Sleep(100 * time.Millisecond)
		cancel()
	}()
	answered := make(chan string, 1)
	go func() {
		_, body, err := h2Get(t.Context(), cc, "https://app.test/patient")
		answered <- fmt.Sprint(body, err)
	}()
	if _, _, err := h2Get(ctx, cc, "https://app.test/abandoned"); err == nil {
		t.Error("answered")
	}
	select {
	case <-left:
	case <-time.After(5 * time.Second):
		t.Fatal("the origin was not let go")
	}
	close(release)
	if got := <-answered; got != "patience<nil>" {
		t.Errorf("the other got %q", got)
	}
	cc.Close()
	outcomes := map[string]string{}
	for _, c := range d.ended().Conns {
		for _, x := range c.Exchanges {
			if x.HTTP == "2" {
				outcomes[x.Target] = x.Outcome
			}
		}
	}
	if outcomes["/abandoned"] != flow.NoResponse || outcomes["/patient"] != flow.Complete {
		t.Errorf("outcomes %v", outcomes)
	}
}

// A site that stops answers what is asked, and ends the connection.
func TestH2SiteStops(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	d := h2Door(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		_, _ = io.WriteString(w, "last words")
	})
	cc := d.overH2("app.test")
	answered := make(chan string, 1)
	go func() {
		_, body, err := h2Get(t.Context(), cc, "https://app.test/")
		answered <- fmt.Sprint(body, err)
	}()
	<-asked
	stopped := make(chan struct{})
	go func() { defer close(stopped); d.order("app", "stop") }()
	until(t, "the client to hear of it", func() bool { return cc.Available() == 0 })
	close(release)
	if got := <-answered; got != "last words<nil>" {
		t.Errorf("got %q", got)
	}
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Fatal("the site did not stop")
	}
	d.quiet()
}

// A host of another site is refused on a connection for this one.
func TestH2Misdirected(t *testing.T) {
	d := h2Door(t, func(http.ResponseWriter, *http.Request) {})
	status, _, err := h2Get(t.Context(), d.overH2("app.test"), "https://old.test/")
	if status != 421 || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
}

// A sign-in that belongs to a connection is sent to HTTP/1.1, where it works.
func TestH2SignInNeedsHTTP1(t *testing.T) {
	o := testnet.NTLMOrigin{At: testnet.At{Plain: true}, NoServerHeader: true}.Start(t)
	d := serve(t, h2Config, "$ORIGIN", o.Addr)
	cc := d.overH2("app.test")
	_, _, err := h2Get(t.Context(), cc, "https://app.test/")
	cc.Close()
	if err == nil || !strings.Contains(err.Error(), "HTTP_1_1_REQUIRED") {
		t.Errorf("got %v", err)
	}
	to := "app.test:" + d.port
	out, err := exec.Command(program(t, "curl"), "-q", "-sS", "--noproxy", "*", "--http2", "--cacert", d.rootFile(), "--resolve", to+":127.0.0.1", "--ntlm", "-u", "alice:secret",
		"-o", "/dev/null", "-w", "%{http_version} %{http_code}", "https://"+to+"/").CombinedOutput()
	if got := string(out); err != nil || got != "1.1 200" {
		t.Errorf("curl got %q, %v", got, err)
	}
	var said []string
	for _, c := range d.ended().Conns {
		for _, e := range c.Events {
			if e.Kind == flow.Decision || e.Kind == flow.StreamReset {
				said = append(said, e.Text)
			}
		}
	}
	if all := strings.Join(said, "; "); !strings.Contains(all, "needs HTTP/1.1; HTTP_1_1_REQUIRED") {
		t.Errorf("the record has %q", all)
	}
}

// webSocketOverH2 is a WebSocket client of Node, by extended CONNECT.
const webSocketOverH2 = `
const http2 = require('http2');
const c = http2.connect('https://127.0.0.1:' + process.argv[2], {rejectUnauthorized: false});
c.on('remoteSettings', (s) => {
  if (!s.enableConnectProtocol) { console.log('not offered'); process.exit(1); }
  const r = c.request({':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13'}, {endStream: false});
  r.on('response', (h) => { console.log('status', h[':status'], h['sec-websocket-accept']); r.write('hello'); });
  r.on('data', (b) => { console.log('data', b.toString()); r.end(); });
  r.on('close', () => { console.log('closed', r.rstCode); c.close(); });
});
`

func TestH2WebSocketOfNode(t *testing.T) {
	node := program(t, "node")
	o := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, h2Config, "$ORIGIN", o.Addr)
	script := filepath.Join(t.TempDir(), "ws.js")
	write(t, script, webSocketOverH2)
	out, err := exec.Command(node, script, d.port).CombinedOutput()
	if want := "status 200 undefined\ndata hello\nclosed 0\n"; err != nil || string(out) != want {
		t.Errorf("node said %q, %v, want %q", out, err, want)
	}
	for _, c := range d.ended().Conns {
		for _, x := range c.Exchanges {
			if x.Outcome != flow.Complete {
				t.Errorf("%s: %s", x.Target, x.Outcome)
			}
		}
	}
}

// A program that speaks HTTP/1.1 to a site of HTTP/2 alone is refused with a reason.
func TestH2Alone(t *testing.T) {
	d := h2Door(t, func(http.ResponseWriter, *http.Request) {})
	_, err := tls.Dial("tcp", "127.0.0.1:"+d.port, &tls.Config{RootCAs: d.roots(), ServerName: "new.test", NextProtos: []string{"http/1.1"}})
	if err == nil || !strings.Contains(err.Error(), "no application protocol") {
		t.Errorf("got %v", err)
	}
	c, err := tls.Dial("tcp", "127.0.0.1:"+d.port, &tls.Config{RootCAs: d.roots(), ServerName: "new.test"})
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: new.test\r\n\r\n")
	must(t, err)
	if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), net.ErrClosed.Error()) {
		t.Error(err)
	}
	var said []string
	for _, c := range d.quiet().Conns {
		for _, e := range c.Events {
			if e.Kind == flow.Irregular {
				said = append(said, e.Text)
			}
		}
	}
	if strings.Join(said, " ") != "h2-preface-missing" {
		t.Errorf("the record has %q", said)
	}
}

// A request that is not over within grace is cut off with its connection.
func TestH2GraceEnds(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	origin := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	}))
	t.Cleanup(origin.CloseClientConnections)
	d := serve(t, "limits: {grace: 300ms}\n"+h2Config, "$ORIGIN", strings.TrimPrefix(origin.URL, "http://"))
	cc := d.overH2("app.test")
	answered := make(chan error, 1)
	go func() {
		_, _, err := h2Get(t.Context(), cc, "https://app.test/")
		answered <- err
	}()
	<-asked
	d.order("app", "stop")
	if err := <-answered; err == nil {
		t.Error("answered")
	}
	for _, c := range d.quiet().Conns {
		if c.Self == flow.Server && len(c.Exchanges) > 0 && (c.Close.Why != "site stopped" || c.Exchanges[0].Outcome != flow.NoResponse) {
			t.Errorf("closed for %q, outcome %s", c.Close.Why, c.Exchanges[0].Outcome)
		}
	}
}
