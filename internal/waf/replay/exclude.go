package replay

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/waf"
)

// Proposal is the narrowest exclusion that lets a refused request pass, and
// what that costs.
type Proposal struct {
	Request  *Request
	Before   Judgement
	After    Judgement
	Excluded []Excluded
	Attacks  []Attacks
	Policy   waf.Policy // with the exclusions
	Unproven bool       // the record does not hold all of the request: found by what the door said of it
}

const (
	mostRounds  = 8 // of a search
	mostTargets = 4 // of one rule, before the whole rule is excluded
)

// Propose finds what lets a request pass: of the rules that scored, those that
// score most, until the rest is below the threshold; each only for the target
// that it matched in, and for requests like this one. It is tried with the
// request itself until that passes. An error says why there is nothing to find.
func Propose(p waf.Policy, types []string, r *Request) (*Proposal, error) {
	before, err := NewJudge(p, types)
	if err != nil {
		return nil, err
	}
	defer before.Close()
	s := search{policy: p, given: p.Exclusions, scope: scopeOf(r), tried: map[int]bool{}}
	first := before.Judge(r)
	if first.Outcome == Passes && len(r.Lack) > 0 {
		if out := s.unproven(r); out != nil {
			return out, nil
		}
	}
	if err := hopeless(&first, &p, r); err != nil {
		return nil, err
	}
	now := first
	for range mostRounds {
		if !s.widen(&now) {
			break
		}
		after, err := NewJudge(s.policy, types)
		if err != nil {
			return nil, fmt.Errorf("try the exclusion: %w", err)
		}
		if now = after.Judge(r); now.Outcome == Passes {
			out := &Proposal{Request: r, Before: first, After: now, Excluded: s.found, Policy: s.policy}
			out.Attacks = attacks(r, s.found, before, after)
			after.Close()
			return out, nil
		}
		after.Close()
	}
	return nil, fmt.Errorf("no exclusion was found that lets it pass; it still scores %d of %d", now.Score, p.Inbound)
}

// hopeless says why there is nothing to exclude.
func hopeless(j *Judgement, p *waf.Policy, r *Request) error {
	switch {
	case j.Outcome == Failed:
		return fmt.Errorf("the engine failed at it: %w", j.Failure)
	case j.Outcome == TooLong:
		return fmt.Errorf("its body is longer than the %d bytes that the WAF looks at, and %d of files beside: raise waf.body.limit or waf.body.files, or have over: partial; no exclusion helps", p.BodyLimit, p.FilesLimit)
	case j.Outcome == Passes && len(r.Lack) > 0:
		return fmt.Errorf("as far as it was recorded it passes, with a score of %d of %d: %s; try it from a capture (fanlight capture), and `fanlight why` lists the rules", j.Score, p.Inbound, strings.Join(r.Lack, "; "))
	case j.Outcome == Passes:
		return fmt.Errorf("the policy lets it pass already, with a score of %d of %d", j.Score, p.Inbound)
	}
	return nil
}

// search is a proposal while it is looked for.
type search struct {
	policy waf.Policy // with what was found
	given  []waf.Exclusion
	scope  waf.Exclusion
	tried  map[int]bool // rules that have an exclusion; true: as a whole
	found  []Excluded
}

// widen adds exclusions for the rules that score most, as many as have to go;
// false: there is none to add.
func (s *search) widen(now *Judgement) bool {
	excess := now.Score - s.policy.Inbound + 1
	added := false
	for _, m := range heaviest(now.Verdict) {
		own := now.Verdict.Interrupted != nil && m.Rule == now.Verdict.Interrupted.Rule
		if excess <= 0 && !own || m.Score <= 0 && !own {
			continue
		}
		if s.add(m) {
			added = true
			excess -= m.Score
		}
	}
	return added
}

// heaviest are the matches that say something, those that score most first.
func heaviest(v *waf.Verdict) []*waf.Match {
	var out []*waf.Match
	if v != nil {
		for i := range v.Matches {
			if m := &v.Matches[i]; m.Told() {
				out = append(out, m)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *waf.Match) int { return -cmp.Compare(a.Score, b.Score) })
	return out
}

// add excludes a rule: first for its targets, and as a whole if it matches in
// spite of that; false: it is excluded as a whole already.
func (s *search) add(m *waf.Match) bool {
	whole, again := s.tried[m.Rule]
	if whole {
		return false
	}
	targets := targetsOf(m)
	if again || len(targets) == 0 || len(targets) > mostTargets {
		targets = []string{""}
		s.found = slices.DeleteFunc(s.found, func(e Excluded) bool { return e.Cause.Rule == m.Rule })
	}
	s.tried[m.Rule] = targets[0] == ""
	for _, target := range targets {
		e := Excluded{Exclusion: s.scope, Cause: cause(m)}
		e.Rule, e.Exclusion.Target = strconv.Itoa(m.Rule), target
		if target != "" {
			e.Cause.Target = target
		}
		s.found = append(s.found, e)
	}
	s.policy.Exclusions = slices.Clone(s.given)
	for i := range s.found {
		s.policy.Exclusions = append(s.policy.Exclusions, s.found[i].Exclusion)
	}
	return true
}

// target is what an exclusion may name; other names would mean something else
// in a rule.
var target = regexp.MustCompile(`^[A-Z_]+(:[A-Za-z0-9_.\-\[\]]+)?$`)

// targetsOf are those that a rule matched in; none if one of them cannot be named.
func targetsOf(m *waf.Match) (out []string) {
	for _, h := range m.Telling() {
		name := h.Target()
		if !target.MatchString(name) {
			return nil
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// scopeOf is for requests like this one: its host, its method, and its path, up
// to the first part that differs from one thing to the next if there is one.
func scopeOf(r *Request) waf.Exclusion {
	e := waf.Exclusion{Method: r.Method}
	host := r.Host
	if h := r.head.Get("Host"); h != nil {
		host = string(h)
	}
	if u, err := url.Parse("//" + host); err == nil && quotable.MatchString(u.Hostname()) {
		e.Host = strings.ToLower(u.Hostname())
	}
	if !quotable.MatchString(r.Method) {
		e.Method = ""
	}
	if path, whole := prefixOf(r.Target); whole {
		e.Exact = path
	} else {
		e.Path = path
	}
	return e
}

// quotable is what may stand in an exclusion.
var quotable = regexp.MustCompile(`^[A-Za-z0-9_.~:/@!$&()*+=%-]+$`)

// prefixOf is the beginning of the decoded path of a target that requests like
// it have in common; whole: that is all of it.
func prefixOf(target string) (prefix string, whole bool) {
	raw, _, _ := strings.Cut(target, "?")
	if _, rest, absolute := strings.Cut(raw, "://"); absolute {
		_, raw, _ = strings.Cut(rest, "/")
		raw = "/" + raw
	}
	plain, err := url.PathUnescape(raw)
	if err != nil || !strings.HasPrefix(plain, "/") {
		return "", false
	}
	out, clean := "/", path.Clean(plain)
	if strings.HasSuffix(plain, "/") && clean != "/" {
		clean += "/" // which rules see too
	}
	parts := strings.Split(strings.TrimPrefix(clean, "/"), "/")
	for i, part := range parts {
		if variable(part) || part != "" && !quotable.MatchString(part) {
			return out, false
		}
		if out += part; i < len(parts)-1 {
			out += "/"
		}
	}
	return out, true
}

// ErrNotFound says that the records do not have the request.
var ErrNotFound = errors.New("the records have no such request")
