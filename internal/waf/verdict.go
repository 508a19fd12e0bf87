package waf

import (
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// verdict copies what the run found.
func (x *run) verdict() *Verdict {
	v := &Verdict{Matches: make([]Match, len(x.found)), Quiet: slices.Clone(x.quiet), Interrupted: x.interrupted, Engine: "plan", Unseen: x.unseen}
	if v.Interrupted == nil {
		v.Interrupted = x.would
	}
	v.Inbound, v.Outbound = x.sum("inbound_anomaly_score_pl"), x.sum("outbound_anomaly_score_pl")
	var names map[*byte]string
	for i := range v.Matches {
		f := &x.found[i]
		names = x.placeIn(f.Hits, names)
		f.Hits, f.Message, f.Data = kept(f.Hits), strings.Clone(f.Message), strings.Clone(f.Data)
		f.trace()
		v.Matches[i] = f.Match
	}
	return v
}

// placeIn says of members of XML what they stand in. It gives their names, if it
// needed them, for the next call.
func (x *run) placeIn(hits []Hit, names map[*byte]string) map[*byte]string {
	for i := range hits {
		if h := &hits[i]; h.Variable == "XML" {
			if names == nil {
				names = x.values.Within()
			}
			h.Within = names[unsafe.StringData(h.Before)]
		}
	}
	return names
}

// kept copies values out of buffers that are used again.
func kept(hits []Hit) []Hit {
	for i := range hits {
		h := &hits[i]
		h.Key, h.Before, h.Value = strings.Clone(h.Key), strings.Clone(h.Before), strings.Clone(h.Value)
	}
	return hits
}

// sum adds the scores of the paranoia levels that count.
func (x *run) sum(prefix string) (sum int) {
	for level := 1; level <= x.plan.paranoia; level++ {
		text, _ := x.tx.get(prefix + strconv.Itoa(level))
		n, _ := strconv.Atoi(text) // "" where the rule set is not there
		sum += n
	}
	return sum
}
