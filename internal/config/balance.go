package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What says how a route shares its requests among its origins.

func parseBalance(s string) (Balance, error) {
	const hint = "write round_robin, least_connections, hash address, hash path, hash header NAME or hash cookie NAME"
	words := strings.Fields(s)
	switch {
	case len(words) == 1 && (words[0] == "round_robin" || words[0] == "least_connections"):
		return Balance{Method: words[0]}, nil
	case len(words) == 0 || words[0] != "hash":
		return Balance{}, badValue(suggest(s, []string{"round_robin", "least_connections", "hash address"}), "%q is no way of balancing", s)
	case len(words) == 2 && (words[1] == "address" || words[1] == "path"):
		return Balance{Method: "hash", Key: words[1]}, nil
	case len(words) == 3 && (words[1] == "header" || words[1] == "cookie"):
		if !isToken(words[2]) {
			return Balance{}, badValue("", "%q is not the name of a %s", words[2], words[1])
		}
		return Balance{Method: "hash", Key: words[1], Name: words[2]}, nil
	}
	return Balance{}, badValue(hint, "%q does not say what to make the hash of", s)
}

// String is the form used in the file.
func (b Balance) String() string {
	return strings.Join(strings.Fields(b.Method+" "+b.Key+" "+b.Name), " ")
}

// conditions are what a further try can follow.
func conditions() []string {
	return []string{"connect", "refused", "reset", "timeout", "502", "503", "504"}
}

func parseCondition(s string) (Condition, error) {
	if !slices.Contains(conditions(), s) {
		return "", badValue(suggest(s, conditions()), "%q is nothing to try again after (%s)", s, strings.Join(conditions(), ", "))
	}
	return Condition(s), nil
}

func parsePercent(s string) (Percent, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "%"), 10, 8)
	switch {
	case err != nil || n > 100:
		return 0, badValue("did you mean "+s+"%?", "%q has no percent sign", s)
	case !strings.HasSuffix(s, "%"):
		return 0, badValue(fmt.Sprintf("did you mean %s%%?", s), "%q has no percent sign", s)
	case n == 0:
		return 0, badValue("list in `on` what is to be tried again; what is left out is not", "%q allows nothing", s)
	}
	return Percent(n), nil
}

// String is the form used in the file.
func (p Percent) String() string { return strconv.Itoa(int(p)) + "%" }

func parseStatusRange(s string) (StatusRange, error) {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(last)
	if errA != nil || errB != nil || a < 100 || b > 599 || a > b {
		return StatusRange{}, badValue("write 200, or 200-399", "%q is no status or range of them", s)
	}
	return StatusRange{a, b}, nil
}

// String is the form used in the file.
func (r StatusRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// String is the form used in the file.
func (s Statuses) String() string {
	words := make([]string, len(s))
	for i, r := range s {
		words[i] = r.String()
	}
	return strings.Join(words, ", ")
}

// Has tells whether a status is one of them.
func (s Statuses) Has(status int) bool {
	return slices.ContainsFunc(s, func(r StatusRange) bool { return r.First <= status && status <= r.Last })
}

func parseCount(s string) (Count, error) {
	if s == "off" {
		return NoCount, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, badValue("write a number, or off", "%q is neither a number above zero nor off", s)
	}
	return Count(n), nil
}

// String is the form used in the file.
func (c Count) String() string {
	if c == NoCount {
		return "off"
	}
	return strconv.Itoa(int(c))
}

func (r *Route) setBalanceDefaults() {
	for i := range r.To {
		setDefault(&r.To[i].Weight, 1)
	}
	setDefault(&r.Balance, Balance{Method: "round_robin"})
	setDefault(&r.Resolve, seconds(30))
	r.Retry.setDefaults()
	r.Eject.setDefaults()
	if r.Health != nil {
		r.Health.setDefaults()
	}
}

func (r *Retry) setDefaults() {
	if r.Off {
		return
	}
	setDefault(&r.Budget, 20)
	setDefault(&r.NonIdempotent, "never")
	if len(r.On) == 0 {
		r.On = []Condition{"connect"}
	}
}

func (e *Eject) setDefaults() {
	if e.Off {
		return
	}
	setDefault(&e.Failures, 5)
	setDefault(&e.Window, seconds(30))
	setDefault(&e.For, seconds(10))
	setDefault(&e.SlowReturn, seconds(10))
	if len(e.Status) == 0 {
		e.Status = Statuses{{502, 504}}
	}
}

func (h *Health) setDefaults() {
	setDefault(&h.Interval, seconds(5))
	setDefault(&h.Timeout, min(seconds(2), h.Interval))
	setDefault(&h.Rise, 2)
	setDefault(&h.Fall, 3)
	if len(h.Status) == 0 {
		h.Status = Statuses{{200, 399}}
	}
}

const (
	maxOrigins = 64
	maxWeight  = 100
)

// balancing checks what the parsers of the values cannot see.
func (k *checker) balancing(at string, r *Route) {
	if len(r.To) > maxOrigins {
		k.fault(at+".to", "put a balancer of its own before them", "route %q has %d origins, %d at most", r.Path, len(r.To), maxOrigins)
	}
	for i, o := range r.To {
		here := fmt.Sprintf("%s.to[%d]", at, i)
		if o.Weight > maxWeight {
			k.fault(here, "weights are shares: 1 and 3 do what 100 and 300 would", "weight %d of %s is above %d", o.Weight, o, maxWeight)
		}
		same := func(other Origin) bool { return other.Host != "" && other.String() == o.String() }
		if slices.IndexFunc(r.To, same) >= 0 && slices.IndexFunc(r.To, same) < i {
			k.fault(here, "give it a weight instead: {url: ..., weight: 2}", "origin %s is in the list twice", o)
		}
	}
	if r.Sticky != "" && !isToken(r.Sticky) {
		k.fault(at+".sticky", "", "%q is not the name of a cookie", r.Sticky)
	}
	k.health(at+".health", r.Health)
}

func (k *checker) health(at string, h *Health) {
	if h == nil {
		return
	}
	if k.has(at+".path") && (!strings.HasPrefix(h.Path, "/") || strings.ContainsFunc(h.Path, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' })) {
		k.fault(at+".path", fmt.Sprintf("did you mean %q?", "/"+strings.TrimPrefix(h.Path, "/")), "%q is no path to ask for", h.Path)
	}
	if fault := hostFault(h.Host); h.Host != "" && fault != "" {
		k.fault(at+".host", "", "health host: %s", fault)
	}
	if h.Timeout > h.Interval {
		k.fault(at+".timeout", "", "the timeout of a check, %s, is longer than the time between two, %s", h.Timeout, h.Interval)
	}
	if least := Duration(100 * time.Millisecond); k.has(at+".interval") && h.Interval < least {
		k.fault(at+".interval", "", "an interval of %s is below %s", h.Interval, least)
	}
}

// sharedCookies refuses routes of a site that would overwrite each other's
// cookie again and again.
func (k *checker) sharedCookies(path string, s *Site) {
	first := map[string]int{}
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Sticky == "" {
			continue
		}
		j, met := first[r.Sticky]
		if !met {
			first[r.Sticky] = i
			continue
		}
		if !slices.Equal(s.Routes[j].To, r.To) {
			k.fault(fmt.Sprintf("%s.routes[%d].sticky", path, i), "give each its own name",
				"routes %q and %q have the cookie %q for different origins", s.Routes[j].Path, r.Path, r.Sticky)
		}
	}
}
