package app_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fanlight/internal/testnet"
)

const protectedSite = `
sites:
  one:
    bind: ["127.0.0.2:$PORT one.test"]
    waf: {mode: $MODE, exclude: [{rule: "$RULE"}]}
    routes: [{path: /, to: "http://$ECHO"}]
`

// Rules change while requests run: each is judged by the ones or the others, and
// none fails.
func TestReloadOfRules(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	pairs := func(mode, rule string) []string { return []string{"$ECHO", echo.Addr, "$MODE", mode, "$RULE", rule} }
	d := serve(t, protectedSite, pairs("block", "1")...)
	const attack = "/?q=1%27+OR+%271%27%3D%271"
	expect(t, d.client("one.test"), "/", 200)
	expect(t, d.client("one.test"), attack, 403)

	var running sync.WaitGroup
	var stop atomic.Bool
	var asked atomic.Int64
	for range 3 {
		c := d.client("one.test")
		running.Go(func() {
			for !stop.Load() {
				for _, path := range []string{"/", attack} {
					res, err := c.Post("https://one.test"+path, "application/x-www-form-urlencoded", strings.NewReader("a="+strings.Repeat("b", 9000)))
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					if res.StatusCode != http.StatusOK && (path == "/" || res.StatusCode != http.StatusForbidden) {
						t.Errorf("%s: %d", path, res.StatusCode)
					}
					asked.Add(1)
				}
			}
		})
	}
	for _, step := range []struct {
		mode, rule string
		status     int
	}{{"watch", "1", 200}, {"block", "1", 403}, {"block", "942100", 200}, {"off", "1", 200}, {"block", "1", 403}} {
		before := asked.Load()
		if _, sum := d.reload(protectedSite, pairs(step.mode, step.rule)...); sum.Changed != 1 {
			t.Errorf("%v: %+v", step, sum)
		}
		expect(t, d.client("one.test"), attack, step.status)
		for asked.Load() == before && !t.Failed() {
			expect(t, d.client("one.test"), "/", 200)
		}
	}
	stop.Store(true)
	running.Wait()
}
