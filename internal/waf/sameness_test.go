package waf_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/waf"
)

var (
	sameRequests = flag.Int("requests", 3000, "how many made-up requests TestSameness sends past both engines")
	sameSeed     = flag.Uint64("seed", 1, "what TestSameness makes its requests of")
	sameOnly     = flag.Int("only", -1, "the number of the one request that TestSameness sends")
)

// samePolicies are what a request is judged by: each by one of them.
func samePolicies() []waf.Policy {
	var out []waf.Policy
	for level := 1; level <= 4; level++ {
		p := waf.Defaults()
		p.Paranoia, p.Detect, p.Responses = level, level, true
		out = append(out, p)
	}
	detect := out[1]
	detect.Paranoia, detect.Detect = 1, 4
	block := out[0]
	block.Mode = waf.Block
	return append(out, detect, block)
}

// TestSameness holds our engine against Coraza: the rules that matched, what
// they added, and what became of the request.
func TestSameness(t *testing.T) {
	samples, requests := suiteSamples(t), *sameRequests
	if raced {
		requests /= 5
	}
	policies := samePolicies()
	for n, p := range policies {
		t.Run(fmt.Sprintf("mode %d paranoia %d detect %d", p.Mode, p.Paranoia, p.Detect), func(t *testing.T) {
			t.Parallel()
			c := newComparison(t, p)
			g := newGenerator(samples)
			for i := n; i < requests; i += len(policies) {
				if *sameOnly >= 0 && i != *sameOnly {
					continue
				}
				s := g.sample(*sameSeed, i)
				s.name = fmt.Sprintf("-seed %d -only %d (%s)", *sameSeed, i, s.name)
				c.compare(&s)
			}
			c.report(t)
		})
	}
}

// TestSuiteSameness sends the suite's own requests past both engines with
// everything switched on: a tenth of them, or all in a long run.
func TestSuiteSameness(t *testing.T) {
	p := waf.Defaults()
	p.Paranoia, p.Detect, p.Responses = 4, 4, true
	c := newComparison(t, p)
	step := 1
	if *sameRequests < 20_000 {
		step = 10
	}
	for i, s := range suiteSamples(t) {
		if i%step == 0 {
			c.compare(&s)
		}
	}
	c.report(t)
}

// FuzzSameness has the fuzzer make the requests.
func FuzzSameness(f *testing.F) {
	f.Add("GET /?q=1%27+OR+%271%27%3D%271 HTTP/1.1\r\nHost: a.test", "")
	f.Add("POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json", `{"a":"<script>alert(1)</script>"}`)
	f.Add("POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/x-www-form-urlencoded", "a=..%2f..%2fetc/passwd&b=%u0027")
	p := waf.Defaults()
	p.Paranoia, p.Detect = 4, 4
	c := newComparison(f, p)
	f.Fuzz(func(t *testing.T, head, body string) {
		s := sample{name: "fuzzed", unparsed: []byte(head), body: []byte(body)}
		if a, b, same := c.both(&s, often); !same {
			t.Errorf("%s\ncoraza: %s\nours:   %s", &s, &a, &b)
		}
	})
}

// comparison is two engines of one policy, and in what they differed.
type comparison struct {
	oracle, ours waf.Engine
	compared     int
	matched      int
	byPlan       int
	undecided    int // Coraza does not agree with itself, and we are within what it says
	rules        map[int]bool
	differences  map[string]*difference // by what is missing and what is too much
}

type difference struct {
	count        int
	example      sample
	oracle, ours judgement
}

