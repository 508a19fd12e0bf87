package vars

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// request is what both readers are given.
type request struct {
	method, target, protocol string
	fields                   [][2]string
	body                     string
}

// cut says that there is more of the body.
func (r *request) cut() bool {
	return slices.ContainsFunc(r.fields, func(f [2]string) bool { return f[0] == "X-Cut" })
}

// rules has one rule for each collection and phase, and those that choose how a
// body is read.
func rules(l Limits) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SecRequestBodyAccess On\nSecRequestBodyLimit 1000000\nSecArgumentsLimit %d\nSecRequestBodyJsonDepthLimit %d\n", l.Arguments, l.JSONDepth)
	b.WriteString("SecRule REQUEST_HEADERS:Content-Type \"@rx ^application/json\" \"id:1,phase:1,pass,nolog,t:lowercase,ctl:requestBodyProcessor=JSON\"\n")
	for i, p := range processors() {
		fmt.Fprintf(&b, "SecRule REQUEST_HEADERS:X-Read \"@streq %s\" \"id:%d,phase:1,pass,nolog,ctl:requestBodyProcessor=%s\"\n", p, 10+i, p)
	}
	b.WriteString("SecRule REQUEST_HEADERS:X-Read \"@streq force\" \"id:9,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On\"\n")
	for id, name := range names() {
		for phase := 1; phase <= 2; phase++ {
			fmt.Fprintf(&b, "SecRule %s \"@unconditionalMatch\" \"id:%d,phase:%d,pass,log\"\n", name, 1000*phase+id, phase)
		}
	}
	b.WriteString("SecRule TX:json_request_body \"@unconditionalMatch\" \"id:3000,phase:2,pass,log\"\n")
	return b.String()
}

// processors are what X-Read chooses from.
func processors() []string { return []string{"RAW", "URLENCODED", "NONSENSE", "MULTIPART", "XML"} }

func corazaOf(t testing.TB, l Limits) coraza.WAF {
	t.Helper()
	w, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives(rules(l)))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// seen is what there is to see, each once for each time: "phase NAME:key=value".
type seen map[string]int

func (s seen) add(phase int, name, key, value string) {
	if known, _ := Lookup(name); known != UniqueID && known != Duration && !strings.HasPrefix(name, "TIME") {
		s[fmt.Sprintf("%d %s:%q=%q", phase, name, key, value)]++
	}
}

// theirs is what Coraza sees.
func theirs(w coraza.WAF, r *request) seen {
	tx := w.NewTransaction()
	defer tx.Close()
	tx.ProcessConnection("192.0.2.7", 5555, "2001:db8::1", 443)
	tx.ProcessURI(r.target, r.method, r.protocol)
	for _, f := range r.fields {
		tx.AddRequestHeader(f[0], f[1])
	}
	tx.ProcessRequestHeaders()
	if r.cut() {
		tx.(plugintypes.TransactionState).Variables().InboundDataError().(interface{ Set(string) }).Set("1")
	}
	tx.WriteRequestBody([]byte(r.body))
	if _, err := tx.ProcessRequestBody(); err != nil {
		panic(err)
	}
	all := seen{}
	for _, m := range tx.MatchedRules() {
		for _, d := range m.MatchedDatas() {
			if id := m.Rule().ID(); id >= 1000 {
				all.add(id/1000, d.Variable().Name(), d.Key(), d.Value())
			}
		}
	}
	return all
}

var isJSON = regexp.MustCompile(`^application/json`)

// ours is what we see.
func ours(v *Values, l Limits, r *request) seen {
	all := seen{}
	collect := func(phase int) {
		for id, name := range names() {
			for _, p := range v.Of(ID(id)) {
				all.add(phase, name, p.Key, p.Value)
				if p.Fold != strings.ToLower(p.Key) {
					panic(fmt.Sprintf("%q is folded to %q", p.Key, p.Fold))
				}
			}
		}
	}
	v.Begin(l)
	v.Connection(netip.MustParseAddrPort("192.0.2.7:5555"), netip.MustParseAddrPort("[2001:db8::1]:443"))
	v.Target(r.method, r.target, r.protocol)
	force := false
	for _, f := range r.fields {
		v.Header(f[0], f[1])
	}
	for _, p := range v.Of(RequestHeaders) {
		if p.Fold == "content-type" && isJSON.MatchString(strings.ToLower(p.Value)) {
			v.Set(ReqbodyProcessor, "JSON")
		}
	}
	for _, p := range v.Of(RequestHeaders) {
		if p.Fold == "x-read" && slices.Contains(processors(), p.Value) {
			v.Set(ReqbodyProcessor, p.Value)
		}
		force = force || p.Fold == "x-read" && p.Value == "force"
	}
	collect(1)
	if r.cut() {
		v.Set(InboundDataError, "1")
	}
	v.Body([]byte(r.body), force)
	collect(2)
	if v.JSON() != "" {
		all.add(3, "TX", "json_request_body", v.JSON())
	}
	return all
}

// compare tells how the two differ. Of a form whose names differ in letter case
// alone Coraza keeps the values of any one of them: there we may see more.
func compare(t *testing.T, w coraza.WAF, v *Values, l Limits, r *request) {
	t.Helper()
	got, want := ours(v, l, r), theirs(w, r)
	if maps.Equal(got, want) || collides(v) && superset(got, want) {
		return
	}
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(merged(got, want))) {
		if got[k] != want[k] {
			lines = append(lines, fmt.Sprintf("%s: %d, Coraza %d", k, got[k], want[k]))
		}
	}
	t.Errorf("%q:\n%s", *r, strings.Join(lines, "\n"))
}

func merged(a, b seen) seen {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// collides says that the body is a form with names that differ in letter case
// alone.
func collides(v *Values) bool {
	if v.Get(ReqbodyProcessor) != "URLENCODED" {
		return false
	}
	post := slices.Clone(v.Of(ArgsPost))
	slices.SortStableFunc(post, func(a, b Pair) int { return cmp.Compare(a.Fold, b.Fold) })
	for i := 1; i < len(post); i++ {
		if post[i].Fold == post[i-1].Fold && post[i].Key != post[i-1].Key {
			return true
		}
	}
	return false
}

func superset(got, want seen) bool {
	for k, n := range want {
		if got[k] < n && !strings.Contains(k, "ARGS_COMBINED_SIZE") {
			return false
		}
	}
	return true
}

func usual() Limits { return Limits{Arguments: 1000, JSONDepth: 64} }
func tight() Limits { return Limits{Arguments: 4, JSONDepth: 3} }

func form(body string) *request {
	return &request{"POST", "/f?q=1", "HTTP/1.1", [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, body}
}

func jsonOf(body string) *request {
	return &request{"POST", "/j?q=1", "HTTP/1.1", [][2]string{{"Content-Type", "application/json"}}, body}
}
