package main

import (
	"bytes"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// visitFor runs a short load on a server, with a door's control beside it.
func visitFor(t *testing.T, answer http.HandlerFunc, control http.HandlerFunc) ([]visits, error) {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	socket := filepath.Join(t.TempDir(), "control.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	door := &httptest.Server{Listener: ln, Config: &http.Server{Handler: control}}
	door.Start()
	t.Cleanup(door.Close)
	site := hostedSite{"example", "example.com", server.Listener.Addr().String()}
	task, err := json.Marshal(visitation{Sites: []hostedSite{site, site}, Rate: 500, For: 200 * time.Millisecond, Control: socket, Pace: time.Millisecond, Turn: 20 * time.Millisecond,
		Tasks: []task{{"victim", []string{"stop", "start"}}, {"other", []string{"start"}}}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := visit(t.Context(), bytes.NewReader(task), &out); err != nil {
		return nil, err
	}
	var seen []visits
	return seen, json.Unmarshal(out.Bytes(), &seen)
}

func body(w http.ResponseWriter, _ *http.Request) {
	w.Write(bytes.Repeat([]byte("x"), bodySize))
}

func TestVisit(t *testing.T) {
	var stops, starts, others atomic.Int64
	seen, err := visitFor(t, body, func(_ http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/sites/victim/stop":
			stops.Add(1)
		case "/api/sites/victim/start":
			starts.Add(1)
		case "/api/sites/other/start":
			others.Add(1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, told := range []int64{stops.Load(), others.Load()} {
		if len(seen[i].Millis) == 0 || len(seen[i].Changes) == 0 || told != int64(len(seen[i].Changes)) {
			t.Errorf("task %d: %d requests seen, %d rounds of commands, %d arrived", i, len(seen[i].Millis), len(seen[i].Changes), told)
		}
	}
	if starts.Load() != stops.Load() {
		t.Errorf("%d stops and %d starts", stops.Load(), starts.Load())
	}
}

func TestVisitFailsOnOneFault(t *testing.T) {
	fine := func(http.ResponseWriter, *http.Request) {}
	var asked atomic.Int64
	for name, test := range map[string]struct {
		answer, control http.HandlerFunc
		want            string
	}{
		"wrong answer": {func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 3 {
				w.WriteHeader(503)
			}
			body(w, r)
		}, fine, "503"},
		"connection closed": {func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, fine, "read response"},
		"refused change":    {body, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(409) }, "stop victim: 409"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := visitFor(t, test.answer, test.control); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestPart(t *testing.T) {
	s := visits{Millis: []float64{1, 2, 3, 4}}
	for p, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 4, 1: 4} {
		if got := s.part(p); got != want {
			t.Errorf("part %v: got %v, want %v", p, got, want)
		}
	}
}

func TestNotMeasured(t *testing.T) {
	if got := (column{"ms", "%.1f"}).text(math.NaN()); got != "-" {
		t.Errorf("table: got %q", got)
	}
	raw, err := json.Marshal(withNulls([][]float64{{1.5, math.NaN()}}))
	if err != nil || string(raw) != "[[1.5,null]]" {
		t.Errorf("samples: got %s, %v", raw, err)
	}
}
