package store

import (
	"sync/atomic"
	"testing"
	"time"
)

// The writer ends although what comes goes on and on, here faster than it
// writes.
func TestDiskEndsUnderTraffic(t *testing.T) {
	var d atomic.Pointer[diskDoor]
	var ended, busy atomic.Bool
	stopped := make(chan struct{})
	mask := func(_, value string) string { // is called for each batch that is written
		if d := d.Load(); d != nil && !ended.Load() && busy.CompareAndSwap(false, true) {
			d.visit(time.Now(), "/more", 200, "Cookie: a=b\r\n")
			busy.Store(false)
		}
		return value
	}
	door := openDoor(t, t.TempDir(), DiskOptions{Mask: mask})
	d.Store(door)
	defer ended.Store(true)
	door.visit(time.Now(), "/first", 200, "Cookie: a=b\r\n")
	go func() {
		defer close(stopped)
		door.stop()
	}()
	select {
	case <-stopped:
	case <-time.After(20 * time.Second):
		ended.Store(true)
		<-stopped
		t.Fatal("the writer goes on for as long as there is traffic")
	}
}
