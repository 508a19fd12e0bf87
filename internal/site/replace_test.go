package site

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// replace makes replacements of which published is told.
func (d *fakeDoor) replace(t *Table, all ...*Replacement) {
	d.Replace(t, all, func() {})
}

func TestReplaceKeepsSharedAddresses(t *testing.T) {
	d := newFakeDoor()
	old, other := secure("a", on(two, "a.test")), secure("b", on(two, "b.test"))
	tab := table(old, other)
	for _, s := range []*Site{old, other} {
		if err := d.Start(s); err != nil {
			t.Fatal(err)
		}
	}
	next := secure("a", on(two, "a.test"), on(three, "a.test"))
	r := &Replacement{Old: old, Next: next, Run: true}
	during := 0
	d.Replace(tab, []*Replacement{r}, func() {
		during = d.opened()
		if tab.Find(two, "a.test") != old {
			t.Error("the table has changed before what it leads to is published")
		}
	})
	if !r.Made || r.Err != nil || during != 4 || d.opened() != 3 {
		t.Errorf("made %v, %v, %d listeners meanwhile and %d afterwards", r.Made, r.Err, during, d.opened())
	}
	if tab.Find(two, "a.test") != next || tab.Find(three, "a.test") != next || tab.Find(two, "b.test") != other || next.State() != Serving {
		t.Error("the table does not lead to the next site")
	}
	// Who still has the old one in hand changes the next one.
	if err := d.Stop(t.Context(), old); err != nil || next.State() != Stopped || d.opened() != 1 {
		t.Errorf("stop of the old site gives %v, the next one is %s, %d listeners", err, next.State(), d.opened())
	}
}

func TestReplaceThatFails(t *testing.T) {
	d := newFakeDoor()
	old := secure("a", on(two, "a.test"))
	tab := table(old)
	if err := d.Start(old); err != nil {
		t.Fatal(err)
	}
	d.taken[three] = true
	changed := &Replacement{Old: old, Next: secure("a", on(two, "a.test"), on(three, "a.test")), Run: true}
	fresh := &Replacement{Next: secure("b", on(three, "b.test")), Run: true}
	d.replace(tab, changed, fresh)
	if changed.Made || changed.Err == nil || tab.Get("a") != old || old.State() != Serving || d.opened() != 1 {
		t.Errorf("changed: made %v, %v, %s, %d listeners", changed.Made, changed.Err, old.State(), d.opened())
	}
	if !fresh.Made || fresh.Err == nil || tab.Get("b") != fresh.Next || fresh.Next.State() != Failed {
		t.Errorf("new: made %v, %v, %s", fresh.Made, fresh.Err, fresh.Next.State())
	}
	if err := d.Stop(t.Context(), old); err != nil { // it was let go
		t.Error(err)
	}
}

// What a site has that cannot be replaced is nobody else's: neither a site that
// is new nor one that serves gets it.
func TestReplaceYields(t *testing.T) {
	d := newFakeDoor()
	a, b := secure("a", on(two, "a.test")), secure("b", on(six, "b.test"))
	tab := table(a, b)
	for _, s := range []*Site{a, b} {
		if err := d.Start(s); err != nil {
			t.Fatal(err)
		}
	}
	d.taken[three] = true
	stays := &Replacement{Old: b, Next: secure("b", on(three, "b.test")), Run: true}
	takes := &Replacement{Old: a, Next: secure("a", on(six, "x.test", "b.test")), Run: true}
	fresh := &Replacement{Next: secure("0", on(two, "a.test")), Run: true}
	other := &Replacement{Next: secure("c", on(two, "c.test"), on(six, "c.test")), Run: true}
	d.replace(tab, stays, takes, fresh, other)
	if stays.Made || takes.Made || fresh.Made || !other.Made || other.Err != nil {
		t.Errorf("made %v, %v, %v, %v, %v", stays.Made, takes.Made, fresh.Made, other.Made, other.Err)
	}
	if tab.Find(two, "a.test") != a || tab.Find(six, "b.test") != b || tab.Get("0") != nil || d.opened() != 4 {
		t.Errorf("%d listeners, want those of a, b and c", d.opened())
	}
	if want := "site a goes on as it was, and has what this one is to have on " + two.String(); fresh.Err == nil || fresh.Err.Error() != want {
		t.Errorf("the new site: %v, want %s", fresh.Err, want)
	}
	for _, s := range []*Site{a, b} { // they were let go
		if err := d.Stop(t.Context(), s); err != nil {
			t.Error(err)
		}
	}
}

func TestReplaceOfBusySite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDoor()
		old := secure("a", on(two, "a.test"))
		tab := table(old)
		if err := d.Start(old); err != nil {
			t.Fatal(err)
		}
		d.exchange, d.tunnel = time.Second, time.Hour
		done := make(chan error)
		go func() { done <- d.Drain(t.Context(), old) }()
		synctest.Wait()
		r := &Replacement{Old: old, Next: secure("a", on(three, "a.test")), Run: true}
		d.replace(tab, r)
		if r.Made || !errors.Is(r.Err, ErrBusy) || tab.Get("a") != old {
			t.Errorf("made %v, %v", r.Made, r.Err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A site that goes keeps its names for nobody else, is drained, and cannot be
// started any more.
func TestSiteGoes(t *testing.T) {
	d := newFakeDoor()
	old := secure("a", on(two, "a.test"))
	tab := table(old)
	if err := d.Start(old); err != nil {
		t.Fatal(err)
	}
	heir := &Replacement{Next: secure("z", on(two, "a.test")), Run: true}
	d.replace(tab, &Replacement{Old: old}, heir)
	if tab.Find(two, "a.test") != heir.Next || tab.Get("a") != old || old.State() != Draining || d.opened() != 1 {
		t.Errorf("%s is %s, %d listeners", tab.Find(two, "a.test").Name, old.State(), d.opened())
	}
	back := &Replacement{Old: old, Next: secure("a", on(three)), Run: true}
	d.replace(tab, back)
	if !errors.Is(back.Err, ErrBusy) {
		t.Errorf("a site that goes is replaced: %v", back.Err)
	}
	started := make(chan error)
	go func() { started <- d.Start(old) }()
	d.Gone(tab, old)
	if err := <-started; err == nil || !strings.Contains(err.Error(), "no longer configured") {
		t.Errorf("start of a site that has gone gives %v", err)
	}
	if tab.Get("a") != nil {
		t.Error("it is still in the table")
	}
}
