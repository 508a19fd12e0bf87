package rules

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// TestGaps runs every rule over traces from which a connection, an exchange or
// an event is missing, as where a store has given up the older part: rules run
// beside traffic, and none may panic.
func TestGaps(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".flow") {
				name := filepath.Base(path) + "/" + f.Name
				runWithGaps(t, name, parse(t, name, f.Data))
			}
		}
	}
}

func runWithGaps(t *testing.T, name string, whole *flow.Trace) {
	var exchanges []flow.ExchangeID
	for _, c := range whole.Conns {
		for _, x := range c.Exchanges {
			exchanges = append(exchanges, x.ID)
		}
	}
	for _, id := range exchanges {
		without(t, fmt.Sprint(name, " without ", id), whole, func(c *flow.Conn, e *flow.Event) bool { return e.Exchange == id })
	}
	for _, gone := range whole.Conns {
		without(t, fmt.Sprint(name, " without ", gone.ID), whole, func(c *flow.Conn, e *flow.Event) bool { return c.ID == gone.ID })
		for i := range gone.Events {
			if gone.Events[i].Kind != flow.Open {
				without(t, fmt.Sprintf("%s without event %d of %s", name, i, gone.ID), whole, func(c *flow.Conn, e *flow.Event) bool { return e == &gone.Events[i] })
			}
		}
	}
}

// without runs the rules over the events that are not gone.
func without(t *testing.T, name string, whole *flow.Trace, gone func(*flow.Conn, *flow.Event) bool) {
	defer func() {
		if value := recover(); value != nil {
			t.Errorf("%s: panic: %v", name, value)
		}
	}()
	var events []flow.Event
	for _, c := range whole.Conns {
		for i := range c.Events {
			if e := &c.Events[i]; !gone(c, e) {
				events = append(events, *e)
			}
		}
	}
	explain.Run(All(), flow.Fold(slices.Concat(events, whole.Facts)))
}

// TestForgottenFront runs the rules over an origin's exchange whose client's
// exchange was given up, on a connection that is known and has another one.
func TestForgottenFront(t *testing.T) {
	explain.Run(All(), parse(t, "forgotten front", []byte(`
conn 1  192.0.2.10:50001 -> 10.0.0.1:443  source live  keys yes  self server
  +0.001 established
  +0.010 > GET /b http=1.1 x3
  +0.010 > request-done 0 B x3

conn 2  10.0.0.1:40000 -> 10.0.0.9:80  source live  keys yes  self client  parent c1
  +0.002 syn   +0.003 established
  +0.020 > GET /a http=1.1 x2 for x1
  +0.020 > request-done 0 B x2
  +2.020 < 200 OK x2
  +2.020 < response-done 0 B x2   +2.020 exchange-done complete x2
`)))
}
