package dissect

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// A connection whose record is packed after each packet tells what one tells
// that never is.
func TestSleepChangesNothing(t *testing.T) {
	for _, file := range captureFiles(t) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			var text [2]string
			for i, after := range []int64{1 << 62, -1} {
				trace, _, err := analyseSleepy(t, read(t, file), name, captureKeys(t, file), 1, after)
				if err != nil {
					t.Fatal(err)
				}
				text[i] = trace.String() + records(t, trace)
			}
			if text[0] != text[1] {
				t.Errorf("awake\n%s\nasleep\n%s", text[0], text[1])
			}
		})
	}
}

// records are those of the output, a line each.
func records(t *testing.T, trace *flow.Trace) (text string) {
	t.Helper()
	for _, c := range trace.Conns {
		all := []any{flow.ConnJSON(c, nil)}
		for _, x := range c.Exchanges {
			all = append(all, flow.ExchangeJSON(x, nil))
		}
		line, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		text += string(line) + "\n"
	}
	return text
}

// A record that has lost its events for want of room stays as it is.
func TestSleepWithoutEvents(t *testing.T) {
	w := newWorker(New(Options{Workers: 1}))
	c := w.open(flowKey{}, false, netip.AddrPort{}, netip.AddrPort{}, reassembly.Mark{})
	c.rec.Events = nil
	if c.sleep(); c.rec == nil {
		t.Error("it is packed, with nothing to make it of again")
	}
}
