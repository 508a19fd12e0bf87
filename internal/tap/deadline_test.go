package tap

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/testnet"
)

// armed counts how often a connection's timers are set.
type armed struct {
	net.Conn
	reads, writes int
}

func (a *armed) SetReadDeadline(t time.Time) error {
	a.reads++
	return a.Conn.SetReadDeadline(t)
}

func (a *armed) SetWriteDeadline(t time.Time) error {
	a.writes++
	return a.Conn.SetWriteDeadline(t)
}

func bounded() (c *Conn, below *armed, peer net.Conn) {
	near, far := testnet.Pipe()
	below = &armed{Conn: near}
	return &Conn{Conn: below}, below, far
}

// After is how long a read takes to fail, and with what.
func after(c *Conn) (time.Duration, error) {
	began := time.Now()
	_, err := c.Read(make([]byte, 1))
	return time.Since(began), err
}

func TestLaterLimitLeavesTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, below, _ := bounded()
		for range 100 {
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			_ = c.SetReadDeadline(time.Time{})
			time.Sleep(time.Millisecond)
		}
		if below.reads != 1 || below.writes != 1 {
			t.Errorf("timers were set %d and %d times, want once each", below.reads, below.writes)
		}
	})
}

func TestReadEndsWhenItIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := bounded()
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		_ = c.SetReadDeadline(time.Now().Add(time.Minute)) // the timer stays at a second
		if took, err := after(c); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Minute {
			t.Errorf("after %v: %v", took, err)
		}
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second)) // the timer has fired
		if took, err := after(c); !errors.Is(err, os.ErrDeadlineExceeded) || took != 2*time.Second {
			t.Errorf("after the first had fired, %v: %v", took, err)
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		_ = c.SetReadDeadline(time.Time{})
		go func() {
			time.Sleep(time.Hour)
			peer.Close()
		}()
		if took, err := after(c); !errors.Is(err, io.EOF) || took != time.Hour {
			t.Errorf("without a limit, after %v: %v", took, err)
		}
	})
}

func TestEarlierLimitEndsAWaitingRead(t *testing.T) {
	for _, before := range []time.Duration{0, time.Second, time.Hour} { // when the timer fires; 0: none is set
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := bounded()
			if before > 0 {
				_ = c.SetReadDeadline(time.Now().Add(before))
				_ = c.SetReadDeadline(time.Now().Add(2 * time.Hour))
			}
			go func() {
				time.Sleep(time.Minute)
				_ = c.SetReadDeadline(time.Unix(1, 0))
			}()
			if took, err := after(c); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Minute {
				t.Errorf("a timer at %v: after %v: %v", before, took, err)
			}
		})
	}
}

func TestWriteGoesOnWhereItsTimerEndedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := bounded()
		sent := bytes.Repeat([]byte("0123456789"), 20<<10)
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
		go func() {
			n, err := c.Write(sent)
			if n != len(sent) || err != nil {
				t.Errorf("wrote %d: %v", n, err)
			}
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			n, err = c.Write(sent)
			if n >= len(sent) || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a write nobody reads wrote %d: %v", n, err)
			}
		}()
		time.Sleep(10 * time.Second) // longer than the timer
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("read something else: %v", err)
		}
		time.Sleep(10 * time.Second)
	})
}
