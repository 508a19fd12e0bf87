package gateway

import (
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// tunnel joins client and origin after a 101 and returns when both directions
// have ended.
func (k *carriage) tunnel(h *httpwire.Head) *origin.Failure {
	leg, x, s := k.leg, k.x, k.s
	if upgradeOf(x.Request()) == "" {
		return leg.Fail(origin.PhaseFirstByte, errUnasked)
	}
	protocol := string(h.Get("Upgrade"))
	fields := k.appendSticky(appendResponseFields(nil, h, &k.r.facts))
	fields = append(fields, "Connection: upgrade\r\n"...)
	fields = httpwire.AppendField(fields, "Upgrade", protocol)
	s.g.Metrics.responded(101)
	k.r.tunnel.Store(true)
	client, err := x.Tunnel(101, fields, protocol)
	if err != nil {
		return k.clientLost(err)
	}
	t := &tunnel{client: client, server: leg.Tunnel(), idle: k.o.Timeouts.Tunnel, clientDeadline: client.SetDeadline}
	t.run()
	if t.silent.Load() && !s.stop.Load() {
		k.r.timedOut("tunnel", t.idle)
	}
	done := flow.Event{At: time.Now(), Exchange: x.ID(), Kind: flow.TunnelDone, Attrs: flow.Attrs(
		flow.KeyClientBytes, strconv.FormatInt(t.up.Load(), 10), flow.KeyServerBytes, strconv.FormatInt(t.down.Load(), 10))}
	x.Log().Add(done)
	s.untie(leg)
	leg.Abandon(t.why())
	if !x.Multiplexed() {
		s.tap.SetWhy(t.why())
	}
	_ = client.Close() // the tunnel is over either way
	return nil
}

var errUnasked = &unasked{}

type unasked struct{}

func (*unasked) Error() string { return "bad response: 101 without an Upgrade request" }
func (*unasked) Unwrap() error { return httpconn.ErrBadResponse }

type tunnel struct {
	client         httpconn.ClientTunnel
	server         httpconn.Tunnel
	idle           time.Duration
	clientDeadline func(time.Time) error
	up, down       atomic.Int64
	first          atomic.Pointer[string] // what ended first
	silent         atomic.Bool            // and it was a deadline
}

func (t *tunnel) run() {
	t.touch()
	var both sync.WaitGroup
	both.Go(func() { t.carry(t.server, t.client, &t.up, "client ended the tunnel") })
	both.Go(func() { t.carry(t.client, t.server, &t.down, "origin ended the tunnel") })
	both.Wait()
}

// touch moves the deadline of a tunnel in which nothing is said.
func (t *tunnel) touch() {
	if t.idle > 0 && t.first.Load() == nil {
		at := time.Now().Add(t.idle)
		_ = t.clientDeadline(at)     // fails only when it is closed already
		_ = t.server.SetDeadline(at) // likewise
	}
}

// carry copies one direction; when it ends, the other side is told that no
// more will come and may still finish what it is saying.
func (t *tunnel) carry(dst io.Writer, src io.Reader, count *atomic.Int64, why string) {
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			t.touch()
			m, werr := dst.Write(buf[:n])
			count.Add(int64(m))
			if werr != nil {
				err = werr
			}
		}
		if err == nil {
			continue
		}
		t.ended(why, err)
		if half, ok := dst.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
			t.abandon()
		}
		return
	}
}

// lastWords is how long one side of a tunnel may go on after the other ended.
const lastWords = 5 * time.Second

func (t *tunnel) ended(why string, err error) {
	timeout := httpconn.IsTimeout(err)
	if timeout {
		why = "timeout: tunnel"
	}
	if !t.first.CompareAndSwap(nil, &why) {
		return
	}
	if timeout {
		t.silent.Store(true)
		t.abandon()
		return
	}
	at := time.Now().Add(lastWords)
	_ = t.clientDeadline(at)     // fails only when it is closed already
	_ = t.server.SetDeadline(at) // likewise
}

func (t *tunnel) abandon() {
	past := time.Unix(1, 0)
	_ = t.clientDeadline(past)     // fails only when it is closed already
	_ = t.server.SetDeadline(past) // likewise
}

func (t *tunnel) why() string {
	if w := t.first.Load(); w != nil {
		return *w
	}
	return "tunnel ended"
}
