package app

import (
	"sync"

	"fanlight/internal/balance"
)

// duties are the origins that an operator switched off at run time. They have a
// lock of their own, so that sites can be made while App.mu is held.
type duties struct {
	mu sync.Mutex
	by map[dutyKey]balance.Duty
}

type dutyKey struct{ site, origin string }

func newDuties(kept map[string]map[string]string) *duties {
	d := &duties{by: map[dutyKey]balance.Duty{}}
	for site, origins := range kept {
		for origin, word := range origins {
			if duty, ok := balance.ParseDuty(word); ok {
				d.by[dutyKey{site, origin}] = duty
			}
		}
	}
	return d
}

// of gives what is wanted of an origin of a site: Enabled if nothing was said.
func (d *duties) of(site, origin string) balance.Duty {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by[dutyKey{site, origin}]
}

func (d *duties) set(site, origin string, duty balance.Duty) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if duty == balance.Enabled {
		delete(d.by, dutyKey{site, origin})
		return
	}
	d.by[dutyKey{site, origin}] = duty
}

// kept gives them as the state file has them.
func (d *duties) kept() map[string]map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]map[string]string{}
	for key, duty := range d.by {
		if out[key.site] == nil {
			out[key.site] = map[string]string{}
		}
		out[key.site][key.origin] = duty.String()
	}
	return out
}
