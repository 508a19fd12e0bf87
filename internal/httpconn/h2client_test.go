package httpconn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tap"
)

// h2Go starts Go's server of HTTP/2 without TLS.
func h2Go(t *testing.T, h http.HandlerFunc) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}

// h2Dial makes the client machine of a connection to an address.
func h2Dial(t *testing.T, addr string) (*H2Client, *sink) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{}
	conn := tap.Accepted(flow.NewRecorder(s), nc, false)
	c := NewH2Client(conn, conn.Log(), NewBuffers(), H2ClientLimits{Write: 5 * time.Second})
	t.Cleanup(func() {
		c.Close("test over")
		<-c.Ended()
	})
	return c, s
}

// h2Answer is what came of an exchange.
type h2Answer struct {
	status         int
	body, trailers string
	fields         []flow.Field
	err            error
}

// h2Ask carries one exchange; body nil: none.
func h2Ask(c *H2Client, out *Out, lines string, body io.Reader) (a h2Answer) {
	s := c.Stream()
	if s == nil {
		return h2Answer{err: errors.New("no stream")}
	}
	defer s.End()
	b := append(s.Start(make([]byte, 0, 4096), out), lines...)
	b = s.Head(b)
	if err := s.Send(b, nil, body == nil, time.Minute); err != nil {
		return h2Answer{err: err}
	}
	if body != nil {
		if err := h2Upload(s, body); err != nil {
			return h2Answer{err: err}
		}
	}
	for a.status < 200 {
		h, err := s.ReadHead(0)
		if err != nil {
			return h2Answer{err: err}
		}
		a.status, a.fields = h.Status, flow.ParseFields(h.FieldLines())
	}
	var text strings.Builder
	for buf := make([]byte, 10000); ; {
		n, err := s.ReadBody(buf, 0)
		text.Write(buf[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) {
				a.err = err
			}
			a.body, a.trailers = text.String(), string(s.Trailers())
			return a
		}
	}
}

func h2Upload(s *H2Stream, body io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf[BodyRoom : len(buf)-BodyTail])
		if n > 0 {
			if err := s.SendBody(buf, n, time.Minute); err != nil {
				return err
			}
		}
		if err != nil {
			return s.SendEnd(nil, time.Minute)
		}
	}
}

func TestH2ClientWithGo(t *testing.T) {
	addr := h2Go(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		if r.URL.Path == "/large" {
			w.Write([]byte(strings.Repeat("x", 5<<20)))
			return
		}
		fmt.Fprintf(w, "%s %s %s %s %d", r.Method, r.Host, r.RequestURI, r.Header.Get("X-One"), len(got))
		w.Header().Set("X-Sum", "42")
	})
	c, rec := h2Dial(t, addr)
	if a := h2Ask(c, &Out{ID: 1, Method: "GET", Scheme: "http", Host: "a.test", Target: "/x?y"}, "X-One: 1\r\n", nil); a.err != nil || a.body != "GET a.test /x?y 1 0" || a.trailers != "x-sum: 42\r\n" {
		t.Errorf("got %+v", a)
	}
	large := strings.Repeat("b", 3<<20)
	if a := h2Ask(c, &Out{ID: 2, Method: "POST", Scheme: "http", Host: "a.test", Target: "/", Length: -1}, "", strings.NewReader(large)); a.err != nil || a.body != "POST a.test /  3145728" {
		t.Errorf("got %+v", a)
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			out := &Out{ID: flow.ExchangeID(10 + i), Method: "GET", Scheme: "http", Host: "a.test", Target: "/large"}
			if a := h2Ask(c, out, "", nil); a.err != nil || len(a.body) != 5<<20 {
				t.Errorf("got %d bytes, %v", len(a.body), a.err)
			}
		})
	}
	all.Wait()
	if c.Open() != 0 {
		t.Errorf("%d streams are open", c.Open())
	}
	for _, x := range rec.trace().Conns[0].Exchanges {
		if x.Outcome != flow.Complete || x.HTTP != "2" || x.Stream == 0 {
			t.Errorf("recorded %s %s %d", x.Outcome, x.HTTP, x.Stream)
		}
	}
}
