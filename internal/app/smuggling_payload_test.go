package app_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// payload is one way to make two readers of the same bytes disagree. The files
// of testdata/smuggling say how it is written.
type payload struct {
	class, name string
	id          string // stands for ID; no two payloads share one
	expect      []string
	options     []string
	lines       []string // as they stand in the file, ID replaced
}

func (p *payload) String() string { return p.class + "/" + p.name }

func (p *payload) has(option string) bool {
	for _, o := range p.options {
		if o == option {
			return true
		}
	}
	return false
}

// payloads reads the classes whose file names match, such as h1-*.
func payloads(t testing.TB, pattern string) (all []*payload) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/smuggling/" + pattern + ".txtar")
	must(t, err)
	if len(files) == 0 {
		t.Fatalf("no payloads match %s", pattern)
	}
	for _, path := range files {
		archive, err := txtar.ParseFile(path)
		must(t, err)
		class := strings.TrimSuffix(filepath.Base(path), ".txtar")
		for _, f := range archive.Files {
			p := &payload{class: class, name: f.Name, id: fmt.Sprintf("p%03d", len(all))}
			p.parse(t, string(f.Data))
			all = append(all, p)
		}
	}
	return all
}

func (p *payload) parse(t testing.TB, text string) {
	t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(text, "ID", p.id)) {
		line = strings.TrimSuffix(line, "\n")
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "expect":
			p.expect = strings.Split(p.literal(t, value), "; ")
		case "option":
			p.options = append(p.options, value)
		default:
			p.lines = append(p.lines, line)
		}
	}
	if len(p.expect) == 0 || len(p.lines) == 0 {
		t.Fatalf("%s: a payload needs expect: and bytes", p)
	}
}

// repeated is bytes that are written {text*times}.
var repeated = regexp.MustCompile(`\{([^{}*]+)\*(\d+)\}`)

// literal gives the bytes that a line of a payload stands for.
func (p *payload) literal(t testing.TB, line string) string {
	t.Helper()
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(line, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%s: read %q: %v", p, line, err)
	}
	return repeated.ReplaceAllStringFunc(text, func(m string) string {
		parts := repeated.FindStringSubmatch(m)
		n, _ := strconv.Atoi(parts[2]) // digits, by the pattern
		return strings.Repeat(parts[1], n)
	})
}

// bytes gives what is sent over HTTP/1: the lines without the ends they have
// in the file. LEN stands for the number of bytes behind the first empty line.
func (p *payload) bytes(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, line := range p.lines {
		b.WriteString(p.literal(t, line))
	}
	text := b.String()
	if _, body, ok := strings.Cut(text, "\r\n\r\n"); ok {
		text = strings.Replace(text, "LEN", strconv.Itoa(len(body)), 1)
	}
	if !p.has("alone") {
		text += "GET /" + p.id + "/last HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n"
	}
	return text
}
