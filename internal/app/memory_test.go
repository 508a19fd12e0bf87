package app

import "testing"

func TestTidyWhenManyRest(t *testing.T) {
	for name, test := range map[string]struct {
		resting []int
		want    int // times
	}{
		"nobody":              {[]int{0, 0, 0}, 0},
		"few":                 {[]int{10, 50, 90, 90, 90}, 0},
		"some, come at once":  {[]int{0, 500, 500, 500, 500}, 1},
		"a few more":          {[]int{10_000, 10_000, 10_000, 10_200, 10_200, 10_200}, 1},
		"many more":           {[]int{10_000, 10_000, 15_000, 15_000}, 2},
		"they grow for long":  {[]int{300, 600, 1000, 1500, 2500, 3500, 4500, 6000, 8000, 10_000, 10_000}, 4},
		"they go and come":    {[]int{5000, 5000, 100, 100, 5000, 5000}, 2},
		"busy ones come back": {[]int{5000, 5000, 4900, 5000, 4950, 5000}, 1},
	} {
		var tidier tidier
		got := 0
		for _, n := range test.resting {
			if tidier.wanted(n) {
				got++
			}
		}
		if got != test.want {
			t.Errorf("%s: %d times, want %d", name, got, test.want)
		}
	}
}

func TestPercentFollowsWhatLives(t *testing.T) {
	for live, want := range map[uint64]int{0: 800, 4 << 20: 800, 8 << 20: 400, 32 << 20: 100, 1 << 30: 100} {
		if got := percentFor(live); got != want {
			t.Errorf("%d bytes live: %d %%, want %d", live, got, want)
		}
	}
	p := pacer{percent: 400}
	for percent, want := range map[int]bool{400: false, 440: false, 360: false, 600: true, 200: true, 100: true} {
		if got := p.differs(percent); got != want {
			t.Errorf("%d instead of 400: set %v", percent, got)
		}
	}
}
