package console

import (
	"context"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// Refusal is an error of a Control that says of which kind it is. An error
// that is none stands for a conflict with how the door is.
type Refusal struct {
	Kind    RefusalKind
	Err     error
	WaysOut []string // what to do about it, if that is known
	Faults  []Fault  // of a configuration
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// RefusalKind is a kind of refusal, as the API names it.
type RefusalKind string

// The kinds of refusals.
const (
	Conflict   RefusalKind = "conflict"      // with how the door is
	Unknown    RefusalKind = "unknown"       // there is no such site or address
	Malformed  RefusalKind = "malformed"     // what was named cannot be read
	Address    RefusalKind = "address"       // an address or port that cannot be had
	Permission RefusalKind = "permission"    // the door may not do that
	Faulty     RefusalKind = "configuration" // the configuration has faults
)

// Control is what the console needs of the running door. Its methods are called
// concurrently. Errors are shown to the user as they are; a *Refusal says more.
type Control interface {
	Sites() []Site
	Site(name string) (Site, bool)
	StartSite(ctx context.Context, name string) error
	StopSite(ctx context.Context, name string) error  // returns when it is true for a client outside
	DrainSite(ctx context.Context, name string) error // also waits for tunnels
	SaveSite(name string) error                       // writes the state into the file
	Origins() []Origin
	// SetOrigin makes an origin enabled, draining or disabled; site empty means
	// every site that has it. It gives what was changed.
	SetOrigin(site, origin, duty string) ([]Origin, error)
	Addresses() []string
	AddAddress(address string) error
	RemoveAddress(address string) error
	Incident(id string) (Incident, bool)
	Incidents() []Incident // newest first
	Warnings() []string
}

// Findings explains traces. Its methods are called concurrently.
type Findings interface {
	Of(t *flow.Trace) []explain.Finding
	Recent() []explain.Finding // newest first
}

// Site is a site as it stands.
type Site struct {
	Name        string       `json:"name"`
	State       string       `json:"state"` // serving, draining, stopped or failed
	Reason      string       `json:"reason,omitempty"`
	Configured  string       `json:"configured"`    // the state the file asks for: running or stopped
	Differs     bool         `json:"differs"`       // from the file, by a command
	WAF         string       `json:"waf,omitempty"` // watch or block, in the configuration in force
	Bindings    []Binding    `json:"bindings"`
	Certificate *Certificate `json:"certificate,omitempty"`
	URL         string       `json:"url,omitempty"` // for a click
}

// Binding is one exact address of a site, with its names; none is every name.
type Binding struct {
	Address string   `json:"address"`
	Names   []string `json:"names"`
	Plain   bool     `json:"plain"`
}

// Certificate is what a site shows, or why it cannot.
type Certificate struct {
	Subject  string     `json:"subject,omitempty"`
	Names    []string   `json:"names,omitempty"`
	Issuer   string     `json:"issuer,omitempty"`
	NotAfter *time.Time `json:"not_after,omitempty"`
	Fault    string     `json:"fault,omitempty"`
}

// Incident is a response that the door made by itself.
type Incident struct {
	ID       string
	Time     time.Time
	Conn     flow.ConnID // 0: was not recorded
	Exchange flow.ExchangeID
	Site     string
	Status   int
	Cause    string
}

type incidentRecord struct {
	Type     string    `json:"type"` // incident
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	Conn     string    `json:"conn,omitempty"`
	Exchange string    `json:"exchange,omitempty"`
	Site     string    `json:"site,omitempty"`
	Status   int       `json:"status,omitempty"`
	Cause    string    `json:"cause"`
}

func (i Incident) record() incidentRecord {
	out := incidentRecord{Type: "incident", ID: i.ID, Time: i.Time.UTC(), Site: i.Site, Status: i.Status, Cause: i.Cause}
	if i.Conn != 0 {
		out.Conn = i.Conn.String()
	}
	if i.Exchange != 0 {
		out.Exchange = i.Exchange.String()
	}
	return out
}
