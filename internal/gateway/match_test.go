package gateway

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// requested is a request as the connection machine gives it.
func requested(t testing.TB, method, target string, lines ...string) *httpconn.Request {
	t.Helper()
	h := &httpwire.Head{}
	text := method + " " + target + " HTTP/1.1\r\n" + strings.Join(append([]string{"Host: app.test"}, lines...), "\r\n") + "\r\n\r\n"
	if len(lines) > 0 && strings.HasPrefix(lines[0], "Host:") {
		text = method + " " + target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	}
	if n, err := h.ParseRequest([]byte(text), httpwire.Limits{}); n == 0 || err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	path, _ := httpwire.CleanPath([]byte(target))
	return &httpconn.Request{Head: h, Method: method, Target: target, Host: string(h.Authority()), Path: path}
}

func TestFirstRouteThatMatchesWins(t *testing.T) {
	table := newRoutes([]Route{
		0:  {When: Conditions{Exact: "/login", Methods: []string{"POST"}}},
		1:  {When: Conditions{Exact: "/login"}},
		2:  {Prefix: "/", When: Conditions{Hosts: []string{"*.shop.test", "api.test"}}},
		3:  {When: Conditions{Pattern: regexp.MustCompile(`\.php$`)}},
		4:  {Prefix: "/api/v2/", When: Conditions{Methods: []string{"GET"}}},
		5:  {Prefix: "/api/", When: Conditions{Headers: []FieldCondition{{Name: "X-Beta", Value: "yes"}}}},
		6:  {Prefix: "/api/", When: Conditions{Headers: []FieldCondition{{Name: "X-Beta", Pattern: regexp.MustCompile(`^v[0-9]`)}, {Name: "X-Also", Present: true}}}},
		7:  {Prefix: "/api/v2/x"},
		8:  {Prefix: "/api"},
		9:  {Prefix: "/a b/"},
		10: {Prefix: "/only", When: Conditions{Hosts: []string{"nobody.test"}}},
		11: {When: Conditions{Methods: []string{"OPTIONS"}}},
	})
	for _, test := range []struct {
		method, target string
		want           int
		lines          []string
	}{
		{"POST", "/login", 0, nil},
		{"GET", "/login", 1, nil},
		{"GET", "/%6Cogin", 1, nil},
		{"GET", "/login/", -1, nil},
		{"GET", "/login", 1, []string{"Host: a.shop.test"}},
		{"GET", "/x", 2, []string{"Host: A.Shop.Test:8443"}},
		{"GET", "/x", 2, []string{"Host: api.test."}},
		{"GET", "/x", -1, []string{"Host: a.b.shop.test"}},
		{"GET", "/x", -1, []string{"Host: shop.test"}},
		{"GET", "/x", -1, []string{"Host: .shop.test"}},
		{"GET", "/a/b.php", 3, nil},
		{"GET", "/api/v2/b.php", 3, nil},
		{"GET", "/api/v2/b.php5", 4, nil},
		{"HEAD", "/api/v2/x", 4, nil},
		{"POST", "/api/v2/x", 7, nil},
		{"POST", "/api/v2/y", 8, nil},
		{"POST", "/api/v2/y", 5, []string{"Host: app.test", "x-beta: no", "x-beta: yes"}},
		{"POST", "/api/v2/y", 8, []string{"Host: app.test", "x-beta: v1"}},
		{"POST", "/api/v2/y", 6, []string{"Host: app.test", "x-beta: v1", "X-Also:"}},
		{"GET", "/apiary", 8, nil},
		{"GET", "/ap", -1, nil},
		{"GET", "/a%20b/c", 9, nil},
		{"GET", "//a%20b//c", 9, nil},
		{"GET", "/only", -1, nil},
		{"OPTIONS", "/only", 11, nil},
		{"OPTIONS", "*", 11, nil},
	} {
		got := table.find(requested(t, test.method, test.target, test.lines...))
		at := -1
		for i := range table.list {
			if got == &table.list[i] {
				at = i
			}
		}
		if at != test.want {
			t.Errorf("%s %s %q: route %d, want %d", test.method, test.target, test.lines, at, test.want)
		}
	}
}

// The index gives what looking at every route would.
func TestIndexAgreesWithEveryRoute(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		text := "/"
		for range random.IntN(6) {
			text += string("ab/"[random.IntN(3)])
		}
		return text
	}
	for range 300 {
		list := make([]Route, 1+random.IntN(12))
		for i := range list {
			r := &list[i]
			switch random.IntN(4) {
			case 0:
				r.When.Exact = word()
			case 1:
				r.When.Pattern = regexp.MustCompile("b/")
			case 2:
				r.When.Methods = []string{"POST"}
				fallthrough
			default:
				r.Prefix = word()
			}
		}
		table := newRoutes(list)
		for range 30 {
			req := &httpconn.Request{Method: []string{"GET", "POST"}[random.IntN(2)], Path: word()}
			var want *Route
			for i := range list {
				if strings.HasPrefix(req.Path, list[i].Prefix) && list[i].When.hold(req) {
					want = &list[i]
					break
				}
			}
			if got := table.find(req); got != want {
				t.Fatalf("%s %s in %+v: got %+v, want %+v", req.Method, req.Path, list, got, want)
			}
		}
	}
}

func manyRoutes(n int) []Route {
	list := make([]Route, n)
	for i := range list {
		list[i].Prefix = fmt.Sprintf("/service-%04d/", i)
	}
	list[n-1].Prefix = "/"
	return list
}

func TestMatchingAllocatesNothing(t *testing.T) {
	list := manyRoutes(1000)
	// Patterns keep their machines in a pool, of which the race detector drops some.
	list[0].Prefix, list[0].When = "", Conditions{Exact: "/x", Hosts: []string{"*.test"}, Methods: []string{"GET"},
		Headers: []FieldCondition{{Name: "host", Value: "nobody"}}}
	table := newRoutes(list)
	req := requested(t, "GET", "/x")
	if n := testing.AllocsPerRun(100, func() { table.find(req) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRoutes(b *testing.B) {
	for _, n := range []int{1, 4, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			table := newRoutes(manyRoutes(n))
			req := requested(b, "GET", "/service-0998/index.html")
			for b.Loop() {
				table.find(req)
			}
		})
	}
}
