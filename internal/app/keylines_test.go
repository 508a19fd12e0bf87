package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Who follows gets what is kept, then what comes; and while nobody follows,
// nothing is kept.
func TestKeyLinesAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keyLines{limit: 4}
		if k.writer() != nil {
			t.Error("secrets are wanted before somebody follows")
		}
		fmt.Fprintln(k, "early")
		follow := func() (got *strings.Builder, leave func()) {
			ctx, cancel := context.WithCancel(t.Context())
			got, done := &strings.Builder{}, make(chan error)
			go func() {
				done <- k.Follow(ctx, func(lines []byte) error { got.WriteString("|" + string(lines)); return nil })
			}()
			synctest.Wait()
			return got, func() {
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("following ended with %v", err)
				}
			}
		}
		first, leaveFirst := follow()
		if k.writer() == nil {
			t.Fatal("secrets are not wanted though somebody follows")
		}
		fmt.Fprintln(k, "one")
		synctest.Wait()
		second, leaveSecond := follow()
		fmt.Fprintln(k, "two")
		synctest.Wait()
		leaveFirst()
		fmt.Fprintln(k, "three")
		synctest.Wait()
		leaveSecond()
		if got, want := first.String(), "||one\n|two\n"; got != want {
			t.Errorf("the first got %q, want %q", got, want)
		}
		if got, want := second.String(), "|one\n|two\n|three\n"; got != want {
			t.Errorf("the second got %q, want %q", got, want)
		}
		if k.writer() != nil || len(k.lines) != 0 {
			t.Errorf("%d secrets are kept though nobody follows", len(k.lines))
		}
		third, leaveThird := follow()
		fmt.Fprintln(k, "four")
		synctest.Wait()
		leaveThird()
		if got, want := third.String(), "||four\n"; got != want {
			t.Errorf("the third got %q, want %q", got, want)
		}
	})
}

// A follower who reads slowly misses the oldest, and delays no handshake.
func TestKeyLinesDoNotWaitForFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keyLines{limit: 3, always: true}
		ctx, cancel := context.WithCancel(t.Context())
		read, got, done := make(chan bool), "", make(chan error)
		go func() {
			done <- k.Follow(ctx, func(lines []byte) error { <-read; got += "|" + string(lines); return nil })
		}()
		synctest.Wait()
		for i := range 5 {
			fmt.Fprintln(k, i)
		}
		close(read)
		synctest.Wait()
		if want := "||2\n3\n4\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		cancel()
		<-done
		if len(k.lines) != 3 {
			t.Errorf("%d lines are kept for the files of findings, want 3", len(k.lines))
		}
	})
}

// When the door ends, followers get the last lines, and who is stuck is not
// waited for without end.
func TestKeyLinesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keyLines{limit: 4}
		got, done := make(chan string), make(chan error)
		go func() {
			done <- k.Follow(t.Context(), func(lines []byte) error { got <- string(lines); return nil })
		}()
		<-got
		fmt.Fprintln(k, "last")
		stuck, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		k.end(stuck) // nobody reads got
		if stuck.Err() == nil {
			t.Error("the end does not wait for a follower")
		}
		ended := false
		go func() {
			k.end(t.Context())
			ended = true
		}()
		synctest.Wait()
		if ended {
			t.Error("the end does not wait until the last line was given")
		}
		lines := ""
		for following := true; following; {
			select {
			case more := <-got:
				lines += more
			case err := <-done:
				if following = false; err != nil {
					t.Error(err)
				}
			}
		}
		synctest.Wait()
		if lines != "last\n" || !ended {
			t.Errorf("got %q; ended %v", lines, ended)
		}
	})
}
