package cli

import (
	"fmt"
	"io"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/probe"
	"fanlight/internal/report"
)

// probePrinter is one form of output.
type probePrinter interface {
	step(s probe.Step)
	// result prints what came of it all; compared may be nil.
	result(r *probe.Result, compared *wayComparison, found []explain.Finding, sum flow.SummaryRecord)
}

// stepItem is one thing that was tried.
type stepItem struct {
	Type     string   `json:"type"`
	Way      string   `json:"way"`
	Name     string   `json:"name"`
	State    string   `json:"state"`
	Result   string   `json:"result"`
	TookMS   *float64 `json:"took_ms,omitempty"`
	Conn     string   `json:"conn,omitempty"`
	Exchange string   `json:"exchange,omitempty"`
}

// wayDifferenceItem is a step that came out differently through the gateway.
type wayDifferenceItem struct {
	Type    string `json:"type"`
	Step    string `json:"step"`
	Direct  string `json:"direct"`
	Through string `json:"via"`
}

// probeJSON writes the objects of the contract, steps as they come.
type probeJSON struct{ jsonPrinter }

func (p *probeJSON) step(s probe.Step) {
	item := stepItem{Type: "step", Way: s.Way, Name: s.Name, State: s.State.String(), Result: s.Result}
	if s.Timed {
		ms := float64(s.Took) / float64(time.Millisecond)
		item.TookMS = &ms
	}
	if s.Conn != 0 {
		item.Conn = s.Conn.String()
	}
	if s.Exchange != 0 {
		item.Exchange = s.Exchange.String()
	}
	p.write(item)
}

func (p *probeJSON) result(r *probe.Result, compared *wayComparison, found []explain.Finding, sum flow.SummaryRecord) {
	for _, c := range r.Trace.Conns {
		for _, x := range c.Exchanges {
			p.exchange(c, x)
		}
		p.conn(c)
	}
	for _, d := range r.Differences {
		p.write(wayDifferenceItem{"way-difference", d.Step, d.Direct, d.Through})
	}
	for _, item := range compared.items() {
		p.write(item)
	}
	p.findings(found, r.Trace)
	p.summary(sum)
}

// probeText is for people.
type probeText struct {
	out     io.Writer
	gateway string // empty: there is none
	way     string // of the step before
}

func (p *probeText) step(s probe.Step) {
	if s.Way != p.way && p.gateway != "" {
		p.heading(s.Way)
	}
	p.way = s.Way
	took := ""
	if s.Timed {
		took = fmt.Sprintf("%.1f ms", float64(s.Took)/float64(time.Millisecond))
	}
	mark := map[probe.State]string{probe.OK: "ok", probe.Told: "-", probe.Failed: "FAILED", probe.Skipped: "skipped"}[s.State]
	fmt.Fprintf(p.out, "%-8s%-14s%11s  %s\n", mark, s.Name, took, visibleLine(s.Result))
}

func (p *probeText) heading(way string) {
	switch {
	case way == probe.Through:
		fmt.Fprintf(p.out, "\nthrough %s\n", p.gateway)
	default:
		fmt.Fprintln(p.out, "directly")
	}
}

func (p *probeText) result(r *probe.Result, compared *wayComparison, found []explain.Finding, sum flow.SummaryRecord) {
	if p.gateway != "" && p.way == probe.Through {
		p.differences(r.Differences)
		compared.text(p.out)
	}
	if len(found) > 0 {
		fmt.Fprintln(p.out)
		_ = report.Findings(p.out, found) // the buffer keeps the error
	}
	fmt.Fprintf(p.out, "\n%s, %s, %s\n", counted(sum.Connections, "connection"), counted(sum.Exchanges, "exchange"), counted(sum.Findings, "finding"))
}

func (p *probeText) differences(all []probe.Difference) {
	if len(all) == 0 {
		fmt.Fprintln(p.out, "\nno step came out differently through the gateway")
		return
	}
	fmt.Fprintln(p.out, "\nwhat differs")
	for _, d := range all {
		fmt.Fprintf(p.out, "  %s\n    directly  %s\n    through   %s\n", d.Step, visibleLine(d.Direct), visibleLine(d.Through))
	}
}
