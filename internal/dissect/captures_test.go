package dissect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/pcap"
	"fanlight/internal/testnet"
)

const captures = "../../testdata/captures/"

// analyse gives all that a capture tells.
func analyse(t testing.TB, raw []byte, name string, keys *Keys, workers int) (*flow.Trace, Counts, error) {
	t.Helper()
	return analyseSleepy(t, raw, name, keys, workers, sleepAfter)
}

func analyseSleepy(t testing.TB, raw []byte, name string, keys *Keys, workers int, sleepAfter int64) (*flow.Trace, Counts, error) {
	t.Helper()
	if keys == nil {
		keys = &Keys{}
	}
	_ = SecretsOf(bytes.NewReader(raw), name, AddTo(keys)) // damage shows below
	r, err := pcap.NewReader(bytes.NewReader(raw), name)
	if err != nil {
		return &flow.Trace{}, Counts{}, err
	}
	defer r.Close()
	trace := &flow.Trace{}
	exchanges := 0
	a := New(Options{Source: name, Keys: keys, Hash: true, Workers: workers,
		Exchange: func(*flow.Conn, *flow.Exchange) { exchanges++ },
		Conn: func(c *flow.Conn) {
			trace.Conns = append(trace.Conns, c)
			exchanges -= c.Forgotten + len(c.Exchanges)
		},
	})
	for _, w := range a.workers {
		w.sleepAfter = sleepAfter
	}
	counts, err := a.Run(context.Background(), r)
	if exchanges != 0 {
		t.Errorf("%s: %d exchanges were given more than connections have", name, exchanges)
	}
	return trace, counts, err
}

func captureKeys(t testing.TB, file string) *Keys {
	t.Helper()
	log := strings.TrimSuffix(file, filepath.Ext(file)) + ".keys"
	if _, err := os.Stat(log); err != nil {
		return &Keys{}
	}
	keys, err := LoadKeys(KeyFiles{Logs: []string{log}})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func captureFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(captures + "*.pcap*")
	if err != nil || len(files) < 10 {
		t.Fatalf("captures: %d found, %v", len(files), err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What the captures of others tell, in flow notation; the same whatever the
// number of workers.
func TestCaptures(t *testing.T) {
	for _, file := range captureFiles(t) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			var text [2]string
			for i, workers := range []int{1, 3} {
				trace, _, err := analyse(t, read(t, file), name, captureKeys(t, file), workers)
				if err != nil {
					t.Fatal(err)
				}
				text[i] = trace.String()
			}
			if text[0] != text[1] {
				t.Errorf("one worker gives\n%s\nthree give\n%s", text[0], text[1])
			}
			testnet.Golden(t, "testdata/captures.txtar#"+name, text[0])
		})
	}
}

// A capture cut anywhere gives what was before the cut.
func TestTruncated(t *testing.T) {
	for _, file := range captureFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw := read(t, file)
			keys := captureKeys(t, file)
			for cut := 1000; cut < len(raw); cut += 1000 {
				began := time.Now()
				_, _, err := analyse(t, raw[:cut], "cut", keys, 1)
				var damage *pcap.DamageError
				if err != nil && !errors.As(err, &damage) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				if took := time.Since(began); took > 20*time.Second {
					t.Fatalf("cut at %d: took %s", cut, took)
				}
			}
		})
	}
}
