package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/site"
	"fanlight/internal/testnet"
)

const twoAddresses = `
addresses: [127.0.0.2, 127.0.0.3]
sites:
  shop:
    bind: ["127.0.0.2:$PORT shop.test"]
    routes: [{path: /, files: www}]
  docs:
    bind: ["127.0.0.3:$PORT docs.test"]
    routes: [{path: /, files: www}]
`

const oneAddress = `
sites:
  shop:
    bind: ["127.0.0.2:$PORT shop.test"]
    routes: [{path: /, to: "http://$ORIGIN"}]
  docs:
    bind: ["127.0.0.2:$PORT docs.test"]
    routes: [{path: /, to: "http://$ORIGIN"}]
  rest: # takes every other name, and clients that give none
    bind: ["127.0.0.2:$PORT"]
    routes: [{path: /, to: "http://$ORIGIN"}]
`

// A site that is alone on its address refuses the connection when it is
// stopped.
func TestStory1AloneOnAddress(t *testing.T) {
	d := serve(t, twoAddresses)
	if out, code := d.curl("shop.test", "127.0.0.2", d.url("shop.test", "/hello.txt")); code != 0 {
		t.Fatalf("before the stop curl ended with %d:\n%s", code, out)
	}
	d.order("shop", "stop")
	if c, err := net.Dial("tcp", "127.0.0.2:"+d.port); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the stop: %v, %v; want connection refused", c, err)
	}
	const curlCouldNotConnect = 7
	if out, code := d.curl("shop.test", "127.0.0.2", d.url("shop.test", "/")); code != curlCouldNotConnect {
		t.Errorf("after the stop curl ended with %d:\n%s", code, out)
	}
	if out, code := d.curl("docs.test", "127.0.0.3", d.url("docs.test", "/hello.txt")); code != 0 {
		t.Errorf("of the other site curl ended with %d:\n%s", code, out)
	}
	d.order("shop", "start")
	if out, code := d.curl("shop.test", "127.0.0.2", d.url("shop.test", "/hello.txt")); code != 0 {
		t.Errorf("after the start curl ended with %d:\n%s", code, out)
	}
	d.story(t, "1-stopped.txtar#alone on its address", d.ended())
}

// A site that shares its address is refused by name, before any certificate,
// and nobody answers in its stead.
func TestStory1SharedAddress(t *testing.T) {
	o := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, oneAddress, "$ORIGIN", o.Addr)
	d.peer[o.Addr] = "127.0.0.1:8080"
	d.order("shop", "stop")
	const curlTLSFailed = 35
	out, code := d.curl("shop.test", "127.0.0.2", d.url("shop.test", "/"))
	if code != curlTLSFailed {
		t.Errorf("curl ended with %d:\n%s", code, out)
	}
	says(t, "curl", out, "unrecognized name")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		sees := &listened{}
		err := d.handshake(sees, &tls.Config{ServerName: "shop.test", MaxVersion: version})
		if err == nil || err.Error() != "remote error: tls: unrecognized name" {
			t.Errorf("%s: got %v", tls.VersionName(version), err)
		}
		const alertRecord = 5 + 2
		if sees.n != alertRecord {
			t.Errorf("%s: the refused client was sent %d bytes, want an alert alone", tls.VersionName(version), sees.n)
		}
	}
	for name, owner := range map[string]string{"docs.test": "docs.test", "other.test": "127.0.0.2", "": "127.0.0.2"} {
		c, err := tls.Dial("tcp", "127.0.0.2:"+d.port, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		must(t, err)
		leaf := c.ConnectionState().PeerCertificates[0]
		if c.Close(); leaf.VerifyHostname(owner) != nil || leaf.VerifyHostname("shop.test") == nil {
			t.Errorf("a client of %q is shown a certificate for %q, %v", name, leaf.DNSNames, leaf.IPAddresses)
		}
	}
	d.quiet()
	d.findings("sni-unknown-alert")
	trace := d.ended()
	trace.Conns = clientConns(trace)[:1] // the others are as many as there are versions and names above
	d.story(t, "1-stopped.txtar#shared address", trace)
}

