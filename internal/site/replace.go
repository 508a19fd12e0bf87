package site

import (
	"errors"
	"fmt"
)

// ErrBusy says that a site is being started, stopped or drained, and so cannot
// be replaced now.
var ErrBusy = errors.New("it is being started, stopped or drained")

// Replacement is a site that comes, goes, or takes the place of the one with
// its name.
type Replacement struct {
	Old  *Site // nil: Next is new
	Next *Site // nil: Old goes
	Run  bool  // Next is to serve
	// Err is set by Replace: ErrBusy, why Next cannot have its addresses, or what
	// of Next's a site has that stays as it was. A site that serves, or is busy,
	// stays as it was then; Next fails otherwise.
	Err error
	// Made is set by Replace: Next is in the table, or Old is going.
	Made bool
}

// Replace makes all replacements at once: a lookup finds the sites before or
// those after. Addresses are opened before any is closed. publish is called
// when it is decided what is made, before lookups find it. A site that goes
// stays in the table as draining, behind all others, until the caller calls
// Gone. Replace must not be called concurrently.
func (d *Door) Replace(t *Table, all []*Replacement, publish func()) {
	var next []*Site
	for _, r := range all {
		r.prepare(d)
	}
	yield(all)
	for _, r := range all {
		if r.Made && r.Next != nil {
			next = append(next, r.Next)
		} else if r.Made {
			r.Old.leave()
			next = append(next, r.Old) // ranked anew
		}
	}
	publish()
	t.Replace(next...)
	for _, r := range all {
		if r.Made {
			r.settle(d)
		}
	}
}

// prepare holds the old site and opens the addresses of the next one. Old is
// held if the replacement is made.
func (r *Replacement) prepare(d *Door) {
	if r.Old != nil && !r.Old.change.TryLock() {
		r.Err = ErrBusy
		return
	}
	r.Made = true
	if r.Next == nil {
		return
	}
	if r.Err = d.ready(r.Next, r.Run); r.Err != nil && r.Old != nil && r.Old.State() == Serving {
		r.Made = false
		r.Old.change.Unlock()
	}
}

// ready opens what a site needs that is in no table yet.
func (d *Door) ready(s *Site, run bool) error {
	if s.fault() != "" || !run && !s.StoppedPage {
		return nil
	}
	if err := d.open(s); err != nil {
		s.set(Failed, err.Error())
		return fmt.Errorf("site %s: %w", s.Name, err)
	}
	if run {
		s.set(Serving, "")
	}
	return nil
}

// settle ends the old site's part. One that goes stays held until Gone.
func (r *Replacement) settle(d *Door) {
	if r.Next != nil {
		d.changed(r.Next)
	}
	if r.Old == nil {
		return
	}
	release(r.Old.refs)
	r.Old.refs = nil
	if r.Next == nil {
		d.changed(r.Old)
		return
	}
	r.Old.successor = r.Next
	r.Old.change.Unlock()
}

// leave makes a site one that is going.
func (s *Site) leave() {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	s.set(Draining, "")
}

func (s *Site) isLeaving() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaving
}

// Gone takes a site that Replace let go out of the table, when its connections
// have ended.
func (d *Door) Gone(t *Table, s *Site) {
	t.Remove(s.Name)
	s.set(Stopped, "")
	d.changed(s)
	s.change.Unlock()
}

// latest holds a site for a change: the one that has taken its place, if any.
// It is the caller's to let go.
func (d *Door) latest(s *Site) (*Site, error) {
	for {
		s.change.Lock()
		switch next := s.successor; {
		case next != nil:
			s.change.Unlock()
			s = next
		case s.isLeaving():
			s.change.Unlock()
			return nil, fmt.Errorf("site %s is no longer configured", s.Name)
		default:
			return s, nil
		}
	}
}
