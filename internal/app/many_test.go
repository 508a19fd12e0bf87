package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/app"
	"fanlight/internal/config"
)

// TestOneOfManyStops stops and starts one of 200 sites over and over, and at the
// same time one that has its address to itself, while clients use the others.
// It expects that those notice nothing, and that nobody ever answers in the
// place of a stopped one.
func TestOneOfManyStops(t *testing.T) {
	d := startMany(t)
	load := d.startLoad(t)
	t.Run("stop and start", func(t *testing.T) {
		for _, test := range []struct {
			name, victim string
			refused      func(error) bool
		}{
			{"address shared with others", sharedVictim, isUnrecognizedName},
			{"address of its own", aloneVictim, isConnectionRefused},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				before := load.counts()
				visits := d.visit(t, test.victim)
				for round := range manyRounds {
					d.change(t, test.victim, "stop")
					if err := d.try(test.victim); !test.refused(err) {
						t.Fatalf("round %d: a client of the stopped site: %v", round, err)
					}
					d.change(t, test.victim, "start")
					if err := d.try(test.victim); err != nil {
						t.Fatalf("round %d: a client of the site that was started again: %v", round, err)
					}
				}
				visits()
				after := load.counts()
				t.Logf("meanwhile on the others: %d requests, %d new connections, %d echoes",
					after.requests-before.requests, after.conns-before.conns, after.echoes-before.echoes)
				if after.requests-before.requests < manyRounds || after.conns == before.conns || after.echoes-before.echoes < manySockets {
					t.Error("this was no load")
				}
			})
		}
	})
	load.stop(t)
}

const (
	manyAddresses = 20
	manyPerAddr   = 10
	manyRounds    = 200
	manySockets   = 50
	manyWorkers   = 4
	perConn       = 10 // requests on one keep-alive connection

	sharedVictim = "s07-03.test"
	aloneVictim  = "alone.test"
)

// many is a door with 200 sites and one with an address of its own. A site is
// named like its host.
type many struct {
	addrs  map[string]string // of a site
	others []string          // the sites that are never stopped
	ctl    *app.Client
	roots  *x509.CertPool
}

func startMany(t *testing.T) *many {
	t.Helper()
	d := &many{addrs: map[string]string{}}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "www"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "www", "file.txt"), []byte(fileText), 0o644); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "control.sock")
	cfg, err := config.Parse(filepath.Join(dir, "fanlight.yaml"), []byte(d.configuration(t, socket, startManyOrigin(t))))
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Shutdown(context.Background()) })
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	d.ctl = app.NewClient(socket)
	d.roots = x509.NewCertPool()
	d.roots.AddCert(a.CA().Root())
	return d
}

func (d *many) configuration(t *testing.T, socket, origin string) string {
	t.Helper()
	port := freePortOnAll(t)
	var out strings.Builder
	fmt.Fprintf(&out, "control: unix:%s\nconsole: off\naccess_log: off\nrecording: {memory: 8MiB}\nsites:\n", socket)
	add := func(name, ip string) {
		d.addrs[name] = net.JoinHostPort(ip, port)
		fmt.Fprintf(&out, "  %s:\n    bind: [\"%s %s\"]\n    response_headers: {set: {Site: %s}}\n    routes:\n"+
			"      - {path: /files/, files: ./www}\n      - {path: /, to: %s}\n",
			strings.TrimSuffix(name, ".test"), d.addrs[name], name, name, origin)
	}
	for a := range manyAddresses {
		for n := range manyPerAddr {
			name := fmt.Sprintf("s%02d-%02d.test", a, n)
			add(name, fmt.Sprintf("127.0.1.%d", a+1))
			if name != sharedVictim {
				d.others = append(d.others, name)
			}
		}
	}
	add(aloneVictim, "127.0.1.100")
	return out.String()
}

// freePortOnAll gives a port that is free on every address.
func freePortOnAll(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

const fileText = "a file\n"

// startManyOrigin answers with the host it was asked for, and gives the bytes
// of a WebSocket back.
func startManyOrigin(t *testing.T) (url string) {
	t.Helper()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprintf(w, "%s %s\n", r.Host, r.URL.Path)
			return
		}
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		fmt.Fprint(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		io.Copy(nc, rw)
	}))
	t.Cleanup(origin.Close)
	return origin.URL
}

