package waf

import (
	"fmt"
	"sync"
)

// Engines keeps one engine of each policy, which all who want that policy share:
// a rule set takes memory and time to read. The zero value is ready for use.
// Its methods may be called concurrently.
type Engines struct {
	mu     sync.Mutex
	of     map[string]Engine
	shared *library
}

// Get gives the engine of a policy, making it if there is none.
func (e *Engines) Get(p *Policy) (Engine, error) {
	key := fmt.Sprintf("%#v", *p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if made := e.of[key]; made != nil {
		return made, nil
	}
	if e.of == nil {
		e.of, e.shared = map[string]Engine{}, newLibrary()
	}
	made, err := newEngine(p, e.shared)
	if err != nil {
		return nil, err
	}
	e.of[key] = made
	return made, nil
}

// Keep closes the engines that are not used any more. Transactions that have
// begun go on.
func (e *Engines) Keep(used map[Engine]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, made := range e.of {
		if !used[made] {
			_ = made.Close() // gives memory back: nothing to lose
			delete(e.of, key)
		}
	}
}

// Len is how many there are.
func (e *Engines) Len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.of)
}
