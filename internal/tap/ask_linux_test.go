package tap

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
)

func asked(rec *flow.Recorder, t *testing.T) (c *Conn, peer io.ReadWriteCloser, write func() error, calls *int) {
	near, far := loopback(t)
	c = dialled(rec, near, false)
	calls = new(int)
	return c, far, func() error {
		*calls++
		_, err := io.WriteString(c, "question")
		return err
	}, calls
}

func TestAskIsAnswered(t *testing.T) {
	c, peer, write, calls := asked(nil, t)
	go func() {
		_, _ = io.ReadFull(peer, make([]byte, len("question")))
		_, _ = io.WriteString(peer, "answer")
	}()
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond)) // the timer fires before there is an answer
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if err := c.Ask(write); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	n, err := c.Read(got)
	if string(got[:n]) != "answer" || err != nil || *calls != 1 {
		t.Errorf("read %q, %v; asked %d times", got[:n], err, *calls)
	}
	peer.Close()
	if n, err = c.Read(got); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("then read %d, %v", n, err)
	}
}

func TestAskNotOfOneWhoSpoke(t *testing.T) {
	for name, does := range map[string]func(peer io.ReadWriteCloser){
		"":                 func(peer io.ReadWriteCloser) { _, _ = io.WriteString(peer, "unasked") },
		"fin by server":    func(peer io.ReadWriteCloser) { peer.Close() },
		"fin by server, 2": func(peer io.ReadWriteCloser) { _, _ = io.WriteString(peer, "unasked"); peer.Close() },
	} {
		var s sink
		c, peer, write, calls := asked(flow.NewRecorder(&s), t)
		does(peer)
		for deadline := time.Now().Add(5 * time.Second); (c.Quiet() || strings.Contains(name, "fin") && !c.PeerGone()) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if err := c.Ask(write); !errors.Is(err, ErrUnasked) || *calls != 0 {
			t.Errorf("%s: %v; asked %d times", name, err, *calls)
		}
		c.Close()
		if want, _, _ := strings.Cut(name, ", 2"); want != "" && !strings.HasPrefix(words(s.conn(t)), want) {
			t.Errorf("recorded %s, want %s first", words(s.conn(t)), want)
		}
	}
}

func TestAskEnds(t *testing.T) {
	c, _, write, calls := asked(nil, t)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if err := c.Ask(write); !errors.Is(err, os.ErrDeadlineExceeded) || *calls != 1 {
		t.Errorf("an answer that does not come: %v, asked %d times", err, *calls)
	}
	if err := c.Ask(write); !errors.Is(err, os.ErrDeadlineExceeded) || *calls != 1 {
		t.Errorf("after the deadline: %v, asked %d times", err, *calls)
	}
	_ = c.SetReadDeadline(time.Time{})
	if err := c.Ask(func() error { return io.ErrShortWrite }); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a question that cannot be written: %v", err)
	}
	go func() {
		time.Sleep(10 * time.Millisecond)
		_ = c.Close()
	}()
	if err := c.Ask(write); err == nil {
		t.Error("answered by a connection that was closed meanwhile")
	}
}
