package httpconn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/tap"
	"fanlight/internal/testnet"
)

// h2Mute connects to an origin that sends first and then nothing.
func h2Mute(t *testing.T, first []byte) (*H2Client, *sink, func()) {
	t.Helper()
	s := &sink{}
	near, far := testnet.Pipe()
	conn := tap.Accepted(flow.NewRecorder(s), near, false)
	go func() {
		_, _ = far.Write(first)
		_, _ = io.Copy(io.Discard, far) // until it is closed
	}()
	c := NewH2Client(conn, conn.Log(), NewBuffers(), H2ClientLimits{Write: time.Minute})
	return c, s, func() {
		c.Close("test over")
		<-c.Ended()
		far.Close()
	}
}

func h2Request(c *H2Client, body string) (*H2Stream, error) {
	s := c.Stream()
	out := &Out{ID: 1, Method: "POST", Scheme: "http", Host: "a.test", Target: "/", Length: int64(len(body))}
	return s, s.Send(s.Head(s.Start(nil, out)), []byte(body), true, time.Minute)
}

// TestH2ClientPing: an origin that acknowledges nothing is given up for all who
// wait, however patient they are.
func TestH2ClientPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, rec, end := h2Mute(t, httpwire.AppendSettings(nil))
		defer end()
		began := time.Now()
		s, err := h2Request(c, "")
		if err != nil {
			t.Fatal(err)
		}
		var silent *Silent
		if _, err := s.ReadHead(time.Hour); !errors.As(err, &silent) {
			t.Fatalf("got %v", err)
		}
		if waited := time.Since(began); waited < pingAfter+pingWait || waited > pingAfter+pingWait+time.Second {
			t.Errorf("given up after %s", waited)
		}
		s.End()
		found := map[flow.Kind]bool{}
		for _, e := range rec.trace().Conns[0].Events {
			found[e.Kind] = true
		}
		if !found[flow.Timeout] || !found[flow.Unconfirmed] {
			t.Errorf("recorded:\n%s", rec.trace())
		}
	})
}

// TestH2ClientDeadlines: each wait ends in its time, and the connection goes on.
func TestH2ClientDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, rec, end := h2Mute(t, httpwire.AppendSettings(nil, httpwire.H2Setting{ID: httpwire.SettingInitialWindow, Value: 4}))
		defer end()
		synctest.Wait() // the SETTINGS are there
		began := time.Now()
		s, err := h2Request(c, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.ReadHead(3 * time.Second); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 4*time.Second {
			t.Fatalf("got %v after %s", err, time.Since(began))
		}
		s.End()
		began = time.Now()
		s = c.Stream()
		out := &Out{ID: 2, Method: "POST", Scheme: "http", Host: "a.test", Target: "/", Length: 10}
		if err := s.Send(s.Head(s.Start(nil, out)), []byte("0123456789"), true, 3*time.Second); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 4*time.Second {
			t.Fatalf("got %v after %s", err, time.Since(began))
		}
		s.End()
		if c.Open() != 0 || !c.Usable() {
			t.Errorf("%d open, usable %v", c.Open(), c.Usable())
		}
		stalled := ""
		for _, e := range rec.trace().Conns[0].Events {
			if e.Kind == flow.Stalled {
				stalled = e.Text
			}
		}
		if stalled != "stream" {
			t.Errorf("the wait for a window is not recorded:\n%s", rec.trace())
		}
	})
}

// TestH2ClientUnread: an origin that asks on and on, and reads nothing, does not
// make us keep all answers.
func TestH2ClientUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // whose writes wait for a reader
		conn := tap.Accepted(flow.NewRecorder(&sink{}), near, false)
		c := NewH2Client(conn, conn.Log(), NewBuffers(), H2ClientLimits{Write: time.Minute})
		asking := make(chan struct{})
		go func() {
			defer close(asking)
			_, _ = far.Read(make([]byte, 200)) // the preface
			_, _ = far.Write(httpwire.AppendSettings(nil))
			_, _ = far.Read(make([]byte, 9)) // the acknowledgement
			_, _ = far.Read(make([]byte, 9)) // the beginning of a request, and no more of it
			_, _ = far.Write(httpwire.AppendBlock(nil, 1, httpwire.AppendStatus(nil, 200), false, httpwire.DefaultMaxFrame))
			for range 1000 {
				var b []byte
				for range 1000 {
					b = httpwire.AppendPing(b, [8]byte{}, false)
				}
				if _, err := far.Write(httpwire.AppendData(b, 1, []byte("x"), false)); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		var all sync.WaitGroup
		all.Go(func() {
			s, err := h2Request(c, "hello")
			if err == nil {
				_, err = s.ReadHead(0)
			}
			if err != nil {
				t.Error(err)
			}
			s.End()
		})
		synctest.Wait()
		c.mu.Lock()
		if n := len(*c.out.pending()); n > 2*mostUnsent {
			t.Errorf("%d bytes wait to be sent", n)
		}
		c.mu.Unlock()
		far.Close()
		all.Wait()
		c.Close("test over")
		<-c.Ended()
		<-asking
	})
}

// TestH2ClientNumbers: a connection gives no stream for which there is no number.
func TestH2ClientNumbers(t *testing.T) {
	c := &H2Client{streams: map[uint32]*H2Stream{}, next: lastNumber - 4, peer: h2Peer{streams: 100}}
	given := 0
	for c.Stream() != nil {
		given++
	}
	if given != 3 || c.Usable() {
		t.Errorf("%d streams for three numbers", given)
	}
}

// FuzzH2Client checks that no bytes of an origin make the machine panic, wait
// for ever, or keep anything.
func FuzzH2Client(f *testing.F) {
	settings := httpwire.AppendSettings(nil)
	f.Add(settings)
	f.Add(append(httpwire.AppendBlock(settings, 1, httpwire.AppendStatus(nil, 200), false, 100), httpwire.AppendData(nil, 1, []byte("x"), true)...))
	f.Add(httpwire.AppendGoAway(httpwire.AppendReset(settings, 1, 8), 1, 0, "bye"))
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			c, _, end := h2Mute(t, data)
			s, err := h2Request(c, "hello")
			for err == nil {
				var h *httpwire.Head
				if h, err = s.ReadHead(time.Second); err == nil && h.Status >= 200 {
					break
				}
			}
			for buf := make([]byte, 1000); err == nil; {
				_, err = s.ReadBody(buf, time.Second)
			}
			s.End()
			if c.Open() != 0 || len(s.body) != 0 {
				t.Errorf("%d streams open, %d buffers kept", c.Open(), len(s.body))
			}
			end()
		})
	})
}
