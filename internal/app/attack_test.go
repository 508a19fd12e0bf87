package app_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

const attackConfig = `
sites:
  app:
    bind: ["http://127.0.0.2:$PORT app.test"]
    routes:
      - {path: /, to: "$TO"$TLS, timeouts: {first_byte: 1s, between: 1s}}
`

// attacked starts a door before an origin that a test plays by hand.
func attacked(t *testing.T, to, tlsOptions string) *door {
	t.Helper()
	if tlsOptions != "" {
		tlsOptions = ", tls: {insecure: true, " + tlsOptions + "}"
	}
	return serve(t, attackConfig, "$TO", to, "$TLS", tlsOptions)
}

// fetch makes one request on a connection of its own and reads the response to
// its end; err tells that it is not whole.
func (d *door) fetch(target string) (status int, body string, err error) {
	c, err := net.Dial("tcp", "127.0.0.2:"+d.port)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wait))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: app.test\r\n\r\n", target); err != nil {
		return 0, "", err
	}
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, &http.Request{Method: "GET"})
	for err == nil && res.StatusCode < 200 {
		res, err = http.ReadResponse(r, &http.Request{Method: "GET"})
	}
	if err != nil {
		return 0, "", err
	}
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, string(raw), err
}

// listener accepts connections of a test's own origin until the test ends.
func listener(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(wait))
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}

// readHead reads a request that has no body.
func readHead(c net.Conn) (target string, err error) {
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil {
		return "", err
	}
	return req.RequestURI, nil
}

// An origin may end after any byte of its response, with a FIN or a reset: what
// the client gets is the whole response, an error of ours, or visibly cut.
func TestAttackCutAtEveryByte(t *testing.T) {
	responses := []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhello, \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
	}
	addr := listener(t, func(c net.Conn) {
		target, err := readHead(c)
		var which, cut, reset int
		if _, scanErr := fmt.Sscanf(target, "/%d/%d/%d", &which, &cut, &reset); err != nil || scanErr != nil {
			return
		}
		_, _ = io.WriteString(c, responses[which][:cut])
		if reset == 1 {
			time.Sleep(time.Millisecond) // a reset overtakes what it follows at once
			_ = c.(*net.TCPConn).SetLinger(0)
		}
	})
	d := attacked(t, "http://"+addr, "")
	for which, response := range responses {
		for cut := range len(response) + 1 {
			for reset := range 2 {
				status, body, err := d.fetch(fmt.Sprintf("/%d/%d/%d", which, cut, reset))
				whole := status == 200 && err == nil
				switch {
				case whole && (body != "hello, world" || cut < len(response)):
					t.Errorf("response %d cut at %d: taken for whole: %q", which, cut, body)
				case !whole && cut == len(response) && reset == 0:
					t.Errorf("response %d: not whole: %d %q %v", which, status, body, err)
				case err == nil && status != 200 && status != 502:
					t.Errorf("response %d cut at %d: status %d", which, cut, status)
				}
			}
		}
	}
	d.quiet()
}

// tls12 starts an origin that a test plays on TLS 1.2.
func tls12(t *testing.T, serve func(*testnet.TLS12Conn)) (url string) {
	t.Helper()
	ca := testnet.NewCA(t, "attack")
	server := &testnet.TLS12Server{Certificate: ca.Issue(t, testnet.Leaf{Names: []string{"app.test"}}).TLS()}
	return "https://" + listener(t, func(raw net.Conn) {
		c := server.Conn(raw)
		if _, err := c.Handshake(testnet.HandshakeOptions{}); err != nil {
			return
		}
		_ = raw.SetDeadline(time.Now().Add(wait))
		if _, err := readHead(c); err == nil {
			serve(c)
		}
	})
}

// An origin that asks for renegotiation without end gets no further than the
// limits, whatever is allowed, and leaves the door as it was.
func TestAttackHelloRequestFlood(t *testing.T) {
	for _, renegotiation := range []string{"never", "once", "freely"} {
		for _, when := range []string{"before the head", "inside the body"} {
			t.Run(renegotiation+"/"+when, func(t *testing.T) {
				t.Parallel()
				d := attacked(t, tls12(t, func(c *testnet.TLS12Conn) {
					if when == "inside the body" {
						_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
					}
					for range 20_000 {
						if c.SendHelloRequest() != nil {
							return
						}
					}
					_, _ = io.Copy(io.Discard, c)
				}), "renegotiation: "+renegotiation)
				began := time.Now()
				status, body, err := d.fetch("/")
				if err == nil && status < 500 {
					t.Errorf("got %d %q", status, body)
				}
				if spent := time.Since(began); spent > wait/2 {
					t.Errorf("it took %s: no timeout with a name ended it", spent)
				}
				d.quiet()
			})
		}
	}
}

// A renegotiation in the middle of a response body does not disturb the body.
func TestAttackRenegotiationInsideBody(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	d := attacked(t, tls12(t, func(c *testnet.TLS12Conn) {
		_, _ = io.WriteString(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 2*len(long), long))
		if _, err := c.Renegotiate(testnet.HandshakeOptions{RequestClientCert: true}); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(c, long)
		_, _ = io.Copy(io.Discard, c)
	}), "renegotiation: once")
	if status, body, err := d.fetch("/"); status != 200 || body != long+long || err != nil {
		t.Errorf("got %d, %d bytes, %v", status, len(body), err)
	}
}

// What an origin says out of turn reaches nobody, while clients come and go on
// the connections of the pool. Each response names its request.
func TestAttackOutOfTurn(t *testing.T) {
	long := strings.Repeat("x", 100<<10) // what follows waits in the system's buffer
	addr := listener(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for n := 0; ; n++ {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			var b bytes.Buffer
			fmt.Fprintf(&b, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", len(long)+len(req.RequestURI), long, req.RequestURI)
			if n%3 == 2 {
				b.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON")
			}
			if _, err := c.Write(b.Bytes()); err != nil {
				return
			}
		}
	})
	d := attacked(t, "http://"+addr, "")
	var clients sync.WaitGroup
	for who := range 8 {
		clients.Go(func() {
			for i := range 40 {
				want := fmt.Sprintf("/%d/%d", who, i)
				if status, body, err := d.fetch(want); status != 200 || body != long+want || err != nil {
					t.Errorf("asked for %s, got %d ...%q, %v", want, status, body[max(0, len(body)-20):], err)
				}
			}
		})
	}
	clients.Wait()
	d.quiet()
}
