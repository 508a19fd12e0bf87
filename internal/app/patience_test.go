package app

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		p := newPatience(w, time.Second)
		began := time.Now()
		if _, err := p.Write([]byte("one")); !errors.Is(err, errNotRead) || time.Since(began) != time.Second {
			t.Errorf("nobody reads: %v after %s", err, time.Since(began))
		}
		began = time.Now()
		if _, err := p.Write([]byte("two")); !errors.Is(err, errNotRead) || time.Since(began) != 0 {
			t.Errorf("still nobody: %v after %s", err, time.Since(began))
		}
		got := make([]byte, 3)
		if _, err := io.ReadFull(r, got); err != nil || string(got) != "one" {
			t.Errorf("late came %q, %v", got, err)
		}
		synctest.Wait()
		go func() { _, _ = io.ReadFull(r, got) }()
		if n, err := p.Write([]byte("six")); n != 3 || err != nil {
			t.Errorf("somebody reads again: %d, %v", n, err)
		}
		synctest.Wait()
		if string(got) != "six" {
			t.Errorf("read %q", got)
		}
		r.Close()
		if _, err := p.Write([]byte("end")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("a closed pipe: %v", err)
		}
	})
}
