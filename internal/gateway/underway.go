package gateway

import (
	"strconv"
	"sync"
)

// underWay counts the exchanges of each client with each site that has a limit
// for them, whatever connections carry them: those of a trusted proxy count for
// the clients it names.
type underWay struct {
	mu   sync.Mutex
	open map[addressAt]int
}

// enter counts an exchange, unless there are most already.
func (u *underWay) enter(at addressAt, most int) (entered bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open[at] >= most {
		return false
	}
	if u.open == nil {
		u.open = map[addressAt]int{}
	}
	u.open[at]++
	return true
}

func (u *underWay) leave(at addressAt) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open[at]--; u.open[at] <= 0 {
		delete(u.open, at)
	}
}

// busy answers a client that has as many exchanges with the site under way as it
// may.
func (r *ride) busy(does *Site) bool {
	if does.Exchanges <= 0 {
		return false
	}
	at := addressAt{does.Name, networkOf(r.client())}
	if r.s.g.underWay.enter(at, does.Exchanges) {
		r.counted = at
		return false
	}
	r.refuse(429, byExchanges, "address "+networkText(at.of)+" has "+strconv.Itoa(does.Exchanges)+" exchanges with site "+does.Name+" under way already")
	return true
}
