package gateway

import (
	"bytes"
	"context"
	"errors"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// choose finds the origin for the first try of an exchange: the one this client
// has signed in at, the one its cookie means, or the next by the route's way of
// balancing. False: there is none, and the client was told.
func (k *carriage) choose() bool {
	g := k.route.Origins
	if m := k.signedInAt(); m != nil {
		k.goTo(m)
		return true
	}
	if g.Sticky != "" {
		if m := g.Stuck(cookie(k.x.Request().Head, g.Sticky)); m != nil {
			k.stuck = m
			k.goTo(m)
			return true
		}
	}
	if g.Method == balance.Hash {
		k.want.Key, k.want.Keyed = k.key()
	}
	if m := g.Pick(&k.want); m != nil {
		k.goTo(m)
		return true
	}
	k.refuse("no origin can be used: " + g.WhyNone())
	return false
}

func (k *carriage) goTo(m *balance.Member) {
	k.m, k.o = m, m.Origin
	k.want.Try(m)
}

// refuse answers what cannot be given to an origin now.
func (k *carriage) refuse(cause string) {
	k.r.refuse(503, "balance", cause)
}

func (k *carriage) decided(text string) {
	k.x.Log().Add(flow.Event{At: time.Now(), Exchange: k.x.ID(), Kind: flow.Decision, Text: text, Attrs: flow.Attrs(flow.KeyBy, "balance")})
}

// signedInAt is the origin that has a connection of this client's, nil if there
// is none. An origin that was disabled gets nothing any more: the connection is
// given up, and the client signs in anew at another.
func (k *carriage) signedInAt() *balance.Member {
	s := k.s
	if len(s.pinned) == 0 {
		return nil
	}
	for _, m := range k.route.Origins.Members {
		c := s.pinned[m.Origin]
		if c == nil {
			continue
		}
		if m.Standing() != balance.DisabledOf {
			return m
		}
		s.forget(c)
		c.Close("the origin was disabled")
	}
	return nil
}

// enter counts the exchange at its origin, and waits for its turn there. False:
// it got none, and the client was told or is gone.
func (k *carriage) enter() bool {
	if k.m.Enter() {
		return true
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	k.r.phase.Store(phaseQueue)
	k.r.dialing.Store(&cancel)
	err := k.m.Wait(ctx)
	k.r.dialing.Store(nil)
	var refused *balance.Refusal
	switch {
	case err == nil:
		return true
	case errors.As(err, &refused):
		if refused.Waited > 0 {
			k.r.timedOut("queue", k.m.Limits.Wait)
		}
		k.refuse(refused.Text)
	default:
		k.giveUp(&origin.Failure{Origin: k.o.Name, Phase: origin.PhaseConnect, Err: err, Given: true, Status: 503})
	}
	return false
}

// key is the hash of what the route balances by; false if the request has no
// such thing, and takes the next in turn.
func (k *carriage) key() (hash uint64, ok bool) {
	g, req := k.route.Origins, k.x.Request()
	switch g.KeyKind {
	case balance.KeyAddress:
		addr := k.r.client().As16()
		return balance.HashKey(addr[:]), true
	case balance.KeyPath:
		return balance.HashKey(req.Path), true
	case balance.KeyHeader:
		if len(g.KeyName) == 4 && equalFold([]byte(g.KeyName), "Host") {
			return balance.HashKey(req.Host), true
		}
		v := req.Head.Get(g.KeyName)
		return balance.HashKey(v), len(v) > 0
	}
	v := cookie(req.Head, g.KeyName)
	return balance.HashKey(v), len(v) > 0
}

// cookie is the value of the first cookie of a name (RFC 6265 section 4.2), nil
// if there is none. It points into the head.
func cookie(h *httpwire.Head, name string) []byte {
	for i := range h.Fields {
		f := h.Fields[i]
		if n := h.Bytes(f.Name); len(n) != 6 || !equalFold(n, "Cookie") {
			continue
		}
		for rest := h.Bytes(f.Value); len(rest) > 0; {
			var pair []byte
			pair, rest, _ = bytes.Cut(rest, semicolon)
			key, value, _ := bytes.Cut(bytes.TrimSpace(pair), equals)
			if string(key) == name {
				return value
			}
		}
	}
	return nil
}

var semicolon, equals = []byte(";"), []byte("=")

// appendSticky ties the client to the origin that answers, unless its cookie
// says so already. The value says nothing about the origin.
func (k *carriage) appendSticky(fields []byte) []byte {
	name := k.route.Origins.Sticky
	if name == "" || k.m == k.stuck || k.m.Tag == "" {
		return fields
	}
	fields = append(append(append(fields, "Set-Cookie: "...), name...), '=')
	fields = append(append(fields, k.m.Tag...), "; Path=/; HttpOnly; SameSite=Lax"...)
	if k.s.secure {
		fields = append(fields, "; Secure"...)
	}
	return append(fields, '\r', '\n')
}
