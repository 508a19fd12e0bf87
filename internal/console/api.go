package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

type api struct {
	Options
	streams chan struct{} // a place for each stream
}

func (a *api) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/health", a.health)
	mux.HandleFunc("GET /api/sites", a.sites)
	mux.HandleFunc("POST /api/sites/{name}/{action}", a.changeSite)
	mux.HandleFunc("GET /api/origins", a.origins)
	mux.HandleFunc("POST /api/origins/{action}", a.changeOrigin)
	mux.HandleFunc("GET /api/addresses", a.addresses)
	mux.HandleFunc("POST /api/addresses", a.changeAddress(a.Control.AddAddress))
	mux.HandleFunc("DELETE /api/addresses", a.changeAddress(a.Control.RemoveAddress))
	mux.HandleFunc("GET /api/connections", a.connections)
	mux.HandleFunc("GET /api/connections/{id}", a.connection)
	mux.HandleFunc("GET /api/exchanges", a.exchanges)
	mux.HandleFunc("GET /api/records", a.records)
	mux.HandleFunc("GET /api/findings", a.findings)
	mux.HandleFunc("GET /api/incidents", a.incidents)
	mux.HandleFunc("GET /api/incidents/{id}", a.incident)
	mux.HandleFunc("GET /api/stream", a.stream)
	if a.Reloader != nil {
		mux.HandleFunc("POST /api/reload", a.reload)
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "no such thing in the API: "+r.Method+" "+r.URL.Path)
	})
	if a.Metrics != nil {
		mux.Handle("GET /metrics", a.Metrics)
	}
}

// document is the shape of every answer but an error.
type document struct {
	Schema int `json:"schema"`
	Items  any `json:"items"`
}

func answer[T any](w http.ResponseWriter, items []T) {
	if items == nil {
		items = []T{}
	}
	writeJSON(w, http.StatusOK, document{1, items})
}

func fail(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a visitor who has gone
}

type health struct {
	Status    string     `json:"status"`
	Version   string     `json:"version,omitempty"`
	PID       int        `json:"pid"`
	Warnings  []string   `json:"warnings"`
	Recording *recording `json:"recording"` // null: off
}

type recording struct {
	Size        int64  `json:"size"`
	Bytes       int64  `json:"bytes"`
	Batches     int64  `json:"batches"`
	Overwritten int64  `json:"overwritten"`
	TooLarge    int64  `json:"too_large"`
	Oldest      string `json:"oldest,omitempty"`

	Disk *onDisk `json:"disk"` // null: off
}

type onDisk struct {
	Size    int64  `json:"size"`
	Bytes   int64  `json:"bytes"`
	Written int64  `json:"written"`
	Lost    int64  `json:"lost"`
	Damaged int64  `json:"damaged"`
	Trouble string `json:"trouble,omitempty"`
}

func (a *api) health(w http.ResponseWriter, _ *http.Request) {
	out := health{Status: "ok", Version: a.Version, PID: os.Getpid(), Warnings: append([]string{}, a.Control.Warnings()...)}
	if a.Store != nil {
		s := a.Store.Stats()
		out.Recording = &recording{Size: s.Size, Bytes: s.Bytes, Batches: s.Batches, Overwritten: s.Overwritten, TooLarge: s.TooLarge}
		if d := a.disk(); d != nil {
			s := d.Stats()
			out.Recording.Disk = &onDisk{s.Size, s.Bytes, s.Written, s.Lost, s.Damaged, s.Trouble}
		}
		if !s.Oldest.IsZero() {
			out.Recording.Oldest = s.Oldest.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
		}
	}
	answer(w, []health{out})
}

// sites lists them all, or with name= that one alone.
func (a *api) sites(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("name") {
		answer(w, a.Control.Sites())
		return
	}
	if s, ok := a.Control.Site(r.URL.Query().Get("name")); ok {
		answer(w, []Site{s})
		return
	}
	answer[Site](w, nil)
}

// changeSite answers with the site as it is afterwards.
func (a *api) changeSite(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	var err error
	unlimited(w) // stopping waits for open exchanges, draining for tunnels
	switch action := r.PathValue("action"); action {
	case "start":
		err = a.Control.StartSite(r.Context(), name)
	case "stop":
		err = a.Control.StopSite(r.Context(), name)
	case "drain":
		err = a.Control.DrainSite(r.Context(), name)
	case "save":
		err = a.Control.SaveSite(name)
	default:
		fail(w, http.StatusNotFound, "no such action on a site: "+action)
		return
	}
	if err != nil {
		failWith(w, err)
		return
	}
	if s, ok := a.Control.Site(name); ok {
		answer(w, []Site{s})
		return
	}
	answer[Site](w, nil)
}

// refused is the answer to a change that was not made.
type refused struct {
	Error   string      `json:"error"`
	Kind    RefusalKind `json:"kind"`
	WaysOut []string    `json:"ways_out,omitempty"`
	Faults  []Fault     `json:"faults,omitempty"`
}

func failWith(w http.ResponseWriter, err error) {
	out := refused{Error: err.Error(), Kind: Conflict, Faults: faultsOf(err)}
	var known *Refusal
	if errors.As(err, &known) {
		out.Kind, out.WaysOut = known.Kind, known.WaysOut
	}
	status := http.StatusConflict
	switch out.Kind {
	case Unknown:
		status = http.StatusNotFound
	case Malformed:
		status = http.StatusBadRequest
	}
	writeJSON(w, status, out)
}

func (a *api) addresses(w http.ResponseWriter, _ *http.Request) { answer(w, a.Control.Addresses()) }

// changeAddress reads {"address":"127.0.0.2"} and answers with the addresses
// as they are afterwards.
func (a *api) changeAddress(change func(string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Address string `json:"address"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Address == "" {
			fail(w, http.StatusBadRequest, `expected a body such as {"address":"127.0.0.2"}`)
			return
		}
		if err := change(body.Address); err != nil {
			failWith(w, err)
			return
		}
		answer(w, a.Control.Addresses())
	}
}

func (a *api) findings(w http.ResponseWriter, _ *http.Request) {
	answer(w, append([]explain.Finding{}, a.Findings.Recent()...))
}

func (a *api) incidents(w http.ResponseWriter, _ *http.Request) {
	out := []incidentRecord{}
	for _, i := range a.Control.Incidents() {
		out = append(out, i.record())
	}
	answer(w, out)
}

// connID reads c7 or 7.
func connID(s string) (flow.ConnID, bool) {
	if len(s) > 1 && s[0] == 'c' {
		s = s[1:]
	}
	id, err := strconv.ParseUint(s, 10, 64)
	return flow.ConnID(id), err == nil && id != 0
}
