package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

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
