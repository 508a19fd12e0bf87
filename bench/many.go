package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"strings"
	"time"
)

const (
	manyAddresses = 20
	manyPerAddr   = 10
	// manyRate, in requests a second over all sites, leaves both cores room:
	// what is measured is how long a request takes, not how many fit.
	manyRate = 4000
	// manyPace is how often a site is stopped and started: 200 times in the
	// usual 4 s.
	manyPace = 20 * time.Millisecond
	manyTurn = 250 * time.Millisecond
	// manyTimes the usual length is measured: one request of a hundred decides.
	manyTimes = 3
)

var manyColumns = []column{
	{"p99 ms", "%.3f"},
	{"median ms", "%.3f"},
	{"highest ms", "%.1f"},
	{"requests/s", "%.0f"},
	{"rounds of commands", "%.0f"},
	{"both commands ms", "%.1f"},
}

// manyDoubt looks at "requests/s": load that could not keep its pace was held
// back by something.
func manyDoubt(medians []float64) string {
	if rate := medians[3]; rate < 0.97*manyRate {
		return fmt.Sprintf("only %.0f of %d requests/s were made; other programs, or load and origin, held them back", rate, manyRate)
	}
	return ""
}

// hostedSite is one site as its clients see it.
type hostedSite struct{ Site, Host, Addr string }

// manySites starts a door with 200 sites on 20 addresses, and one with an
// address of its own.
func manySites(b *bench) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	program, version, err := buildFanlight(b)
	if err != nil {
		return nil, err
	}
	sites, alone, err := layOut()
	if err != nil {
		return nil, err
	}
	conf, err := b.write("many.yaml", "%s", manyConfiguration(b, append(sites, alone), r.origin))
	if err != nil {
		return nil, err
	}
	proc, err := b.start("many", serverCPU, oneThread, program, "run", "-c", conf)
	if err != nil {
		return nil, err
	}
	shared, others := sites[75], append(sites[:75:75], sites[76:]...)
	v := visitation{Sites: others, Rate: manyRate, Control: b.controlSocket(), Turn: manyTurn, Pace: manyPace, Tasks: []task{
		{shared.Site, []string{"start", "start"}},
		{shared.Site, []string{"stop", "start"}},
		{alone.Site, []string{"stop", "start"}},
	}}
	v.For = manyTimes * b.duration * time.Duration(len(v.Tasks))
	together := &together{measure: func(ctx context.Context) ([][]float64, error) { return v.run(ctx, proc) }}
	warm := v
	warm.For = time.Duration(len(v.Tasks)) * manyTurn
	return []subject{
		{name: "told to start while it serves", own: true, version: version, measure: together.of(0)},
		{name: "one stops, 9 others on its address", own: true, measure: together.of(1)},
		{name: "one stops, alone on its address", own: true, measure: together.of(2)},
	}, warm.untilServed(b.ctx, proc)
}

// together measures several subjects in one run.
type together struct {
	measure func(ctx context.Context) ([][]float64, error) // by subject
	values  [][]float64
	err     error
}

// of gives the measure of one subject; that of the first, which is asked first
// in each round, makes the run.
func (t *together) of(i int) func(context.Context) ([]float64, error) {
	return func(ctx context.Context) ([]float64, error) {
		if i == 0 {
			t.values, t.err = t.measure(ctx)
		}
		if t.err != nil {
			return nil, t.err
		}
		return t.values[i], nil
	}
}

// layOut gives the sites their names and addresses.
func layOut() (sites []hostedSite, alone hostedSite, err error) {
	free, err := freeAddress()
	if err != nil {
		return nil, alone, err
	}
	_, port, err := net.SplitHostPort(free)
	for a := range manyAddresses {
		for n := range manyPerAddr {
			name := fmt.Sprintf("s%02d-%02d", a, n)
			sites = append(sites, hostedSite{name, name + ".test", fmt.Sprintf("127.0.1.%d:%s", a+1, port)})
		}
	}
	return sites, hostedSite{"alone", "alone.test", "127.0.1.100:" + port}, err
}

func (b *bench) controlSocket() string { return filepath.Join(b.dir, "many.sock") }

func manyConfiguration(b *bench, sites []hostedSite, origin string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "control: unix:%s\nconsole: off\naccess_log: off\ndata: %s\nsites:\n", b.controlSocket(), filepath.Join(b.dir, "many-data"))
	for _, s := range sites {
		fmt.Fprintf(&out, "  %s:\n    bind: [\"%s %s\"]\n    routes: [{path: /, to: \"http://%s\"}]\n", s.Site, s.Addr, s.Host, origin)
	}
	return out.String()
}

// run measures from a process of its own, on the load's core, and gives the
// values of manyColumns for each task.
func (v visitation) run(ctx context.Context, server *process) ([][]float64, error) {
	var seen []visits
	if err := child(ctx, "-visit", v, &seen); err != nil {
		return nil, err
	}
	if err := server.ended(); err != nil {
		return nil, err
	}
	values := make([][]float64, len(seen))
	for i := range seen {
		values[i] = seen[i].values(v.For / time.Duration(len(seen)))
	}
	return values, nil
}

// values are those of manyColumns for turns that took so long in all.
func (s *visits) values(all time.Duration) []float64 {
	change := math.NaN()
	if len(s.Changes) > 0 {
		change = median(s.Changes)
	}
	return []float64{s.part(0.99), s.part(0.5), s.part(1),
		float64(len(s.Millis)) / all.Seconds(), float64(len(s.Changes)), change}
}

// untilServed waits for the door, and warms it up.
func (v visitation) untilServed(ctx context.Context, server *process) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		_, err := v.run(ctx, server)
		if err == nil || ctx.Err() != nil || server.ended() != nil {
			return errors.Join(err, server.ended())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// part gives the latency that a part of all requests stayed below.
func (s *visits) part(p float64) float64 {
	if len(s.Millis) == 0 {
		return math.Inf(1)
	}
	return s.Millis[min(len(s.Millis)-1, int(p*float64(len(s.Millis))))]
}
