package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// result is a row that was measured.
type result struct {
	row      row
	machine  []string
	subjects []subject
	samples  [][][]float64 // by subject, round, column
}

// median of an odd number of values is one that was measured.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// medians are those of one subject's columns; nil where it was not measured in
// every round.
func (r *result) medians(i int) []float64 {
	if r.subjects[i].missing != nil || len(r.samples[i]) == 0 {
		return nil
	}
	var out []float64
	for c := range r.row.columns {
		var values []float64
		for _, sample := range r.samples[i] {
			values = append(values, sample[c])
		}
		out = append(out, median(values))
	}
	return out
}

// text is the table as Markdown that also reads well on a terminal.
func (r *result) text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "## %s\n\n%s\n\n", r.row.name, r.row.title)
	for _, fact := range r.machine {
		fmt.Fprintf(&out, "- %s\n", fact)
	}
	for _, s := range r.subjects {
		if s.version != "" {
			fmt.Fprintf(&out, "- %s: %s\n", s.name, s.version)
		}
	}
	out.WriteString("\n" + r.table())
	for i, s := range r.subjects {
		if s.missing != nil {
			fmt.Fprintf(&out, "\n%s: not measured: %v\n", s.name, s.missing)
			continue
		}
		for _, remark := range r.remarks(i) {
			fmt.Fprintf(&out, "\n%s: %s\n", s.name, remark)
		}
	}
	return out.String()
}

// remarks are what a reader must know of a subject beside its numbers.
func (r *result) remarks(i int) []string {
	var out []string
	if verdict := r.verdict(i); verdict != "" {
		out = append(out, verdict)
	}
	if values := r.medians(i); r.row.verdict != nil && r.subjects[i].own && values != nil {
		out = append(out, r.row.verdict(values))
	}
	if r.row.doubt != nil {
		if why := r.row.doubt(r.medians(i)); why != "" {
			out = append(out, "DOUBTFUL: "+why)
		}
	}
	return out
}

func (r *result) table() string {
	heads := []string{"", r.row.columns[0].name, "ratio to " + r.subjects[r.base()].name, "lowest..highest"}
	for _, c := range r.row.columns[1:] {
		heads = append(heads, c.name)
	}
	lines := [][]string{heads, nil}
	for i, s := range r.subjects {
		values := r.medians(i)
		if values == nil {
			continue
		}
		cells := []string{s.name, fmt.Sprintf(r.row.columns[0].format, values[0]), r.ratioText(i), r.spread(i)}
		for c, column := range r.row.columns[1:] {
			cells = append(cells, column.text(values[c+1]))
		}
		lines = append(lines, cells)
	}
	return markdown(lines)
}

// text is a value as the table shows it.
func (c column) text(value float64) string {
	if math.IsNaN(value) {
		return "-"
	}
	return fmt.Sprintf(c.format, value)
}

// markdown aligns a table: names to the left, numbers to the right. The second
// line is the rule below the heads.
func markdown(lines [][]string) string {
	widths := make([]int, len(lines[0]))
	for _, cells := range lines {
		for c, cell := range cells {
			widths[c] = max(widths[c], len(cell))
		}
	}
	lines[1] = make([]string, len(widths))
	for c, width := range widths {
		lines[1][c] = strings.Repeat("-", width-1) + ":"
	}
	lines[1][0] = ":" + strings.Repeat("-", widths[0]-1)
	var out strings.Builder
	for _, cells := range lines {
		fmt.Fprintf(&out, "| %-*s |", widths[0], cells[0])
		for c, cell := range cells[1:] {
			fmt.Fprintf(&out, " %*s |", widths[c+1], cell)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// base is the subject that ratios are taken to.
func (r *result) base() int {
	base := 0
	if !r.row.best {
		return base
	}
	for i, s := range r.subjects {
		if values := r.medians(i); values != nil && !s.own && (r.medians(base) == nil || values[0] < r.medians(base)[0]) {
			base = i
		}
	}
	return base
}

// ratio is of the first column to the base: the median of the ratios of the
// rounds, since what disturbs a machine disturbs all who are measured within
// one. ok is false where either was not measured.
func (r *result) ratio(i int) (ratio float64, ok bool) {
	base := r.base()
	if r.medians(base) == nil || r.medians(i) == nil {
		return 0, false
	}
	var ratios []float64
	for round, sample := range r.samples[i] {
		if theirs := r.samples[base][round][0]; theirs != 0 {
			ratios = append(ratios, sample[0]/theirs)
		}
	}
	if len(ratios) == 0 {
		return 0, false
	}
	return median(ratios), true
}

func (r *result) ratioText(i int) string {
	if ratio, ok := r.ratio(i); ok {
		return fmt.Sprintf("%.2f", ratio)
	}
	return "unknown"
}

func (r *result) spread(i int) string {
	var values []float64
	for _, sample := range r.samples[i] {
		values = append(values, sample[0])
	}
	format := r.row.columns[0].format
	return fmt.Sprintf(format+".."+format, slices.Min(values), slices.Max(values))
}

// verdict compares one of our own subjects with what is aimed at.
func (r *result) verdict(i int) string {
	values := r.medians(i)
	if !r.subjects[i].own || values == nil {
		return ""
	}
	if limit := r.row.limit; limit > 0 {
		return within(values[0], limit, r.row.columns[0].format)
	}
	if ratio, ok := r.ratio(i); ok && r.row.bar > 0 {
		return within(ratio, r.row.bar, "%.2f")
	}
	return ""
}

func within(value, bar float64, format string) string {
	if value > bar {
		return fmt.Sprintf(format+" is ABOVE the bar of "+format, value, bar)
	}
	return fmt.Sprintf(format+" is within the bar of "+format, value, bar)
}

// publish prints the table and keeps it, and the raw samples, under the
// results folder.
func (r *result) publish(folder string) error {
	text := r.text()
	fmt.Println(text)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	raw := map[string]any{}
	for i, s := range r.subjects {
		raw[s.name] = withNulls(r.samples[i])
	}
	samples, err := json.MarshalIndent(map[string]any{"row": r.row.name, "machine": r.machine, "columns": columnNames(r.row.columns), "samples": raw}, "", " ")
	if err != nil {
		return err
	}
	base := filepath.Join(folder, r.row.name)
	if err := os.WriteFile(base+".json", append(samples, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".md", []byte(text), 0o644)
}

// withNulls has null for NaN, which JSON cannot say.
func withNulls(samples [][]float64) [][]*float64 {
	out := make([][]*float64, len(samples))
	for i, values := range samples {
		out[i] = make([]*float64, len(values))
		for c := range values {
			if !math.IsNaN(values[c]) {
				out[i][c] = &values[c]
			}
		}
	}
	return out
}

func columnNames(columns []column) []string {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}
