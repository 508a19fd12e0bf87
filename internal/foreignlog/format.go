package foreignlog

import (
	"bufio"
	"fmt"
	"strings"
	"time"
)

// format is one kind of log.
type format struct {
	name   string
	doc    string
	also   []string // other names for it
	parser func(Options) parser
}

// formats lists the kinds of log there are. Of two that fit as many of the
// first lines, the earlier one is taken.
func formats() []format {
	return []format{
		{"httperr", "HTTP.sys error log (HTTPERR)", nil, func(Options) parser { return &w3c{errors: true} }},
		{"iis", "IIS access log, W3C extended", []string{"w3c"}, func(Options) parser { return &w3c{} }},
		{"haproxy", "HAProxy httplog, httpslog, tcplog and connection errors", nil, func(o Options) parser { return haproxy{o.zone()} }},
		{"envoy", "Envoy access log, default form or JSON", []string{"istio"}, func(Options) parser { return envoy{} }},
		{"nginx-error", "nginx error log", nil, func(o Options) parser { return nginxError{o.zone()} }},
		{"apache-error", "Apache httpd error log", []string{"httpd-error"}, func(o Options) parser { return apacheError{o.zone()} }},
		{"access", "nginx or Apache access log, common or combined, also with upstream fields; JSON of nginx",
			[]string{"nginx", "nginx-access", "apache", "apache-access", "combined"}, newAccess},
	}
}

// Formats gives the names of all formats and what each is.
func Formats() [][2]string {
	var out [][2]string
	for _, f := range formats() {
		out = append(out, [2]string{f.name, f.doc})
	}
	return out
}

// choose gives the format that was asked for, or else the one that most of the
// first lines are of.
func choose(in *bufio.Reader, o *Options) (format, error) {
	if o.Layout != "" && o.Format == "" {
		o.Format = "access"
	}
	if o.Format != "" {
		return named(o.Format)
	}
	ahead, _ := in.Peek(sniffBytes)
	lines := strings.SplitN(string(ahead), "\n", sniffLines+1)
	if len(lines) > 1 {
		lines = lines[:len(lines)-1] // may be half of one
	}
	best, most := format{}, 0
	for _, f := range formats() {
		if n := fits(f, *o, lines); n > most {
			best, most = f, n
		}
	}
	if most == 0 {
		return format{}, fmt.Errorf("recognise log: its first lines are of no format known here (%s)", names())
	}
	return best, nil
}

func fits(f format, o Options, lines []string) (n int) {
	p := f.parser(o)
	for _, text := range lines {
		l := &Line{Text: strings.TrimRight(text, " \r")}
		if p.parse(l) {
			n++
		}
	}
	return n
}

func named(name string) (format, error) {
	for _, f := range formats() {
		for _, n := range append([]string{f.name}, f.also...) {
			if n == strings.ToLower(name) {
				return f, nil
			}
		}
	}
	return format{}, fmt.Errorf("format %s: no such format; there are %s", name, names())
}

func names() string {
	var out []string
	for _, f := range formats() {
		out = append(out, f.name)
	}
	return strings.Join(out, ", ")
}

// zone is that of formats that do not say theirs.
func (o *Options) zone() *time.Location {
	if o.Zone == nil {
		return time.UTC
	}
	return o.Zone
}