func (d *many) change(t *testing.T, name, action string) {
	t.Helper()
	path := "/api/sites/" + strings.TrimSuffix(name, ".test") + "/" + action
	if err := d.ctl.Change(t.Context(), "POST", path, nil, nil); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// manyConn is one client connection that never tries anything twice.
type manyConn struct {
	*tls.Conn
	r    *bufio.Reader
	host string
	last bool // the door said so
}

// dial insists on the right certificate.
func (d *many) dial(name string) (*manyConn, error) {
	raw, err := net.DialTimeout("tcp", d.addrs[name], 20*time.Second)
	if err != nil {
		return nil, err
	}
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	c := tls.Client(raw, &tls.Config{RootCAs: d.roots, ServerName: name})
	if err := c.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	return &manyConn{Conn: c, r: bufio.NewReader(c), host: name}, nil
}

// get expects the response that only this site gives.
func (c *manyConn) get(path, want string) error {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, c.host); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	defer res.Body.Close()
	c.last = res.Close
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if site := res.Header.Get("Site"); res.StatusCode != 200 || site != c.host || string(body) != want {
		return &wrongAnswer{fmt.Sprintf("%s %s: status %d of site %q: %q", c.host, path, res.StatusCode, site, body)}
	}
	return nil
}

type wrongAnswer struct{ what string }

func (e *wrongAnswer) Error() string { return "wrong answer: " + e.what }

func (c *manyConn) proxied(n int) error {
	path := fmt.Sprintf("/page/%d", n)
	return c.get(path, c.host+" "+path+"\n")
}

// try is what a new client sees.
func (d *many) try(name string) error {
	c, err := d.dial(name)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.proxied(0)
}

// isUnrecognizedName tells the alert of RFC 6066, section 3, by its text:
// crypto/tls does not export the type of alerts over TCP.
func isUnrecognizedName(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "remote error: tls: unrecognized name")
}

func isConnectionRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// visit has a client come to a site again and again until stop is called. It
// may be refused or cut off, but never be shown another certificate or get
// another answer.
func (d *many) visit(t *testing.T, name string) (stop func()) {
	t.Helper()
	var ended atomic.Bool
	var visitor sync.WaitGroup
	visitor.Go(func() {
		for !ended.Load() {
			err := d.try(name)
			var wrong *wrongAnswer
			var certificate *tls.CertificateVerificationError
			if errors.As(err, &wrong) || errors.As(err, &certificate) {
				t.Errorf("a visitor of the site that is stopped and started: %v", err)
				return
			}
			time.Sleep(3 * time.Millisecond)
		}
	})
	stop = func() {
		ended.Store(true)
		visitor.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// manyLoad uses all sites that are never stopped, without pause.
type manyLoad struct {
	ended                   atomic.Bool
	clients                 sync.WaitGroup
	requests, conns, echoes atomic.Int64
}

type manyCounts struct{ requests, conns, echoes int64 }

func (l *manyLoad) counts() manyCounts {
	return manyCounts{l.requests.Load(), l.conns.Load(), l.echoes.Load()}
}

func (l *manyLoad) stop(t *testing.T) {
	t.Helper()
	l.ended.Store(true)
	l.clients.Wait()
}

func (d *many) startLoad(t *testing.T) *manyLoad {
	t.Helper()
	l := &manyLoad{}
	t.Cleanup(func() { l.stop(t) })
	for worker := range manyWorkers {
		l.clients.Go(func() {
			for i := worker; !l.ended.Load(); i += manyWorkers {
				if err := l.connection(d, d.others[i%len(d.others)]); err != nil {
					t.Errorf("a client of another site: %v", err)
					return
				}
			}
		})
	}
	for i := range manySockets {
		socket, err := d.openSocket(d.others[i*len(d.others)/manySockets])
		if err != nil {
			t.Fatal(err)
		}
		l.clients.Go(func() {
			if err := l.echo(socket); err != nil {
				t.Errorf("a WebSocket of another site: %v", err)
			}
		})
	}
	return l
}

// connection is a new TLS connection with some requests on it.
func (l *manyLoad) connection(d *many, name string) error {
	c, err := d.dial(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer c.Close()
	l.conns.Add(1)
	for n := 0; n < perConn && !c.last && !l.ended.Load(); n++ {
		if n%5 == 4 {
			err = c.get("/files/file.txt", fileText)
		} else {
			err = c.proxied(n)
		}
		if err != nil {
			return fmt.Errorf("%s, request %d: %w", name, n, err)
		}
		l.requests.Add(1)
		time.Sleep(3 * time.Millisecond)
	}
	return nil
}

func (d *many) openSocket(name string) (*manyConn, error) {
	c, err := d.dial(name)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET /chat HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", name)
	if err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != 101 {
		return nil, fmt.Errorf("open WebSocket: status %d", res.StatusCode)
	}
	return c, nil
}

// echo says something every 50 ms and expects it back.
func (l *manyLoad) echo(c *manyConn) error {
	defer c.Close()
	for n := 0; !l.ended.Load(); n++ {
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		said := fmt.Sprintf("%s %08d", c.host, n)
		if _, err := io.WriteString(c, said); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		heard := make([]byte, len(said))
		if _, err := io.ReadFull(c.r, heard); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if string(heard) != said {
			return fmt.Errorf("said %q, heard %q", said, heard)
		}
		l.echoes.Add(1)
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}
