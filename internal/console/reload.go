package console

import (
	"errors"
	"net/http"
)

// Reloader reads the door's configuration again. Its method may be called
// concurrently.
type Reloader interface {
	// Reload puts what has changed in the files into force, or with dry only says
	// what it would do. Of a configuration that cannot be used as a whole nothing
	// is changed: the error is a *Refusal with its faults.
	Reload(dry bool) (Reload, error)
}

// Reload is what reading the configuration again did, or would do.
type Reload struct {
	Type      string   `json:"type"` // reload
	File      string   `json:"file"`
	Applied   bool     `json:"applied"` // false: it was only asked what would be done
	Opened    int      `json:"opened"`
	Closed    int      `json:"closed"`
	Changed   int      `json:"changed"`
	Unchanged int      `json:"unchanged"`
	Faulty    int      `json:"faulty"` // not as the file says, for a fault
	ElapsedMS float64  `json:"elapsed_ms"`
	Changes   []Change `json:"-"` // items of their own
}

// Change is one thing that a reload does, or leaves as it is for a reason.
type Change struct {
	Type   string       `json:"type"`   // change
	Of     ChangeOf     `json:"of"`     // site, address or setting
	Name   string       `json:"name"`   // of the site or setting; an address with its port
	Action ChangeAction `json:"action"` // what is done
	Parts  []string     `json:"parts,omitempty"`
	Why    string       `json:"why,omitempty"`
	Fault  *Fault       `json:"fault,omitempty"`
}

// ChangeOf is what a change is about.
type ChangeOf string

// What a reload changes.
const (
	OfSite    ChangeOf = "site"
	OfAddress ChangeOf = "address"
	OfSetting ChangeOf = "setting"
)

// ChangeAction is what a reload does with a thing.
type ChangeAction string

// What a reload does.
const (
	Opens       ChangeAction = "open"
	Closes      ChangeAction = "close"
	Changes     ChangeAction = "change"
	Keeps       ChangeAction = "keep"    // serves as it did: its new configuration cannot be used
	Fails       ChangeAction = "fail"    // does not serve: its configuration cannot be used
	Waits       ChangeAction = "wait"    // it is being drained: another reload is needed
	NeedRestart ChangeAction = "restart" // in force after a restart
)

// Fault is one thing wrong in a configuration file.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Path    string `json:"path,omitempty"`
	Site    string `json:"site,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Report  string `json:"report,omitempty"` // as it is printed, with the line of the file
}

// reload answers with the changes, and what they come to as the last item.
func (a *api) reload(w http.ResponseWriter, r *http.Request) {
	unlimited(w) // the certificates of many sites take time to read
	done, err := a.Reloader.Reload(r.URL.Query().Get("dry_run") == "yes")
	if err != nil {
		failWith(w, err)
		return
	}
	items := make([]any, 0, len(done.Changes)+1)
	for i := range done.Changes {
		items = append(items, &done.Changes[i])
	}
	answer(w, append(items, done))
}

// faultsOf are those of a refused configuration.
func faultsOf(err error) []Fault {
	var known *Refusal
	if errors.As(err, &known) {
		return known.Faults
	}
	return nil
}
