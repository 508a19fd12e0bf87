package app_test

import (
	"context"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
)

const slowConfig = `
limits: {header_timeout: 1s, body_timeout: 2s, write_timeout: 1s, idle_timeout: 1s}
recording: {memory: 32MiB}
sites:
  app:
    bind: ["http://127.0.0.2:$PORT"]
    routes:
      - {path: /files/, files: www}
      - {path: /, to: "http://$TO", timeouts: {first_byte: 5s, idle: 300ms}}
`

// Clients that send or read as slowly as they can are each ended by the limit
// that is for them, soon, and an honest client beside them is served.
func TestSlowAttacks(t *testing.T) {
	path := program(t, "slowhttptest")
	for _, attack := range []struct {
		name, target string
		args         []string
		limit        string // the timeout that ends them
	}{
		{"headers", "/", []string{"-H", "-i", "1"}, "request-head"},
		{"body in pieces", "/", []string{"-B", "-i", "1", "-s", "100000"}, "request-body-rate"},
		{"body and silence", "/", []string{"-B", "-i", "20", "-s", "100000"}, "request-body"},
		{"read", "/files/big", []string{"-X", "-w", "10", "-y", "20", "-n", "5", "-z", "5"}, "write"},
	} {
		t.Run(attack.name, func(t *testing.T) {
			o := goOrigin(t)
			d := serve(t, slowConfig, "$TO", strings.TrimPrefix(o.url, "http://"))
			write(t, d.file("www/big"), strings.Repeat("x", 16<<20))
			if status, _, err := d.fetch("/warm"); status != 200 {
				t.Fatal(status, err)
			}
			d.quiet()
			goroutines, files := runtime.NumGoroutine(), openFiles(t)
			ctx, cancel := context.WithTimeout(context.Background(), 2*wait)
			defer cancel()
			args := slices.Concat(attack.args, []string{"-c", "100", "-r", "200", "-l", "4", "-p", "3", "-u", "http://127.0.0.2:" + d.port + attack.target})
			cmd := exec.CommandContext(ctx, path, args...)
			out := &buffer{}
			cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, t.TempDir()
			must(t, cmd.Start())
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			for honest := true; honest; {
				if status, body, err := d.fetch("/honest"); status != 200 || body != "/honest" {
					t.Errorf("beside the attack an honest client got %d %q, %v", status, body, err)
				}
				select {
				case err := <-ended:
					must(t, err)
					honest = false
				default:
				}
			}
			slowEnds(t, d.quiet(), attack.limit)
			defer func() {
				if t.Failed() {
					t.Logf("%d goroutines, %d before\n%s\n%s", runtime.NumGoroutine(), goroutines, doorGoroutines(), strings.Join(fileNames(), "\n"))
				}
			}()
			until(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+4 })
			until(t, "files to be closed", func() bool { runtime.GC(); return openFiles(t) <= files+4 })
		})
	}
}

// slowEnds looks at how the attackers' connections ended.
func slowEnds(t *testing.T, trace *flow.Trace, limit string) {
	t.Helper()
	ends := map[string]int{}
	for _, c := range trace.Conns {
		if c.Self != flow.Server || slices.ContainsFunc(c.Exchanges, func(x *flow.Exchange) bool { return x.Target == "/honest" || x.Target == "/warm" }) {
			continue
		}
		end := "by " + c.Close.By.String() + " " + c.Close.Why
		for i := range c.Events {
			if e := &c.Events[i]; e.Kind == flow.Timeout {
				end = e.Text
			}
		}
		ends[end]++
		if c.Close.After > 5*time.Second {
			t.Errorf("%s: it lasted %s, and ended with %q", c.ID, c.Close.After, end)
		}
	}
	if ends[limit] < 90 { // slowhttptest looks with some of its connections whether it is served
		t.Errorf("expected a hundred to end by the limit %q, they ended so: %v", limit, ends)
	}
}
