package app_test

import (
	"regexp"

	"fanlight/internal/flow"
	"fanlight/internal/gateway"
)

var incidentField = regexp.MustCompile(`(?im)^Fanlight-Incident: ([A-Z0-9]+)\r?$`)

// incident is the incident that a response head names.
func (d *door) incident(head string) gateway.Incident {
	d.t.Helper()
	m := incidentField.FindStringSubmatch(head)
	if m == nil {
		d.t.Fatalf("the response names no incident:\n%s", head)
	}
	in, known := d.Incident(m[1])
	if !known {
		d.t.Fatalf("incident %s is not known", m[1])
	}
	return in
}

func clientConns(t *flow.Trace) []*flow.Conn { return conns(t, flow.Server) }
func originConns(t *flow.Trace) []*flow.Conn { return conns(t, flow.Client) }

// conns are those of which the door was that side, in their order.
func conns(t *flow.Trace, self flow.Side) (out []*flow.Conn) {
	for _, c := range t.Sorted().Conns {
		if c.Self == self {
			out = append(out, c)
		}
	}
	return out
}

// event finds the first event of a kind, with a text unless that is empty.
func event(c *flow.Conn, kind flow.Kind, text string) *flow.Event {
	for i := range c.Events {
		if e := &c.Events[i]; e.Kind == kind && (text == "" || e.Text == text) {
			return e
		}
	}
	return nil
}
