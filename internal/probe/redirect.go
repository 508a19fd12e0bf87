package probe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/origin"
)

// follow follows redirects, each on a connection of its own.
func (w *way) follow(ctx context.Context, t *Target, a *answer) {
	been := []string{t.String()}
	for n := 1; a != nil && ctx.Err() == nil; n++ {
		location, found := flow.Get(a.fields, "Location")
		if !found || !slices.Contains([]int{301, 302, 303, 307, 308}, a.status) {
			return
		}
		name := fmt.Sprintf("redirect %d", n)
		next, err := t.next(location)
		s := Step{Name: name, State: Failed}
		switch {
		case err != nil:
			s.Result = fmt.Sprintf("to %s: %s", location, err)
		case slices.Contains(been, next.String()):
			s.Result = fmt.Sprintf("to %s, where it was before: it goes in a circle", next)
		case n > maxRedirects:
			s.Result = fmt.Sprintf("to %s: not followed, it is the %dth in a row", next, n)
		default:
			been = append(been, next.String())
			t, a = next, w.hop(ctx, next, name)
			continue
		}
		w.step(s, time.Time{})
		return
	}
}

// hop asks one target that a redirect leads to; nil: no response.
func (w *way) hop(ctx context.Context, t *Target, name string) *answer {
	began := time.Now()
	s := Step{Name: name, State: Failed}
	found, err := w.lookup(ctx, t)
	if err != nil {
		s.Conn, s.Result = found.conn, fmt.Sprintf("to %s: %s has no address: %s", t, t.Host, plain(err))
		w.step(s, began)
		return nil
	}
	for i, addr := range found.addrs {
		if i == maxAddresses {
			break
		}
		c, id, fault, err := w.open(ctx, t, w.portOf(t, addr))
		s.Conn = id
		if err != nil {
			s.Result = fmt.Sprintf("to %s: %s", t, w.handshakeFault(err))
			continue
		}
		defer c.Close("probe: done")
		return w.arrive(ctx, c, t, s, fault, began)
	}
	w.step(s, began)
	return nil
}

// arrive asks on the connection of a hop. fault is what is wrong with the
// certificate that was shown there.
func (w *way) arrive(ctx context.Context, c *origin.Conn, t *Target, s Step, fault error, began time.Time) *answer {
	distrust := ""
	if fault != nil {
		distrust = "; its certificate is NOT accepted: " + w.handshakeFault(fault)
	}
	s.Exchange = w.rec.NextExchange()
	a, err := w.get(ctx, c, t, s.Exchange)
	switch {
	case err != nil:
		s.Result = fmt.Sprintf("to %s: %s%s", t, w.exchangeFault(err), distrust)
	default:
		s.State, s.Fields = stateOf(a.status), a.fields
		s.Result = fmt.Sprintf("to %s: %s%s", t, a, distrust)
		s.Key = t.String() + " " + a.key() + distrust
		if fault != nil {
			s.State = Failed
		}
	}
	w.step(s, began)
	return a
}
