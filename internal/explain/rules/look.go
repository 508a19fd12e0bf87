package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// fix is a way out; the lines are a command or configuration.
func fix(side, product, text string, lines ...string) explain.Fix {
	return explain.Fix{Side: side, Product: product, Text: text, Command: strings.Join(lines, "\n")}
}

// forPort gives fixes whose commands that list listeners ask about the port of
// an address, if it is known; those of the catalogue ask about 443. The slice is
// the caller's own.
func forPort(fixes []explain.Fix, address netip.AddrPort) []explain.Fix {
	out := slices.Clone(fixes)
	if !address.IsValid() {
		return out
	}
	for i := range out {
		for _, lists := range []string{"fanlight ports :", "sport = :"} {
			out[i].Command = strings.ReplaceAll(out[i].Command, lists+"443", lists+strconv.Itoa(int(address.Port())))
		}
	}
	return out
}

// find gives the index of the first event from index from on that matches, or
// -1. A side of Unknown matches both.
func find(c *flow.Conn, from int, side flow.Side, kinds ...flow.Kind) int {
	for i := max(from, 0); i < len(c.Events); i++ {
		e := &c.Events[i]
		if side != flow.Unknown && e.From != side {
			continue
		}
		for _, k := range kinds {
			if e.Kind == k {
				return i
			}
		}
	}
	return -1
}

// findText is find for events with one of the texts.
func findText(c *flow.Conn, side flow.Side, kind flow.Kind, texts ...string) int {
	for i := find(c, 0, side, kind); i >= 0; i = find(c, i+1, side, kind) {
		for _, t := range texts {
			if c.Events[i].Text == t {
				return i
			}
		}
	}
	return -1
}

// findOf gives the index of the first event of a kind that belongs to x, or -1.
func findOf(c *flow.Conn, x *flow.Exchange, kind flow.Kind) int {
	for i := range c.Events {
		if c.Events[i].Kind == kind && c.Events[i].Exchange == x.ID {
			return i
		}
	}
	return -1
}

// exchangeOf is the exchange of c with an id, nil if c has none.
func exchangeOf(c *flow.Conn, id flow.ExchangeID) *flow.Exchange {
	for _, x := range c.Exchanges {
		if x.ID == id && id != 0 {
			return x
		}
	}
	return nil
}

// closing is the index of the FIN or RST that ended c, or -1.
func closing(c *flow.Conn) int {
	if c.Close.How == flow.None {
		return -1
	}
	return find(c, 0, flow.Unknown, flow.FIN, flow.RST)
}

// leaver is the side that first said it would end c, with an alert, a FIN or a
// RST, and the event by which it did. Where a TLS peer answers a close_notify,
// the FIN of the other side may come first.
func leaver(c *flow.Conn) (flow.Side, int) {
	if c.Close.How == flow.None {
		return flow.Unknown, -1
	}
	for i := range c.Events {
		e := &c.Events[i]
		switch {
		case e.Kind == flow.FIN, e.Kind == flow.RST:
			return e.From, i
		case e.Kind == flow.Alert && (e.Text == "close_notify" || e.Attr(flow.KeyLevel) == "fatal"):
			return e.From, i
		}
	}
	return c.Close.By, -1
}

// manner says how event i ends a connection: fin, rst, or the alert's name.
func manner(c *flow.Conn, i int) string {
	if i < 0 {
		return c.Close.How.String()
	}
	if e := &c.Events[i]; e.Kind == flow.Alert {
		return e.Text
	}
	return c.Events[i].Kind.String()
}

// between is the time from event i to event j of c.
func between(c *flow.Conn, i, j int) (time.Duration, bool) {
	if i < 0 || j < 0 || c.Events[i].At.IsZero() || c.Events[j].At.IsZero() {
		return 0, false
	}
	return c.Events[j].At.Sub(c.Events[i].At), true
}

// over tells that nothing more will come for x on c: it ended, its connection
// ended, or it hangs.
func over(c *flow.Conn, x *flow.Exchange) bool {
	if x != nil && (x.Over || findOf(c, x, flow.Hanging) >= 0) {
		return true
	}
	return c.Close.Ended || find(c, 0, flow.Unknown, flow.Timeout) >= 0
}

// unanswered tells that x was asked and will get no response. One whose
// response may be in what was not captured is not.
func unanswered(c *flow.Conn, x *flow.Exchange) bool {
	return !unjudged(x) && x.Status == 0 && !x.Started.IsZero() && over(c, x)
}

// unjudged tells that nobody saw what became of x.
func unjudged(x *flow.Exchange) bool { return x.Over && x.Outcome == "" }

// reused tells that c had carried an exchange before x.
func reused(c *flow.Conn, x *flow.Exchange) bool {
	return x.Reused == flow.Yes || x.Reused == flow.NotObserved && len(c.Exchanges) > 0 && c.Exchanges[0] != x
}

// handshakeFailed is the index of the TLSFailed event of a first handshake
// that did not complete, with one of the faults if any are given; or -1.
func handshakeFailed(c *flow.Conn, faults ...string) int {
	if c.TLS == nil || c.TLS.Done == flow.Yes {
		return -1
	}
	for i := find(c, 0, flow.Unknown, flow.TLSFailed); i >= 0; i = find(c, i+1, flow.Unknown, flow.TLSFailed) {
		if len(faults) == 0 {
			return i
		}
		for _, f := range faults {
			if c.Events[i].Attr(flow.KeyFault) == f {
				return i
			}
		}
	}
	return -1
}

