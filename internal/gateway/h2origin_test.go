package gateway

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/testnet"
)

// goOrigin starts Go's server with TLS, of HTTP/2 and HTTP/1.1 or of one.
func goOrigin(t testing.TB, d *door, h http.HandlerFunc, protocols ...string) *origin.Origin {
	t.Helper()
	ca := testnet.NewCA(t, "origin CA")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, testnet.Leaf{Subject: "o", Names: []string{"o.test"}}).TLS()}, NextProtos: protocols})
	if err != nil {
		t.Fatal(err)
	}
	return goServer(t, d, l, h, func(o *origin.Options) {
		o.Secure, o.Roots, o.ServerName, o.HTTP = true, ca.Pool(), "o.test", origin.Auto
	})
}

func goServer(t testing.TB, d *door, l net.Listener, h http.HandlerFunc, tune func(*origin.Options)) *origin.Origin {
	t.Helper()
	srv := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	o := origin.Options{Name: "origin", Host: "127.0.0.1", Port: portOf(t, l.Addr().String()), Timeouts: patient(), MaxIdle: 10, Recorder: d.g.Recorder, Buffers: d.g.Buffers}
	tune(&o)
	return origin.New(o)
}

func TestH2Origin(t *testing.T) {
	d := newDoor(t)
	var mu sync.Mutex
	conns := map[string]int{}
	o := goOrigin(t, d, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		conns[r.RemoteAddr]++
		mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Proto", r.Proto)
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, len(body))
	}, "h2", "http/1.1")
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			c := d.dial("app.test")
			for range 5 {
				if res, body := c.get("/a"); body != "GET /a 0" || res.Header.Get("X-Proto") != "HTTP/2.0" || res.Status != "200 OK" {
					t.Errorf("got %s %q, %v", res.Status, body, res.Header)
				}
			}
			big := strings.Repeat("b", 1<<20)
			c.send("POST /p HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1048576\r\n\r\n" + big)
			if _, body, err := c.receive("POST"); body != "POST /p 1048576" || err != nil {
				t.Errorf("got %q, %v", body, err)
			}
			c.Close()
		})
	}
	all.Wait()
	if len(conns) != 1 {
		t.Errorf("%d connections to the origin, want one: %v", len(conns), conns)
	}
	o.Close()
	trace := d.settled(over)
	for _, c := range originConns(trace) {
		for _, x := range c.Exchanges {
			if x.HTTP != "2" || x.Outcome != flow.Complete || x.Parent == 0 {
				t.Errorf("recorded\n%s", c)
			}
		}
	}
}
