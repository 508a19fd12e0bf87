package origin

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/httpconn"
	"fanlight/internal/testnet"
)

// errAgain: nothing was sent.
var errAgain = errors.New("another connection is wanted")

// carried makes an exchange on a connection and gives its body.
func carried(c *Conn) (string, error) {
	l := c.Leg()
	b := l.Head(l.Start(nil, &httpconn.Out{ID: 1, Method: "GET", Scheme: "https", Host: "a.test", Target: "/"}))
	if again, err := l.Send(b, nil, true); again {
		return "", errAgain
	} else if err != nil {
		return "", err
	}
	if _, err := l.ReadHead(); err != nil {
		return "", err
	}
	var body strings.Builder
	buf := make([]byte, 4<<10)
	for {
		n, err := c.ReadBody(buf, time.Minute)
		body.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return body.String(), nil
		}
		if err != nil {
			return body.String(), err
		}
	}
}

type layer struct {
	name  string
	tune  func(*testnet.At)
	whole bool // the look for what was unasked is left to Send
}

var layers = []layer{
	{"plain", func(at *testnet.At) { at.Plain = true }, false},
	{"TLS 1.2", func(at *testnet.At) { at.Tune = func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 } }, false},
	{"TLS 1.3", func(*testnet.At) {}, false},
}

var bothWays = append(slices.Clone(layers),
	layer{"plain, whole", layers[0].tune, true}, layer{"TLS 1.2, whole", layers[1].tune, true}, layer{"TLS 1.3, whole", layers[2].tune, true})

// answered starts an origin with one response and connects to it.
func answered(t *testing.T, tune func(*testnet.At), end testnet.End, response string) (*Origin, *Conn) {
	t.Helper()
	peer := testnet.Raw{Responses: []string{response}, End: end, Open: end == 0}
	peer.Leaf.Names = []string{"a.test"}
	tune(&peer.At)
	started := peer.Start(t)
	o := to(t, started, func(o *Options) {
		if o.Secure = !peer.Plain; o.Secure {
			o.Roots = started.Pool()
		}
	})
	return o, dial(t, o, "a.test")
}

// TestOutOfTurn checks that bytes after a response, wherever they wait, are
// never taken for the response to the next request.
func TestOutOfTurn(t *testing.T) {
	const extra = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"
	long := strings.Repeat("x", 100<<10)
	for name, response := range map[string]string{
		"behind a short body": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + extra,
		"behind a long body":  "HTTP/1.1 200 OK\r\nContent-Length: 102400\r\n\r\n" + long + extra,
		"behind no body":      "HTTP/1.1 204 No Content\r\n\r\n" + extra,
		"behind chunks":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19000\r\n" + long + "\r\n0\r\n\r\n" + extra,
	} {
		for _, layer := range bothWays {
			whole := layer.whole
			t.Run(layer.name+"/"+name, func(t *testing.T) {
				o, c := answered(t, layer.tune, 0, response)
				if _, err := carried(c); err != nil {
					t.Fatal(err)
				}
				if !c.End() {
					c.Close("not reusable")
					return
				}
				o.Put(c)
				waitUntil(t, func() bool { return !c.tap.Quiet() })
				if whole {
					c = o.Take("a.test", true)
					if body, err := carried(c); !errors.Is(err, errAgain) {
						t.Errorf("the connection was used again: %q, %v", body, err)
					}
					if _, err := c.tap.Write(nil); !errors.Is(err, net.ErrClosed) {
						t.Errorf("it was not closed: %v", err)
					}
				} else if again := o.Take("a.test", false); again != nil {
					body, err := carried(again)
					t.Errorf("the connection was given again: %q, %v", body, err)
				}
			})
		}
	}
}

// TestSettledStaysUsable checks that looking into TLS spoils nothing.
func TestSettledStaysUsable(t *testing.T) {
	for _, layer := range bothWays {
		t.Run(layer.name, func(t *testing.T) {
			peer := testnet.Raw{Responses: []string{
				"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2",
			}, Open: true}
			peer.Leaf.Names = []string{"a.test"}
			layer.tune(&peer.At)
			started := peer.Start(t)
			o := to(t, started, func(o *Options) {
				if o.Secure = !peer.Plain; o.Secure {
					o.Roots = started.Pool()
				}
			})
			c := dial(t, o, "a.test")
			for _, want := range []string{"1", "2"} {
				if got, err := carried(c); got != want || err != nil {
					t.Fatalf("got %q, %v; want %q", got, err, want)
				}
				if !c.End() {
					t.Fatal("not reusable")
				}
				o.Put(c)
				if c = o.Take("a.test", layer.whole); c == nil {
					t.Fatal("not given again")
				}
			}
		})
	}
}

// TestCutShort checks that a body which the end of the connection ends is whole
// only if TLS says so.
func TestCutShort(t *testing.T) {
	for _, layer := range layers {
		for _, end := range []testnet.End{testnet.Orderly, testnet.FIN} {
			t.Run(layer.name+"/"+end.String(), func(t *testing.T) {
				_, c := answered(t, layer.tune, end, "HTTP/1.1 200 OK\r\n\r\nall there is")
				body, err := carried(c)
				whole := end == testnet.Orderly || layer.name == "plain"
				if body != "all there is" || whole != (err == nil) || !whole && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("got %q, %v", body, err)
				}
				if c.End() {
					t.Error("reusable")
				}
				c.Close("over")
			})
		}
	}
}

func waitUntil(t *testing.T, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("waited in vain")
}