// alertPhrases are how a participant's TLS library words the alerts it got,
// where the alert itself was encrypted and only the words are known.
func alertPhrases() map[string]string {
	return map[string]string{
		"unknown_ca":              "unknown certificate authority",
		"bad_certificate":         "bad certificate",
		"certificate_expired":     "expired certificate",
		"certificate_unknown":     "unknown certificate",
		"certificate_required":    "certificate required",
		"handshake_failure":       "handshake failure",
		"insufficient_security":   "insufficient security",
		"protocol_version":        "protocol version",
		"unrecognized_name":       "unrecognized name",
		"no_renegotiation":        "no renegotiation",
		"no_application_protocol": "no application protocol",
		"certificate_revoked":     "revoked certificate",
		"access_denied":           "access denied",
		"unsupported_certificate": "unsupported certificate",
	}
}

// alerted is the index of the event that shows one of the fatal alerts from
// side, or -1: the alert itself, or the failure a participant was told of.
func alerted(c *flow.Conn, side flow.Side, names ...string) int {
	for i := range c.Events {
		e := &c.Events[i]
		for _, name := range names {
			switch {
			case e.Kind == flow.Alert && e.From == side && e.Text == name && e.Attr(flow.KeyLevel) != "warning":
				return i
			case e.Kind == flow.TLSFailed && e.Attr(flow.KeyFault) == flow.FaultAlert && c.Self == side.Other() &&
				saysAlert(e.Text, name):
				return i
			}
		}
	}
	return -1
}

// saysAlert tells that words name an alert. "unknown certificate" begins
// "unknown certificate authority", which is another alert.
func saysAlert(words, name string) bool {
	phrase := alertPhrases()[name]
	if name == "certificate_unknown" && strings.Contains(words, "unknown certificate authority") {
		return false
	}
	return strings.Contains(words, name) || phrase != "" && strings.Contains(words, phrase)
}

// peer names the server side of c for a sentence.
func peer(c *flow.Conn) string {
	who := "the server"
	if c.Self == flow.Client && c.Parent != 0 {
		who = "the origin"
	}
	if c.Origin != "" {
		who += " " + c.Origin
	}
	if !c.Server.IsValid() {
		return who
	}
	if strings.Contains(c.Origin, c.Server.String()) {
		return who
	}
	return who + " " + c.Server.String()
}

// caller names the client side of c for a sentence.
func caller(c *flow.Conn) string {
	switch {
	case c.Self == flow.Client:
		return "Fanlight"
	case c.Client.IsValid():
		return "the client " + c.Client.Addr().String()
	}
	return "the client"
}

// asked names what x asked for.
func asked(x *flow.Exchange) string {
	if x == nil || x.Method == "" {
		return "the request"
	}
	return x.Method + " " + x.Target
}

// report names everybody concerned, shows what the client got, and reports.
// Where the client was served all the same, an error is only a warning.
func report(p *explain.Pass, f explain.Finding, c *flow.Conn, x *flow.Exchange) {
	fx := blame(p, &f, c, x)
	if fx != nil && fx.Incident == "" && fx.Status > 0 && fx.Status < 500 && fx.Outcome == flow.Complete {
		p.ReportAs(explain.Warning, f)
		return
	}
	p.Report(f)
}

// reportRefusal is report where the answer itself is the refusal.
func reportRefusal(p *explain.Pass, f explain.Finding, c *flow.Conn, x *flow.Exchange) {
	blame(p, &f, c, x)
	p.Report(f)
}

// blame names everybody concerned in f, shows what the client got, and gives
// the exchange of that client, nil if there is none.
func blame(p *explain.Pass, f *explain.Finding, c *flow.Conn, x *flow.Exchange) *flow.Exchange {
	p.Blame(f, c, x)
	front, fx := p.Front(c, x)
	if fx == nil {
		return nil
	}
	if i := findOf(front, fx, flow.Incident); i >= 0 {
		f.Evidence = append(f.Evidence, explain.At(front, i, clientGot(fx)))
	} else if i := findOf(front, fx, flow.Response); i >= 0 {
		f.Evidence = append(f.Evidence, explain.At(front, i, clientGot(fx)))
	}
	return fx
}

func clientGot(x *flow.Exchange) string {
	switch {
	case x.Incident != "" && x.Status != 0:
		return fmt.Sprintf("the client got %d, incident %s", x.Status, x.Incident)
	case x.Incident != "":
		return "incident " + x.Incident
	}
	return fmt.Sprintf("the client got %d", x.Status)
}

// header is the value of a field, empty if it is absent.
func header(fields []flow.Field, name string) string {
	v, _ := flow.Get(fields, name)
	return v
}

// says tells that a comma separated field has a token, letter case ignored.
func says(fields []flow.Field, name, token string) bool {
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		for part := range strings.SplitSeq(f.Value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// milliseconds reads a fact that is a time in milliseconds.
func milliseconds(text string) (time.Duration, bool) {
	ms, err := strconv.ParseFloat(text, 64)
	return time.Duration(ms * float64(time.Millisecond)), err == nil
}

// counted words a number of things: one request, 3 requests.
func counted(n int, one, many string) string {
	if n == 1 {
		return "one " + one
	}
	return strconv.Itoa(n) + " " + many
}

// times words how often: once, twice, 3 times.
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
