package waf

import (
	"strings"
	"sync"

	"fanlight/internal/waf/operator"
	"fanlight/internal/waf/rx"
	"fanlight/internal/waf/seclang"
)

// library keeps the operators of rule sets, which take most of the time and the
// memory of a plan and are the same in all. It is safe for concurrent use.
type library struct {
	memory *rx.Memory

	mu        sync.Mutex
	operators map[string]operator.Operator
}

func newLibrary() *library {
	return &library{memory: rx.NewMemory(rx.DefaultMemory), operators: map[string]operator.Operator{}}
}

func (l *library) operator(of *seclang.Operator) (operator.Operator, error) {
	key := of.Name + "\x00" + of.Argument + "\x00" + strings.Join(of.Phrases, "\x00")
	l.mu.Lock()
	defer l.mu.Unlock()
	if made := l.operators[key]; made != nil {
		return made, nil
	}
	made, err := operator.New(of.Name, of.Argument, of.Phrases, l.memory)
	if err == nil {
		l.operators[key] = made
	}
	return made, err
}
