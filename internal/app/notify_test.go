package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/explain"
)

// told is what a receiver was sent, and when.
type told struct {
	mu  sync.Mutex
	got []string
}

func (r *told) send(n notice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, fmt.Sprintf("%s %d", n.Finding.ID, n.Count))
}

func (r *told) want(t *testing.T, when, want string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := strings.Join(r.got, ", "); got != want {
		t.Errorf("%s: told %q, want %q", when, got, want)
	}
}

func found(id string, s explain.Severity) explain.Finding {
	return explain.Finding{ID: id, Severity: s, Title: "title", Cause: "cause"}
}

// notified runs a notifier of errors in a bubble.
func notified(t *testing.T, send func(context.Context, notice) error, log *slog.Logger) (n *notifier, end func()) {
	n = newNotifier(time.Minute, log)
	n.least, n.send, n.name = explain.Error, send, "test"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { n.run(ctx); close(done) }()
	return n, func() { cancel(); <-done }
}

// TestNotifyRate: a cause is told of at once, and then once a minute with the
// number of its findings.
func TestNotifyRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &told{}
		n, end := notified(t, func(_ context.Context, n notice) error { r.send(n); return nil }, slog.New(slog.DiscardHandler))
		n.hear(found("a", explain.Error), false)
		r.want(t, "at once", "a 1")
		for range 5 {
			time.Sleep(time.Second)
			n.hear(found("a", explain.Error), false)
		}
		n.hear(found("a", explain.Error), true)
		n.hear(found("slight", explain.Warning), false)
		n.hear(found("b", explain.Error), false)
		r.want(t, "within the minute", "a 1, b 1")
		time.Sleep(54 * time.Second)
		r.want(t, "just before its end", "a 1, b 1")
		time.Sleep(2 * time.Second)
		r.want(t, "after the minute", "a 1, b 1, a 5")
		n.hear(found("b", explain.Error), false)
		time.Sleep(time.Hour)
		r.want(t, "later", "a 1, b 1, a 5, b 1")
		n.hear(found("a", explain.Error), false)
		n.hear(found("a", explain.Error), false)
		synctest.Wait()
		n.hear(found("a", explain.Error), false)
		end()
		var left int
		for _, line := range r.got[4:] {
			var count int
			if _, err := fmt.Sscanf(line, "a %d", &count); err != nil {
				t.Fatal(line)
			}
			left += count
		}
		if left != 3 {
			t.Errorf("at the end told %q, want 3 of a in all", r.got[4:])
		}
	})
}

// TestNotifyFailing: what cannot be told is counted and told later; the log
// says so once.
func TestNotifyFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r, broken := &told{}, atomic.Bool{}
		broken.Store(true)
		n, end := notified(t, func(_ context.Context, n notice) error {
			if broken.Load() {
				return errors.New("it is down")
			}
			r.send(n)
			return nil
		}, slog.New(slog.NewTextHandler(&out, nil)))
		for range 3 {
			n.hear(found("a", explain.Error), false)
			time.Sleep(61 * time.Second)
		}
		synctest.Wait()
		broken.Store(false)
		time.Sleep(61 * time.Second)
		r.want(t, "after it is back", "a 3")
		end()
		if down, up := strings.Count(out.String(), "it is down"), strings.Count(out.String(), "told of again"); down != 1 || up != 1 {
			t.Errorf("the log has the failure %d times and the end of it %d times:\n%s", down, up, &out)
		}
	})
}

// TestNotifyStuck: a receiver that does not answer holds up neither who finds
// nor the end of the door.
func TestNotifyStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, end := notified(t, func(ctx context.Context, _ notice) error { <-ctx.Done(); return ctx.Err() }, slog.New(slog.DiscardHandler))
		began := time.Now()
		for i := range 1000 {
			n.hear(found(fmt.Sprint("id", i%3), explain.Error), false)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("hearing took %s", took)
		}
		synctest.Wait()
		end()
		if took := time.Since(began); took > partingTime+sendLimit {
			t.Errorf("the end took %s", took)
		}
	})
}

// TestWebhookKeepsItsURL: neither name nor errors hold the path of the URL.
func TestWebhookKeepsItsURL(t *testing.T) {
	moved := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect))
	for _, to := range []string{moved.URL + "/s3cret", "http://127.0.0.1:1/s3cret", "http://u:s3cret@127.0.0.1:1/"} {
		name, send := webhook(to, "test")
		err := send(t.Context(), notice{})
		if err == nil || strings.Contains(err.Error()+name, "s3cret") {
			t.Errorf("%s: name %q, error %v", to, name, err)
		}
	}
	moved.Close()
}

func TestExecuteTellsWhyItFailed(t *testing.T) {
	for _, test := range []struct {
		script, want string
	}{
		{"cat >/dev/null; exit 0", ""},
		{"echo no such user >&2; exit 3", "exit status 3: no such user"},
	} {
		err := execute("sh", []string{"-c", test.script})(t.Context(), notice{})
		if got := fmt.Sprint(err); test.want == "" && err != nil || test.want != "" && !strings.HasSuffix(got, test.want) {
			t.Errorf("%s: %v, want %q", test.script, err, test.want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := execute("sleep", []string{"60"})(ctx, notice{}); err == nil || !strings.Contains(err.Error(), "did not end in time") {
		t.Errorf("a program that does not end: %v", err)
	}
}

// TestExecuteEndsAll: what a program started ends with it.
func TestExecuteEndsAll(t *testing.T) {
	file := t.TempDir() + "/pid"
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	script := `sleep 60 & echo $! > "$0.new"; mv "$0.new" "$0"; wait`
	if err := execute("sh", []string{"-c", script, file})(ctx, notice{}); err == nil || !strings.Contains(err.Error(), "did not end in time") {
		t.Fatalf("it ended: %v", err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stat := "/proc/" + strings.TrimSpace(string(raw)) + "/stat"
	for range 200 {
		if text, err := os.ReadFile(stat); err != nil || strings.Contains(string(text), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the program's child is still there")
}
