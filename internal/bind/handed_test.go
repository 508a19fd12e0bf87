//go:build linux

package bind

import "testing"

// handedTo gives the listeners of a process that takes over from ls.
func handedTo(t *testing.T, ls *Listeners) *Listeners {
	t.Helper()
	handed, err := ls.Hand()
	if err != nil {
		t.Fatal(err)
	}
	adopted, err := FromHanded(handed)
	for _, h := range handed {
		h.File.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Inherited: adopted, Held: true})
}

// A process that is to take over lets go of a listener when another address of
// the site cannot be had. The process before goes on with the same socket then,
// and its clients must not notice.
func TestReleaseBeforeTakeOver(t *testing.T) {
	before := New(Options{})
	defer before.Close()
	addr := at("127.0.0.2", freePort(t))
	acquire(t, before, addr, greet("before"))
	heir := handedTo(t, before)
	for range 2 { // it may try again
		acquire(t, heir, addr, greet("heir")).Release()
	}
	expect(t, addr, "before")
	again := acquire(t, heir, addr, greet("heir"))
	before.Abandon()
	heir.Resume()
	heir.RefuseUnused()
	expect(t, addr, "heir")
	again.Release()
	expect(t, addr, "refused")
}
