package waf

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"fanlight/internal/waf/vars"
)

func TestCalculate(t *testing.T) {
	for _, c := range []struct {
		current, value, want string
		ok                   bool
	}{
		{"", "5", "5", true},
		{"3", "+5", "8", true},
		{"", "+5", "5", true},
		{"3", "-5", "-2", true},
		{"3", "+", "3", true},
		{"3", "", "", true},
		{"3", "+five", "+five", true},   // no number: it replaces
		{"3", "+tx.unknown", "", false}, // a macro that found nothing
		{"three", "+5", "", false},      // nothing to add to
		{"3", "+99999999999999999999", "+99999999999999999999", true},
	} {
		got, ok := calculate(c.current, c.value)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("setvar %q to a variable that is %q: %q, %v; want %q, %v", c.value, c.current, got, ok, c.want, c.ok)
		}
	}
}

func TestTXKeepsNamesThatOnlyMacrosMake(t *testing.T) {
	n := &names{}
	for _, name := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "score"} {
		n.of(name)
	}
	var tx txVars
	tx.reset(n)
	tx.put("score", "5")
	tx.put("made_up", "x")
	tx.Capture(1, "found")
	for name, want := range map[string]string{"score": "5", "made_up": "x", "1": "found", "2": ""} {
		if got, ok := tx.get(name); !ok || got != want {
			t.Errorf("TX:%s is %q, %v; want %q", name, got, ok, want)
		}
	}
	tx.remove("made_up")
	tx.remove("score")
	for _, name := range []string{"made_up", "score", "never"} {
		if got, ok := tx.get(name); ok {
			t.Errorf("TX:%s is %q, and should not be there", name, got)
		}
	}
	tx.reset(n)
	if got, _ := tx.get("1"); got != "" {
		t.Errorf("TX:1 is %q for the next request", got)
	}
}

// Any number of names that only macros make are found, whatever was removed.
func TestTXFindsManyNames(t *testing.T) {
	n := &names{}
	for i := range captures {
		n.of(fmt.Sprint(i))
	}
	var tx txVars
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		tx.reset(n)
		want := map[string]string{}
		for i := range 50 + rng.IntN(2000) {
			name, value := fmt.Sprint("name", rng.IntN(60)), fmt.Sprint(i)
			if rng.IntN(3) == 0 {
				tx.remove(name)
				delete(want, name)
			} else {
				tx.put(name, value)
				want[name] = value
			}
			probe := fmt.Sprint("name", rng.IntN(60))
			expected, set := want[probe]
			if got, ok := tx.get(probe); ok != set || got != expected || len(tx.more) != len(want) {
				t.Fatalf("step %d: TX:%s is %q, %v, want %q, %v; there are %d names, want %d", i, probe, got, ok, expected, set, len(tx.more), len(want))
			}
		}
	}
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }

// What the plan does not know is Coraza's, and no error.
func TestNewFallsBackToCoraza(t *testing.T) {
	for directives, want := range map[string]string{
		"": "*waf.planEngine",
		`SecRule ARGS "@rx ^a$" "id:1,phase:2,redirect:'https://a.test/',nolog"`: "*waf.corazaEngine",
		`SecRule ENV:PATH "@rx ^a$" "id:1,phase:2,pass,nolog"`:                   "*waf.corazaEngine",
		`SecRule FILES_TMPNAMES "@rx ^a$" "id:1,phase:2,pass,nolog"`:             "*waf.corazaEngine",
	} {
		p := Defaults()
		p.Directives = directives
		e, err := New(&p)
		if err != nil {
			t.Errorf("%s: %v", directives, err)
			continue
		}
		if got := typeName(e); got != want {
			t.Errorf("%s: judged by %s, want %s", directives, got, want)
		}
		_ = e.Close()
	}
}

