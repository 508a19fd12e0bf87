package explain

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/flow"
)

const twoSided = `conn 1  192.0.2.10:5 -> 127.0.0.2:443  self server
  +0.000 > GET /a x1   +0.100 exchange-done complete x1   +0.200 > GET /b x2   +0.900 exchange-done complete x2
conn 2  127.0.0.1:6 -> 10.0.0.5:443  self client  parent c1  at 1970-01-01T00:00:00.25Z
  +0.001 connect-failed refused
conn 3  127.0.0.1:7 -> 10.0.0.5:443  self client  parent c1
  +0.020 > GET /a x3 for x1   +0.090 exchange-done no-response x3 [#7]
`

func trace(t *testing.T, text string) *flow.Trace {
	t.Helper()
	tr, err := flow.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// always reports one finding that names what it is given.
func always(id string, s Severity, hides []string, f Finding) Rule {
	return Rule{ID: id, Title: "Title of " + id, Severity: s, Hides: hides, Check: func(p *Pass) { p.Report(f) }}
}

func ids(found []Finding) (out []string) {
	for _, f := range found {
		out = append(out, f.ID)
	}
	return out
}

func TestRunOrderAndHiding(t *testing.T) {
	x := func(n ...flow.ExchangeID) Finding { return Finding{Conns: []flow.ConnID{1}, Exchanges: n} }
	conn := Finding{Conns: []flow.ConnID{1}}
	for _, test := range []struct {
		name  string
		rules []Rule
		want  []string
	}{
		{"gravest first", []Rule{always("a", Note, nil, x(1)), always("b", Error, nil, x(2)), always("c", Warning, nil, x(1))}, []string{"b", "c", "a"}},
		{"same exchange hides", []Rule{always("a", Error, []string{"b"}, x(1)), always("b", Error, nil, x(1, 2))}, []string{"a"}},
		{"another exchange does not", []Rule{always("a", Error, []string{"b"}, x(1)), always("b", Error, nil, x(2))}, []string{"a", "b"}},
		{"connection stands for its exchanges", []Rule{always("a", Error, []string{"b"}, conn), always("b", Error, nil, x(2))}, []string{"a"}},
		{"hidden ones hide", []Rule{always("a", Error, []string{"b"}, x(1)), always("b", Error, []string{"c"}, x(1)), always("c", Error, nil, x(1))}, []string{"a"}},
	} {
		if diff := cmp.Diff(test.want, ids(Run(test.rules, &flow.Trace{}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestCannotTell(t *testing.T) {
	needy := Rule{
		ID: "needy", Title: "Needs keys", Severity: Error,
		Needs: []Need{{
			What:   "a capture with keys",
			Met:    func(c *flow.Conn) bool { return c.Keys == flow.Yes },
			Wanted: func(c *flow.Conn) bool { return c.ID == 1 },
		}},
		Check: func(p *Pass) {
			for _, c := range p.Conns() {
				p.Report(Finding{Conns: []flow.ConnID{c.ID}})
			}
		},
	}
	tr := trace(t, twoSided)
	found := Run([]Rule{needy}, tr)
	if len(found) != 1 || !found[0].Undecided || found[0].Severity != Note || found[0].Conns[0] != 1 {
		t.Fatalf("want one undecided note about c1, got %+v", found)
	}
	other := always("other", Error, nil, Finding{Conns: []flow.ConnID{1}})
	if got := ids(Run([]Rule{needy, other}, tr)); !slices.Equal(got, []string{"other"}) {
		t.Errorf("an explained connection is still undecided: %v", got)
	}
}

func TestFront(t *testing.T) {
	tr := trace(t, twoSided)
	p := &Pass{Trace: tr, rule: &Rule{}, index: newIndex(tr)}
	for _, test := range []struct {
		conn flow.ConnID
		x    flow.ExchangeID
		want flow.ExchangeID
	}{
		{2, 0, 2}, // failed while the second request waited
		{3, 3, 1}, // says for whom it was
		{1, 1, 0}, // is itself the front
	} {
		_, got := p.Front(p.Conn(test.conn), p.Exchange(test.x))
		if got == nil && test.want == 0 {
			continue
		}
		if got == nil || got.ID != test.want {
			t.Errorf("%s %s: got %+v, want %s", test.conn, test.x, got, test.want)
		}
	}
	f := Finding{}
	p.Blame(&f, p.Conn(3), p.Exchange(3))
	if diff := cmp.Diff(Finding{Conns: []flow.ConnID{1, 3}, Exchanges: []flow.ExchangeID{1, 3}}, f); diff != "" {
		t.Errorf("blame (-want +got):\n%s", diff)
	}
}

func sample(t *testing.T) Finding {
	tr := trace(t, twoSided)
	c := tr.Conn(3)
	return Finding{
		ID: "some-cause", Severity: Error, Confidence: Likely, Title: "Something happened", Cause: "It did.",
		Fixes:     []Fix{{Side: Origin, Product: "nginx", Text: "Change it:", Command: "listen 1;\nlisten 2;"}},
		Conns:     []flow.ConnID{1, 3},
		Exchanges: []flow.ExchangeID{1, 3},
		Evidence:  []Evidence{At(c, 2, "no response"), Fact("60.0 s matches")},
	}
}

func TestJSON(t *testing.T) {
	got, err := json.Marshal(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"finding","id":"some-cause","severity":"error","confidence":"likely","title":"Something happened","cause":"It did.",` +
		`"fixes":[{"side":"origin","product":"nginx","text":"Change it:","command":"listen 1;\nlisten 2;"}],` +
		`"conns":["c1","c3"],"exchanges":["x1","x3"],` +
		`"evidence":[{"conn":"c3","exchange":"x3","at_ms":90,"packet":7,"text":"no response"},{"text":"60.0 s matches"}],"missing":[]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	empty, _ := json.Marshal(Finding{})
	if strings.Contains(string(empty), "null") {
		t.Errorf("an empty list is null: %s", empty)
	}
}

func TestJSONReadsBack(t *testing.T) {
	raw, err := json.Marshal(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	var got Finding
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(got)
	if err != nil || string(again) != string(raw) {
		t.Errorf("%v: got %s, want %s", err, again, raw)
	}
	var before, after bytes.Buffer
	sample(t).Text(&before)
	got.Text(&after)
	if diff := cmp.Diff(before.String(), after.String()); diff != "" {
		t.Errorf("its text (-before +after):\n%s", diff)
	}
	for was, now := range map[string]string{`"error"`: `"fatal"`, `"likely"`: `"sure"`, `"c3"`: `"x3"`, `"x1"`: `"x"`} {
		if err := json.Unmarshal([]byte(strings.Replace(string(raw), was, now, 1)), &got); err == nil {
			t.Errorf("%s in place of %s was read", now, was)
		}
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	sample(t).Text(&b)
	want := `error (likely): Something happened [some-cause]
  on c1 c3 x1 x3
  It did.
  - c3 +0.090 #7 no response
  - 60.0 s matches
  what to change:
    origin (nginx): Change it:
        listen 1;
        listen 2;
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		120030 * time.Millisecond: "120.0 s", 45 * time.Millisecond: "45 ms", 80 * time.Microsecond: "80 us",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestParseSeverity(t *testing.T) {
	for _, s := range []Severity{Note, Warning, Error} {
		if got, ok := ParseSeverity(s.String()); !ok || got != s {
			t.Errorf("%s: got %v, %v", s, got, ok)
		}
	}
	if _, ok := ParseSeverity("fatal"); ok {
		t.Error("fatal is no severity")
	}
}
