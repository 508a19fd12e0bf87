package waf

import (
	"strings"
	"testing"
)

// BenchmarkHostile judges bodies of 128 KiB that are made to keep rules busy, at
// the highest paranoia level.
func BenchmarkHostile(b *testing.B) {
	p := Defaults()
	p.Paranoia, p.Detect = 4, 4
	e, err := New(&p)
	if err != nil {
		b.Fatal(err)
	}
	form, js := "application/x-www-form-urlencoded", "application/json"
	rep := func(s string) string { return strings.Repeat(s, (128<<10)/len(s)) }
	for _, c := range []struct{ name, ct, body string }{
		{"no values", form, rep("a&")},
		{"arguments", form, rep("a=1&")},
		{"letters", form, "a=" + rep("a")},
		{"words", form, "a=" + rep("select ")},
		{"quotes", form, "a=" + rep("'")},
		{"brackets", form, "a=" + rep("<")},
		{"tags", form, "a=" + rep("<a href=x ")},
		{"paths", form, "a=" + rep("../")},
		{"commands", form, "a=" + rep(";ls ")},
		{"substitutions", form, "a=" + rep("$(")},
		{"braces", form, "a=" + rep("{a,")},
		{"escapes", form, "a=" + rep(`\x41`)},
		{"entities", form, "a=" + rep("%26%2365;")},
		{"comments", form, "a=" + rep("/*")},
		{"conditions", form, "a=" + rep("1 or 1=1 ")},
		{"PHP", form, "a=" + rep("<?php ")},
		{"base64", form, "a=" + rep("YWFh")},
		{"UTF-8", form, "a=" + rep("%C3%A9")},
		{"bytes", form, "a=" + rep("%ff")},
		{"functions", form, "a=" + rep("eval(base64_decode( ")},
		{"lines", form, "a=" + rep("a%0a")},
		{"assignments", form, "a=" + rep("x=")},
		{"double quotes", form, "a=" + rep(`a"b `)},
		{"JSON array", js, "[" + strings.Repeat("1,", 60000) + "1]"},
		{"JSON depth", js, strings.Repeat("[", 1000) + strings.Repeat("]", 1000)},
		{"JSON cut", js, rep(`{"a":`)},
		{"JSON escapes", js, `{"a":"` + rep(`\u0027`) + `"}`},
		{"text", "text/plain", rep("a b c ")},
	} {
		q := askWith(b, "POST", "/", c.ct, c.body)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				q.judge(e)
			}
		})
	}
}
