package seclang

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// maxIncludes bounds how many Include directives one set may have, so that files
// which include each other end.
const maxIncludes = 100

// maxLine is how long a line of a file may be. Coraza reads nothing behind a
// longer one, and does not say so.
const maxLine = bufio.MaxScanTokenSize - 1

// Source is a text to read.
type Source struct{ name, text string }

// Text is directives, and under which name faults tell of them.
func Text(name, text string) Source { return Source{name: name, text: text} }

// Read reads sources one after the other as one set. Files, also those that
// directives and operators name, are opened in root; names in a file are relative
// to where it is. An error is a *Fault; errors.As finds an *Unsupported in it if
// something is not known here but may be elsewhere.
func Read(root fs.FS, sources ...Source) (*Set, error) {
	r := &reader{
		root:     root,
		set:      &Set{Settings: map[string]string{}, Defaults: map[int]string{}},
		defaults: map[int][]action{},
		datasets: map[string][]string{},
	}
	r.defaults[2] = []action{{name: "log"}, {name: "auditlog"}, {name: "pass"}}
	for _, s := range sources {
		r.file = s.name
		if err := r.text(s.text); err != nil {
			return nil, err
		}
	}
	return r.set, nil
}

// reader is where reading is.
type reader struct {
	root     fs.FS
	set      *Set
	defaults map[int][]action // by phase
	datasets map[string][]string
	includes int

	file, dir string
	line      int // on which the directive begins
}

func (r *reader) fault(err error) error {
	if f := (*Fault)(nil); errors.As(err, &f) {
		return err
	}
	return &Fault{File: r.file, Line: r.line, Err: err}
}

// files reads what fits a pattern. A name is relative to the file that has it, a
// pattern with a * to the root.
func (r *reader) files(pattern string) error {
	names := []string{pattern}
	glob := strings.Contains(pattern, "*")
	if glob {
		var err error
		if names, err = fs.Glob(r.root, pattern); err != nil {
			return r.fault(fmt.Errorf("find %s: %w", pattern, err))
		}
	}
	file, dir, line := r.file, r.dir, r.line
	for _, name := range names {
		name = strings.TrimSpace(name)
		if !glob && !strings.HasPrefix(name, "/") {
			name = filepath.ToSlash(filepath.Join(dir, name))
		}
		b, err := r.open(name)
		if err != nil {
			return r.fault(err)
		}
		r.file, r.dir, r.line = name, filepath.ToSlash(filepath.Dir(name)), 0
		if err := r.text(string(b)); err != nil {
			return err
		}
		r.file, r.dir, r.line = file, dir, line
	}
	return nil
}

func (r *reader) open(name string) ([]byte, error) {
	b, err := fs.ReadFile(r.root, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	r.set.Files = append(r.set.Files, name)
	return b, nil
}

// text reads directives. A line ends with a backslash if its directive goes on;
// between lines with a backtick everything belongs to one.
func (r *reader) text(text string) error {
	var directive strings.Builder
	inside := false
	first, number := 0, 0
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		number++
		if len(line) > maxLine {
			r.line = number
			return r.fault(fmt.Errorf("the line is longer than %d bytes", maxLine))
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if first == 0 {
			first = number
		}
		switch {
		case !inside && line[len(line)-1] == '`':
			inside = true
		case inside && line[0] == '`':
			inside = false
		}
		if inside {
			directive.WriteString(line + "\n")
			continue
		}
		if more, continues := strings.CutSuffix(line, `\`); continues {
			directive.WriteString(more)
			continue
		}
		directive.WriteString(line)
		r.line = first
		if err := r.directive(directive.String()); err != nil {
			return r.fault(err)
		}
		directive.Reset()
		first = 0
	}
	if first != 0 {
		r.line = first
		return r.fault(errors.New("the directive has no end"))
	}
	return nil
}
