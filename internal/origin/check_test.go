package origin

import (
	"context"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/testnet"
)

// recorded keeps events as lines: kind, text, limit.
type recorded struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorded) Take(_ flow.ConnID, _ bool, b flow.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := range b.Events {
		r.lines = append(r.lines, strings.TrimSpace(e.Kind.String()+" "+e.Text+" "+e.Attr(flow.KeyLimit)))
	}
}

// A check that takes too long is told by its own limit, not by those that requests
// have, wherever it hangs.
func TestCheckTakesTooLong(t *testing.T) {
	silent := testnet.Silent{}.Start(t)
	host, port, err := net.SplitHostPort(silent.Addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		secure bool
		want   string // expression, of the error
		event  string // expression
	}{
		"response": {false, `^wait for peer: no whole answer within (200|1..)ms \(timeout: check\)$`,
			`(?m)^decision health check: wait for peer: no whole answer within (200|1..)ms \(timeout: check\)$`},
		"handshake": {true, `^shake hands with peer: not done within (200|1..)ms \(timeout: tls\)$`, `(?m)^timeout tls (200|1..)$`},
	} {
		t.Run(name, func(t *testing.T) {
			rec := &recorded{}
			o := New(Options{Name: "peer", Host: host, Port: uint16(n), Secure: test.secure, Recorder: flow.NewRecorder(rec), Buffers: httpconn.NewBuffers(),
				Timeouts: Timeouts{Connect: time.Minute, TLS: time.Minute, FirstByte: time.Minute}})
			defer o.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := o.Check(ctx, "app.test", "/health"); err == nil || !regexp.MustCompile(test.want).MatchString(err.Error()) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			rec.mu.Lock()
			defer rec.mu.Unlock()
			if all := strings.Join(rec.lines, "\n"); !regexp.MustCompile(test.event).MatchString(all) {
				t.Errorf("recorded:\n%s\nwant %s", all, test.event)
			}
		})
	}
}
