package dissect

import (
	"bytes"
	"strconv"
	"strings"

	"fanlight/internal/authwire"
	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// tokens emits the steps of sign-ins that a head carries, as the door does.
func (h *http1) tokens(dir int, x *message, m reassembly.Mark) {
	for _, f := range h.shared.head.Fields {
		for _, e := range authTokens(dir, h.shared.head.Bytes(f.Name), h.shared.head.Bytes(f.Value)) {
			e.Exchange = x.id
			h.rec.emit(m, e)
		}
	}
}

// authTokens are the steps of a sign-in that one header field carries.
func authTokens(dir int, name, value []byte) (events []flow.Event) {
	if !signsIn(dir, name) || !authwire.ConnectionBound(value) {
		return nil
	}
	tokens := []authwire.Token{}
	if dir == fromClient {
		tokens = append(tokens, authwire.ParseAuthorization(value))
	} else {
		tokens = authwire.ParseChallenge(value)
	}
	for _, t := range tokens {
		if t.ConnectionBound {
			events = append(events, flow.Event{Kind: flow.AuthToken, From: side(dir), Text: t.Scheme, Attrs: tokenFacts(t)})
		}
	}
	return events
}

func signsIn(dir int, name []byte) bool {
	names := []string{"Authorization", "Proxy-Authorization"}
	if dir == fromServer {
		names = []string{"WWW-Authenticate", "Proxy-Authenticate"}
	}
	return bytes.EqualFold(name, []byte(names[0])) || bytes.EqualFold(name, []byte(names[1]))
}

func tokenFacts(t authwire.Token) []flow.Attr {
	step := ""
	if t.Step > 0 {
		step = strconv.Itoa(t.Step)
	}
	facts := flow.Attrs("mech", t.Mech, flow.KeyStep, step, "offered", strings.Join(t.Offered, ","))
	if n := t.NTLM; n != nil {
		facts = append(facts, flow.Attrs("target", n.Target, "user", n.User, "domain", n.Domain, "workstation", n.Workstation, flow.KeyBinding, n.Binding)...)
	}
	facts = append(facts, flow.Attrs("state", t.State, "chosen", t.Chosen)...)
	if k := t.Kerberos; k != nil {
		facts = append(facts, kerberosFacts(k)...)
	}
	return facts
}

func kerberosFacts(k *authwire.Kerberos) []flow.Attr {
	facts := flow.Attrs("kerberos", k.Message, "realm", k.Realm, "service", k.Service, "error", k.ErrorName, "text", k.Text)
	if k.TicketEtype != 0 {
		facts = append(facts, flow.Attr{Key: "etype", Value: authwire.EtypeName(k.TicketEtype)})
	}
	if k.KeyVersion != 0 {
		facts = append(facts, flow.Attr{Key: "kvno", Value: strconv.Itoa(k.KeyVersion)})
	}
	return facts
}
