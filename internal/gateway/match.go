package gateway

import (
	"regexp"
	"slices"
	"strings"

	"fanlight/internal/httpconn"
)

// Conditions are what a request must be for a route, besides the beginning of
// its path; those that are set must all hold.
type Conditions struct {
	Exact   string         // the whole path
	Pattern *regexp.Regexp // found in the path
	Hosts   []string       // lower case; *.example.test is any one label before .example.test
	Methods []string       // GET takes HEAD as well, which asks for the same (RFC 9110 section 9.3.2)
	Headers []FieldCondition
}

// FieldCondition is what one line of a header field must be: there at all, the
// Value, or with the Pattern in it.
type FieldCondition struct {
	Name    string
	Present bool
	Value   string
	Pattern *regexp.Regexp
}

// hold reports whether a request meets the conditions. It allocates nothing,
// but for a Host with capitals.
func (c *Conditions) hold(req *httpconn.Request) bool {
	return (c.Exact == "" || c.Exact == req.Path) &&
		(c.Pattern == nil || c.Pattern.MatchString(req.Path)) &&
		(len(c.Hosts) == 0 || c.holdsHost(req.Host)) &&
		(len(c.Methods) == 0 || c.holdsMethod(req.Method)) &&
		(len(c.Headers) == 0 || c.holdsHeaders(req))
}

func (c *Conditions) holdsHost(host string) bool {
	name := hostname(host)
	return slices.ContainsFunc(c.Hosts, func(want string) bool { return coversHost(want, name) })
}

func coversHost(want, name string) bool {
	if suffix, wild := strings.CutPrefix(want, "*"); wild {
		label, found := strings.CutSuffix(name, suffix)
		return found && label != "" && !strings.Contains(label, ".")
	}
	return want == name
}

func (c *Conditions) holdsMethod(method string) bool {
	return slices.Contains(c.Methods, method) || method == "HEAD" && slices.Contains(c.Methods, "GET")
}

func (c *Conditions) holdsHeaders(req *httpconn.Request) bool {
	for i := range c.Headers {
		if !c.Headers[i].hold(req) {
			return false
		}
	}
	return true
}

func (f *FieldCondition) hold(req *httpconn.Request) bool {
	h := req.Head
	for i := range h.Fields {
		if line := h.Fields[i]; equalFold(h.Bytes(line.Name), f.Name) && f.takes(h.Bytes(line.Value)) {
			return true
		}
	}
	return false
}

func (f *FieldCondition) takes(value []byte) bool {
	switch {
	case f.Present:
		return true
	case f.Pattern != nil:
		return f.Pattern.Match(value)
	}
	return string(value) == f.Value
}

// routes finds the first route for a request. It looks at the routes whose path
// can match alone: the beginnings of a path lie on one chain.
type routes struct {
	list   []Route
	starts []start // sorted by path
}

// start is a beginning of paths that routes have.
type start struct {
	path    string
	routes  []int // in order
	shorter int   // the longest other start that this one begins with; -1: none
}

func newRoutes(list []Route) routes {
	byPath := map[string][]int{}
	for i := range list {
		path := list[i].Prefix
		if list[i].When.Exact != "" {
			path = list[i].When.Exact
		}
		byPath[path] = append(byPath[path], i)
	}
	out := routes{list: list}
	for path, indices := range byPath {
		out.starts = append(out.starts, start{path: path, routes: indices})
	}
	slices.SortFunc(out.starts, func(a, b start) int { return strings.Compare(a.path, b.path) })
	for i := range out.starts {
		out.starts[i].shorter = out.chain(i-1, out.starts[i].path)
	}
	return out
}

// chain gives the longest start of a path, at or before index i; -1 if none.
func (t *routes) chain(i int, path string) int {
	for i >= 0 && !strings.HasPrefix(path, t.starts[i].path) {
		i = t.starts[i].shorter
	}
	return i
}

// find gives nil if no route takes the request.
func (t *routes) find(req *httpconn.Request) *Route {
	after, found := slices.BinarySearchFunc(t.starts, req.Path, func(s start, path string) int { return strings.Compare(s.path, path) })
	if !found {
		after--
	}
	best := len(t.list)
	for i := t.chain(after, req.Path); i >= 0; i = t.starts[i].shorter {
		for _, index := range t.starts[i].routes {
			if index >= best {
				break
			}
			if t.list[index].When.hold(req) {
				best = index
			}
		}
	}
	if best == len(t.list) {
		return nil
	}
	return &t.list[best]
}
