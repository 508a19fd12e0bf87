package probe

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/origin"
)

// Run tries everything, directly and, if there is a gateway, through it. It
// ends early, with what was seen by then, when ctx ends.
func Run(ctx context.Context, o Options) *Result {
	if o.Timeout <= 0 {
		o.Timeout = stepLimit
	}
	into := &recording{folder: flow.NewFolder(0)}
	out := &Result{trials: map[flow.ConnID]bool{}}
	shared := way{
		Options: o, into: into, rec: flow.NewRecorder(into), out: out, buffers: httpconn.NewBuffers(), name: Direct,
	}
	direct := shared
	direct.run(ctx)
	if o.Via.IsValid() {
		through := shared
		through.name = Through
		out.through = into.newest() + 1
		through.run(ctx)
		out.Differences = differences(out.Steps)
	}
	out.Trace = into.folder.Trace()
	return out
}

// way is one way to the server: directly, or through the gateway.
type way struct {
	Options
	name    string
	into    *recording
	rec     *flow.Recorder
	out     *Result
	buffers *httpconn.Buffers
	conns   int          // opened
	found   *flow.Lookup // of the URL's name; nil: it was not looked up

	distrusted map[string]error // why certificates are not accepted, by URL without path
}

func (w *way) run(ctx context.Context) {
	w.distrusted = map[string]error{}
	addrs := w.addresses(ctx, w.URL)
	answering := w.connectAll(ctx, addrs)
	if !answering.IsValid() || ctx.Err() != nil {
		return
	}
	first := w.visit(ctx, w.URL, answering)
	if w.URL.Secure && ctx.Err() == nil {
		w.versions(ctx, answering)
		w.nameless(ctx, answering, first.leaf)
		w.protocols(ctx, answering)
		w.late(ctx, answering, first)
	}
	if first.answer != nil {
		w.follow(ctx, w.URL, first.answer)
	}
}

// step notes a step that began at a time; a zero time was not measured.
func (w *way) step(s Step, began time.Time) {
	s.Way = w.name
	if !began.IsZero() {
		s.Took, s.Timed = time.Since(began), true
	}
	if s.Key == "" {
		s.Key = s.State.String() + " " + s.Result
	}
	w.out.Steps = append(w.out.Steps, s)
	if w.Step != nil {
		w.Step(s)
	}
}

// variant is how a connection differs from an ordinary one.
type variant struct {
	min, max uint16 // TLS versions; 0: all there are
	alpn     []string
	nameless bool // without SNI
	insecure bool // whatever the certificate
	trial    bool // a refusal is an answer and not a fault
}

var errTooMany = errors.New("connect: the probe has made all the connections it may")

// dial opens a connection to an address of a target. The id is that of its
// record, also if it failed.
func (w *way) dial(ctx context.Context, t *Target, addr netip.AddrPort, v variant) (*origin.Conn, flow.ConnID, error) {
	if w.conns++; w.conns > maxConns {
		return nil, 0, errTooMany
	}
	c, err := origin.New(w.originOptions(t, addr, v)).Dial(ctx, t.Authority(), 0)
	id := w.into.newest()
	if c != nil {
		id = c.Log().ID()
	}
	if v.trial {
		w.out.trials[id] = true
	}
	return c, id, err
}

func (w *way) originOptions(t *Target, addr netip.AddrPort, v variant) origin.Options {
	o := origin.Options{
		Name: t.Origin(), Host: addr.Addr().String(), Port: addr.Port(), Secure: t.Secure, ServerName: t.Host,
		Roots: w.Roots, Insecure: v.insecure || v.nameless, MinVersion: v.min, MaxVersion: v.max, ALPN: v.alpn,
		// What an old server speaks is to be seen, not refused.
		Legacy: true, Renegotiation: origin.Freely,
		Timeouts: origin.Timeouts{Connect: w.Timeout, TLS: w.Timeout, Send: w.Timeout, FirstByte: w.Timeout, Between: w.Timeout},
		Recorder: w.rec, Buffers: w.buffers,
	}
	if v.nameless {
		o.ServerName = addr.Addr().String() // an address is never sent (RFC 6066 section 3)
	}
	if o.MinVersion == 0 {
		o.MinVersion = oldest
	}
	if o.MaxVersion == 0 {
		o.MaxVersion = w.MaxVersion
	}
	if t.Host == w.URL.Host { // who else asks for it was not meant
		o.Certificate = w.Certificate
	}
	return o
}