// A request for the stopped site on a connection of another one is misdirected.
func TestStory1RequestOnOthersConnection(t *testing.T) {
	o := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, oneAddress, "$ORIGIN", o.Addr)
	d.order("shop", "stop")
	out, code := d.curl("docs.test", "127.0.0.2", "-i", "-H", "Host: shop.test", d.url("docs.test", "/"))
	if code != 0 {
		t.Fatalf("curl ended with %d:\n%s", code, out)
	}
	says(t, "response", out, "HTTP/1.1 421", "Fanlight-Incident: ")
}

// listened counts what a server sends.
type listened struct {
	net.Conn
	n int
}

func (l *listened) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.n += n
	return n, err
}

func (d *door) handshake(sees *listened, config *tls.Config) error {
	d.t.Helper()
	var err error
	sees.Conn, err = net.Dial("tcp", "127.0.0.2:"+d.port)
	must(d.t, err)
	defer sees.Close()
	_ = sees.SetDeadline(time.Now().Add(wait))
	config.RootCAs = d.roots()
	return tls.Client(sees, config).Handshake()
}

// A session from before the stop is worth nothing after it, under its own name
// and under another site's.
func TestStory1ResumedHandshakes(t *testing.T) {
	openssl := program(t, "openssl")
	for _, test := range []struct {
		name string
		args []string // of the first visit
		more []string // of those that want to resume
	}{
		{"TLS 1.3 ticket", []string{"-tls1_3"}, nil},
		{"TLS 1.2 ticket", []string{"-tls1_2"}, nil},
		{"TLS 1.2 session id", []string{"-tls1_2"}, []string{"-no_ticket"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
			d := serve(t, oneAddress, "$ORIGIN", o.Addr)
			saved := d.file("session")
			first := d.sClient(openssl, "shop.test", append(test.args, "-sess_out", saved)...)
			says(t, "first visit", first, "New, TLSv1", "HTTP/1.1 200")
			visit := func(name string) string {
				return d.sClient(openssl, name, slices.Concat(test.args, test.more, []string{"-sess_in", saved})...)
			}
			ticket := test.more == nil // crypto/tls keeps no sessions
			if again := visit("shop.test"); strings.Contains(again, "Reused, TLSv1") != ticket {
				t.Errorf("while the site serves its session is not what it should be:\n%s", again)
			}
			d.order("shop", "stop")
			refused := visit("shop.test")
			if says(t, "after the stop", refused, "unrecognized name"); strings.Contains(refused, "HTTP/1.1") || strings.Contains(refused, "Reused") {
				t.Errorf("the stopped site answers:\n%s", refused)
			}
			other := visit("docs.test")
			if says(t, "under another name", other, "New, TLSv1", "HTTP/1.1 200"); strings.Contains(other, "Reused") {
				t.Errorf("a session of one site is resumed by another:\n%s", other)
			}
			d.order("shop", "start")
			says(t, "after the start", visit("shop.test"), "HTTP/1.1 200")
		})
	}
}

// sClient makes a request with openssl s_client, and gives all it says.
func (d *door) sClient(openssl, name string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	all := append([]string{"s_client", "-connect", "127.0.0.2:" + d.port, "-servername", name, "-CAfile", d.rootFile(),
		"-verify_return_error", "-ign_eof"}, args...)
	cmd := exec.CommandContext(ctx, openssl, all...)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.1\r\nHost: " + name + "\r\nConnection: close\r\n\r\n")
	out, _ := cmd.CombinedOutput() // a refused handshake ends it with 1
	return string(out)
}

// A stopped site may have a page instead, under its right certificate.
func TestStory1StoppedPage(t *testing.T) {
	d := serve(t, `
sites:
  shop:
    bind: ["127.0.0.2:$PORT shop.test"]
    when_stopped: page
    routes: [{path: /, files: www}]
`)
	d.order("shop", "stop")
	out, code := d.curl("shop.test", "127.0.0.2", "-i", d.url("shop.test", "/hello.txt"))
	if code != 0 {
		t.Fatalf("curl, which verifies, ended with %d:\n%s", code, out)
	}
	says(t, "response", out, "HTTP/1.1 503 ", "Fanlight-Incident: ")
	says(t, "cause", d.incident(out).Cause, "site shop is stopped")
	d.order("shop", "start")
	if out, code := d.curl("shop.test", "127.0.0.2", d.url("shop.test", "/hello.txt")); code != 0 || out != "hello\n" {
		t.Errorf("after the start curl ended with %d:\n%s", code, out)
	}
	d.story(t, "1-stopped.txtar#with a page", d.ended())
}

