package cli

import (
	"fmt"
	"io"
	"strings"

	"fanlight/internal/explain/compare"
	"fanlight/internal/explain/rules"
	"fanlight/internal/probe"
)

// wayComparison holds the way that fails against the one that works.
type wayComparison struct {
	result    *compare.Result
	good, bad string
}

const directly = "directly"

// compareWays compares the two ways to the server; nil if there are not two, or
// none fails. Where both do, what works directly is taken for good.
func compareWays(r *probe.Result, gateway string) *wayComparison {
	direct, through := r.Ways()
	if direct == nil || len(direct.Conns) == 0 || len(through.Conns) == 0 {
		return nil
	}
	failures := func(e compare.Extent) int { return e.FailedConns + e.FailedExchanges }
	w := &wayComparison{compare.Compare(rules.All(), direct, through), directly, "through " + gateway}
	if failures(w.result.Good) > failures(w.result.Bad) {
		w = &wayComparison{compare.Compare(rules.All(), through, direct), w.bad, w.good}
	}
	if first := w.result.First(); failures(w.result.Bad) == 0 && (first == nil || first.Class != compare.Known) {
		return nil
	}
	return w
}

// text prints the first difference that matters. Where there is none, the cause
// is out of sight.
func (w *wayComparison) text(out io.Writer) {
	if w == nil {
		return
	}
	var b strings.Builder
	if w.result.First() != nil {
		w.result.TextFirst(&b, w.good, w.bad)
	} else {
		fmt.Fprintf(&b, "Up to its failure, %s is like %s.\n", w.bad, w.good)
		if w.good == directly {
			b.WriteString("What the gateway does behind itself is not seen from here. Its log tells (fanlight explain --log FILE),\nor a capture between it and the server (fanlight trace FILE).\n")
		}
	}
	fmt.Fprint(out, "\n"+visible(b.String()))
}

// items are the objects of the comparison.
func (w *wayComparison) items() (out []any) {
	if w == nil {
		return nil
	}
	for i := range w.result.Differences {
		out = append(out, w.result.Differences[i].JSON(i+1))
	}
	return append(out, w.result.Summary(w.good, w.bad))
}
