package foreignlog

import (
	"net/netip"
	"time"
)

// LineRecord is the JSON object of a line. A fact that the line does not say is
// absent.
type LineRecord struct {
	Type     string      `json:"type"` // log-line
	File     string      `json:"file,omitempty"`
	Line     int         `json:"line"`
	Format   string      `json:"format"`
	Time     string      `json:"time,omitempty"`
	Zone     string      `json:"zone,omitempty"`
	Client   string      `json:"client,omitempty"`
	Server   string      `json:"server,omitempty"`
	Upstream string      `json:"upstream,omitempty"`
	Host     string      `json:"host,omitempty"`
	Method   string      `json:"method,omitempty"`
	Target   string      `json:"target,omitempty"`
	Status   int         `json:"status,omitempty"`
	TookMS   *float64    `json:"took_ms,omitempty"`
	Timers   string      `json:"timers,omitempty"`
	Words    []Word      `json:"words,omitempty"`
	State    string      `json:"state"`
	Kind     string      `json:"kind"`
	Meaning  string      `json:"meaning,omitempty"`
	Next     string      `json:"next,omitempty"`
	Points   []Point     `json:"points,omitempty"`
	Tied     *TiedRecord `json:"tied,omitempty"`
}

// TiedRecord is what of a capture a line is about.
type TiedRecord struct {
	Conn           string   `json:"conn"`
	Exchange       string   `json:"exchange,omitempty"`
	Origin         string   `json:"origin,omitempty"` // connection
	OriginExchange string   `json:"origin_exchange,omitempty"`
	Confidence     string   `json:"confidence"`
	Why            string   `json:"why"`
	Findings       []string `json:"findings,omitempty"` // ids
}

// LineJSON is a line as the object that is written.
func LineJSON(file string, l *Line) LineRecord {
	m := &l.Meaning
	out := LineRecord{
		Type: "log-line", File: file, Line: l.Number, Format: l.Format,
		Client: Address(l.Client), Server: Address(l.Server), Upstream: Address(l.Upstream),
		Host: l.Host, Method: l.Method, Target: l.Target, Status: l.Status, Timers: l.Timers, Words: l.Words,
		State: m.State.String(), Kind: m.Kind, Meaning: m.Text, Next: m.Next, Points: m.Points,
	}
	if !l.Time.IsZero() {
		out.Time, out.Zone = l.Time.Format("2006-01-02T15:04:05.000000000Z07:00"), l.Zone.String()
	}
	if l.TookKnown {
		took := float64(l.Took) / float64(time.Millisecond)
		out.TookMS = &took
	}
	return out
}

// TieJSON is a tie as the object that is written.
func TieJSON(t Tie, findings []string) *TiedRecord {
	out := &TiedRecord{Conn: t.Conn.String(), Confidence: t.Confidence, Why: t.Why, Findings: findings}
	if t.Exchange != 0 {
		out.Exchange = t.Exchange.String()
	}
	if t.Origin != 0 {
		out.Origin, out.OriginExchange = t.Origin.String(), t.OriginExchange.String()
	}
	return out
}

// Address writes an address, without a port that was not logged.
func Address(at netip.AddrPort) string {
	switch {
	case !at.IsValid():
		return ""
	case at.Port() == 0:
		return at.Addr().String()
	}
	return at.String()
}
