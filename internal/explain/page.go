package explain

import (
	"fmt"
	"io"
	"strings"
)

// Page is the catalogue page of a rule. Running text is plain, words in
// `backquotes` are typed or read literally.
type Page struct {
	Means      string   // what it means, for somebody who meets it the first time
	Looks      string   // how it looks, in a record and in other tools
	Why        string   // what usually causes it
	Fixes      []Fix    // also the fixes of its findings, unless they bring their own
	Confirm    string   // how to make sure
	LookAlikes []Alike  // what else looks like it
	References []string // where the facts are from
}

// Alike names something that is mistaken for the rule's cause, and the
// difference. ID is a finding's id, or a few words if it has none.
type Alike struct{ ID, Difference string }

// Text writes the catalogue page for a terminal.
func (r Rule) Text(w io.Writer) {
	fmt.Fprintf(w, "%s (%s)\n%s\n", r.ID, r.Severity, r.Title)
	for _, s := range r.sections() {
		fmt.Fprintf(w, "\n%s\n", s.heading)
		wrap(w, "  ", "  ", s.text)
	}
	if len(r.Doc.Fixes) > 0 {
		fmt.Fprint(w, "\nWhat to change\n")
	}
	for _, x := range r.Doc.Fixes {
		x.text(w, "  ")
	}
	if len(r.Doc.LookAlikes) > 0 {
		fmt.Fprint(w, "\nLook-alikes\n")
	}
	for _, a := range r.Doc.LookAlikes {
		wrap(w, "  "+a.ID+": ", "    ", a.Difference)
	}
	if len(r.Doc.References) > 0 {
		fmt.Fprintf(w, "\nReferences\n  %s\n", strings.Join(r.Doc.References, "\n  "))
	}
}

// Markdown writes the catalogue page as a section of the rules' document.
func (r Rule) Markdown(w io.Writer) {
	fmt.Fprintf(w, "## %s\n\n%s (%s)\n", r.ID, r.Title, r.Severity)
	for _, s := range r.sections() {
		fmt.Fprintf(w, "\n**%s.** %s\n", s.heading, s.text)
	}
	if len(r.Doc.Fixes) > 0 {
		fmt.Fprint(w, "\n**What to change.**\n\n")
	}
	for _, x := range r.Doc.Fixes {
		x.markdown(w)
	}
	if len(r.Doc.LookAlikes) > 0 {
		fmt.Fprint(w, "\n**Look-alikes.**\n\n")
	}
	for _, a := range r.Doc.LookAlikes {
		fmt.Fprintf(w, "* `%s`: %s\n", a.ID, a.Difference)
	}
	if len(r.Doc.References) > 0 {
		fmt.Fprintf(w, "\n**References.** %s\n", strings.Join(r.Doc.References, "; "))
	}
}

func (x Fix) markdown(w io.Writer) {
	who := x.Side
	if x.Product != "" {
		who += ", " + x.Product
	}
	fmt.Fprintf(w, "* *%s*: %s\n", who, x.Text)
	if x.Command == "" {
		return
	}
	fmt.Fprint(w, "\n")
	for line := range strings.Lines(x.Command) {
		fmt.Fprintf(w, "      %s\n", strings.TrimRight(line, "\n"))
	}
	fmt.Fprint(w, "\n")
}

type section struct{ heading, text string }

func (r Rule) sections() []section {
	all := []section{
		{"What it means", r.Doc.Means},
		{"How it looks", r.Doc.Looks},
		{"Why", r.Doc.Why},
		{"How to confirm", r.Doc.Confirm},
	}
	if len(r.Needs) > 0 {
		var what []string
		for _, n := range r.Needs {
			what = append(what, n.What)
		}
		all = append(all, section{"What it needs to see", strings.Join(what, "; ")})
	}
	return all
}

// Catalogue writes the pages of all rules as one Markdown document.
func Catalogue(w io.Writer, rules []Rule) {
	fmt.Fprint(w, `# Findings

What Fanlight recognises in a connection. This page is generated from the rules
(`+"`go test ./internal/explain/rules -update`"+`); `+"`fanlight explain ID`"+` prints one of them.

Severity: *error*, an exchange or connection failed; *warning*, it worked or failed at one
side's own wish; *note*, worth knowing. Confidence is the finding's own: *proof*, the trace
shows the cause itself; *likely*, it fits this cause better than any other; *possible*, other
causes fit as well. A finding that follows from another one is not shown.

Defaults and messages of other products differ between versions; they are named to help in
recognising them.

| id | severity | what happened |
|---|---|---|
`)
	for _, r := range rules {
		fmt.Fprintf(w, "| [%s](#%s) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Title)
	}
	for _, r := range rules {
		fmt.Fprintln(w)
		r.Markdown(w)
	}
}
