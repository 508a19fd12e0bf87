package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
	"fanlight/internal/query"
)

func explainCommand(s streams) *cobra.Command {
	var output outputFlags
	var labelled string
	var logs logFlags
	c := &cobra.Command{
		Use:   "explain [FINDING-ID | --log FILE [CAPTURE...]]",
		Short: "Explain a finding, or the failing lines of a log",
		Long: `Print the catalogue page of a finding: what it means, how it looks, what
usually causes it, what each side can change, and what is mistaken for it.
Without an id, list the findings there are.

With --log, say what each failing line of a log of HTTP.sys (HTTPERR), IIS,
nginx, HAProxy, Envoy or Apache means and which finding it points at. With
captures too, say which connection a line is about and what was found there.

With --score, explain every capture below a folder and hold the findings against
the labels beside them (NAME.want beside NAME.pcapng; without one, the capture is
healthy and must have no finding of severity warning or error).`,
		Example: `  fanlight explain
  fanlight explain renegotiation-unanswered
  fanlight explain --log /var/log/haproxy.log
  fanlight explain --log error.log bad.pcapng --keys sslkeys.log
  fanlight explain --score testdata/captures`,
		Args:              logs.check,
		ValidArgsFunction: cobra.FixedCompletions(ruleIDs(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case logs.asked():
				return logs.explain(c.Context(), s, output, args)
			case labelled != "":
				return scoreFolder(c.Context(), s, output, labelled)
			case len(args) == 0:
				return listRules(s, output)
			}
			return explainRule(s, output, args[0])
		},
	}
	c.Flags().StringVar(&labelled, "score", "", "explain the labelled captures below this folder, and print a table of what was found and missed")
	output.add(c)
	logs.add(c)
	return c
}

func ruleIDs() []string {
	var ids []string
	for _, r := range rules.All() {
		ids = append(ids, r.ID)
	}
	return ids
}

// ruleItem is a finding of the catalogue; in a list only its first fields.
type ruleItem struct {
	Type       string        `json:"type"`
	ID         string        `json:"id"`
	Severity   string        `json:"severity"`
	Title      string        `json:"title"`
	Means      string        `json:"means,omitempty"`
	Looks      string        `json:"looks,omitempty"`
	Why        string        `json:"why,omitempty"`
	Confirm    string        `json:"confirm,omitempty"`
	Needs      []string      `json:"needs,omitempty"`
	Fixes      []explain.Fix `json:"fixes,omitempty"`
	LookAlikes []lookalike   `json:"look_alikes,omitempty"`
	References []string      `json:"references,omitempty"`
}

type lookalike struct {
	ID         string `json:"id"`
	Difference string `json:"difference"`
}

func listRules(s streams, output outputFlags) error {
	all := rules.All()
	if output.asked() {
		items := make([]any, len(all))
		for i, r := range all {
			items[i] = ruleItem{Type: "rule", ID: r.ID, Severity: r.Severity.String(), Title: r.Title}
		}
		printItems(s.out, output.jsonl, items)
		return nil
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, r := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\n", r.ID, r.Severity, r.Title)
	}
	return t.Flush()
}

func explainRule(s streams, output outputFlags, id string) error {
	all := rules.All()
	i := slices.IndexFunc(all, func(r explain.Rule) bool { return r.ID == id })
	switch {
	case i < 0 && isFile(id):
		return failWith(exitUsage, fmt.Errorf("explain %s: no such finding; that is a file (to explain a capture: fanlight trace FILE; a log: fanlight explain --log FILE)", id))
	case i < 0:
		return failWith(exitUsage, fmt.Errorf("explain %s: no such finding%s", id, didYouMean(id, ruleIDs())))
	case output.asked():
		printItems(s.out, output.jsonl, []any{rulePage(all[i])})
	default:
		all[i].Text(s.out)
	}
	return nil
}

func isFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func rulePage(r explain.Rule) ruleItem {
	d := r.Doc
	item := ruleItem{Type: "rule", ID: r.ID, Severity: r.Severity.String(), Title: r.Title,
		Means: d.Means, Looks: d.Looks, Why: d.Why, Confirm: d.Confirm, Fixes: d.Fixes, References: d.References}
	for _, n := range r.Needs {
		item.Needs = append(item.Needs, n.What)
	}
	for _, a := range d.LookAlikes {
		item.LookAlikes = append(item.LookAlikes, lookalike{a.ID, a.Difference})
	}
	return item
}

// didYouMean names the ids that contain word, or else the one spelled most
// like it.
func didYouMean(word string, ids []string) string {
	word = strings.ToLower(word)
	near := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !strings.Contains(id, word) })
	if len(near) == 0 || word == "" {
		best := slices.MinFunc(ids, func(a, b string) int { return cmp.Compare(query.Distance(word, a), query.Distance(word, b)) })
		if query.Distance(word, best) > max(2, len(word)/3) {
			return " (`fanlight explain` lists them)"
		}
		near = []string{best}
	}
	return "; did you mean " + strings.Join(near, ", ") + "?"
}
