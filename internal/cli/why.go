package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/explain"
)

func whyCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	c := &cobra.Command{
		Use:   "why [INCIDENT-ID | CONNECTION]",
		Short: "Say what happened to one failed request or connection",
		Long: `Say what happened to a request that Fanlight answered by itself. The incident's
id is in the page and in the header Fanlight-Incident of the response.

Where no answer with an id came, name the connection: the access log and
the console have its id. Without an argument, print what was found lately.`,
		Example: `  fanlight why 7Q2MXK4HTA
  fanlight why c17
  fanlight why`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := door.client()
			if err != nil {
				return err
			}
			path, kind := whyPath(args)
			var raw []json.RawMessage
			if err := client.Get(c.Context(), path, &raw); err != nil {
				return doorError(err)
			}
			switch {
			case output.asked():
				printItems(s.out, output.jsonl, typed(kind, raw))
				return nil
			case kind == "finding":
				return printFound(s.out, raw)
			}
			return printWhy(s.out, raw)
		},
	}
	door.add(c)
	output.add(c)
	return c
}

// connectionID is how connections are named everywhere.
var connectionID = regexp.MustCompile(`^c[0-9]+$`)

// whyPath is what to ask the door for, and the type of what it answers.
func whyPath(args []string) (path, kind string) {
	switch {
	case len(args) == 0:
		return "/api/findings", "finding"
	case connectionID.MatchString(args[0]):
		return "/api/connections/" + args[0], "why"
	}
	return "/api/incidents/" + url.PathEscape(args[0]), "why"
}

// typed gives objects their type, which findings have.
func typed(kind string, raw []json.RawMessage) []any {
	items := make([]any, len(raw))
	for i, r := range raw {
		items[i] = r
		if kind != "finding" {
			items[i] = withType(kind, r)
		}
	}
	return items
}

// whyItem is what is printed of the door's answer; the raw object is kept for
// JSON.
type whyItem struct {
	Incident *struct {
		ID     string `json:"id"`
		Time   string `json:"time"`
		Site   string `json:"site"`
		Status int    `json:"status"`
		Cause  string `json:"cause"`
	} `json:"incident"`
	Notation string            `json:"notation"`
	Findings []explain.Finding `json:"findings"`
}

// printWhy prints what happened; much of it is what strangers said.
func printWhy(out io.Writer, raw []json.RawMessage) error {
	w := &strings.Builder{}
	defer func() { fmt.Fprint(out, visible(w.String())) }()
	for _, r := range raw {
		var item whyItem
		if err := json.Unmarshal(r, &item); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		item.text(w)
	}
	return nil
}

func (item *whyItem) text(w *strings.Builder) {
	if in := item.Incident; in != nil {
		fmt.Fprintf(w, "incident %s  %s", in.ID, in.Time)
		if in.Status != 0 {
			fmt.Fprintf(w, "  status %d", in.Status)
		}
		if in.Site != "" {
			fmt.Fprintf(w, "  site %s", in.Site)
		}
		fmt.Fprintf(w, "\ncause: %s\n", in.Cause)
	}
	for _, f := range item.Findings {
		fmt.Fprintln(w)
		f.Text(w)
	}
	if item.Notation == "" {
		fmt.Fprintln(w, "\nThe record of the connection is gone, or recording is off.")
		return
	}
	fmt.Fprintf(w, "\nwhat was recorded:\n%s", item.Notation)
}

// printFound prints findings, the newest first.
func printFound(out io.Writer, raw []json.RawMessage) error {
	w := &strings.Builder{}
	defer func() { fmt.Fprint(out, visible(w.String())) }()
	for i, r := range raw {
		var f explain.Finding
		if err := json.Unmarshal(r, &f); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		f.Text(w)
	}
	if len(raw) == 0 {
		fmt.Fprintln(w, "Nothing was found since the start. `fanlight why c17` looks at one connection; the access log has the ids.")
	}
	return nil
}
