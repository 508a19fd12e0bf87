package rx

import "sync/atomic"

// Bounds of the memory for states, in bytes.
const (
	DefaultMemory = 32 << 20 // of all expressions together
	maxStates     = 1 << 20  // of one expression
	minStates     = 16 << 10 // that one expression may have even if all others take too much
)

// Memory is what the states of several expressions may take together. It is safe
// for concurrent use.
type Memory struct {
	limit int64
	used  atomic.Int64
}

// NewMemory allows its expressions limit bytes of states together. An expression
// may exceed it by 16 KiB, and never takes more than 1 MiB.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

// Used is how many bytes the states take now.
func (m *Memory) Used() int64 { return m.used.Load() }

// full tells whether an expression that has own bytes must give its states back
// before it makes another one.
func (m *Memory) full(own int) bool {
	return own > maxStates || own > minStates && m.used.Load() > m.limit
}
