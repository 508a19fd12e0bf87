package waf

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"fanlight/internal/waf/vars"
)

func TestQuietKnowsWhatWasAdded(t *testing.T) {
	q := newQuiet()
	for i := range 3 * len(q.slots) {
		name := fmt.Sprint("json.items.", i, ".id")
		hash := q.hash(name)
		if q.knows(vars.ArgsNames, hash, name) {
			t.Fatalf("%s was never added", name)
		}
		q.add(vars.ArgsNames, hash, name)
		if !q.knows(vars.ArgsNames, hash, name) || q.knows(vars.ArgsGetNames, hash, name) || q.knows(vars.ArgsNames, hash, name+"x") {
			t.Fatalf("%s is known wrongly", name)
		}
	}
}

// Half a slot of one name and half of another make no third name known.
func TestQuietIsSafeForManyAtOnce(t *testing.T) {
	q := newQuiet()
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 20000 {
				name, other := fmt.Sprint("name", i), fmt.Sprint("never", worker, i)
				q.add(vars.ArgsNames, q.hash(name), name)
				if q.knows(vars.ArgsNames, q.hash(other), other) {
					t.Errorf("%s was never added", other)
				}
			}
		})
	}
	group.Wait()
}

func TestSeen(t *testing.T) {
	var s seen
	for _, n := range []int{1, 7, 900, 3} {
		s.reset(n)
		var entries []entry
		for i := range n {
			entries = append(entries, entry{Pair: vars.Pair{Value: fmt.Sprint(i * i % 31)}})
		}
		for i := range entries {
			want := slices.IndexFunc(entries, func(e entry) bool { return e.Value == entries[i].Value })
			if got := s.first(entries, i, uint64(len(entries[i].Value))); got != want { // hashes that collide
				t.Fatalf("of %d entries, %q is found at %d, want %d", n, entries[i].Value, got, want)
			}
		}
	}
}

// What one request teaches of a name or a value is no help to the next one, nor to
// an equal value to which an exclusion does not apply.
func TestEqualValuesAreJudgedAlike(t *testing.T) {
	const attack = "1'+or+'1'='1"
	p := Defaults()
	p.Exclusions = []Exclusion{{Rule: "942000-942999", Target: "ARGS:plain"}}
	plan, err := New(&p)
	if err != nil {
		t.Fatal(err)
	}
	p.Coraza = true
	oracle, err := New(&p)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{
		"/?plain=" + attack, "/?plain=" + attack + "&q=" + attack, "/?q=" + attack + "&plain=" + attack + "&q=" + attack, "/?plain=1",
		"/?q=a&q=a&plain=a&Q=a", "/?" + attack, "/?" + attack + "&" + attack, "/?a.b=1&a.b=1", "/?a.b=1", "/?json.a.0.b=or+1", "/?json.a.0.b=or+1",
	} {
		q := askWith(t, "GET", target, "", "")
		want := whereFound(q.judge(oracle))
		for range 3 {
			if got := whereFound(q.judge(plan)); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", target, got, want)
			}
		}
	}
}

func whereFound(v *Verdict) (all []string) {
	for _, m := range v.Matches {
		for _, h := range m.Hits {
			if m.Told() {
				all = append(all, fmt.Sprint(m.Rule, " ", h.Target()))
			}
		}
	}
	slices.Sort(all)
	return all
}