func newComparison(t testing.TB, p waf.Policy) *comparison {
	t.Helper()
	start := func(coraza bool) waf.Engine {
		p.Coraza = coraza
		e, err := waf.New(&p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		return e
	}
	return &comparison{oracle: start(true), ours: start(false), rules: map[int]bool{}, differences: map[string]*difference{}}
}

// often is how often Coraza is asked before a difference is one.
const often = 24

// both judges a sample by both engines. Coraza walks through maps, so that it
// says this or that of a request whose parameters have one name or whose body is
// damaged: a difference counts only if it stays when Coraza is asked again, so
// often.
func (c *comparison) both(s *sample, again int) (oracle, ours judgement, same bool) {
	oracle, ok := s.judge(c.oracle)
	if !ok {
		return oracle, ours, true
	}
	ours, _ = s.judge(c.ours)
	if oracle.same(&ours) {
		return oracle, ours, true
	}
	always, ever := set(oracle.all), set(oracle.all)
	agrees := true
	for range again {
		other, _ := s.judge(c.oracle)
		if other.same(&ours) {
			c.undecided++
			return other, ours, true
		}
		agrees = agrees && other.same(&oracle)
		more := set(other.all)
		maps.DeleteFunc(always, func(id int, _ bool) bool { return !more[id] })
		maps.Copy(ever, more)
	}
	found, outside := set(ours.all), false
	if s.hasTwins() {
		agrees, ever = false, found // who knows what else it would have seen
	}
	if agrees {
		return oracle, ours, false
	}
	for id := range always {
		outside = outside || !found[id]
	}
	for id := range found {
		outside = outside || !ever[id]
	}
	if !outside {
		c.undecided++
	}
	return oracle, ours, !outside
}

// hasTwins: of the fields of a form whose names differ in letter case alone,
// Coraza keeps one, whichever its map gives it last, and its rules do not see the
// others. Ours see all.
func (s *sample) hasTwins() bool {
	seen := map[string]string{}
	for pair := range strings.SplitSeq(string(s.body), "&") {
		name, _, _ := strings.Cut(pair, "=")
		name = unescaped(name)
		lower := strings.ToLower(name)
		if other, is := seen[lower]; is && other != name {
			return true
		}
		seen[lower] = name
	}
	return false
}

func set(ids []int) map[int]bool {
	out := map[int]bool{}
	for _, id := range ids {
		out[id] = true
	}
	return out
}

func (c *comparison) compare(s *sample) {
	oracle, ours, same := c.both(s, often)
	c.compared++
	if oracle.engine != "" && ours.engine != "coraza" {
		c.byPlan++
	}
	if len(oracle.rules) > 0 {
		c.matched++
	}
	for _, id := range oracle.rules {
		c.rules[id] = true
	}
	if same {
		return
	}
	key := oracle.beside(&ours)
	d := c.differences[key]
	if d == nil {
		d = &difference{}
		c.differences[key] = d
		d.example = c.minimized(s, key)
		d.oracle, d.ours, _ = c.both(&d.example, often)
	}
	d.count++
}

// beside tells in what two judgements differ, so that differences of one kind
// are told of once.
func (j *judgement) beside(k *judgement) string {
	var parts []string
	for _, id := range j.all {
		if !slices.Contains(k.all, id) {
			parts = append(parts, fmt.Sprintf("-%d", id))
		}
	}
	for _, id := range k.all {
		if !slices.Contains(j.all, id) {
			parts = append(parts, fmt.Sprintf("+%d", id))
		}
	}
	if len(parts) > 0 {
		slices.Sort(parts)
		return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return len(parts) > 2 && isScore(p) }), " ")
	}
	return "order, scores or end"
}

// isScore tells of rules that follow from the others.
func isScore(id string) bool {
	return strings.HasPrefix(id[1:], "949") || strings.HasPrefix(id[1:], "980")
}

// report fails the test for each kind of difference.
func (c *comparison) report(t *testing.T) {
	t.Helper()
	t.Logf("%d requests, %d with matches, %d different rules, %d judged by the plan, %d of which Coraza says this or that",
		c.compared, c.matched, len(c.rules), c.byPlan, c.undecided)
	keys := slices.SortedFunc(maps.Keys(c.differences), func(a, b string) int { return c.differences[b].count - c.differences[a].count })
	for i, key := range keys {
		if i == 20 {
			t.Errorf("and %d other kinds of difference", len(keys)-i)
			break
		}
		d := c.differences[key]
		t.Errorf("%d times %s; smallest of the first:\n%s\ncoraza: %s\nours:   %s", d.count, key, &d.example, &d.oracle, &d.ours)
	}
}
