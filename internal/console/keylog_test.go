package console

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// fakeKeyLog gives one line at once, and another when it is told to.
type fakeKeyLog struct{ next chan string }

func (f fakeKeyLog) Follow(ctx context.Context, give func([]byte) error) error {
	lines := "CLIENT_RANDOM 00 11\n"
	for {
		if err := give([]byte(lines)); err != nil {
			return err
		}
		select {
		case lines = <-f.next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Secrets are for who owns the control socket. The console, which browsers and
// whoever reads its token reach, has none.
func TestKeyLogIsOnTheControlSocketOnly(t *testing.T) {
	keys := fakeKeyLog{make(chan string)}
	d := newFakeDoor()
	o := Options{Control: d, Findings: d, Token: token, KeyLog: keys}
	for name, test := range map[string]struct {
		server *http.Server
		want   int
	}{"console": {NewServer(o), 404}, "control": {NewControlServer(o), 200}} {
		ts := httptest.NewUnstartedServer(nil)
		ts.Config = test.server
		ts.Start()
		defer ts.Close()
		r, err := http.NewRequestWithContext(t.Context(), "GET", ts.URL+"/api/keylog", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != test.want {
			t.Fatalf("%s: status %d, want %d", name, resp.StatusCode, test.want)
		}
		if test.want != 200 {
			continue
		}
		lines := bufio.NewScanner(resp.Body)
		for _, want := range []string{"CLIENT_RANDOM 00 11", "CLIENT_RANDOM 22 33"} {
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("got %q (%v), want %q", lines.Text(), lines.Err(), want)
			}
			select {
			case keys.next <- "CLIENT_RANDOM 22 33\n":
			case <-t.Context().Done():
			}
		}
	}
}

// With follow=no the answer ends by itself.
func TestKeyLogOfLately(t *testing.T) {
	d := newFakeDoor()
	ts := httptest.NewServer(NewControlServer(Options{Control: d, Findings: d, KeyLog: fakeKeyLog{}}).Handler)
	defer ts.Close()
	resp, err := http.Get(ts.URL + "/api/keylog?follow=no")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); string(got) != "CLIENT_RANDOM 00 11\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
