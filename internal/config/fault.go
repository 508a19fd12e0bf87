package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Faults are what is wrong in a configuration, in the order of the files.
type Faults []Fault

// Error is the whole report, a paragraph for each fault.
func (fs *Faults) Error() string {
	reports := make([]string, len(*fs))
	for i := range *fs {
		reports[i] = (*fs)[i].Report()
	}
	return strings.Join(reports, "\n")
}

// Error is the fault in one line: fanlight.yaml:12:7: unknown key "bnd" in site "shop".
func (f *Fault) Error() string {
	switch {
	case f.Line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
	case f.File != "":
		return f.File + ": " + f.Message
	}
	return f.Message
}

// Report is the fault in one line, then the source line with a caret under the
// column, then the hint; each only if known. It ends with a line feed.
func (f *Fault) Report() string {
	var b strings.Builder
	fmt.Fprintln(&b, f.Error())
	if f.Line > 0 && strings.TrimSpace(f.Source) != "" {
		number := fmt.Sprintf("%4d", f.Line)
		source, column := clip(f.Source, f.Column)
		fmt.Fprintf(&b, "%s | %s\n", number, source)
		fmt.Fprintf(&b, "%s | %s^\n", blank(number), blank(string([]rune(source)[:column-1])))
	}
	if f.Hint != "" {
		fmt.Fprintf(&b, "help: %s\n", f.Hint)
	}
	return b.String()
}

// clip makes a line printable and keeps the part of a long line that holds the
// column; it gives the column in that part.
func clip(source string, column int) (string, int) {
	const width, before = 160, 80
	line := []rune(strings.Map(printable, source))
	column = min(max(column, 1), len(line)+1)
	if len(line) <= width {
		return string(line), column
	}
	start := min(max(0, column-1-before), len(line)-width)
	return string(line[start : start+width]), column - start
}

func printable(r rune) rune {
	if r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// blank is as wide as s; tabs stay, so that the caret lands under its column.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, s)
}

// maskSecrets hides, without moving a column, values that look like credentials:
// fields that carry them, and the user part of a URL.
func maskSecrets(line string) string {
	secret := regexp.MustCompile(`(?i)(?:authorization|cookie|token|secret|api-?key)["']?\s*:\s*("[^"]*"?|'[^']*'?|[^\s,}\]"'][^,}\]#]*)|[^\s"'@{[,]+:/*([^\s"'@/]+)@`)
	var b strings.Builder
	end := 0
	for _, m := range secret.FindAllStringSubmatchIndex(line, -1) {
		from, to := max(m[2], m[4]), max(m[3], m[5])
		b.WriteString(line[end:from])
		b.WriteString(strings.Repeat("*", utf8.RuneCountInString(line[from:to])))
		end = to
	}
	return b.String() + line[end:]
}

// spot is a place in a file.
type spot struct {
	file         string
	line, column int
}

// places remembers where every value of a configuration is written.
type places struct {
	lines map[string][]string // of each file
	spots map[string]spot     // by path, such as sites.shop.bind[0]
	sites map[string]string   // file of each site
}

func (p *places) addFile(name string, src []byte) {
	if p.lines == nil {
		p.lines, p.spots, p.sites = map[string][]string{}, map[string]spot{}, map[string]string{}
	}
	p.lines[name] = strings.Split(string(src), "\n")
}

// locate fills in the place of a fault.
func (p *places) locate(f Fault, s spot) Fault {
	f.File, f.Line, f.Column = s.file, s.line, max(s.column, 1)
	if lines := p.lines[s.file]; s.line > 0 && s.line <= len(lines) {
		f.Source = maskSecrets(strings.TrimRight(lines[s.line-1], "\r"))
	}
	return f
}

// Fault makes the fault of the value at path, such as sites.shop.bind[0]; what
// is not written in the file has the place of what holds it. The site is
// filled in for a path inside of one.
func (c *Config) Fault(path, message, hint string) Fault {
	f := Fault{Path: path, Site: c.siteOf(path), Message: message, Hint: hint}
	for ; path != ""; path = parent(path) {
		if s, known := c.places.spots[path]; known {
			return c.places.locate(f, s)
		}
	}
	f.File = c.Path
	return f
}

func (c *Config) siteOf(path string) string {
	rest, inside := strings.CutPrefix(path, "sites.")
	if !inside {
		return ""
	}
	site := ""
	for name := range c.Sites {
		after, found := strings.CutPrefix(rest, name)
		if found && (after == "" || after[0] == '.') && len(name) > len(site) {
			site = name
		}
	}
	return site
}

func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// SiteFaults are the faults that fail this site.
func (c *Config) SiteFaults(name string) []Fault {
	var out []Fault
	for _, f := range c.Faults {
		if f.Site == name {
			out = append(out, f)
		}
	}
	return out
}

func (c *Config) sortFaults(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return c.compareSpots(spot{a.File, a.Line, a.Column}, spot{b.File, b.Line, b.Column})
	})
}

// compareSpots orders the main file before those of sites.d.
func (c *Config) compareSpots(a, b spot) int {
	rank := func(file string) int {
		if file == c.Path {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a.file), rank(b.file)), cmp.Compare(a.file, b.file),
		cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
}
