package cli

import (
	"fmt"
	"io"
	"strings"

	"fanlight/internal/iisimport"
)

// printImport says what became of each line, lines of one list that had the same
// fate together.
func printImport(w io.Writer, name string, r *iisimport.Result) {
	fmt.Fprintf(w, "%s: %s, %s\n", visibleLine(name), r.Kind, r.Encoding)
	lines := r.Lines
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && alike(lines[0], lines[n]) {
			n++
		}
		printFate(w, lines[:n])
		lines = lines[n:]
	}
	var counts []string
	for _, f := range []iisimport.Fate{iisimport.Same, iisimport.Differs, iisimport.Lost, iisimport.Elsewhere, iisimport.Unused} {
		if n := r.Count(f); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, f))
		}
	}
	fmt.Fprintf(w, "%d settings: %s\n", len(r.Lines), strings.Join(counts, ", "))
	if r.Remark != "" {
		fmt.Fprintln(w, "note: "+r.Remark)
	}
}

// alike tells that two lines are told of together: entries of one list.
func alike(a, b iisimport.Line) bool {
	return a.Number > 0 && a.Within == b.Within && a.Within != "Options" && a.Key == b.Key && a.Fate == b.Fate && a.Note == b.Note
}

func printFate(w io.Writer, lines []iisimport.Line) {
	first, last := lines[0], lines[len(lines)-1]
	number, text := fmt.Sprint(first.Number), first.Text
	switch {
	case first.Number == 0:
		number, text = "-", first.Text+" (default)"
	case len(lines) > 1:
		number, text = fmt.Sprintf("%d-%d", first.Number, last.Number), fmt.Sprintf("%s, %d entries", first.Within, len(lines))
	}
	if first.Key != "" {
		text += "  -> " + first.Key
	}
	fmt.Fprintf(w, "  %7s  %-9s  %s\n", number, first.Fate, visibleLine(text))
	if first.Note != "" {
		fmt.Fprintf(w, "  %7s  %9s  %s\n", "", "", visibleLine(first.Note))
	}
}

// printQuestion writes a question and what it can be answered with.
func printQuestion(w io.Writer, q iisimport.Question) {
	where := ""
	if q.Number > 0 {
		where = fmt.Sprintf("line %d: ", q.Number)
	}
	fmt.Fprintf(w, "question %s: %s%s\n", q.Key, where, visibleLine(q.Text))
	if len(q.Answers) == 0 {
		fmt.Fprintf(w, "  --answer %s=VALUE  %s\n", q.Key, q.Choices())
	}
	for _, a := range q.Answers {
		fmt.Fprintf(w, "  --answer %s=%s  %s\n", q.Key, visibleLine(a.Value), visibleLine(a.Meaning))
	}
}

type importLineItem struct {
	Type   string `json:"type"`
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Within string `json:"within,omitempty"`
	Text   string `json:"text"`
	Key    string `json:"key,omitempty"`
	Fate   string `json:"fate"`
	Note   string `json:"note,omitempty"`
}

type importQuestionItem struct {
	Type    string             `json:"type"`
	File    string             `json:"file"`
	Line    int                `json:"line,omitempty"`
	Key     string             `json:"key"`
	Text    string             `json:"text"`
	Answers []importAnswerItem `json:"answers,omitempty"`
	Given   string             `json:"given,omitempty"`
}

type importAnswerItem struct {
	Value   string `json:"value"`
	Meaning string `json:"meaning"`
}

type importFilterItem struct {
	Type     string `json:"type"`
	File     string `json:"file"`
	Kind     string `json:"kind"`
	Encoding string `json:"encoding"`
	Remark   string `json:"remark,omitempty"`
	YAML     string `json:"yaml,omitempty"`
}

// importItems gives the questions alone while one is open: what becomes of a line
// may depend on the answer.
func importItems(name string, r *iisimport.Result) (items []any) {
	settled := len(r.Open()) == 0
	for _, l := range r.Lines {
		if settled {
			items = append(items, importLineItem{"import-line", name, l.Number, l.Within, l.Text, l.Key, string(l.Fate), l.Note})
		}
	}
	for _, q := range r.Questions {
		var answers []importAnswerItem
		for _, a := range q.Answers {
			answers = append(answers, importAnswerItem(a))
		}
		items = append(items, importQuestionItem{"import-question", name, q.Number, q.Key, q.Text, answers, q.Given})
	}
	filter := importFilterItem{Type: "import-filter", File: name, Kind: r.Kind, Encoding: r.Encoding, Remark: r.Remark}
	if settled {
		filter.YAML = r.YAML(name)
	}
	return append(items, filter)
}
