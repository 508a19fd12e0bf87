package cert

import (
	"crypto/rand"
	"crypto/tls"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// oldTicketKeys is how many keys before the current one still open tickets.
const oldTicketKeys = 2

// TicketKeys are the session ticket keys of one site. A tls.Config that
// GetConfigForClient gives uses the keys of the listener's Config if it has
// none of its own, so that a ticket of one site would resume at another one,
// showing no certificate; hence each site has a TicketKeys, applied to every
// Config it serves with.
//
// TicketKeys is safe for concurrent use.
type TicketKeys struct {
	period time.Duration
	born   time.Time
	turns  atomic.Int64 // whole periods since born, at the latest rotation

	mu      sync.Mutex
	keys    [][32]byte // newest first
	configs []weak.Pointer[tls.Config]
}

// NewTicketKeys makes a first key, to be replaced after period; zero or less
// is 12 hours.
func NewTicketKeys(period time.Duration) *TicketKeys {
	if period <= 0 {
		period = 12 * time.Hour
	}
	return &TicketKeys{period: period, born: time.Now(), keys: [][32]byte{newTicketKey()}}
}

func newTicketKey() (key [32]byte) {
	rand.Read(key[:])
	return key
}

// Apply gives the keys to a Config, now and at each rotation as long as the
// Config is in use. It does not reach Configs cloned from it.
func (t *TicketKeys) Apply(config *tls.Config) {
	t.mu.Lock()
	defer t.mu.Unlock()
	config.SetSessionTicketKeys(t.keys)
	p := weak.Make(config)
	if !slices.Contains(t.configs, p) {
		t.configs = append(t.configs, p)
	}
}

// Rotate makes a new key for each period that has passed, and forgets those
// that are more than two behind. When none has passed it costs next to
// nothing, and so may be called for every handshake.
func (t *TicketKeys) Rotate(now time.Time) {
	if int64(now.Sub(t.born)/t.period) <= t.turns.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	due := int64(now.Sub(t.born) / t.period)
	missed := due - t.turns.Load()
	if missed <= 0 {
		return
	}
	for range min(missed, oldTicketKeys+1) {
		t.keys = slices.Insert(t.keys, 0, newTicketKey())
	}
	t.keys = slices.Clone(t.keys[:min(len(t.keys), oldTicketKeys+1)])
	t.configs = slices.DeleteFunc(t.configs, func(p weak.Pointer[tls.Config]) bool {
		config := p.Value()
		if config != nil {
			config.SetSessionTicketKeys(t.keys)
		}
		return config == nil
	})
	t.turns.Store(due)
}

// RefusalConfig is what GetConfigForClient gives to refuse a client: without a
// certificate, crypto/tls sends the alert unrecognized_name before any, and
// with tickets off it resumes no earlier session. (An error from
// GetConfigForClient would send internal_error.) Old versions are let in so
// that their clients, too, are told the reason.
func RefusalConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS10, SessionTicketsDisabled: true}
}
