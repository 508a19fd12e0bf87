package app

import (
	"log/slog"
	"strings"
	"sync"

	"fanlight/internal/flow"
	"fanlight/internal/gateway"
	"fanlight/internal/waf"
)

// audits are the files that tell of each request in which a rule of the WAF
// matched, by path. They are opened when there is something to write, and closed
// with the door.
type audits struct {
	mask flow.Mask
	log  *slog.Logger
	mu   sync.Mutex
	by   map[string]*auditFile
}

// of gives what writes to a file, which may be called concurrently; nil for none.
func (a *audits) of(path string) func(*gateway.Judged) {
	if a == nil || path == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.by[path]
	if f == nil {
		f = &auditFile{path: path, mask: a.mask, log: a.log}
		if a.by == nil {
			a.by = map[string]*auditFile{}
		}
		a.by[path] = f
	}
	return f.write
}

func (a *audits) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.by {
		f.close()
	}
}

// auditFile is one of them.
type auditFile struct {
	path string
	mask flow.Mask
	log  *slog.Logger

	mu     sync.Mutex
	lines  *jsonLines // nil: not open
	failed bool       // the last attempt to open it
}

func (f *auditFile) write(j *gateway.Judged) {
	record := auditRecord(j, f.mask)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lines == nil {
		lines, err := openJSONLines(f.path, f.log)
		if err != nil {
			if !f.failed {
				f.log.Error("audit of the WAF cannot be written", "path", f.path, "err", err)
			}
			f.failed = true
			return
		}
		lines.path = f.path
		f.lines, f.failed = lines, false
	}
	f.lines.writePlain(record)
	f.lines.flush()
}

func (f *auditFile) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lines != nil {
		f.lines.close()
		f.lines = nil
	}
}

// AuditRecord is a request in which a rule of the WAF matched.
type AuditRecord struct {
	Type     string      `json:"type"` // "waf"
	At       string      `json:"at"`
	Site     string      `json:"site"`
	Exchange string      `json:"exchange,omitempty"`
	Client   string      `json:"client"`
	Method   string      `json:"method"`
	Host     string      `json:"host,omitempty"`
	Target   string      `json:"target"`
	Decision string      `json:"decision"`
	Status   int         `json:"status,omitempty"`
	Inbound  int         `json:"inbound"`
	Outbound int         `json:"outbound"`
	Paranoia int         `json:"paranoia"`
	Engine   string      `json:"engine"`
	Unseen   bool        `json:"unseen,omitempty"`
	Rules    []AuditRule `json:"rules"`
}

// AuditRule is one rule that matched.
type AuditRule struct {
	ID       int    `json:"id"`
	Adds     int    `json:"adds"`
	Severity string `json:"severity,omitempty"`
	Message  string `json:"message,omitempty"`
	In       string `json:"in,omitempty"`
	Data     string `json:"data,omitempty"`
}

func auditRecord(j *gateway.Judged, mask flow.Mask) AuditRecord {
	v := j.Verdict
	out := AuditRecord{Type: "waf", At: j.At.UTC().Format(auditTime), Site: j.Site, Client: j.Client.String(), Method: j.Method, Host: j.Host,
		Target: j.Target, Decision: j.Decision, Inbound: v.Inbound, Outbound: v.Outbound, Paranoia: j.Policy.Paranoia, Engine: v.Engine, Unseen: v.Unseen != 0}
	if mask != nil {
		out.Target = mask(flow.TargetField, j.Target)
	}
	if j.Exchange != 0 {
		out.Exchange = j.Exchange.String()
	}
	if v.Interrupted != nil {
		out.Status = v.Interrupted.Status
	}
	for i := range v.Matches {
		m := &v.Matches[i]
		rule := AuditRule{ID: m.Rule, Adds: m.Score, Severity: m.Severity, Message: m.Message}
		if hits := m.Telling(); len(hits) > 0 {
			rule.In = hits[0].Target()
		}
		if !secretHit(m, mask) {
			rule.Data = m.Data
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

const auditTime = "2006-01-02T15:04:05.000000Z"

// secretHit tells whether a rule matched in what is masked elsewhere: what it
// says of it holds the value.
func secretHit(m *waf.Match, mask flow.Mask) bool {
	if mask == nil {
		return false
	}
	for i := range m.Hits {
		h := &m.Hits[i]
		switch {
		case h.Variable == "REQUEST_COOKIES":
			return true
		case strings.HasPrefix(h.Variable, "REQUEST_HEADERS"), strings.HasPrefix(h.Variable, "RESPONSE_HEADERS"):
			if mask(h.Key, h.Value) != h.Value {
				return true
			}
		case strings.HasPrefix(h.Variable, "ARGS"):
			if query := "?" + h.Key + "=x"; mask(flow.TargetField, query) != query {
				return true
			}
		case h.Variable == "XML" && h.Within != "":
			if mask(flow.ParameterField+h.Within, h.Value) != h.Value {
				return true
			}
		case strings.HasPrefix(h.Variable, "REQUEST_"), h.Variable == "QUERY_STRING":
			if whole := "?" + h.Value; mask(flow.TargetField, whole) != whole {
				return true
			}
		}
	}
	return false
}
