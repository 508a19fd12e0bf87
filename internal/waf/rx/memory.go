package rx

import (
	"runtime"
	"sync"
	"sync/atomic"
	"weak"
)

// Bounds of the memory for states, in bytes.
const (
	DefaultMemory = 32 << 20 // of all expressions together
	maxStates     = 1 << 20  // of one expression
	minStates     = 16 << 10 // that one expression may have even if all others take too much
)

// Memory is what the states of several expressions may take together. Those that
// are equal are one, as long as somebody uses it. It is safe for concurrent use.
type Memory struct {
	limit int64
	used  atomic.Int64

	mu       sync.Mutex
	compiled map[string]weak.Pointer[Regexp]
}

// NewMemory allows its expressions limit bytes of states together. An expression
// may exceed it by 16 KiB, and never takes more than 1 MiB.
func NewMemory(limit int64) *Memory {
	return &Memory{limit: limit, compiled: map[string]weak.Pointer[Regexp]{}}
}

// Used is how many bytes the states take now, about.
func (m *Memory) Used() int64 { return m.used.Load() }

// known is the expression compiled from pattern, nil if nobody uses one.
func (m *Memory) known(pattern string) *Regexp {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.compiled[pattern].Value()
}

func (m *Memory) remember(pattern string, r *Regexp) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.compiled[pattern] = weak.Make(r)
	runtime.AddCleanup(r, m.forget, pattern)
}

// forget drops what nobody uses, unless it was compiled again meanwhile.
func (m *Memory) forget(pattern string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.compiled[pattern].Value() == nil {
		delete(m.compiled, pattern)
	}
}

// share is what one DFA has of a memory. Its user locks it.
type share struct {
	of   *Memory
	size int
}

func (s *share) take(n int) {
	s.size += n
	s.of.used.Add(int64(n))
}

func (s *share) giveBack() {
	s.of.used.Add(-int64(s.size))
	s.size = 0
}

// full tells whether the states must be given back before another one is made.
func (s *share) full() bool {
	return s.size > maxStates || s.size > minStates && s.of.used.Load() > s.of.limit
}
