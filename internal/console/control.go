package console

import (
	"context"
	"errors"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// ErrUnknown is wrapped by the errors of a Control that does not know the site
// or address it is asked about.
var ErrUnknown = errors.New("not known")

// Control is what the console needs of the running door. Its methods are called
// concurrently. Errors are shown to the user as they are.
type Control interface {
	Sites() []Site
	Site(name string) (Site, bool)
	StartSite(ctx context.Context, name string) error
	StopSite(ctx context.Context, name string) error  // returns when it is true for a client outside
	DrainSite(ctx context.Context, name string) error // also waits for tunnels
	SaveSite(name string) error                       // writes the state into the file
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
	Configured  string       `json:"configured"` // the state the file asks for: running or stopped
	Differs     bool         `json:"differs"`    // from the file, by a command
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
