package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"fanlight/internal/config"
	"fanlight/internal/explain"
)

const (
	sendLimit   = 10 * time.Second // of one notification
	partingTime = 5 * time.Second  // for all that is left when the door ends
)

// notice is a finding as somebody is told of it. The secrets of what it is about
// are masked.
type notice struct {
	Type    string          `json:"type"`
	Time    string          `json:"time"`
	Host    string          `json:"host,omitempty"`
	Text    string          `json:"text"`
	Count   int64           `json:"count"`
	Since   string          `json:"since"`
	Finding explain.Finding `json:"finding"`
}

// notifier tells one receiver of findings, each cause at most once in a while;
// those in between are counted. It never holds up who finds.
type notifier struct {
	send  func(ctx context.Context, n notice) error
	name  string // for the log: it holds no secrets
	least explain.Severity
	every time.Duration
	host  string
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex
	waiting map[string]*gathered // by finding: the rules bound their number
	sent    map[string]time.Time // the last try
	failing bool                 // of run alone
}

// gathered are findings of one cause that nobody was told of.
type gathered struct {
	last  explain.Finding
	count int64
	since time.Time
}

// startNotifiers lets the receivers of the configuration hear of findings.
func (a *App) startNotifiers() {
	for i := range a.cfg.Notify {
		n := a.newNotifier(&a.cfg.Notify[i])
		a.findings.heard = append(a.findings.heard, n.hear)
		a.writers.run(n.run)
	}
}

func (a *App) newNotifier(c *config.Notify) *notifier {
	n := newNotifier(time.Duration(c.Every), a.log)
	n.least, _ = explain.ParseSeverity(c.Severity) // the configuration was checked
	n.host, _ = os.Hostname()                      // then it is not said
	if c.Webhook != "" {
		n.name, n.send = webhook(c.Webhook, a.opts.Version)
	} else {
		n.name, n.send = "exec "+c.Exec[0], execute(program(a.cfg, c.Exec[0]), c.Exec[1:])
	}
	return n
}

func newNotifier(every time.Duration, log *slog.Logger) *notifier {
	return &notifier{every: every, log: log, wake: make(chan struct{}, 1), waiting: map[string]*gathered{}, sent: map[string]time.Time{}}
}

// hear takes a finding. It does not wait.
func (n *notifier) hear(found explain.Finding, known bool) {
	if known || found.Severity < n.least {
		return
	}
	n.mu.Lock()
	n.gather(found.ID, gathered{found, 1, time.Now()})
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (n *notifier) gather(id string, more gathered) {
	g := n.waiting[id]
	if g == nil {
		n.waiting[id] = &more
		return
	}
	g.count += more.count
	if more.since.Before(g.since) {
		g.since = more.since // of a try that failed; what came after it is newer
	} else {
		g.last = more.last
	}
}

// run tells what is due until ctx ends, and then all that is left.
func (n *notifier) run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := n.tell(ctx, time.Now())
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-n.wake:
		case <-timer:
		}
	}
	parting, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	n.tell(parting, time.Now().Add(n.every))
}

// tell sends what is due at a time, and says how long to wait for the next;
// 0: for nothing.
func (n *notifier) tell(ctx context.Context, now time.Time) (wait time.Duration) {
	for _, id := range n.ids() {
		n.mu.Lock()
		due := n.sent[id].Add(n.every).Sub(now)
		g := *n.waiting[id]
		if due <= 0 {
			delete(n.waiting, id)
			n.sent[id] = time.Now()
		}
		n.mu.Unlock()
		if due > 0 {
			if wait == 0 || due < wait {
				wait = due
			}
			continue
		}
		if !n.deliver(ctx, g) {
			n.mu.Lock()
			n.gather(id, g) // with the next
			n.mu.Unlock()
			if wait == 0 || n.every < wait {
				wait = n.every
			}
		}
	}
	return wait
}

// ids are those that wait, in a fixed order.
func (n *notifier) ids() (out []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := range n.waiting {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// deliver sends one notification. The first of several failures is logged, and
// the end of them.
func (n *notifier) deliver(ctx context.Context, g gathered) bool {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	err := n.send(ctx, n.notice(g))
	switch {
	case err != nil && !n.failing:
		n.log.Error("cannot tell of findings; they are counted and tried again", "to", n.name, "err", err)
	case err == nil && n.failing:
		n.log.Info("findings are told of again", "to", n.name)
	}
	n.failing = err != nil
	return err == nil
}

func (n *notifier) notice(g gathered) notice {
	text := fmt.Sprintf("%s: %s [%s]: %s", g.last.Severity, g.last.Title, g.last.ID, g.last.Cause)
	if g.count > 1 {
		text += " (" + strconv.FormatInt(g.count, 10) + " times since " + g.since.UTC().Format(time.TimeOnly) + " UTC)"
	}
	return notice{
		Type: "notification", Time: time.Now().UTC().Format(time.RFC3339), Host: n.host, Text: text,
		Count: g.count, Since: g.since.UTC().Format(time.RFC3339), Finding: g.last,
	}
}

// body is a notice as it is sent.
func (n notice) body() ([]byte, error) {
	raw, err := json.Marshal(n)
	return append(raw, '\n'), err
}
