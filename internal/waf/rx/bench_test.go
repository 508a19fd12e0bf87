package rx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// largest is the n longest expressions of the rule set.
func largest(b *testing.B, n int) []*Regexp {
	all := compileAll(b)
	slices.SortStableFunc(all, func(x, y *Regexp) int { return cmp.Compare(len(y.source), len(x.source)) })
	return all[:n]
}

// prose is n bytes that look like what a form holds and hardly any rule matches.
func prose(n int) string {
	const some = "We met at the station (platform 4) and talked about last year's plan: 12 rooms, two of them with a view. " +
		"Could you send the figures to anna.berg@example.com before Friday? Thanks & regards, J. -- Ref. 2024/117-b; see page=3. "
	return strings.Repeat(some, n/len(some)+1)[:n]
}

// misses leaves out expressions that match s, which would end early.
func misses(all []*Regexp, s string) []*Regexp {
	return slices.DeleteFunc(all, func(r *Regexp) bool { return r.Match(s) })
}

func BenchmarkMatch(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		s := prose(size)
		all := misses(largest(b, 20), s)
		b.Run(fmt.Sprintf("rx-%d", size), func(b *testing.B) {
			perByte(b, size*len(all), func() {
				for _, r := range all {
					r.Match(s)
				}
			})
		})
		b.Run(fmt.Sprintf("regexp-%d", size), func(b *testing.B) {
			perByte(b, size*len(all), func() {
				for _, r := range all {
					r.plain().MatchString(s)
				}
			})
		})
	}
}

func perByte(b *testing.B, size int, f func()) {
	f()
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/byte")
}

func BenchmarkScan(b *testing.B) {
	all := compileAll(b)
	index := indexOf(all)
	set := NewBits(index.Len())
	for _, c := range []struct{ name, text string }{
		{"word-16", "sessionid4711abc"}, {"prose-16", prose(16)}, {"prose-100", prose(100)}, {"prose-1000", prose(1000)},
		{"token-100", strings.Repeat("Zm9vYmFyYmF6", 9)[:100]},
	} {
		b.Run(c.name, func(b *testing.B) {
			perByte(b, len(c.text), func() { index.Scan(c.text, set) })
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		compileAll(b)
	}
}

func BenchmarkNewIndex(b *testing.B) {
	all := compileAll(b)
	for b.Loop() {
		indexOf(all)
	}
}
