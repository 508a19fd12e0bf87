package testnet

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dial connects and gives a reader; everything ends after 10 s.
func dial(t *testing.T, o *Origin) (net.Conn, *bufio.Reader) {
	t.Helper()
	var c net.Conn
	var err error
	if o.scheme == "https" {
		c, err = tls.Dial("tcp", o.Addr, &tls.Config{RootCAs: o.Pool(), ServerName: "localhost"})
	} else {
		c, err = net.Dial("tcp", o.Addr)
	}
	must(t, err)
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c, bufio.NewReader(c)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	must(t, err)
}

const getRoot = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

// receive reads a response whole and gives its status, body and the error that
// cut the body short.
func receive(t *testing.T, r *bufio.Reader) (res *http.Response, body string, err error) {
	t.Helper()
	res, err = http.ReadResponse(r, nil)
	must(t, err)
	b, err := io.ReadAll(res.Body)
	return res, string(b), err
}

func TestResetMidBody(t *testing.T) {
	for _, test := range []struct {
		name string
		peer ResetMidBody
		want error
	}{
		{"rst", ResetMidBody{}, syscall.ECONNRESET},
		{"rst chunked", ResetMidBody{Chunked: true}, syscall.ECONNRESET},
		{"rst plain", ResetMidBody{At: At{Plain: true}}, syscall.ECONNRESET},
		{"fin", ResetMidBody{End: FIN}, io.ErrUnexpectedEOF},
		{"fin chunked", ResetMidBody{End: FIN, Chunked: true}, io.ErrUnexpectedEOF},
		{"orderly", ResetMidBody{End: Orderly}, io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, r := dial(t, test.peer.Start(t))
			send(t, c, getRoot)
			_, body, err := receive(t, r)
			if len(body) != 500 || !errors.Is(err, test.want) {
				t.Errorf("got %d bytes and %v; want 500 and %v", len(body), err, test.want)
			}
		})
	}
}

func TestCloseOnRequest(t *testing.T) {
	for _, test := range []struct {
		name   string
		peer   CloseOnRequest
		second bool
		want   error
	}{
		{"orderly", CloseOnRequest{}, true, io.EOF},
		{"fin", CloseOnRequest{End: FIN}, true, io.EOF},
		{"rst", CloseOnRequest{End: RST}, true, syscall.ECONNRESET},
		{"idle", CloseOnRequest{Idle: 20 * time.Millisecond}, false, io.EOF},
		{"idle rst", CloseOnRequest{Idle: 20 * time.Millisecond, End: RST}, false, syscall.ECONNRESET},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.peer.Start(t)
			c, r := dial(t, o)
			send(t, c, getRoot)
			if _, body, err := receive(t, r); body != "answered\n" || err != nil {
				t.Fatalf("first: %q, %v", body, err)
			}
			if test.second {
				send(t, c, getRoot)
			}
			if b, err := io.ReadAll(r); len(b) > 0 || !errors.Is(cmpEOF(err), test.want) {
				t.Errorf("got %q and %v; want %v", b, err, test.want)
			}
		})
	}
}

func cmpEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

func TestIdleOriginAnswersInTime(t *testing.T) {
	o := CloseOnRequest{Idle: time.Minute}.Start(t)
	c, r := dial(t, o)
	for range 3 {
		send(t, c, getRoot)
		if _, body, err := receive(t, r); body != "answered\n" || err != nil {
			t.Fatalf("%q, %v", body, err)
		}
	}
}

func TestSilence(t *testing.T) {
	for _, test := range []struct {
		name string
		o    *Origin
	}{{"from the start", Silent{At{Plain: true}}.Start(t)}, {"after TLS", SilentAfterTLS{}.Start(t)}} {
		t.Run(test.name, func(t *testing.T) {
			c, r := dial(t, test.o)
			send(t, c, getRoot)
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			var timeout net.Error
			if b, err := r.ReadByte(); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Fatalf("got %q, %v", b, err)
			}
			c.Close()
			test.o.Await(t, Closed, 1)
		})
	}
}

func TestSilentNeverShakesHands(t *testing.T) {
	o := Silent{}.Start(t)
	c, err := net.Dial("tcp", o.Addr)
	must(t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if err := tls.Client(c, &tls.Config{RootCAs: o.Pool(), ServerName: "localhost"}).Handshake(); err == nil {
		t.Fatal("handshake with a silent peer")
	}
}

func TestSlowBody(t *testing.T) {
	c, r := dial(t, SlowBody{Length: 50, Piece: 20, Every: time.Millisecond}.Start(t))
	for range 2 {
		send(t, c, getRoot)
		if _, body, err := receive(t, r); len(body) != 50 || err != nil {
			t.Fatalf("got %d bytes, %v", len(body), err)
		}
	}
}

func TestBlackHole(t *testing.T) {
	c, err := net.DialTimeout("tcp", BlackHole(t), 300*time.Millisecond)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("got %v, %v; want a timeout", c, err)
	}
}

