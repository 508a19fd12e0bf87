package site

import (
	"fmt"
	"slices"
)

// yield takes back what would have names or addresses of sites that stay as
// they are because they could not be replaced, until nothing is left of it.
func yield(all []*Replacement) {
	for more := true; more; {
		more = false
		for _, r := range all {
			if !r.Made || r.Next == nil {
				continue
			}
			if why := r.taken(all); why != nil {
				r.takeBack(why)
				more = true
			}
		}
	}
}

// taken says what of the next site's another one goes on to have, nil if
// nothing.
func (r *Replacement) taken(all []*Replacement) error {
	for _, other := range all {
		if other == r || other.Made || other.Old == nil || other.Old.isLeaving() {
			continue
		}
		for _, b := range r.Next.Bindings {
			if other.Old.claims(b) {
				return fmt.Errorf("site %s goes on as it was, and has what this one is to have on %s", other.Old.Name, b.Addr)
			}
		}
	}
	return nil
}

// claims tells whether a site has what a binding of another one wants: a name,
// or the address for the other way of speaking.
func (s *Site) claims(b Binding) bool {
	return slices.ContainsFunc(s.Bindings, func(own Binding) bool {
		switch {
		case own.Addr != b.Addr:
			return false
		case own.Plain != b.Plain, len(own.Names) == 0 && len(b.Names) == 0:
			return true
		}
		return slices.ContainsFunc(own.Names, func(name string) bool { return slices.Contains(b.Names, name) })
	})
}

// takeBack undoes what prepare has done: the old site, if any, stays.
func (r *Replacement) takeBack(why error) {
	release(r.Next.refs)
	r.Next.refs = nil
	r.Next.set(Failed, why.Error())
	r.Made, r.Err = false, why
	if r.Old != nil {
		r.Old.change.Unlock()
	}
}
