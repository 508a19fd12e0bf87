package httpconn

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/flow"
)

// TestBodyRate checks that a body which comes a little at a time is not waited
// for without end, whatever else it does.
func TestBodyRate(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: a\r\n"
	for _, test := range []struct {
		name, head, piece string
		every             time.Duration
		status, phase     string
		most              time.Duration
	}{
		{"drops of a length", head + "Content-Length: 1000\r\n\r\n", "b", time.Second, "408", "request-body-rate", 6 * time.Second},
		{"drops of chunks", head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nb\r\n", 4 * time.Second, "408", "request-body-rate", 10 * time.Second},
		{"silence", head + "Content-Length: 1000\r\n\r\nbbbb", "", time.Hour, "408", "request-body", 6 * time.Second},
		{"fast enough", head + "Content-Length: 1000\r\n\r\n", strings.Repeat("b", 100), time.Second, "200", "", 11 * time.Second},
		{"fast at first, a long pause each", head + "Content-Length: 1000\r\n\r\n", strings.Repeat("b", 500), 4 * time.Second, "200", "", 9 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { bodyRate(t, test.head, test.piece, test.every, test.status, test.phase, test.most) })
		})
	}
}

func bodyRate(t *testing.T, head, piece string, every time.Duration, status, phase string, most time.Duration) {
	d := newDoor()
	d.Limits.BodyRate = 100
	began := time.Now()
	c, done := d.connect(t, handlerFunc(echo))
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		_, err := io.WriteString(c, head)
		for err == nil && piece != "" {
			time.Sleep(every)
			_, err = io.WriteString(c, piece)
		}
	})
	answer := make([]byte, 12)
	_, err := io.ReadFull(c, answer)
	took := time.Since(began)
	c.Close()
	<-done
	if err != nil || string(answer) != "HTTP/1.1 "+status || took > most {
		t.Errorf("got %q, %v after %s", answer, err, took)
	}
	var phases []string
	for _, e := range d.sink.events {
		if e.Kind == flow.Timeout && e.Exchange != 0 {
			phases = append(phases, e.Text)
		}
	}
	if strings.Join(phases, " ") != phase {
		t.Errorf("timeouts %q, want %q", phases, phase)
	}
	if errors.Is(err, io.EOF) {
		t.Error("no answer")
	}
}
