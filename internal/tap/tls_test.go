package tap

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// shake runs a handshake between two tapped ends.
type shaken struct {
	client, server       *Secure
	clientErr, serverErr error
	ofClient, ofServer   sink
	near, far            *Conn
}

func shake(t *testing.T, client, server *tls.Config) *shaken {
	t.Helper()
	s := &shaken{}
	n, f := loopback(t)
	s.near, s.far = dialled(flow.NewRecorder(&s.ofClient), n, true), Accepted(flow.NewRecorder(&s.ofServer), f, true)
	ctx := within(t, 5*time.Second)
	var both sync.WaitGroup
	both.Go(func() {
		s.client, s.clientErr = Client(ctx, s.near, client)
		if s.clientErr != nil {
			s.near.Close()
		}
	})
	both.Go(func() {
		s.server, s.serverErr = Server(ctx, s.far, server)
		if s.serverErr != nil {
			s.far.Close()
		}
	})
	both.Wait()
	return s
}

func TestHandshakes(t *testing.T) {
	p := newPKI(t)
	for _, test := range []struct {
		name    string
		version uint16
		want    string
		tune    func(client, server *tls.Config)
	}{
		{"1.2", tls.VersionTLS12, "client-hello, server-hello, tls-done", nil},
		{"1.3", tls.VersionTLS13, "client-hello, server-hello, tls-done", nil},
		{"1.3 with another key share", tls.VersionTLS13, "client-hello, server-hello, client-hello, server-hello, tls-done",
			func(_, server *tls.Config) { server.CurvePreferences = []tls.CurveID{tls.CurveP384} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := p.client.Clone(), p.server.Clone()
			client.MaxVersion = test.version
			if test.tune != nil {
				test.tune(client, server)
			}
			s := shake(t, client, server)
			if s.clientErr != nil || s.serverErr != nil {
				t.Fatal(s.clientErr, s.serverErr)
			}
			talkOnce(t, s)
			for _, end := range []*sink{&s.ofClient, &s.ofServer} {
				tr := end.conn(t)
				if got := words(tr); !strings.HasPrefix(got, test.want+", fin by client, ") || !strings.HasSuffix(got, ", closed") {
					t.Errorf("self %s recorded %s", tr.Self, got)
				}
				facts := tr.TLS
				if facts.SNI != "localhost" || facts.Version != strings.Fields(test.name)[0] || facts.ALPN != "http/1.1" ||
					strings.Join(facts.Offered, " ") != "h2 http/1.1" || facts.Cipher == "" || facts.Resumed != flow.No || facts.Done != flow.Yes || facts.PHA != flow.No {
					t.Errorf("self %s: %+v", tr.Self, facts)
				}
			}
		})
	}
}

// talkOnce carries a word each way; the client then closes.
func talkOnce(t *testing.T, s *shaken) {
	t.Helper()
	for _, way := range [][2]*Secure{{s.client, s.server}, {s.server, s.client}} {
		_, _ = io.WriteString(way[0], "hello")
		if _, err := io.ReadFull(way[1], make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan struct{})
	go func() { defer close(closed); s.client.Close() }()
	if _, err := s.server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read after close gave %v", err)
	}
	s.server.Close()
	<-closed
}

func TestResumption(t *testing.T) {
	p := newPKI(t)
	p.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for i, want := range []flow.Seen{flow.No, flow.Yes} {
		s := shake(t, p.client, p.server)
		if s.clientErr != nil || s.serverErr != nil {
			t.Fatal(s.clientErr, s.serverErr)
		}
		talkOnce(t, s)
		if got := s.ofServer.conn(t).TLS.Resumed; got != want {
			t.Errorf("handshake %d: resumed %s, want %s", i, got, want)
		}
	}
}

func TestRefusedHandshakes(t *testing.T) {
	p := newPKI(t)
	for _, test := range []struct {
		name         string
		tune         func(client, server *tls.Config)
		server, both string
	}{
		{"no certificate", func(_, server *tls.Config) { server.Certificates = nil }, "", "alert unrecognized_name of server"},
		{"no version in common", func(client, server *tls.Config) {
			client.MaxVersion, server.MinVersion = tls.VersionTLS12, tls.VersionTLS13
		}, "", "alert protocol_version of server"},
		{"no protocol in common", func(client, _ *tls.Config) { client.NextProtos = []string{"x"} }, "", "alert no_application_protocol of server"},
		{"unknown issuer, 1.2", func(client, _ *tls.Config) {
			client.RootCAs, client.MaxVersion = testnet.NewCA(t, "other").Pool(), tls.VersionTLS12
		}, "", "alert bad_certificate of client"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := p.client.Clone(), p.server.Clone()
			test.tune(client, server)
			s := shake(t, client, server)
			if s.clientErr == nil || s.serverErr == nil {
				t.Fatal("no refusal")
			}
			for _, end := range []*sink{&s.ofClient, &s.ofServer} {
				if got := words(end.conn(t)); !strings.Contains(got, test.both) || strings.Contains(got, "tls-done") {
					t.Errorf("recorded %s, want %s", got, test.both)
				}
			}
		})
	}
}

