package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fanlight/internal/dissect"
	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
	"fanlight/internal/explain/score"
	"fanlight/internal/machine"
)

// scoreItem is what became of one rule, or one answer that was not right.
type scoreItem struct {
	Type        string `json:"type"`
	Rule        string `json:"rule"`
	Labelled    *int   `json:"labelled,omitempty"`
	Found       *int   `json:"found,omitempty"`
	Wrong       *int   `json:"wrong,omitempty"`
	FalseAlarms *int   `json:"false_alarms,omitempty"`
	Capture     string `json:"capture,omitempty"`
	Fault       string `json:"fault,omitempty"`
	Text        string `json:"text,omitempty"`
}

// scoreFolder explains every capture below dir, holds the findings against the
// labels and prints the table. An answer that is not right is exit code 1.
func scoreFolder(ctx context.Context, s streams, output outputFlags, dir string) error {
	table, err := scoreCaptures(ctx, dir)
	if err != nil {
		return err
	}
	if output.asked() {
		printItems(s.out, output.jsonl, scoreItems(table))
	} else {
		var b strings.Builder
		table.Text(&b)
		fmt.Fprint(s.out, visible(b.String()))
	}
	if len(table.Faults) > 0 {
		return failWith(exitFindings, nil)
	}
	return nil
}

func scoreItems(t *score.Table) []any {
	var items []any
	for _, r := range t.Rows() {
		items = append(items, scoreItem{Type: "score", Rule: r.Rule,
			Labelled: &r.Labelled, Found: &r.Found, Wrong: &r.Wrong, FalseAlarms: &r.Alarmed})
	}
	for _, f := range t.Faults {
		items = append(items, scoreItem{Type: "score", Rule: f.Rule, Capture: f.Capture, Fault: f.Kind, Text: f.Text})
	}
	return items
}

func scoreCaptures(ctx context.Context, dir string) (*score.Table, error) {
	paths, err := capturesBelow(dir)
	if err != nil {
		return nil, failWith(exitUsage, err)
	}
	table := &score.Table{}
	for _, path := range paths {
		label, err := labelOf(path)
		if err != nil {
			return nil, failWith(exitUsage, err)
		}
		found, err := explainCapture(ctx, path)
		if err != nil {
			return nil, err
		}
		name, _ := filepath.Rel(dir, path)
		table.Add(filepath.ToSlash(name), label, found)
	}
	return table, nil
}

func capturesBelow(dir string) (paths []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || d.IsDir() || ext != ".pcap" && ext != ".pcapng" {
			return err
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() { // a pipe or a device may have no end
			paths = append(paths, path)
		}
		return err
	})
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("score %s: there is no capture (.pcap, .pcapng) in it", dir)
	}
	slices.Sort(paths)
	return paths, err
}

// labelOf reads the label beside a capture; nil: there is none, it is healthy.
func labelOf(capture string) (*score.Label, error) {
	path := strings.TrimSuffix(capture, filepath.Ext(capture)) + ".want"
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	label, err := score.ParseLabel(string(raw), rules.All())
	if err != nil {
		return nil, fmt.Errorf("read label %s: %w", path, err)
	}
	return &label, nil
}

// explainCapture gives the findings of one capture, with the secrets inside of
// it or in a key log beside it (.keys), and with the hosts file of where it was
// made (.hosts).
func explainCapture(ctx context.Context, path string) ([]explain.Finding, error) {
	var f traceFlags
	if log := strings.TrimSuffix(path, filepath.Ext(path)) + ".keys"; exists(log) {
		f.keys.Logs = []string{log}
	}
	in, err := f.inputs([]string{path}, "")
	if err == nil {
		err = in.open(nil)
	}
	if err != nil {
		return nil, err
	}
	defer in.close(ctx)
	k := newKept(keptConns, keptBytes)
	if hosts := strings.TrimSuffix(path, filepath.Ext(path)) + ".hosts"; exists(hosts) {
		if k.Facts, err = hostsFacts(machine.Hosts{Path: hosts}); err != nil {
			return nil, err
		}
	}
	_, err = dissect.New(dissect.Options{Source: filepath.Base(path), Keys: in.keys, Conn: k.add}).Run(ctx, in.src)
	if err := errors.Join(append(in.src.Damage(), err)...); err != nil {
		return nil, failWith(exitDamaged, err)
	}
	return explain.Run(rules.All(), &k.Trace), nil
}
