package balance

import "fanlight/internal/origin"

// Retire is Close for a group in whose place another one came, which goes on to
// use some of its origins.
func (g *Group) Retire(used func(*origin.Origin) bool) {
	g.endChecks()
	for _, m := range g.Members {
		if !used(m.Origin) {
			m.Origin.Close()
		}
	}
}
