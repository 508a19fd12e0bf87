package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/explain"
)

func whyCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	c := &cobra.Command{
		Use:   "why INCIDENT-ID",
		Short: "Say what happened to one failed request",
		Long: `Say what happened to a request that Fanlight answered by itself. The incident's
id is in the page and in the header Fanlight-Incident of the response.`,
		Example: "  fanlight why 7Q2MXK4HTA",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := door.client()
			if err != nil {
				return err
			}
			var raw []json.RawMessage
			if err := client.Get(c.Context(), "/api/incidents/"+url.PathEscape(args[0]), &raw); err != nil {
				return doorError(err)
			}
			if output.asked() {
				items := make([]any, len(raw))
				for i, r := range raw {
					items[i] = withType("why", r)
				}
				printItems(s.out, output.jsonl, items)
				return nil
			}
			return printWhy(s.out, raw)
		},
	}
	door.add(c)
	output.add(c)
	return c
}

// whyItem is what is printed of the door's answer; the raw object is kept for
// JSON.
type whyItem struct {
	Incident struct {
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
		in := item.Incident
		fmt.Fprintf(w, "incident %s  %s", in.ID, in.Time)
		if in.Status != 0 {
			fmt.Fprintf(w, "  status %d", in.Status)
		}
		if in.Site != "" {
			fmt.Fprintf(w, "  site %s", in.Site)
		}
		fmt.Fprintf(w, "\ncause: %s\n", in.Cause)
		for _, f := range item.Findings {
			fmt.Fprintln(w)
			f.Text(w)
		}
		if item.Notation == "" {
			fmt.Fprintln(w, "\nThe record of the connection is gone, or recording is off.")
			continue
		}
		fmt.Fprintf(w, "\nwhat was recorded:\n%s", item.Notation)
	}
	return nil
}
