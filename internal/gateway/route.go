package gateway

import (
	"strings"

	"fanlight/internal/balance"
	"fanlight/internal/files"
)

// Site is what a site does with requests.
type Site struct {
	Name            string
	Routes          []Route
	RequestHeaders  HeaderRules
	ResponseHeaders HeaderRules
}

// Route is what is done with the paths that begin with Prefix. One of Folder,
// Origins and Redirect is set.
type Route struct {
	Prefix          string
	Folder          *files.Folder
	Origins         *balance.Group
	Redirect        string // {uri}, {host}, {path}, {query} are replaced
	Host            string // keep, origin, or a name
	ResponseHeaders HeaderRules
}

// HeaderRules change fields: remove, then set, then add. Names are compared
// without letter case.
type HeaderRules struct {
	Remove []string
	Set    [][2]string
	Add    [][2]string
}

// Empty reports whether there is nothing to do.
func (r *HeaderRules) Empty() bool { return len(r.Remove)+len(r.Set)+len(r.Add) == 0 }

// drops reports whether a field is removed or replaced.
func (r *HeaderRules) drops(name []byte) bool {
	for _, n := range r.Remove {
		if equalFold(name, n) {
			return true
		}
	}
	for _, s := range r.Set {
		if equalFold(name, s[0]) {
			return true
		}
	}
	return false
}

func (r *HeaderRules) dropsName(name string) bool {
	return len(r.Remove)+len(r.Set) > 0 && r.drops([]byte(name))
}

// equalFold compares an ASCII name without allocating.
func equalFold(a []byte, b string) bool {
	return len(a) == len(b) && strings.EqualFold(string(a), b)
}

// route finds the first route for a path, nil if there is none.
func (s *Site) route(path string) *Route {
	for i := range s.Routes {
		if strings.HasPrefix(path, s.Routes[i].Prefix) {
			return &s.Routes[i]
		}
	}
	return nil
}
