package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// soakTally counts what clients did and saw.
type soakTally struct {
	mu     sync.Mutex
	visits map[string]int
	status map[int]int
	faults map[string]int
}

func newSoakTally() *soakTally {
	return &soakTally{visits: map[string]int{}, status: map[int]int{}, faults: map[string]int{}}
}

// reset forgets the visits, not what was wrong.
func (t *soakTally) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.visits)
	clear(t.status)
}

func (t *soakTally) visited(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.visits[kind]++
}

// answered counts a response; 0 is a connection that ended without one.
func (t *soakTally) answered(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status[status]++
}

// wrong keeps what must not happen to a client, whatever the origins do.
func (t *soakTally) wrong(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[what]++
}

func (t *soakTally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	all := 0
	for _, n := range t.visits {
		all += n
	}
	fmt.Fprintf(&b, "%d visits; answers by status:", all)
	for _, status := range slices.Sorted(maps.Keys(t.status)) {
		fmt.Fprintf(&b, " %d: %d", status, t.status[status])
	}
	return b.String()
}

func (t *soakTally) fault() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.faults) == 0 {
		return nil
	}
	var all []string
	for what, n := range t.faults {
		all = append(all, fmt.Sprintf("%d times: %s", n, what))
	}
	slices.Sort(all)
	return fmt.Errorf("clients saw what must not be:\n  %s", strings.Join(all[:min(20, len(all))], "\n  "))
}
