package gateway

import (
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/site"
)

// serve decides what becomes of an exchange and carries it out. The questions
// are asked in this order, and the first no is the answer: does the host belong
// here, does its site serve, may this client and this often (403, 429), which
// route takes it, and does that one let it pass too, does the filter of the site
// like it (404, 400, 431), is its body not too long (413), and does the WAF of the
// route like it (403).
func (r *ride) serve() {
	does := r.site()
	if does == nil {
		return
	}
	req := r.x.Request()
	if req.Method == "CONNECT" {
		r.fail(405, connectRefused)
		return
	}
	if r.crowded(does) || r.busy(does) || !r.admits(&does.Guard, does.title) {
		return
	}
	route := does.routes.find(req)
	if route == nil {
		r.fail(404, "no route of site "+does.Name+" takes "+req.Path)
		return
	}
	r.facts.route = route
	if !r.admits(&route.Guard, route.title) || !r.filtered(does) || !r.fits(route) || !r.retarget(route) {
		return
	}
	r.compress(route.Compression)
	if !r.inspect(route.WAF) {
		return
	}
	switch {
	case route.Folder != nil:
		r.serveFile(route)
	case route.Redirect != "":
		r.redirect(route)
	case route.Reply != nil:
		r.reply(route)
	default:
		r.proxy(does, route)
	}
}

// site gives what the site of an exchange does; nil if it was answered already.
func (r *ride) site() *Site {
	s, req := r.s, r.x.Request()
	if req.Method == "CONNECT" {
		r.x.CloseAfter(connectRefused)
	}
	if why := s.misaddressed(req); why != "" {
		r.fail(421, why)
		return nil
	}
	met := s.site.Load() != nil
	found := s.siteOf(req.Host)
	if found == nil {
		r.fail(421, "host "+strconv.Quote(req.Host)+" does not belong to "+s.whereabouts())
		return nil
	}
	switch state := found.State(); {
	case state == site.Stopped && found.StoppedPage:
		r.fail(503, "site "+found.Name+" is stopped")
		return nil
	case state == site.Draining && met: // the connection is waited for
	case state != site.Serving:
		s.refuseStopped(r.x, found)
		return nil
	}
	does := s.g.site(found.Name)
	if does == nil {
		r.fail(503, "site "+found.Name+" has no routes")
		return nil
	}
	r.facts.does = does
	return does
}

// refuseStopped ends a plain connection for a site that is stopped and shows
// no page: as with TLS, the client gets nothing.
func (s *session) refuseStopped(x httpconn.Exchange, found *site.Site) {
	why := "site " + found.Name + " is " + found.State().String()
	x.Log().Add(flow.Event{At: time.Now(), Exchange: x.ID(), Kind: flow.Decision, Text: "refuse: " + why, Attrs: flow.Attrs(flow.KeyBy, "site")})
	x.Truncate(why)
}

// retarget sets what an origin or a folder is asked for: what the client asked
// for as it wrote it, unless the route rewrites. It answers and reports false
// where nothing that could be sent comes out.
func (r *ride) retarget(route *Route) bool {
	req := r.x.Request()
	if route.Rewrite == nil {
		r.target = originTarget(req)
		return true
	}
	target, ok := route.Rewrite.target(&r.facts)
	if !ok {
		r.fail(400, "the rewrite of site "+r.facts.site()+" makes no path of "+strconv.Quote(req.Path))
		return false
	}
	r.target = target
	return true
}

// originTarget is the request target for an origin: origin-form, also when the
// client sent the absolute form.
func originTarget(req *httpconn.Request) string {
	t := req.Target
	if len(t) == 0 || t[0] == '/' || t[0] == '*' {
		return t
	}
	_, rest, _ := strings.Cut(t, "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		if rest[i] == '?' {
			return "/" + rest[i:]
		}
		return rest[i:]
	}
	return "/"
}
