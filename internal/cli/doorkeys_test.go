//go:build unix

package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/dissect"
	"fanlight/internal/pcap"
)

// fakeDoor answers on a control socket.
func fakeDoor(t *testing.T, answer http.HandlerFunc) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: answer}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return socket
}

// A door that does not give its secrets is told of once, and left alone.
func TestDoorThatKeepsItsSecrets(t *testing.T) {
	asked := 0
	door := doorFlags{control: fakeDoor(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"error":"no such thing in the API: %s %s"}`, r.Method, r.URL.Path)
	})}
	var said bytes.Buffer
	if k := door.secrets(t.Context(), &said); k != nil {
		t.Error("it is followed")
		k.end()
	}
	if want := "fanlight: without the secrets of the running door: ask the door for its secrets: no such thing in the API: GET /api/keylog\n"; said.String() != want || asked != 1 {
		t.Errorf("after %d requests it said %q, want %q", asked, &said, want)
	}
}

// What the door has written but not yet handed to its follower when the last
// packet was read is asked for, and is kept once.
func TestSecretsOnTheirWayAreAskedFor(t *testing.T) {
	early, late := "CLIENT_RANDOM "+strings.Repeat("01", 32)+" 11\n", "CLIENT_RANDOM "+strings.Repeat("02", 32)+" 22\n"
	door := doorFlags{control: fakeDoor(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("follow") == "no" {
			fmt.Fprint(w, early+late)
			return
		}
		fmt.Fprint(w, early)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})}
	var said bytes.Buffer
	k := door.secrets(t.Context(), &said)
	if k == nil {
		t.Fatalf("it is not followed: %s", &said)
	}
	defer k.end()
	file := filepath.Join(t.TempDir(), "kept.pcapng")
	ring, err := pcap.NewRing(file, 0, 0, pcap.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f := keyFollower{keys: &dissect.Keys{}, door: k, keeper: &keeper{ring: ring, warn: &said}}
	f.last(t.Context())
	if err := f.keeper.close(); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if f.keys.Len() != 2 || bytes.Count(kept, []byte(early)) != 1 || bytes.Count(kept, []byte(late)) != 1 {
		t.Errorf("%d secrets are known, want 2; kept:\n%q", f.keys.Len(), kept)
	}
}

// What a door gives is bounded while no packet comes, and a line that is no
// secret ends following it.
func TestDoorThatFloods(t *testing.T) {
	written := make(chan bool)
	done := sync.OnceFunc(func() { close(written) })
	door := doorFlags{control: fakeDoor(t, func(w http.ResponseWriter, _ *http.Request) {
		line := strings.Repeat("x", 1000) + "\n"
		for range 3 * maxDoorNews / len(line) {
			fmt.Fprint(w, line)
		}
		fmt.Fprint(w, strings.Repeat("x", 2*doorLine))
		done()
	})}
	var said bytes.Buffer
	k := door.secrets(context.Background(), &said)
	if k == nil {
		t.Fatalf("it is not followed: %s", &said)
	}
	defer k.end()
	select {
	case <-written:
	case <-time.After(patience):
		t.Fatal("the door was held up")
	}
	if n := len(k.news()); n == 0 || n > maxDoorNews+doorLine {
		t.Errorf("%d bytes wait, want at most %d", n, maxDoorNews)
	}
}
