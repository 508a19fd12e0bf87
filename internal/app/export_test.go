package app

import (
	"math"

	"fanlight/internal/console"
	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/gateway"
	"fanlight/internal/site"
)

// Sites is the table.
func (a *App) Sites() *site.Table { return a.table }

// Trace is all that is kept in the record.
func (a *App) Trace() *flow.Trace {
	if a.store == nil {
		return &flow.Trace{}
	}
	return a.store.Trace(a.store.Recent(math.MaxInt)...)
}

// Recording tells whether there is a store.
func (a *App) Recording() bool { return a.store != nil }

// Explain looks for causes in a trace as the door does.
func (a *App) Explain(t *flow.Trace) []explain.Finding { return a.findings.Of(t) }

// Incident finds an incident that is kept.
func (a *App) Incident(id string) (gateway.Incident, bool) { return a.gateway.Incidents.Get(id) }

// Open is the number of client connections.
func (a *App) Open() int64 { return int64(a.gateway.Open()) }

// Metrics counts what the door carries.
func (a *App) Metrics() *gateway.Metrics { return &a.gateway.Metrics }

// Site is a site as the console shows it.
func (a *App) Site(name string) console.Site {
	s, _ := control{a}.Site(name)
	return s
}
