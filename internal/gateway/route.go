package gateway

import (
	"cmp"
	"strconv"
	"strings"
	"sync"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/files"
)

// Site is what a site does with requests. It is not changed after it was given
// to SetSites.
type Site struct {
	Name            string
	Routes          []Route
	RequestHeaders  HeaderRules
	ResponseHeaders HeaderRules
	Guard           Guard
	Pages           *Pages     // nil: the usual ones
	Filter          *Filtering // nil: none
	PerAddress      int        // connections of one client address, of IPv6 one /64; 0: no limit
	Exchanges       int        // of one client under way at a time, of IPv6 one /64; 0: no limit
	BodyBytes       int64      // of a request; 0: no limit

	prepare  sync.Once
	title    string // in messages
	routes   routes
	response fieldRules // where no route is known
}

// Route is what is done with the requests whose path begins with Prefix and
// that meet the conditions. One of Folder, Origins, Redirect and Reply is set.
type Route struct {
	Prefix          string // empty: any path
	When            Conditions
	Rewrite         *Rewrite // nil: what was asked for is passed on as it came
	Folder          *files.Folder
	Origins         *balance.Group
	Redirect        string // may hold placeholders
	RedirectStatus  int    // 0: 308
	Reply           *Reply
	Host            string // keep, origin, or a name
	RequestHeaders  HeaderRules
	ResponseHeaders HeaderRules
	Guard           Guard
	Pages           *Pages        // nil: those of the site
	BodyBytes       int64         // of a request; 0: that of the site
	Compression     *Compression  // nil: responses pass as they are
	WAF             *Protection   // nil: off
	Exchange        time.Duration // what an exchange with an origin may take in all, tunnels excepted; 0: no limit

	title     string // in messages
	bodyBytes int64
	request   fieldRules // those of the site included
	response  fieldRules
	location  Text
}

// Reply is an answer that the configuration holds. The body may have
// placeholders if it is text.
type Reply struct {
	Status int
	Type   string // media type; empty: no field
	Body   Text
}

// ready puts together, once, what the site and its routes say.
func (s *Site) ready() {
	s.prepare.Do(func() {
		for i := range s.Routes {
			r := &s.Routes[i]
			r.request = joinRules(&s.RequestHeaders, &r.RequestHeaders)
			r.response = joinRules(&s.ResponseHeaders, &r.ResponseHeaders)
			r.location = NewText(r.Redirect)
			r.bodyBytes = cmp.Or(r.BodyBytes, s.BodyBytes)
			r.title = "route " + strconv.Itoa(i+1) + " of site " + s.Name
		}
		s.title = "site " + s.Name
		s.response = joinRules(&s.ResponseHeaders, &HeaderRules{})
		s.routes = newRoutes(s.Routes)
	})
}

// HeaderRules change fields: remove, then set, then add. Names are compared
// without letter case; values may hold placeholders.
type HeaderRules struct {
	Remove []string
	Set    [][2]string
	Add    [][2]string
}

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

// equalFold compares an ASCII name without allocating.
func equalFold(a []byte, b string) bool {
	return len(a) == len(b) && strings.EqualFold(string(a), b)
}
