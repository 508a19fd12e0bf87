package app

import (
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/gateway"
	"fanlight/internal/site"
)

// An order for an origin is not lost between a reload's look at what is wanted
// of it and the new one's first exchange: it waits.
func TestOrderForOriginWaitsForReload(t *testing.T) {
	a := &App{gateway: gateway.New(gateway.Options{Table: site.NewTable(), Recorder: flow.NewRecorder(nil)})}
	a.reloading.Lock()
	done := make(chan error, 1)
	go func() {
		_, err := control{a}.SetOrigin("", "https://10.0.0.5:443", "disabled")
		done <- err
	}()
	select {
	case <-done:
		t.Fatal("the order did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	a.reloading.Unlock()
	if err := <-done; err == nil {
		t.Error("an origin that nobody has was switched off")
	}
}
