package app

import (
	"context"
	"time"
)

// drainTold is how often the log says what an ending door waits for.
const drainTold = 5 * time.Second

// drain lets open exchanges and tunnels end by themselves until ctx does.
func (a *App) drain(ctx context.Context) {
	ticker := time.NewTicker(drainTold)
	defer ticker.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.gateway.FinishAll(ctx)
	}()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			exchanges, tunnels, _ := a.gateway.Waiting()
			left := "until they end"
			if at, ok := ctx.Deadline(); ok {
				left = time.Until(at).Round(time.Second).String()
			}
			a.log.Info("waits for open exchanges and tunnels", "exchanges", exchanges, "tunnels", tunnels, "at_most", left)
		}
	}
}
