package foreignlog

import (
	"testing"
	"time"

	"fanlight/internal/flow"
)

// TestAround: what everybody asks for is not looked through from end to end for
// each line.
func TestAround(t *testing.T) {
	began := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	const n, apart = 3 * maxAlike, 20 * time.Millisecond
	exchanges := func(hung bool) *alike {
		a := &alike{}
		for i := range n {
			x := &flow.Exchange{ID: flow.ExchangeID(i + 1), Started: began.Add(time.Duration(i) * apart)}
			x.Ended = x.Started.Add(apart)
			if hung && i == 0 {
				x.Ended = time.Time{}
			}
			a.add(place{&flow.Conn{}, x})
		}
		a.settle(began.Add(n * apart))
		return a
	}
	for name, tt := range map[string]struct {
		a    *alike
		at   time.Duration // after the beginning
		want int
	}{
		"in the middle": {exchanges(false), n / 2 * apart, 2*int(time.Second/apart) + 2},
		"before":        {exchanges(false), -time.Hour, 0},
		"after":         {exchanges(false), time.Hour, 0},
		"one hangs":     {exchanges(true), n / 2 * apart, maxAlike},
		"none":          {nil, 0, 0},
	} {
		seen := 0
		for range tt.a.around(began.Add(tt.at), time.Second) {
			seen++
		}
		if seen != tt.want {
			t.Errorf("%s: %d were looked at, want %d", name, seen, tt.want)
		}
	}
}