// webSocket opens a tunnel to a site through the door.
func (d *door) webSocket(name, addr string) *tls.Conn {
	d.t.Helper()
	c, err := tls.Dial("tcp", addr+":"+d.port, &tls.Config{ServerName: name, RootCAs: d.roots()})
	must(d.t, err)
	d.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * wait))
	_, err = fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", name)
	must(d.t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(d.t, err)
	if res.StatusCode != 101 {
		d.t.Fatalf("no WebSocket: %s", res.Status)
	}
	return c
}

// echoes reports whether what is sent through a tunnel comes back.
func echoes(c *tls.Conn) error {
	if _, err := io.WriteString(c, "ping"); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 4))
	return err
}

// Stop closes tunnels; drain takes nothing new and waits for them.
func TestStory1TunnelsAtStopAndDrain(t *testing.T) {
	o := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, oneAddress, "$ORIGIN", o.Addr)
	d.peer[o.Addr] = "127.0.0.1:8080"

	c := d.webSocket("shop.test", "127.0.0.2")
	must(t, echoes(c))
	d.order("shop", "stop")
	if err := echoes(c); err == nil {
		t.Error("the tunnel lives on after the stop")
	}
	d.order("shop", "start")

	c = d.webSocket("shop.test", "127.0.0.2")
	drained := make(chan error, 1)
	go func() { drained <- d.call(http.MethodPost, "/api/sites/shop/drain", nil, nil) }()
	until(t, "the drain to begin", func() bool { return d.Sites().Get("shop").State() == site.Draining })
	must(t, echoes(c))
	if err := d.handshake(&listened{}, &tls.Config{ServerName: "shop.test"}); err == nil {
		t.Error("a draining site takes a new client")
	}
	select {
	case err := <-drained:
		t.Fatalf("the drain did not wait for the tunnel: %v", err)
	default:
	}
	c.Close()
	must(t, <-drained)
	if state := d.Sites().Get("shop").State(); state != site.Stopped {
		t.Errorf("after the drain the site is %s", state)
	}
	d.story(t, "1-stopped.txtar#tunnels", d.ended())
}

// Stop lets the exchange that is open finish.
func TestStory1OpenExchangeFinishes(t *testing.T) {
	o := testnet.SlowBody{At: testnet.At{Plain: true}, Length: 500, Piece: 50, Every: 30 * time.Millisecond}.Start(t)
	d := serve(t, oneAddress, "$ORIGIN", o.Addr)
	type result struct {
		out  string
		code int
	}
	done := make(chan result, 1)
	program(t, "curl")
	go func() {
		out, code := d.curl("shop.test", "127.0.0.2", "-o", "/dev/null", "-w", "%{size_download}", d.url("shop.test", "/"))
		done <- result{out, code}
	}()
	o.Await(t, testnet.Requested, 1)
	d.order("shop", "stop")
	if got := <-done; got != (result{"500", 0}) {
		t.Errorf("the open exchange ended with %+v", got)
	}
}

// What was stopped stays so over a restart, and --save writes it into the file
// with its comments kept.
func TestStory1StateSurvives(t *testing.T) {
	d := serve(t, oneAddress, "$ORIGIN", "127.0.0.1:9")
	d.order("shop", "stop")
	d.shut()
	must(t, d.start())
	type row struct {
		Name, State, Configured string
		Differs                 bool
	}
	shop := func() row {
		var rows []row
		must(t, d.call(http.MethodGet, "/api/sites", nil, &rows))
		for _, r := range rows {
			if r.Name == "shop" {
				return r
			}
		}
		return row{}
	}
	if got := shop(); got != (row{"shop", "stopped", "running", true}) {
		t.Errorf("after the restart the site is %+v", got)
	}
	d.order("shop", "save")
	if got := shop(); got != (row{"shop", "stopped", "stopped", false}) {
		t.Errorf("after it was saved the site is %+v", got)
	}
	text := read(t, d.path)
	says(t, "file", text, "rest: # takes every other name, and clients that give none")
	if !regexp.MustCompile(`(?s)shop:\n.*state: stopped.*docs:`).MatchString(text) {
		t.Errorf("the file does not have the state:\n%s", text)
	}
	d.shut()
	must(t, d.start())
	if got := shop(); got != (row{"shop", "stopped", "stopped", false}) {
		t.Errorf("after the second restart the site is %+v", got)
	}
}
