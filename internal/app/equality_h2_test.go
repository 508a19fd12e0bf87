package app_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"fanlight/internal/dissect"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// TestLiveAndDissectedAgreeH2 is TestLiveAndDissectedAgree with HTTP/2 on one
// leg or both.
func TestLiveAndDissectedAgreeH2(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("packets can be captured by root only")
	}
	for _, legs := range []struct {
		name      string
		two       bool
		protocols []string
	}{{"1 to 2", false, []string{"h2"}}, {"2 to 1", true, []string{"http/1.1"}}, {"2 to 2", true, []string{"h2"}}} {
		t.Run(legs.name, func(t *testing.T) {
			keys := &dissect.Keys{}
			origin := startScenery2(t, keys, legs.protocols)
			d := serve(t, sceneConfig, "$ORIGIN", origin)
			_, originPort, _ := net.SplitHostPort(origin)
			packets := capturePorts(t, d.port, originPort)
			converse2(t, &stage{d: d, keys: keys}, legs.two)
			d.quiet()
			time.Sleep(300 * time.Millisecond) // the last packets are on their way to us
			d.shut()
			live := d.Trace()
			seen := packets(keys)
			agree(t, live, seen)
			joined(t, live, seen)
			for _, c := range live.Conns {
				far := c.Self == flow.Client
				if two := far && legs.protocols[0] == "h2" || !far && legs.two; len(c.Exchanges) > 0 && (c.Exchanges[0].HTTP == "2") != two {
					t.Errorf("%s is over HTTP %s", c.Exchanges[0].Target, c.Exchanges[0].HTTP)
				}
			}
		})
	}
}

// startScenery2 is an origin of Go's that logs its keys.
func startScenery2(t *testing.T, keys *dissect.Keys, protocols []string) (addr string) {
	t.Helper()
	ca := testnet.NewCA(t, "scenery")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{NextProtos: protocols, KeyLogWriter: keyWriter{keys},
		Certificates: []tls.Certificate{ca.Issue(t, testnet.Leaf{Names: []string{"app.internal"}}).TLS()}})
	must(t, err)
	srv := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(scenery2)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true)
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}

func scenery2(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	switch r.URL.Path {
	case "/cut":
		_, _ = io.WriteString(w, "only this")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "/hints":
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(103)
	case "/trailers":
		w.Header().Set("Trailer", "X-Sum")
		defer w.Header().Set("X-Sum", "42")
	case "/large":
		_, _ = io.Copy(w, strings.NewReader(strings.Repeat("0123456789abcdef", 50_000)))
		return
	}
	_, _ = io.WriteString(w, strings.Repeat("x", int(min(n, 1000)))+"end")
}

// converse2 asks a door over one connection.
func converse2(t *testing.T, s *stage, two bool) {
	t.Helper()
	config := &tls.Config{ServerName: "app.test", RootCAs: s.d.roots(), KeyLogWriter: keyWriter{s.keys}, NextProtos: []string{"http/1.1"}}
	if two {
		config.NextProtos = []string{"h2"}
	}
	tr := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: config, DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&tls.Dialer{Config: config}).DialContext(ctx, network, "127.0.0.2:"+s.d.port)
	}}
	tr.Protocols.SetHTTP1(!two)
	tr.Protocols.SetHTTP2(two)
	client := &http.Client{Transport: tr, Timeout: wait}
	for _, ask := range []struct{ method, path, body string }{
		{"GET", "/a?b", ""}, {"POST", "/post", "hello"}, {"HEAD", "/a", ""}, {"PUT", "/put", strings.Repeat("0123456789abcdef", 20_000)},
		{"GET", "/hints", ""}, {"GET", "/trailers", ""}, {"GET", "/large", ""}, {"GET", "/files/hello.txt", ""}, {"GET", "/cut", ""},
	} {
		req, err := http.NewRequest(ask.method, "https://app.test"+ask.path, strings.NewReader(ask.body))
		must(t, err)
		res, err := client.Do(req)
		must(t, err)
		_, _ = io.Copy(io.Discard, res.Body) // may be cut short
		res.Body.Close()
	}
	tr.CloseIdleConnections()
}
