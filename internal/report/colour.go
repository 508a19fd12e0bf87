package report

import "fanlight/internal/flow"

// ANSI sequences (ECMA-48, select graphic rendition).
const (
	plain  = "\x1b[0m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
)

// statusColour is that of the status' class; red where no response is.
func statusColour(x *flow.Exchange) string {
	switch {
	case x.Status == 0 || x.Status >= 500:
		return red
	case x.Status >= 400:
		return yellow
	case x.Status >= 300:
		return cyan
	case x.Status >= 200:
		return green
	}
	return ""
}

// colour begins a colour and gives the sequence that ends it; nothing if there
// are to be no colours.
func (l *Lines) colour(sequence string) (end string) {
	if !l.o.Colour || sequence == "" {
		return ""
	}
	l.b = append(l.b, sequence...)
	return plain
}
