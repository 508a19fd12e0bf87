package config

import "testing"

func TestHostGroup(t *testing.T) {
	for _, test := range []struct {
		pattern, redirect string
		want              int
	}{
		{`^/old(.*)$`, "https://shop.test{1}", 1},
		{`^/old(.*)$`, "https://{host}{1}", 1},
		{`^/old/?(.*)$`, "https://shop.test:8443{1}?a", 1},
		{`^/old(/?.*)$`, "https://shop.test{1}", 1},
		{`^/(a|b)(.*)$`, "https://{1}.shop.test{2}", 2},
		{`^/old(/a|b)$`, "https://shop.test{1}", 1},
		{`^/old(/.*)$`, "https://shop.test{1}", 0},
		{`^/old(/.*)?$`, "https://shop.test{1}", 0},
		{`^/old((?:/[a-z]+)*)$`, "https://shop.test{1}", 0},
		{`^/old(/a|/b)$`, "https://shop.test{1}", 0},
		{`^/old/(.*)$`, "https://shop.test/{1}", 0},
		{`^/u/(\w+)$`, "https://{1}.shop.test/", 0},
		{`^/go/(.*)$`, "https://{1}", 0}, // that is what it is for
		{``, "https://shop.test{uri}", 0},
		{`^/old(.*)$`, "/new{1}", 0},
	} {
		r := &Route{Pattern: test.pattern, Redirect: test.redirect}
		if got := r.hostGroup(); got != test.want {
			t.Errorf("%s to %s: %d, want %d", test.pattern, test.redirect, got, test.want)
		}
	}
}
