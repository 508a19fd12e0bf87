package cert

import (
	"errors"
	"time"
)

// TicketState is what TicketKeys are made of, for a process that goes on in the
// place of this one. Who has it can read the sessions whose tickets they made.
type TicketState struct {
	Period time.Duration `json:"period"`
	Born   time.Time     `json:"born"`
	Turns  int64         `json:"turns"`
	Keys   [][]byte      `json:"keys"`
}

// State gives the keys as they are.
func (t *TicketKeys) State() TicketState {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := TicketState{Period: t.period, Born: t.born.Round(0), Turns: t.turns.Load()}
	for _, key := range t.keys {
		s.Keys = append(s.Keys, append([]byte(nil), key[:]...))
	}
	return s
}

// TicketKeysOf makes keys that open the tickets of those that gave the state.
func TicketKeysOf(s TicketState) (*TicketKeys, error) {
	t := &TicketKeys{period: s.Period, born: s.Born}
	t.turns.Store(s.Turns)
	for _, key := range s.Keys {
		if len(key) != 32 {
			return nil, errors.New("take over ticket keys: a key is not 32 bytes long")
		}
		t.keys = append(t.keys, [32]byte(key))
	}
	if len(t.keys) == 0 || t.period <= 0 {
		return nil, errors.New("take over ticket keys: there is none")
	}
	return t, nil
}