func TestEarlyResponder(t *testing.T) {
	const head = "POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
	t.Run("patient", func(t *testing.T) {
		o := EarlyResponder{}.Start(t)
		c, r := dial(t, o)
		send(t, c, head+"xxx")
		if res, body, err := receive(t, r); res.StatusCode != 413 || body != "early\n" || err != nil {
			t.Fatalf("got %s, %q, %v", res.Status, body, err)
		}
		send(t, c, strings.Repeat("x", 100_000)) // no reset meets it
		c.Close()
		o.Await(t, Closed, 1)
	})
	t.Run("abrupt", func(t *testing.T) {
		o := EarlyResponder{Status: 503, Abrupt: true}.Start(t)
		c, r := dial(t, o)
		send(t, c, head)
		if res, _, err := receive(t, r); res.StatusCode != 503 || err != nil {
			t.Fatalf("got %s, %v", res.Status, err)
		}
		if _, err := r.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("then %v; want a reset", err)
		}
	})
}

func TestInterim(t *testing.T) {
	o := Interim{}.Start(t)
	var got []string
	trace := &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			got = append(got, fmt.Sprint(code, h.Get("Link")))
			return nil
		},
	}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", o.URL("/"), nil)
	must(t, err)
	res, err := httpClient(t, o, nil).Do(req)
	must(t, err)
	res.Body.Close()
	if want := []string{"100", "103</style.css>; rel=preload"}; res.StatusCode != 200 || !slices.Equal(got, want) {
		t.Errorf("got %s after %q", res.Status, got)
	}
}

func TestRaw(t *testing.T) {
	o := Raw{At: At{Plain: true}, Responses: []string{"one", "two"}}.Start(t)
	c, r := dial(t, o)
	send(t, c, getRoot+getRoot)
	if b, err := io.ReadAll(r); string(b) != "onetwo" || err != nil {
		t.Fatalf("got %q, %v", b, err)
	}
}

func TestEcho(t *testing.T) {
	o := Echo{}.Start(t)
	c, r := dial(t, o)
	for _, test := range []struct{ name, request, body string }{
		{"no body", "GET /a?b HTTP/1.1\r\nHost: x\r\nx-LOWER: 1\r\nX-Lower: 2\r\n\r\n", ""},
		{"length", "POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{"chunked", "POST /a?b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: 1\r\n\r\n", "hello world"},
	} {
		t.Run(test.name, func(t *testing.T) {
			send(t, c, test.request)
			res, body, err := receive(t, r)
			must(t, err)
			var got EchoAnswer
			must(t, json.Unmarshal([]byte(body), &got))
			sum := sha256.Sum256([]byte(test.body))
			method, _, _ := strings.Cut(test.request, " ")
			if res.StatusCode != 200 || got.Method != method || got.Target != "/a?b" || got.Proto != "HTTP/1.1" || got.Conn != 1 ||
				got.BodyBytes != len(test.body) || got.BodySHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("got %s %+v", res.Status, got)
			}
			if test.name == "no body" && !slices.Equal(got.Headers, [][2]string{{"Host", "x"}, {"x-LOWER", "1"}, {"X-Lower", "2"}}) {
				t.Errorf("headers %q", got.Headers)
			}
		})
	}
	if n := len(o.Requests()); n != 3 {
		t.Errorf("%d requests in the log", n)
	}
}

func TestEchoContinues(t *testing.T) {
	c, r := dial(t, Echo{At{Plain: true}}.Start(t))
	send(t, c, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if line, err := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
}

func TestEchoWebSocket(t *testing.T) {
	c, r := dial(t, Echo{}.Start(t))
	// Key and answer are the example of RFC 6455, section 1.3.
	send(t, c, "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x00")
	res, err := http.ReadResponse(r, nil)
	must(t, err)
	if got := res.Header.Get("Sec-WebSocket-Accept"); res.StatusCode != 101 || got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("got %s, %q", res.Status, got)
	}
	send(t, c, "any bytes")
	readText(t, r, "\x81\x00any bytes")
}

func TestTunedOriginAsksForCertificate(t *testing.T) {
	ca := NewCA(t, "CA")
	o := Echo{At{CA: ca, Tune: func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	}}}.Start(t)
	if _, err := httpClient(t, o, nil).Get(o.URL("/")); err == nil {
		t.Fatal("answered without a certificate")
	}
	o.Await(t, HandshakeFailed, 1)
}

func TestListenAddress(t *testing.T) {
	for _, addr := range []string{"127.0.0.9:0", "[::1]:0"} {
		o := Echo{At{Addr: addr}}.Start(t)
		if host, _, _ := net.SplitHostPort(o.Addr); !strings.Contains(addr, host) {
			t.Errorf("bound %s for %s", o.Addr, addr)
		}
	}
}
