package gateway

import (
	"strconv"
	"time"

	"fanlight/internal/authwire"
	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// authorization ties the connection to the client when the request carries a
// token that authenticates connections, in whichever of several fields: nobody
// knows which one the origin takes.
func (k *carriage) authorization(h *httpwire.Head) {
	for i := range h.Fields {
		f := h.Fields[i]
		if !signsIn(h.Bytes(f.Name)) {
			continue
		}
		value := h.Bytes(f.Value)
		if !authwire.ConnectionBound(value) {
			continue
		}
		token := authwire.ParseAuthorization(value)
		k.token(flow.Client, token)
		k.signsIn(token.Scheme)
	}
}

// signsIn ties the connection to the client. One that others share cannot be
// tied: the origin is spoken to in HTTP/1.1 from then on, and the client's next
// step finds a connection of its own.
func (k *carriage) signsIn(scheme string) {
	if c := k.leg.Conn(); c != nil {
		k.s.tie(c, scheme)
		return
	}
	k.leg.OnlyHTTP1("it asks for a sign-in with " + scheme + ", which belongs to a connection")
}

// bindsConnection tells requests that authorization has work with.
func bindsConnection(h *httpwire.Head) bool {
	for i := range h.Fields {
		f := h.Fields[i]
		if signsIn(h.Bytes(f.Name)) && authwire.ConnectionBound(h.Bytes(f.Value)) {
			return true
		}
	}
	return false
}

func signsIn(name []byte) bool {
	switch len(name) {
	case 13:
		return equalFold(name, "Authorization")
	case 19:
		return equalFold(name, "Proxy-Authorization")
	}
	return false
}

// challenge does the same for a response.
func (k *carriage) challenge(h *httpwire.Head) {
	if h.Status != 401 && h.Status != 407 && !h.Has("WWW-Authenticate") {
		return
	}
	for i := range h.Fields {
		f := h.Fields[i]
		name := h.Bytes(f.Name)
		if !equalFold(name, "WWW-Authenticate") && !equalFold(name, "Proxy-Authenticate") {
			continue
		}
		value := h.Bytes(f.Value)
		if !authwire.ConnectionBound(value) {
			continue
		}
		for _, token := range authwire.ParseChallenge(value) {
			if token.ConnectionBound {
				k.token(flow.Server, token)
				if !k.x.Multiplexed() {
					k.signsIn(token.Scheme)
				}
			}
		}
	}
}

// token records an authentication step on both legs, never the token.
func (k *carriage) token(from flow.Side, t authwire.Token) {
	step := ""
	if t.Step > 0 {
		step = strconv.Itoa(t.Step)
	}
	e := flow.Event{At: time.Now(), Kind: flow.AuthToken, From: from, Text: t.Scheme, Attrs: flow.Attrs("mech", t.Mech, flow.KeyStep, step)}
	if ticket := t.Kerberos; ticket != nil {
		e.Attrs = append(e.Attrs, flow.Attrs("service", ticket.Service, "realm", ticket.Realm, "error", ticket.ErrorName)...)
		if ticket.KeyVersion != 0 {
			e.Attrs = append(e.Attrs, flow.Attr{Key: "kvno", Value: strconv.Itoa(ticket.KeyVersion)})
		}
	}
	if t.NTLM != nil {
		e.Attrs = append(e.Attrs, flow.Attrs(flow.KeyBinding, t.NTLM.Binding)...)
	}
	e.Exchange = k.out.ID
	k.leg.Log().Add(e)
	e.Exchange = k.x.ID()
	k.x.Log().Add(e)
}