// Members of XML have one name in rules and another one when they have matched.
func TestNamesOfXMLAreCorazas(t *testing.T) {
	p := Defaults()
	p.Directives = `SecRule XML:/* "@streq needle" "id:9001,phase:2,pass,log,chain"
    SecRule MATCHED_VARS_NAMES "@streq REQUEST_XML:/*" "t:none"
SecRule XML://@* "@streq pin" "id:9002,phase:2,pass,log,chain"
    SecRule MATCHED_VAR_NAME "@streq REQUEST_XML://@*" "t:none"
SecRule XML://@* "@streq needle" "id:9003,phase:2,pass,log"
SecRule &XML:/* "@eq 2" "id:9004,phase:2,pass,log"`
	q := askWith(t, "POST", "/", "text/xml", `<a b="pin">needle<c>hay</c></a>`)
	for _, coraza := range []bool{false, true} {
		p.Coraza = coraza
		e, err := New(&p)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range q.judge(e).Matches {
			got = append(got, fmt.Sprint(m.Rule, " ", m.Hits[0].Variable, ":", m.Hits[0].Key))
		}
		if want := []string{"9001 XML:/*", "9002 XML://@*", "9004 XML:/*"}; !slices.Equal(got, want) {
			t.Errorf("coraza %v: %q, want %q", coraza, got, want)
		}
		_ = e.Close()
	}
}

// The gate must be what makes the plan quick: nearly all rules that look at what
// a client sends are behind it.
func TestMostRulesAreGated(t *testing.T) {
	p := Defaults()
	p.Paranoia, p.Detect = 4, 4
	made, err := newPlan(coreruleset.FS, &p, newLibrary())
	if err != nil {
		t.Fatal(err)
	}
	var gated, open int
	for _, r := range made.all {
		switch {
		case r.bit >= 0:
			gated++
		case r.operator != nil && len(r.targets) > 0 && r.targets[0].live == notLive:
			open++
		}
	}
	if gated < 3*open {
		t.Errorf("%d rules are behind the gate and %d are not", gated, open)
	}
}

// Rules above the paranoia level do not run, and do not slow the gate down; those
// below are behind it.
func TestTheGateHasTheRulesThatRun(t *testing.T) {
	shared := newLibrary()
	var gated []int
	for level := 1; level <= 4; level++ {
		p := Defaults()
		p.Paranoia, p.Detect = 1, level
		made, err := newPlan(coreruleset.FS, &p, shared)
		if err != nil {
			t.Fatal(err)
		}
		gated = append(gated, made.gate.Len())
	}
	if gated[0] == 0 || gated[0] >= gated[1] || gated[1] >= gated[2] || gated[2] >= gated[3] {
		t.Errorf("behind the gate are %v rules, by paranoia level", gated)
	}
	t.Log(gated)
}

// A run that waits for its next request holds nothing of the one before.
func TestRunsForget(t *testing.T) {
	p := Defaults()
	e, err := New(&p)
	if err != nil {
		t.Fatal(err)
	}
	q := askWith(t, "POST", "/?q=<script>secret</script>", "application/x-www-form-urlencoded", "password=secret&id=1'+or+'1'='1")
	x := e.Begin(q.req).(*run)
	x.Headers()
	x.Body(q.body, 0)
	if v := x.verdict(); len(v.Matches) == 0 {
		t.Fatal("nothing matched")
	}
	x.reset()
	for name, held := range map[string][]string{
		"entries": texts(x.values.entries, func(e entry) string { return e.Value }),
		"forms":   texts(x.values.forms, func(f form) string { return f.text }),
		"matches": texts(x.found, func(f finding) string { return f.Data }),
		"matched": texts(x.matched, func(m matched) string { return m.value }),
		"hits":    texts(x.hits, func(h Hit) string { return h.Value }),
		"TX":      texts(x.tx.value, func(s string) string { return s }),
	} {
		for _, text := range held {
			if text != "" {
				t.Errorf("%s still hold %q", name, text)
			}
		}
	}
	if x.req != nil || x.values.Get(vars.RequestBody) != "" {
		t.Error("the request is still held")
	}
}

// texts are what a slice holds, up to its capacity.
func texts[T any](s []T, text func(T) string) (out []string) {
	for _, one := range s[:cap(s)] {
		out = append(out, text(one))
	}
	return out
}