// A handshake that takes too long leaves the connection to its owner, who
// completes the record.
func TestHandshakeTimeout(t *testing.T) {
	p := newPKI(t)
	for name, ends := range map[string]func() (context.Context, context.CancelFunc){
		"deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 20*time.Millisecond)
		},
		"cancel": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(20*time.Millisecond, cancel)
			return ctx, cancel
		},
	} {
		t.Run(name, func(t *testing.T) {
			var s sink
			_, far := loopback(t)
			c := Accepted(flow.NewRecorder(&s), far, true)
			ctx, cancel := ends()
			defer cancel()
			if _, err := Server(ctx, c, p.server); !IsTimeout(err) {
				t.Fatalf("got %v", err)
			}
			c.Log().Add(flow.Event{At: time.Now(), Kind: flow.TLSFailed, Text: "timeout"})
			c.SetWhy("timeout: tls")
			c.Close()
			if got := words(s.conn(t)); got != "tls-failed, fin by server, closed timeout: tls" {
				t.Errorf("recorded %s", got)
			}
		})
	}
}

// The limit of the handshake does not outlive it.
func TestHandshakeDeadlineEnds(t *testing.T) {
	p := newPKI(t)
	n, f := loopback(t)
	near, far := dialled(nil, n, true), Accepted(nil, f, true)
	limit := 500 * time.Millisecond
	go func() {
		if s, err := Client(within(t, limit), near, p.client); err == nil {
			time.Sleep(limit)
			_, _ = io.WriteString(s, "x")
		}
	}()
	s, err := Server(within(t, limit), far, p.server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func TestPlainHTTPOnTLSPort(t *testing.T) {
	var s sink
	near, far := loopback(t)
	c := Accepted(flow.NewRecorder(&s), far, true)
	_, _ = io.WriteString(near, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_, err := Server(within(t, 5*time.Second), c, newPKI(t).server)
	var header tls.RecordHeaderError
	if !errors.As(err, &header) || header.Conn != net.Conn(c) || string(header.RecordHeader[:]) != "GET /" {
		t.Fatalf("got %v", err)
	}
	_, _ = io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\n")
	_ = c.CloseWrite()
	if got, _ := io.ReadAll(near); !strings.HasPrefix(string(got), "HTTP/1.0 400") {
		t.Errorf("the client saw %q", got)
	}
	c.Close()
}

func TestOpenSSLClient(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	p := newPKI(t)
	for _, test := range []struct{ args, want, version string }{
		{"-tls1_2 -alpn http/1.1 -servername a.test", "client-hello, server-hello, session-ticket, tls-done", "1.2"},
		{"-tls1_3 -alpn h2,http/1.1 -servername a.test", "client-hello, server-hello, tls-done", "1.3"},
		{"-tls1_3 -servername a.test -enable_pha", "client-hello, server-hello, tls-done", "1.3"},
		{"-tls1_2 -alpn x -servername a.test", "client-hello, alert no_application_protocol of server", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			cmd := exec.CommandContext(within(t, 10*time.Second), openssl, append([]string{"s_client", "-connect", ln.Addr().String()}, strings.Fields(test.args)...)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			nc, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			var s sink
			c := Accepted(flow.NewRecorder(&s), nc, true)
			if secure, err := Server(within(t, 5*time.Second), c, p.server); err == nil {
				secure.Close()
			}
			c.Close()
			_ = cmd.Wait() // its exit code is not the point
			tr := s.conn(t)
			if got := words(tr); !strings.HasPrefix(got, test.want) || tr.TLS.SNI != "a.test" || test.version != "" && tr.TLS.Version != test.version {
				t.Errorf("recorded %s, %+v", got, tr.TLS)
			}
			if want := flow.SeenIf(strings.Contains(test.args, "pha")); tr.TLS.PHA != want {
				t.Errorf("post-handshake authentication %s, want %s", tr.TLS.PHA, want)
			}
		})
	}
}
