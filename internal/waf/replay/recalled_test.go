package replay

import (
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/waf"
)

// TestUnproven: without its body a request is not judged again, and what is
// proposed by the door's own words says so.
func TestUnproven(t *testing.T) {
	c, x := recorded("POST /post/17 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*\nContent-Type: application/x-www-form-urlencoded")
	x.RequestBodyBytes = 40
	match := func(rule, adds, target, further string) flow.Event {
		return flow.Event{Kind: flow.WAFMatch, Exchange: x.ID, Text: "m", Attrs: flow.Attrs(flow.KeyRule, rule, flow.KeyAdds, adds, flow.KeyTarget, target, flow.KeyValue, "v", flow.KeyFurther, further)}
	}
	c.Events = []flow.Event{match("942100", "5", "ARGS:q", ""), match("920000", "2", "ARGS:z", ""), match("941100", "5", "ARGS:q", "2"),
		{Kind: flow.Decision, Exchange: x.ID, Text: "block: m", Attrs: flow.Attrs(flow.KeyBy, "waf", flow.KeyScore, "12")}}
	r, _ := Rebuild(c, x)
	p, err := Propose(waf.Defaults(), nil, r)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	p.Text(&text, nil)
	var got []string
	for i := range p.Excluded {
		got = append(got, Words(&p.Excluded[i].Exclusion))
	}
	want := "rule 942100 for ARGS:q in POST a.test/post/*; rule 941100 in POST a.test/post/*"
	if strings.Join(got, "; ") != want || !p.Unproven || !strings.Contains(text.String(), "NOT PROVEN") || strings.Contains(text.String(), "proof:") {
		t.Errorf("got %s, want %s\n%s", strings.Join(got, "; "), want, text.String())
	}
	c.Events = c.Events[:3] // no verdict
	r, _ = Rebuild(c, x)
	if _, err := Propose(waf.Defaults(), nil, r); err == nil || !strings.Contains(err.Error(), LacksBody) {
		t.Errorf("without a verdict: %v", err)
	}
}
