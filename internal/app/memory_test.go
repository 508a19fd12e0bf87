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
