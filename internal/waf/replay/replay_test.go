package replay

import (
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/waf"
)

func judge(t *testing.T, change func(*waf.Policy)) *Judge {
	t.Helper()
	p := waf.Defaults()
	if change != nil {
		change(&p)
	}
	j, err := NewJudge(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j
}

const attackOn = "GET /find?q=1%27+OR+%271%27%3D%271 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*"

func TestReplay(t *testing.T) {
	allow := func(p *waf.Policy) {
		p.Setup = []waf.Setting{{Name: "allowed_request_content_type", Value: "|application/x-www-form-urlencoded| |image/png|"}}
	}
	r := New(judge(t, allow), judge(t, func(p *waf.Policy) { allow(p); p.Inbound = 6 }))
	c, x := recorded(attackOn)
	c.Events = []flow.Event{{Kind: flow.Decision, Exchange: x.ID, Text: "pass: the WAF lets it pass, with a score of 3", Attrs: flow.Attrs(flow.KeyBy, "waf", flow.KeyScore, "3")}}
	r.Add(c, x)
	r.Add(recorded(plain))
	long := strings.Repeat("a", 200<<10)
	r.Add(recorded("POST /long 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*\nContent-Type: application/x-www-form-urlencoded\n\na=" + long))
	r.Add(recorded("POST /blob 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*\nContent-Type: image/png\n\n1' OR '1'='1"))
	out := r.Result()
	if out.Requests != 4 || out.Sides[0].Refused != 2 || out.Sides[1].Refused != 1 || out.Sides[1].TooLong != 1 || out.Sides[0].BreakEven() != 6 || out.Sides[0].Failed != 0 {
		t.Errorf("got %+v", out)
	}
	if out.Lack["its body of image/png is not looked at"] != 1 {
		t.Errorf("lacking: %v", out.Lack)
	}
	first := out.Shapes[0]
	if first.Name != "GET /find" || first.NewlyPassing != 1 || first.Example == nil || first.Example.Rules[0].Value != "1' OR '1'='1" {
		t.Errorf("first shape: %+v", first)
	}
	if out.Live.Told != 1 || out.Live.Differ != 1 {
		t.Errorf("live: %+v", out.Live)
	}
	var text strings.Builder
	out.Text(&text, &r.A.Policy, &r.B.Policy)
	for _, want := range []string{"1 newly let pass, of 1", "x.pcapng 2026-11-22 12:00:00.000 c2 x3", `It said "pass: the WAF`, "At any threshold 1 would be refused"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
}

func TestPropose(t *testing.T) {
	for name, test := range map[string]struct{ record, want, fault string }{
		"query":    {record: attackOn, want: "942100 ARGS:q GET a.test/find"},
		"cookie":   {record: "GET /cart/17 1.1\nHost: A.test:8443\nUser-Agent: test\nAccept: */*\nCookie: s=1%27%20OR%20%271%27%3D%271", want: "942100 REQUEST_COOKIES:s GET a.test/cart/*"},
		"document": {record: "POST /api 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*\nContent-Type: application/json\nContent-Length: 24\n\n{\"who\":\"1' OR '1'='1\"}\n\n", want: "942100 ARGS:json.who POST a.test/api"},
		"folder":   {record: strings.Replace(attackOn, "/find?", "/find/?", 1), want: "942100 ARGS:q GET a.test/find/"},
		"root":     {record: strings.Replace(attackOn, "/find?", "/?", 1), want: "942100 ARGS:q GET a.test/"},
		"own rule": {record: "POST /api 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*\nContent-Type: application/json\n\n{\"who\":", want: "200002 REQBODY_ERROR POST a.test/api"},
		"benign":   {record: plain, fault: "lets it pass already, with a score of 0 of 5"},
		"too long": {record: "POST /long 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*\nContent-Type: text/plain\n\n" + strings.Repeat("a", 200<<10), fault: "raise waf.body.limit"},
	} {
		r, why := Rebuild(recorded(test.record))
		if r == nil {
			t.Fatalf("%s: %s", name, why)
		}
		p, err := Propose(waf.Defaults(), nil, r)
		if test.fault != "" {
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%s: got %v, want %q", name, err, test.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := p.Excluded[0]
		if got := e.Rule + " " + e.Exclusion.Target + " " + scopeWords(&e.Exclusion); len(p.Excluded) != 1 || got != test.want || p.After.Outcome != Passes {
			t.Errorf("%s: got %s, %d in all, %s; want %s", name, got, len(p.Excluded), p.After.Outcome, test.want)
		}
		for _, a := range p.Attacks {
			if !a.Placed || a.Before == 0 || a.After > a.Before || a.Before-a.After != len(a.Lost) {
				t.Errorf("%s: attacks %+v", name, a)
			}
		}
	}
}

// TestAttacksAreCaught: a payload that nothing refuses proves nothing.
func TestAttacksAreCaught(t *testing.T) {
	j := judge(t, nil)
	r, _ := Rebuild(recorded("GET /find?q=x 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*"))
	for _, group := range []int{930, 931, 932, 933, 934, 941, 942, 944} {
		kind := kindOf(group*1000 + 100)
		a := attack(r, kind, "ARGS:q", j, j)
		t.Logf("%s: %d of %d", kind.Name, a.Before, a.Tried)
		if a.Tried != 12 || a.Before < 6 {
			t.Errorf("%s: only %d of %d are refused as it comes", kind.Name, a.Before, a.Tried)
		}
	}
}
