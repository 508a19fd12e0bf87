package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRetryConditions has the first of two origins fail in each way: the second
// one is asked where the configuration says so, and only for what may be sent
// twice.
func TestRetryConditions(t *testing.T) {
	for _, test := range []struct {
		fails  string // how the first origin does
		retry  string
		method string
		want   int // status; 200 came from the second origin
	}{
		{"reset", "{on: [reset]}", "GET", 200},
		{"reset", "{on: [reset]}", "POST", 502},
		{"reset", "{on: [reset], non_idempotent: always}", "POST", 200},
		{"reset", "{on: [timeout, 503]}", "GET", 502},
		{"silence", "{on: [timeout]}", "GET", 200},
		{"silence", "{on: [timeout]}", "POST", 504},
		{"silence", "{on: [reset]}", "GET", 504},
		{"504", "{on: [504]}", "PUT", 200},
		{"504", "{on: [502, 503]}", "PUT", 504},
		{"closed", "{on: [connect]}", "POST", 200}, // never sent
		{"closed", "{on: [refused]}", "POST", 200},
		{"closed", "{on: [timeout]}", "GET", 502},
		{"closed", "off", "GET", 502},
	} {
		t.Run(fmt.Sprint(test.fails, " ", test.method, " ", test.retry), func(t *testing.T) {
			t.Parallel()
			d, origins := fleet(t, 2, "timeouts: {first_byte: 300ms}\neject: off\nretry: "+test.retry)
			switch test.fails {
			case "closed":
				origins[0].kill()
			case "504":
				origins[0].status.Store(504)
			default:
				origins[0].fails.Store(&test.fails)
			}
			c := d.client("app.test")
			if status, _ := askBalanced(t, c, test.method, "/"); status != test.want {
				t.Errorf("status %d, want %d", status, test.want)
			}
			if asked := origins[1].asked.Load(); (asked == 1) != (test.want == 200) {
				t.Errorf("the second origin was asked %d times", asked)
			}
		})
	}
}

// TestRetryRounds asks a single origin again after a pause, as often as is said,
// and says how often that was.
func TestRetryRounds(t *testing.T) {
	d, origins := fleet(t, 1, `retry: {attempts: 3, on: [connect, 503]}`)
	origins[0].status.Store(503)
	c := d.client("app.test")
	if status, _ := askBalanced(t, c, "GET", "/"); status != 503 || origins[0].asked.Load() != 4 {
		t.Errorf("status %d after %d tries, want the origin's own 503 after 4", status, origins[0].asked.Load())
	}
	origins[0].kill()
	if status, _ := askBalanced(t, c, "GET", "/"); status != 502 {
		t.Errorf("status %d", status)
	}
	says(t, "cause", d.causeOf(), "connection refused; it was the last of 4 tries")
}

// TestClientLeavesTheQueue has a client go that waits for its turn: its place is
// free long before its time is over.
func TestClientLeavesTheQueue(t *testing.T) {
	d, origins := fleet(t, 1, `pool: {requests: 1, queue: 1, queue_timeout: 5m}`)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _, _ = tryAsk(d.client("app.test"), "GET", "/hold")
	}()
	until(t, "the first to be with the origin", func() bool { return origins[0].holds.Load() == 1 })
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error)
	c := d.client("app.test")
	go func() {
		req, err := http.NewRequestWithContext(ctx, "GET", "https://app.test/", nil)
		if err == nil {
			_, err = c.Do(req)
		}
		left <- err
	}()
	until(t, "the second to wait", func() bool { return d.waiting() == 1 })
	leave()
	if err := <-left; err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("the second got %v", err)
	}
	until(t, "an empty queue", func() bool { return d.waiting() == 0 })
	close(origins[0].hold)
	select {
	case <-done:
	case <-time.After(wait):
		t.Error("the first is not answered")
	}
	if origins[0].asked.Load() != 1 {
		t.Errorf("the origin was asked %d times", origins[0].asked.Load())
	}
}
